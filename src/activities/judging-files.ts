/** Which files of a change judge it, and the change with those as they were at the base. */
import { posix } from 'node:path';
import picomatch from 'picomatch';
import { namesFile } from '../domain/guards/asked-for.js';
import { holdsTests, mayHoldTests, withInlineTestsOf } from '../domain/inline/inline-tests.js';
import { mayBeTestModule } from '../domain/inline/python-tests.js';
import {
  hasTestPart,
  MEASURE_FILES,
  RECIPE_FILES,
  RUNNER_FILES,
  TEST_FILES,
  withTestPartOf,
} from '../domain/judge-files.js';
import type { Reached } from '../domain/reached-files.js';
import type { ProtectSpec, TaskSpec } from '../domain/task.js';
import type { FileContent, Git, TreeChange, TreeEntry } from '../ports.js';
import { putBack, type PutBack, type TreePair } from './put-back.js';

const matcher = (globs: readonly string[]): ((path: string) => boolean) => picomatch([...globs], { dot: true });
const isRecipe = matcher(RECIPE_FILES);
const isMeasure = matcher(MEASURE_FILES);
const isRakeTask = matcher(['**/*.rake']);

const isPlainTest = matcher(TEST_FILES);

/** A test, or a file that only steers tests. */
export const isTestFile = matcher([...TEST_FILES, ...RUNNER_FILES]);

/** Whether a rule says in so many words that the task is free to change the file; the last rule that fits counts. */
export function freeFiles(rules: readonly ProtectSpec[]): (path: string) => boolean {
  const matchers = rules.map(({ glob, policy }) => ({ matches: picomatch(glob, { dot: true }), policy }));
  return (path) => matchers.findLast(({ matches }) => matches(path))?.policy === 'allow';
}

export interface ChangedTrees {
  readonly base: ReadonlyMap<string, TreeEntry>;
  readonly now: ReadonlyMap<string, TreeEntry>;
  /** Paths that differ, submodules left out. */
  readonly touched: readonly string[];
}

export async function changedTrees(git: Git, url: string, baseTree: string, tree: string): Promise<ChangedTrees> {
  const [base, now] = await Promise.all([git.list(url, baseTree), git.list(url, tree)].map(byPath));
  if (base === undefined || now === undefined) throw new TypeError('two trees were asked for');
  const paths = [...new Set([...base.keys(), ...now.keys()])];
  const touched = paths.filter((path) => {
    const [a, b] = [base.get(path), now.get(path)];
    if (a?.mode === SUBMODULE || b?.mode === SUBMODULE) return false;
    return a?.oid !== b?.oid || a?.mode !== b?.mode;
  });
  return { base, now, touched };
}

const SUBMODULE = '160000';

const byPath = async (entries: Promise<readonly TreeEntry[]>): Promise<ReadonlyMap<string, TreeEntry>> =>
  new Map((await entries).map((entry) => [entry.path, entry]));

export interface TestsOfBase extends PutBack {
  /** Nothing that was there has changed: the change only brings tests of its own. */
  readonly isOnlyNew: boolean;
  /** The change brings the first tests, and alters nothing that judged the base: there is nothing that it could hide. */
  readonly areFirst: boolean;
}

/** The changed tree with the tests of the base, and with its settings of tests; null if the change leaves those alone. */
export async function withTestsOfBase(
  git: Git,
  spec: TaskSpec,
  isFree: (path: string) => boolean,
  reached: Reached,
  trees: ChangedTrees,
  pair: TreePair,
): Promise<TestsOfBase | null> {
  const words = [spec.title, spec.description, ...spec.acceptanceCriteria].join('\n');
  const isLinked = await behindTestLinks(git, spec.repo.url, pair.baseTree, trees.base);
  const usesRake = (spec.checks ?? []).some(({ run }) => /\brake\b/.test(run));
  const judgesWhole = (path: string): boolean =>
    isTestFile(path) ||
    isLinked(path) ||
    isRecipe(path) ||
    (isMeasure(path) && !namesFile(words, path)) ||
    (usesRake && isRakeTask(path)) ||
    reached.files.has(path) ||
    (reached.recipes.has(path) && !hasTestPart(path));
  const judges = (path: string): boolean => judgesWhole(path) || hasTestPart(path);
  const paths = trees.touched.filter((path) => judges(path) && !isFree(path));
  const back = await putBack(git, spec.repo.url, pair, paths, (path, old, fresh) => {
    // A source that has gone has taken its tests along: what it was asked for its runner knows.
    const isSource = mayHoldTests(path) && !judgesWhole(path);
    if (fresh === undefined && isSource && !holdsTests(path, textOf(path, old) ?? '')) return null;
    if (judgesWhole(path) || fresh === undefined) return [path, old ?? null];
    const text = textOf(path, fresh) ?? '';
    const put = withTestPartOf(path, textOf(path, old), text);
    return put === text ? null : [path, { mode: fresh.mode, bytes: Buffer.from(put, encodingOf(path)) }];
  });
  if (back === null) return null;
  const areNew = back.paths.every((path) => !trees.base.has(path));
  return {
    ...back,
    isOnlyNew: areNew && back.paths.every(isPlainTest),
    areFirst: areNew && back.paths.every(isTestFile) && ![...trees.base.keys()].some(isPlainTest),
  };
}

/** What tests are links to, files and folders, is a test wherever it lies. */
async function behindTestLinks(
  git: Git,
  url: string,
  tree: string,
  base: ReadonlyMap<string, TreeEntry>,
): Promise<(path: string) => boolean> {
  const links = [...base.values()]
    .filter(({ path, mode }) => mode === LINK && isTestLink(path))
    .map(({ path }) => path);
  if (links.length === 0) return () => false;
  const targets = [...(await git.read(url, tree, links))].map(([path, { bytes }]) =>
    posix.join(posix.dirname(path), bytes.toString('utf8')),
  );
  return (path) => targets.some((target) => path === target || path.startsWith(`${target}/`));
}

const LINK = '120000';
/** The link itself may be a folder: `tests`. */
const isTestLink = (path: string): boolean => isTestFile(path) || isTestFile(`${path}/x`);

/** A source in another character set must come out as it went in; what is looked for in it is ASCII. */
const encodingOf = (path: string): 'latin1' | 'utf8' => (mayHoldTests(path) ? 'latin1' : 'utf8');

const textOf = (path: string, file: FileContent | undefined): string | null =>
  file?.bytes.toString(encodingOf(path)) ?? null;

/** The base with the tests of the change; null if it brings none. */
export async function baseWithTests(
  git: Git,
  spec: TaskSpec,
  trees: ChangedTrees,
  { baseTree, tree }: TreePair,
): Promise<string | null> {
  const { url } = spec.repo;
  const paths = trees.touched.filter((path) => (isTestFile(path) || mayHoldTests(path)) && trees.now.has(path));
  const [base, now] = await Promise.all([git.read(url, baseTree, paths), git.read(url, tree, paths)]);
  const changes = [...now].flatMap(([path, file]): readonly TreeChange[] => {
    if (isTestFile(path)) return [[path, file]];
    const text = textOf(path, file) ?? '';
    const old = base.get(path);
    // A new source brings its own code along, which is what is to be left out.
    if (old === undefined) return mayBeTestModule(path) && holdsTests(path, text) ? [[path, file]] : [];
    const before = textOf(path, old) ?? '';
    const put = withInlineTestsOf(path, text, before);
    return put === before ? [] : [[path, { mode: old.mode, bytes: Buffer.from(put, encodingOf(path)) }]];
  });
  return changes.length === 0 ? null : await git.write(url, baseTree, changes);
}
