/** Which files of a change judge it, and the change with those as they were at the base. */
import picomatch from 'picomatch';
import {
  hasTestPart,
  namedByCheck,
  RECIPE_FILES,
  RUNNER_FILES,
  TEST_FILES,
  withTestPartOf,
} from '../domain/judge-files.js';
import type { ProtectSpec, TaskSpec } from '../domain/task.js';
import type { Git, TreeChange, TreeEntry } from '../ports.js';

const matcher = (globs: readonly string[]): ((path: string) => boolean) => picomatch([...globs], { dot: true });
const isRecipe = matcher(RECIPE_FILES);

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

export interface TestsOfBase {
  readonly tree: string;
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
  trees: ChangedTrees,
  { baseTree, tree }: { readonly baseTree: string; readonly tree: string },
): Promise<TestsOfBase | null> {
  const { url } = spec.repo;
  const named = new Set((spec.checks ?? []).flatMap(({ run }) => namedByCheck(run, (path) => trees.base.has(path))));
  const judges = (path: string): boolean =>
    isTestFile(path) || isRecipe(path) || hasTestPart(path) || (named.has(path) && trees.base.has(path));
  const paths = trees.touched.filter((path) => judges(path) && !isFree(path));
  if (paths.length === 0) return null;
  const [before, now] = await Promise.all([git.read(url, baseTree, paths), git.read(url, tree, paths)]);
  const changes = paths.flatMap((path): readonly TreeChange[] => {
    const [old, fresh] = [before.get(path), now.get(path)];
    if (!hasTestPart(path) || fresh === undefined) return [[path, old ?? null]];
    const text = fresh.bytes.toString('utf8');
    const put = withTestPartOf(path, old?.bytes.toString('utf8') ?? null, text);
    return put === text ? [] : [[path, { mode: fresh.mode, bytes: Buffer.from(put) }]];
  });
  if (changes.length === 0) return null;
  const restored = await git.write(url, tree, changes);
  if (restored === tree) return null;
  const areNew = paths.every((path) => !trees.base.has(path));
  return {
    tree: restored,
    isOnlyNew: areNew && paths.every(isPlainTest),
    areFirst: areNew && ![...trees.base.keys()].some(isPlainTest),
  };
}

/** The base with the tests of the change; null if it brings none. */
export async function baseWithTests(
  git: Git,
  spec: TaskSpec,
  trees: ChangedTrees,
  { baseTree, tree }: { readonly baseTree: string; readonly tree: string },
): Promise<string | null> {
  const { url } = spec.repo;
  const paths = trees.touched.filter((path) => isTestFile(path) && trees.now.has(path));
  if (paths.length === 0) return null;
  const now = await git.read(url, tree, paths);
  return await git.write(
    url,
    baseTree,
    [...now].map(([path, file]): TreeChange => [path, file]),
  );
}
