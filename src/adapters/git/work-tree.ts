/** A task's work tree: made equal to a snapshot, whatever a check did to it. */
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readFile, readdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Git } from '../../ports.js';
import { unlessGone } from './error-code.js';
import { GitFailure, isLocked } from './faults.js';
import type { FolderLocks, HeldLock } from './folder-lock.js';
import { keyOf, pathOf } from './listing.js';
import type { Mirror, Mirrors } from './mirror.js';
import { assertObjectId, assertWorkspace } from './names.js';
import { removeFolder } from './remove-folder.js';
import type { Snapshots } from './snapshots.js';
import { strangersIn } from './strangers.js';

export interface WorkTreeOptions {
  readonly home: string;
  readonly mirrors: Mirrors;
  readonly snapshots: Snapshots;
  readonly locks: FolderLocks;
}

type CheckoutRequest = Parameters<Git['checkout']>[0];

export interface Workspace {
  readonly folder: string;
  /** The work tree itself. */
  readonly tree: string;
  /** weaver's index. Checks cannot reach it, so what it says of a file's times can be trusted. */
  readonly index: string;
  /** The git folder that checks see. */
  readonly git: string;
  /** Tree that the work tree was last made equal to. */
  readonly stamp: string;
  readonly lock: string;
}

export function workspaceOf(home: string, name: string): Workspace {
  assertWorkspace(name);
  const folder = join(home, 'workspaces', name);
  const below = (part: string): string => join(folder, part);
  return {
    folder,
    tree: below('tree'),
    index: below('index'),
    git: below('git'),
    stamp: below('snapshot'),
    lock: `${folder}.lock`,
  };
}

/** See `Git.checkout`. One process, two if something is in its way. */
export async function checkoutTree(options: WorkTreeOptions, request: CheckoutRequest): Promise<string> {
  assertObjectId(request.tree);
  assertObjectId(request.commit);
  const mirror = options.mirrors.of(request.url);
  const space = workspaceOf(options.home, request.workspace);
  await mkdir(join(options.home, 'workspaces'), { recursive: true });
  return options.locks.hold(space.lock, undefined, async (lock) => {
    // Removed first, written last: a stamp says that the work tree was finished.
    await unlink(space.stamp).catch(unlessGone);
    const fresh = await makeFolder(space);
    if (!fresh) await removeStrangers(options, mirror, space, request);
    await readTree(options, mirror, space, request, lock);
    await showGit(space, mirror, request.commit);
    await writeFile(space.stamp, request.tree);
    return space.tree;
  });
}

/** True if the work tree did not exist. */
async function makeFolder(space: Workspace): Promise<boolean> {
  await mkdir(space.folder, { recursive: true });
  const about = await lstat(space.tree).catch(unlessGone);
  if (about !== undefined && !about.isDirectory()) await unlink(space.tree);
  if (about?.isDirectory() === true) return false;
  // An index without its files would only slow the next step down.
  await unlink(space.index).catch(unlessGone);
  await mkdir(space.tree);
  return true;
}

/**
 * `--reset -u` compares every file with the index by time, size and inode, and by content where the times are too close to
 * tell: a file that was overwritten in the same second with the same number of bytes is restored too.
 */
async function readTree(
  { mirrors }: WorkTreeOptions,
  mirror: Mirror,
  space: Workspace,
  { tree, keep }: CheckoutRequest,
  lock: HeldLock,
): Promise<void> {
  if (lock.takenOver) await removeFolder(`${space.index}.lock`);
  const environment = { GIT_WORK_TREE: space.tree, GIT_INDEX_FILE: space.index };
  const run = async (): Promise<void> => {
    await mirrors.local(mirror, ['read-tree', '--reset', '-u', tree], { environment, onStart: lock.note });
  };
  await mirrors.mending(mirror, () =>
    run().catch(async (cause: unknown) => {
      if (!(cause instanceof GitFailure) || cause.result.timedOut) throw cause;
      if (isLocked(cause)) await removeFolder(`${space.index}.lock`);
      else if (INDEX_DAMAGED.test(cause.result.stderr)) await removeFolder(space.index);
      else if (IN_THE_WAY.test(cause.result.stderr)) await startOver(space, keep);
      else throw cause;
      return run();
    }),
  );
}

