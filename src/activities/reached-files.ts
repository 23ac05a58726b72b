/** The files of the base that checks and criteria come by, and what a change has done to them. */
import { hasTestPart, withTestPartOf } from '../domain/judge-files.js';
import { hasStayed, mayBeReached, reachedFrom, type Reached } from '../domain/reached-files.js';
import type { TaskSpec } from '../domain/task.js';
import type { Git } from '../ports.js';
import type { ChangedTrees } from './judging-files.js';
import { putBack, type TreePair } from './put-back.js';

/** A script names another, which names the next: each costs a round. */
const ROUNDS_MAX = 12;
/** A script of more is no script. */
const FILE_BYTES_MAX = 400_000;
const FILES_MAX = 400;

/** What the checks come by, and what the commands of the criteria do. */
export interface ReachedFiles {
  readonly checks: Reached;
  readonly criteria: Reached;
}

export async function reachedFiles(
  git: Git,
  { repo, checks = [], criterionChecks = [] }: TaskSpec,
  trees: ChangedTrees,
  baseTree: string,
): Promise<ReachedFiles> {
  // A new file may stand in the way of a rule of its name.
  if (!trees.touched.some((path) => (trees.base.has(path) || !path.includes('.')) && mayBeReached(path)))
    return { checks: NOTHING, criteria: NOTHING };
  const paths = new Set(trees.base.keys());
  const texts = new Map<string, string>();
  const reach = async (commands: readonly string[]): Promise<Reached> => {
    let reached = reachedFrom(commands, { paths, textOf: (path) => texts.get(path) });
    for (let round = 0; round < ROUNDS_MAX && reached.unread.length > 0 && texts.size < FILES_MAX; round += 1) {
      const small = reached.unread.filter((path) => (trees.base.get(path)?.sizeBytes ?? Infinity) <= FILE_BYTES_MAX);
      const files = await git.read(repo.url, baseTree, small);
      for (const path of reached.unread) texts.set(path, files.get(path)?.bytes.toString('utf8') ?? '');
      reached = reachedFrom(commands, { paths, textOf: (path) => texts.get(path) });
    }
    return reached;
  };
  return {
    checks: await reach(checks.map(({ run }) => run)),
    criteria: await reach(criterionChecks.map(({ run }) => run)),
  };
}

const NOTHING: Reached = reachedFrom([], { paths: new Set(), textOf: () => undefined });

/**
 * The changed tree with what the commands of the criteria come by as it was; null if the change leaves that alone. Tests stay
 * as they are in it: they may only grow, and a criterion may ask for what has been added.
 */
export async function withCriteriaOfBase(
  git: Git,
  { repo }: TaskSpec,
  { criteria }: ReachedFiles,
  isLeft: (path: string) => boolean,
  { base, touched }: ChangedTrees,
  pair: TreePair,
): Promise<string | null> {
  const judges = (path: string): boolean => criteria.files.has(path) || criteria.recipes.get(path) === 'named';
  const paths = touched.filter((path) => base.has(path) && judges(path) && !isLeft(path));
  const back = await putBack(git, repo.url, pair, paths, (path, old, fresh) => {
    if (old === undefined || fresh === undefined || criteria.files.has(path) || !hasTestPart(path))
      return [path, old ?? null];
    const put = withTestPartOf(path, old.bytes.toString('utf8'), fresh.bytes.toString('utf8'));
    return [path, { mode: fresh.mode, bytes: Buffer.from(put) }];
  });
  return back?.tree ?? null;
}

/** What checks and criteria come by and the change has rewritten, though it is there for the next task too. */
export async function rewrittenChecks(
  git: Git,
  { repo }: TaskSpec,
  { checks, criteria }: ReachedFiles,
  isLeft: (path: string) => boolean,
  { touched }: ChangedTrees,
  tree: string,
): Promise<readonly string[]> {
  const kept = [...checks.kept, ...criteria.kept].filter(({ path }) => touched.includes(path) && !isLeft(path));
  if (kept.length === 0) return [];
  const now = await git.read(
    repo.url,
    tree,
    kept.map(({ path }) => path),
  );
  const gone = kept.filter((each) => !hasStayed(each, now.get(each.path)?.bytes.toString('utf8') ?? null));
  return [...new Set(gone.map(({ path, piece }) => (piece === null ? path : `${path} (${piece.name})`)))];
}
