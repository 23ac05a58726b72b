/** Looks for a regular expression in a snapshot: by git, in a process of its own, which can be stopped in the middle. */
import type { MatchedLine, SearchRequest, SearchResult } from '../../ports.js';
import { GitFailure } from './faults.js';
import type { Mirror, Mirrors } from './mirror.js';
import { assertObjectId } from './names.js';

/** Far longer than a sane expression takes on a large repository; a model that waits longer has forgotten why. */
const SEARCH_MS_MAX = 20_000;
/** Some 20,000 matches, more than anybody pages through. */
const SEARCH_BYTES_MAX = 4 * 1024 * 1024;
/** Alternatives in braces that a pattern is written out to. */
const PATTERNS_MAX = 64;

export async function searchTree(
  mirrors: Mirrors,
  mirror: Mirror,
  { tree, regex, glob, signal }: Omit<SearchRequest, 'url'>,
): Promise<SearchResult> {
  assertObjectId(tree);
  const args = (syntax: '-P' | '-E'): readonly string[] => [
    'grep',
    '-I',
    '-n',
    '--column',
    '-z',
    '--no-color',
    '--full-name',
    '--no-recurse-submodules',
    syntax,
    '-e',
    regex,
    tree,
    '--',
    ...(glob === undefined ? [] : pathspecs(glob)),
  ];
  const limits = { timeoutMs: SEARCH_MS_MAX, bytesMax: SEARCH_BYTES_MAX, also: [1], signal };
  try {
    const { stdout, cut } = await mirrors.local(mirror, args('-P'), limits).catch(async (error: unknown) => {
      // Git may have been built without the library for Perl's syntax.
      if (error instanceof GitFailure && /Perl-compatible/i.test(error.result.stderr))
        return await mirrors.local(mirror, args('-E'), limits);
      throw error;
    });
    return { kind: 'found', matches: parseMatches(stdout.toString('utf8'), tree, cut), cut };
  } catch (error) {
    const result = error instanceof GitFailure ? resultOf(error) : null;
    if (result === null) throw error;
    return result;
  }
}

function resultOf({ result }: GitFailure): SearchResult | null {
  if (result.timedOut) return { kind: 'timedOut', seconds: SEARCH_MS_MAX / 1_000 };
  // The library gives an expression up that backtracks without end.
  if (/pcre2?_(?:jit_)?(?:exec|match) failed/i.test(result.stderr))
    return { kind: 'timedOut', seconds: SEARCH_MS_MAX / 1_000 };
  const [, says] = /^fatal: (?:-e option|command line),? (.*)$/m.exec(result.stderr) ?? [];
  return says === undefined ? null : { kind: 'invalid', says: says.slice(0, 300) };
}

/** `<tree>:<path> NUL <line> NUL <column> NUL <text>`, one line with matches a line. */
function parseMatches(output: string, tree: string, cut: boolean): readonly MatchedLine[] {
  const lines = output.split('\n').slice(0, -1);
  const whole = cut ? lines.slice(0, -1) : lines;
  return whole.flatMap((line) => {
    const [name = '', number = '', column = '', ...rest] = line.split('\0');
    if (!name.startsWith(`${tree}:`) || !/^\d+$/.test(number) || !/^\d+$/.test(column)) return [];
    const text = rest.join('\0').replace(/\r$/, '');
    return [{ path: name.slice(tree.length + 1), line: Number(number), offset: Number(column) - 1, text }];
  });
}

/** A name without a folder is looked for in every folder, as people mean it. Git knows no braces, so they are written out. */
function pathspecs(glob: string): readonly string[] {
  const bare = glob.replace(/^(?:\.\/)+/, '');
  return expandBraces(bare)
    .slice(0, PATTERNS_MAX)
    .map((pattern) => `:(top,glob)${pattern.includes('/') ? pattern : `**/${pattern}`}`);
}

function expandBraces(pattern: string): readonly string[] {
  let patterns: readonly string[] = [pattern];
  for (let round = 0; round < 6 && patterns.length < PATTERNS_MAX; round += 1) {
    const next = patterns.flatMap((each) => {
      const [whole, inner] = /\{([^{}]*,[^{}]*)\}/.exec(each) ?? [];
      return whole === undefined || inner === undefined
        ? [each]
        : inner.split(',').map((one) => each.replace(whole, () => one));
    });
    if (next.length === patterns.length) break;
    patterns = next;
  }
  return patterns;
}