const INDEX_DAMAGED = /index file|bad signature|bad index|unknown index entry/i;
const IN_THE_WAY =
  /unable to (?:unlink|create|write)|cannot (?:unlink|rmdir|create|stat)|Permission denied|not empty|failed to remove/i;

/** Whatever is in the way goes, with everything that need not stay. */
async function startOver(space: Workspace, keep: readonly string[]): Promise<void> {
  const kept = new Set(keep.map(keyOf));
  await removeFolder(space.index);
  await chmod(space.tree, 0o755);
  for (const name of await readdir(space.tree, { encoding: 'buffer' }))
    await removeUnlessKept(space.tree, name.toString('latin1'), kept);
}

/**
 * Everything goes that is not of the snapshot and need not stay. Ignored files too: a compiled file of the last check whose
 * source has changed within the same second, with the same length, would be taken for fresh (Python's `__pycache__`).
 */
async function removeStrangers(
  { mirrors, snapshots }: WorkTreeOptions,
  mirror: Mirror,
  space: Workspace,
  { tree, keep }: CheckoutRequest,
): Promise<void> {
  const listing = await mirrors.mending(mirror, () => snapshots.listing(mirror, tree));
  const { others, intruders } = await strangersIn(space.tree, listing);
  const kept = new Set(keep.map(keyOf));
  for (const key of intruders) await removeFolder(below(space.tree, key));
  for (const key of others) await removeUnlessKept(space.tree, key, kept);
}

/** What is kept is kept with all below it, and inside a folder that goes otherwise. */
async function removeUnlessKept(root: string, key: string, kept: ReadonlySet<string>): Promise<void> {
  for (let end = key.length; end > 0; end = key.lastIndexOf('/', end - 1)) if (kept.has(key.slice(0, end))) return;
  const path = below(root, key);
  if (![...kept].some((name) => name.startsWith(`${key}/`)) || (await lstat(path)).isDirectory() === false)
    return removeFolder(path);
  for (const name of await readdir(path, { encoding: 'buffer' }))
    await removeUnlessKept(root, `${key}/${name.toString('latin1')}`, kept);
}

const below = (folder: string, key: string): Buffer =>
  Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(key, 'latin1')]);

/** What a check sees when it asks git: a detached HEAD at the commit, a clean index, the mirror's objects. A copy, so it may spoil it. */
async function showGit(space: Workspace, mirror: Mirror, commit: string): Promise<void> {
  const pointer = join(space.tree, '.git');
  // Removed, not written over: a check may have put a link or a folder there.
  await Promise.all([removeFolder(space.git), removeFolder(pointer)]);
  await mkdir(space.git);
  await Promise.all([
    writeFile(join(space.git, 'HEAD'), `${commit}\n`),
    writeFile(join(space.git, 'commondir'), `${mirror.directory}\n`),
    copyFile(space.index, join(space.git, 'index'), constants.COPYFILE_FICLONE),
    writeFile(pointer, `gitdir: ${space.git}\n`, { flag: 'wx' }),
  ]);
}

/** See `Git.untracked`. No process: the folders of the work tree against those of the snapshot. */
export async function untrackedNames(
  { home, mirrors, snapshots }: WorkTreeOptions,
  url: string,
  name: string,
): Promise<readonly string[]> {
  const mirror = mirrors.of(url);
  const space = workspaceOf(home, name);
  const tree = await readFile(space.stamp, 'utf8').catch(unlessGone);
  if (tree === undefined) return [];
  const listing = await mirrors.mending(mirror, () => snapshots.listing(mirror, tree));
  return (await strangersIn(space.tree, listing)).others.map(pathOf).toSorted();
}

/** See `Git.close`. Moved aside first, so that the name is free even if the removal is killed half way. */
export async function closeWorkspace({ home, locks }: WorkTreeOptions, name: string): Promise<void> {
  const space = workspaceOf(home, name);
  const aside = join(home, 'workspaces', `.${name}.closed`);
  const left = await Promise.all([space.folder, aside].map((folder) => lstat(folder).catch(unlessGone)));
  if (left.every((about) => about === undefined)) return;
  await locks.hold(space.lock, undefined, async () => {
    await removeFolder(aside);
    await rename(space.folder, aside).catch(unlessGone);
    await removeFolder(aside);
  });
}
