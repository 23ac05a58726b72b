/** A changed tree with some of its files as they were at the base, or partly so. */
import type { FileContent, Git, TreeChange } from '../ports.js';

export interface TreePair {
  readonly baseTree: string;
  readonly tree: string;
}

export interface PutBack {
  readonly tree: string;
  /** What is as it was at the base, whole or in a part. */
  readonly paths: readonly string[];
}

/**
 * Null if that changes nothing.
 * @param changeOf what becomes of a path; absent at the base, or now, is undefined; null = it stays as it is now
 */
export async function putBack(
  git: Git,
  url: string,
  { baseTree, tree }: TreePair,
  paths: readonly string[],
  changeOf: (path: string, old: FileContent | undefined, fresh: FileContent | undefined) => TreeChange | null,
): Promise<PutBack | null> {
  if (paths.length === 0) return null;
  const [before, now] = await Promise.all([git.read(url, baseTree, paths), git.read(url, tree, paths)]);
  const changes = paths.flatMap((path) => {
    const change = changeOf(path, before.get(path), now.get(path));
    return change === null ? [] : [change];
  });
  if (changes.length === 0) return null;
  const restored = await git.write(url, tree, changes);
  return restored === tree ? null : { tree: restored, paths: changes.map(([path]) => path) };
}
