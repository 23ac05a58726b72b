/** The tools that look: at the list of files, for a text, into a file. */
import picomatch from 'picomatch';
import { decode } from '../domain/charset.js';
import { checkPath, listed, resolvePath, shown } from '../domain/edit-paths.js';
import { editedTree, type EditedTree, type SourceFile } from '../domain/edited-tree.js';
import { excerpt } from '../domain/check-output.js';
import { numberedLines, pageOf } from '../domain/tool-pages.js';
import { TOOL_LIMITS, type ToolUse } from '../domain/tools.js';
import { PortFault, type MatchedLine, type TreeEntry } from '../ports.js';
import { refusal, result, type Bench, type ToolResult } from './tool-bench.js';

type Use<Tool extends ToolUse['tool']> = Extract<ToolUse, { readonly tool: Tool }>;

export async function listFiles({ ports, spec, tree }: Bench, { glob, page }: Use<'list_files'>): Promise<ToolResult> {
  const matches = matcherOf(glob);
  const entries = await ports.git.list(spec.repo.url, tree);
  const lines = entries.filter(({ path }) => matches(path)).map(entryLine);
  return result(pageOf(lines, page, TOOL_LIMITS.filesAPage, 'files'));
}

/** A name without a folder is meant in every folder. */
function matcherOf(glob: string): (path: string) => boolean {
  const bare = glob.replace(/^(?:\.?\/)+/, '');
  if (bare === '' || bare === '.' || bare === '*') return () => true;
  const pattern = bare.endsWith('/') ? `${bare}**` : bare;
  const matches = picomatch(pattern, { dot: true, ...(pattern.includes('/') ? {} : { basename: true }) });
  // No pattern reaches over the end of a line.
  return (path) => matches(path.replaceAll(/[\r\n]/g, ' '));
}

const KINDS: Readonly<Record<string, string>> = { '120000': ' (symbolic link)', '160000': ' (submodule)' };

const entryLine = ({ path, mode, sizeBytes }: TreeEntry): string =>
  `${listed(path)}${KINDS[mode] ?? (sizeBytes === null ? '' : ` ${sizeBytes}`)}`;

export async function search(
  { ports, spec, tree }: Bench,
  { regex, glob, page }: Use<'search'>,
  signal: AbortSignal,
): Promise<ToolResult> {
  const where = glob === null ? {} : { glob };
  const found = await ports.git.search({ url: spec.repo.url, tree, regex, ...where, signal });
  switch (found.kind) {
    case 'invalid':
      return refusal(`This is no regular expression: ${found.says}`);
    case 'timedOut':
      return refusal(`The search was stopped after ${found.seconds} s: use a simpler expression, or a glob.`);
    case 'found': {
      const lines = found.matches.map((match) => `${listed(match.path)}:${match.line}: ${shortLine(match)}`);
      const more = found.cut ? '\n(there are more matches: search for less)' : '';
      return result(`${pageOf(lines, page, TOOL_LIMITS.matchesAPage, 'matches')}${more}`);
    }
    default:
      throw new TypeError(`unknown search result ${JSON.stringify(found satisfies never)}`);
  }
}

/** Of a long line the part around its first match: the beginning of a minified file tells nothing. */
function shortLine({ text, offset }: MatchedLine): string {
  const { matchCharacters } = TOOL_LIMITS;
  if (text.length <= matchCharacters) return text;
  const at = Buffer.from(text).subarray(0, offset).toString('utf8').length;
  const from = Math.min(Math.max(0, at - matchCharacters / 3), text.length - matchCharacters);
  const part = text.slice(from, from + matchCharacters).toWellFormed();
  return `${from > 0 ? '…' : ''}${part}${from + matchCharacters < text.length ? '…' : ''}`;
}

export async function readFile(bench: Bench, { path, from, to }: Use<'read_file'>): Promise<ToolResult> {
  const output = OUTPUT_PATH.exec(path)?.[1];
  if (output !== undefined) return await readOutput(bench, output, from, to);
  const { ports, spec, tree } = bench;
  const { url } = spec.repo;
  const named = checkPath(path, () => true);
  if (named.kind === 'fault') return refusal(`The path cannot be used: ${named.says}.`);
  const file = (await ports.git.read(url, tree, [named.path])).get(named.path);
  if (file !== undefined) return contentOf(named.path, file, from, to);
  const checked = checkPath(path);
  if (checked.kind === 'fault') return refusal(`The path cannot be used: ${checked.says}.`);
  const found = await behindLinks(bench, checked.path);
  return 'text' in found ? found : contentOf(checked.path, found, from, to);
}

function contentOf(path: string, file: SourceFile, from: number, to: number | null): ToolResult {
  if (file.mode === '120000') return result(`(symbolic link to ${shown(Buffer.from(file.bytes).toString('utf8'))})`);
  const decoded = decode(file.bytes);
  if (decoded.kind === 'refused') return refusal(`${shown(path)} cannot be read as text: ${decoded.says}.`);
  return result(numberedLines(decoded.text.text, from, to));
}

/** As many links as a path may lead through, and the file itself. */
const READ_ROUNDS_MAX = 50;

/** A folder on the way may be a link, as it may be for an edit. */
async function behindLinks({ ports, spec, tree }: Bench, path: string): Promise<SourceFile | ToolResult> {
  const { url } = spec.repo;
  const entries = new Map((await ports.git.list(url, tree)).map((entry) => [entry.path, entry]));
  const read = new Map<string, SourceFile>();
  const files = editedTree({ entries, files: read });
  for (let round = 0; round < READ_ROUNDS_MAX; round += 1) {
    const place = resolvePath(files, path, false);
    if (place.kind === 'fault' && place.code === 'refusedPath')
      return refusal(`The path cannot be used: ${place.says}.`);
    const wanted = place.kind === 'fault' ? path : place.path;
    const file = read.get(wanted) ?? (await ports.git.read(url, tree, [wanted])).get(wanted);
    if (file === undefined) return missing(files, wanted);
    if (place.kind !== 'unread') return file;
    read.set(wanted, file);
  }
  return missing(files, path);
}

function missing(files: EditedTree, path: string): ToolResult {
  if (files.modeOf(path) === '160000') return refusal(`${shown(path)} is a submodule, another repository.`);
  if (files.isFolder(path)) return refusal(`${shown(path)} is a folder: list its files with the glob "${path}/**".`);
  const similar = files.similarTo(path);
  const hint = similar.length === 0 ? '' : ` Similar paths: ${similar.map(shown).join(', ')}.`;
  return refusal(`${shown(path)} does not exist.${hint}`);
}

/** How the whole output of a command is named, when only its ends were shown. */
export const outputPath = (sha256: string): string => `output:${sha256}`;
const OUTPUT_PATH = /^output:([0-9a-f]{64})$/;

async function readOutput({ ports }: Bench, sha256: string, from: number, to: number | null): Promise<ToolResult> {
  try {
    const text = (await ports.artifacts.get({ sha256 })).toString('utf8');
    return result(numberedLines(excerpt(text, Number.MAX_SAFE_INTEGER), from, to));
  } catch (thrown) {
    if (thrown instanceof PortFault && thrown.code === 'infrastructure')
      return refusal('There is no such output any more.');
    throw thrown;
  }
}
