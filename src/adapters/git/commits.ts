/** Commits of a mirror: made, looked up, compared. */
import type { CommitRequest } from '../../ports.js';
import { PortFault } from '../../ports.js';
import { GitFailure } from './faults.js';
import type { Mirror, Mirrors } from './mirror.js';
import { assertAuthor, assertObjectId } from './names.js';
import { nameObject, writeObjects } from './object-store.js';
import { placed } from './snapshot-memory.js';
import type { SnapshotMemory } from './snapshot-memory.js';

/** See `Git.commit`. No process for a tree and a parent that this worker has seen. */
export async function writeCommit(
  mirrors: Mirrors,
  memory: SnapshotMemory,
  mirror: Mirror,
  request: CommitRequest,
): Promise<string> {
  const { tree, parent, message, author, dateSeconds } = request;
  const parents = [parent, ...(request.parents ?? [])];
  assertObjectId(tree);
  parents.forEach(assertObjectId);
  assertAuthor(author);
  if (message.includes('\0') || message.trim() === '')
    throw new PortFault('invalidTask', 'The commit message is empty or has a NUL in it.', false);
  if (!Number.isSafeInteger(dateSeconds) || dateSeconds < 0)
    throw new PortFault('infrastructure', 'The date of the commit is not valid.', false);
  await assertPresent(mirrors, memory, mirror, tree, parents);
  const who = `${author} ${dateSeconds} +0000`;
  const lines = parents.map((id) => `parent ${id}\n`).join('');
  const text = `tree ${tree}\n${lines}author ${who}\ncommitter ${who}\n\n${message.endsWith('\n') ? message : `${message}\n`}`;
  const object = nameObject('commit', Buffer.from(text, 'utf8'), tree);
  await mirrors.ensure(mirror);
  await writeObjects(mirror.directory, [object]);
  memory.commits.set(placed(mirror, object.id), { tree, parent });
  return object.id;
}

/** A commit on top of nothing would be pushed as far as the remote's complaint. */
async function assertPresent(
  mirrors: Mirrors,
  memory: SnapshotMemory,
  mirror: Mirror,
  tree: string,
  parents: readonly string[],
): Promise<void> {
  const isKnown = (id: string): boolean => memory.commits.get(placed(mirror, id)) !== undefined;
  if (memory.trees.get(placed(mirror, tree)) !== undefined && parents.every(isKnown)) return;
  const result = await mirrors.local(mirror, ['cat-file', '--batch-check'], {
    input: `${tree}^{tree}\n${parents.map((id) => `${id}^{commit}\n`).join('')}`,
  });
  const [first = '', ...others] = result.stdout.toString('latin1').split('\n');
  if (!first.startsWith(`${tree} tree`) || !parents.every((id, at) => others[at]?.startsWith(`${id} commit`) === true))
    throw new GitFailure('cat-file', { ...result, stderr: 'the tree or a parent of the commit is missing' });
  memory.trees.set(placed(mirror, tree), true);
}

/** See `Snapshots.treesOf`. One process for commits that this worker has not seen. */
export async function treesOf(
  mirrors: Mirrors,
  memory: SnapshotMemory,
  mirror: Mirror,
  commits: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const id of commits) {
    const known = memory.commits.get(placed(mirror, id));
    if (known !== undefined) found.set(id, known.tree);
  }
  const unknown = commits.filter((id) => !found.has(id));
  if (unknown.length === 0) return found;
  const { stdout } = await mirrors.local(mirror, ['cat-file', '--batch-check'], {
    input: unknown.map((id) => `${id}^{tree}\n`).join(''),
  });
  stdout
    .toString('latin1')
    .split('\n')
    .forEach((line, at) => {
      const [tree = '', type] = line.split(' ');
      const id = unknown[at];
      if (type !== 'tree' || id === undefined) return;
      found.set(id, tree);
      memory.commits.set(placed(mirror, id), { tree });
      memory.trees.set(placed(mirror, tree), true);
    });
  return found;
}

/** See `Snapshots.isAncestor`. No process for a commit and its parent. */
export async function isAncestor(
  mirrors: Mirrors,
  memory: SnapshotMemory,
  mirror: Mirror,
  ancestor: string,
  id: string,
): Promise<boolean> {
  if (ancestor === id || memory.commits.get(placed(mirror, id))?.parent === ancestor) return true;
  const result = await mirrors.local(mirror, ['merge-base', '--is-ancestor', ancestor, id], { also: [1] });
  return result.exitCode === 0;
}
