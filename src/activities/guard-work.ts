/** The guards over a change that is to be landed, before anything is run on it. */
import { failure, type FailureCode } from '../domain/failures.js';
import type { ChangedFile, Finding } from '../domain/guards/change.js';
import { findingWords, GUARD_FAILURES, guardChange } from '../domain/guards/guards.js';
import type { SyntaxCheck } from '../domain/guards/syntax-errors.js';
import { parsePatch } from '../domain/patch.js';
import { cutToBytes } from '../domain/payload-limit.js';
import type { TaskSpec } from '../domain/task.js';
import type { FileContent } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { grammarFaults } from './grammar-faults.js';
import { freeFiles, isTestFile } from './judging-files.js';

export type GuardedWork =
  | { readonly kind: 'passed'; /** One line each, at most 5. */ readonly warnings: readonly string[] }
  | {
      readonly kind: 'refused';
      readonly failure: ReturnType<typeof failure>;
      readonly signature: string;
      /** What the model is told: every finding with its place, and what to do about it. */
      readonly says: string;
    };

/** A file beyond this is looked at line by line only. */
const TEXT_BYTES_MAX = 1_000_000;
/** All texts of one change together, of both sides. */
const TEXTS_BYTES_MAX = 20_000_000;
const FINDINGS_MAX = 30;
const WARNINGS_MAX = 5;
const WARNING_CHARACTERS_MAX = 200;
const DETAIL_BYTES_MAX = 600;

export async function guardWork(
  ports: Pick<ActivityPorts, 'git' | 'settings' | 'sourceParser' | 'syntax'>,
  spec: TaskSpec,
  trees: { readonly baseTree: string; readonly tree: string },
  patch: Buffer,
): Promise<GuardedWork> {
  const free = freeFiles([...ports.settings.protect, ...spec.protect]);
  // Where two branches do not fit, lines of both go; what must stay is looked at where the conflict is mended.
  const isFree = (path: string): boolean => free(path) || spec.conflicts?.includes(path) === true;
  const patches = parsePatch(patch.toString('utf8'));
  const paths = patches.map(({ path }) => path);
  const bytes = await sizesOf(ports.git, spec.repo.url, trees, paths);
  const texts = await textsOf(ports, spec.repo.url, trees, paths, bytes);
  const files = patches.map((file): ChangedFile => {
    const known = texts.get(file.path);
    const sizes = bytes.get(file.path);
    const about = { ...file, isTest: isTestFile(file.path), isFree: isFree(file.path) };
    return { ...about, ...(known === undefined ? {} : { texts: known }), ...(sizes === undefined ? {} : { sizes }) };
  });
  const words = [spec.title, spec.description, ...spec.acceptanceCriteria].join('\n');
  const { guards = {} } = spec;
  // Where every answer is let through nobody is asked: reading large files takes a while.
  const syntax = guards.syntax === 'allow' ? () => null : await syntaxOf(ports, files);
  const { denied, warned } = guardChange({ files, words }, guards, syntax);
  const [first] = denied;
  if (first !== undefined) return refusedBy(first, denied);
  const warnings = warned.slice(0, WARNINGS_MAX).map(findingWords);
  return { kind: 'passed', warnings: warnings.map((line) => line.slice(0, WARNING_CHARACTERS_MAX).toWellFormed()) };
}

async function syntaxOf(
  ports: Pick<ActivityPorts, 'sourceParser' | 'syntax'>,
  files: readonly ChangedFile[],
): Promise<SyntaxCheck> {
  const ofGrammar = await grammarFaults(ports, files);
  return (path, text, isNew) => ports.syntax(path, text, isNew) ?? ofGrammar(path, text);
}

function refusedBy(first: Finding, denied: readonly Finding[]): GuardedWork {
  const code: FailureCode = GUARD_FAILURES[first.guard];
  const lines = denied.slice(0, FINDINGS_MAX).map(findingWords);
  const more = denied.length > FINDINGS_MAX ? [`and ${denied.length - FINDINGS_MAX} more`] : [];
  return {
    kind: 'refused',
    failure: failure(code, cutToBytes(lines.join(' '), DETAIL_BYTES_MAX)),
    signature: cutToBytes(
      `${code}\n${denied.map(({ path, guard }) => `${guard} ${path}`).join('\n')}`,
      DETAIL_BYTES_MAX,
    ),
    says: ['The change was refused before the checks:', ...lines, ...more].join('\n'),
  };
}

type Texts = NonNullable<ChangedFile['texts']>;

/** Both sides of the changed files, as far as they are text of a sensible size. */
async function textsOf(
  { git }: Pick<ActivityPorts, 'git'>,
  url: string,
  { baseTree, tree }: { readonly baseTree: string; readonly tree: string },
  paths: readonly string[],
  sizes: ReadonlyMap<string, Sizes>,
): Promise<ReadonlyMap<string, Texts>> {
  let left = TEXTS_BYTES_MAX;
  const small = paths.filter((path) => {
    const { before, after } = sizes.get(path) ?? { before: 0, after: 0 };
    if (Math.max(before, after) > TEXT_BYTES_MAX) return false;
    left -= before + after;
    return left >= 0;
  });
  const [before, after] = await Promise.all([git.read(url, baseTree, small), git.read(url, tree, small)]);
  return new Map(small.map((path) => [path, { before: textOf(before.get(path)), after: textOf(after.get(path)) }]));
}

type Sizes = NonNullable<ChangedFile['sizes']>;

/** Of both sides: a file that has lost nearly everything is small only after the change. */
async function sizesOf(
  git: ActivityPorts['git'],
  url: string,
  { baseTree, tree }: { readonly baseTree: string; readonly tree: string },
  paths: readonly string[],
): Promise<ReadonlyMap<string, Sizes>> {
  const wanted = new Set(paths);
  const sizesIn = async (side: string): Promise<ReadonlyMap<string, number>> => {
    const entries = (await git.list(url, side)).filter(({ path }) => wanted.has(path));
    return new Map(entries.map(({ path, sizeBytes }) => [path, sizeBytes ?? 0]));
  };
  const [before, after] = await Promise.all([sizesIn(baseTree), sizesIn(tree)]);
  return new Map(paths.map((path) => [path, { before: before.get(path) ?? 0, after: after.get(path) ?? 0 }]));
}

const REGULAR = /^100/;

function textOf(file: FileContent | undefined): string | null {
  if (file === undefined || !REGULAR.test(file.mode) || file.bytes.length > TEXT_BYTES_MAX || file.bytes.includes(0))
    return null;
  return file.bytes.toString('utf8');
}
