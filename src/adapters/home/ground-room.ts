/**
 * Room for the ground of a task: its work tree, the home of its commands, the archives of its set-up. Tasks that wait keep theirs,
 * hundreds of them perhaps. Where there are too many, or the disk is nearly full, those go that were not used for the longest
 * time; whoever comes back has its own made anew from its snapshot.
 */
import { lstat, rename, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { freeBytesWanted, isResting } from '../../domain/housekeeping.js';
import { PortFault } from '../../ports.js';
import { namesIn, orDiskFault } from '../artifacts/durable-file.js';
import { workLockIn } from '../git/alone.js';
import { errorCode, unlessGone } from '../git/error-code.js';
import { createFolderLocks, isHeldElsewhere, type FolderLocks } from '../git/folder-lock.js';
import { removeFolder } from '../git/remove-folder.js';

export interface GroundRoomOptions {
  /** The weaver home. */
  readonly home: string;
  /** Removes a work tree under its lock. */
  readonly closeWorkspace: (name: string) => Promise<void>;
  /** Null = by the size of the disk. */
  readonly freeBytesMin: number | null;
  /** On this home, that of the task itself among them. */
  readonly groundsMax: number;
}

/**
 * Resolves when there is room for a ground of the lineage. Grounds beyond the number that nobody rests on are left.
 * Faults: diskFull (retryable), infrastructure (retryable).
 */
export const createGroundRoom =
  (options: GroundRoomOptions) =>
  (lineage: string, signal?: AbortSignal): Promise<void> =>
    orDiskFault('No room could be made for a work tree', () => makeRoom(options, lineage, signal));

async function makeRoom(options: GroundRoomOptions, lineage: string, signal: AbortSignal | undefined): Promise<void> {
  // Who works there is not waited for: it may be waiting for us.
  const locks = createFolderLocks(0);
  const others = (await groundsIn(options.home)).filter((ground) => ground.lineage !== lineage);
  let count = others.length + 1;
  const failed: string[] = [];
  for (const { lineage: other } of others.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (count <= options.groundsMax && (await isFree(options))) return;
    signal?.throwIfAborted();
    const end = await giveUp(options, locks, other);
    if (end.kind === 'gone') count -= 1;
    if (end.kind === 'failed') failed.push(`${other}: ${end.says}`);
  }
  if (await isFree(options)) return;
  const says = failed[0] === undefined ? '' : ` One could not be removed (${failed[0]}).`.slice(0, SAYS_CHARACTERS_MAX);
  throw new PortFault(
    'diskFull',
    `Too little is free below the weaver home, and no waiting task has a work tree to give up.${says}`,
    true,
  );
}

const SAYS_CHARACTERS_MAX = 300;

interface Ground {
  readonly lineage: string;
  /** Its lock and its logs come and go in the folder of a task whenever somebody works there. */
  readonly usedMs: number;
}

/** What a ground has in the folder of its task: what was made, what is on its way out, the home. Other files there stay. */
const [MADE, LEAVING, HOME] = ['ground', 'ground.given-up', 'home'];

async function groundsIn(home: string): Promise<readonly Ground[]> {
  const found = await Promise.all(
    (await namesIn(join(home, 'tasks'))).map(async (lineage) => {
      const folder = join(home, 'tasks', lineage);
      const parts = await Promise.all([MADE, LEAVING, HOME].map((part) => lstat(join(folder, part)).catch(unlessGone)));
      if (parts.every((part) => part === undefined)) return [];
      return [{ lineage, usedMs: await usedAt(folder) }];
    }),
  );
  return found.flat();
}

/** Whose folder is gone has just been tidied up. */
const usedAt = async (folder: string): Promise<number> =>
  (await lstat(folder).catch(unlessGone))?.mtimeMs ?? Date.now();

type GivenUp = { readonly kind: 'gone' | 'busy' } | { readonly kind: 'failed'; readonly says: string };

async function giveUp(options: GroundRoomOptions, locks: FolderLocks, lineage: string): Promise<GivenUp> {
  const folder = join(options.home, 'tasks', lineage);
  let isOurs = false;
  // As it is now: removing those before it may have taken minutes.
  if (!isResting(Date.now() - (await usedAt(folder)))) return { kind: 'busy' };
  // A long check there looks like rest from here, and its lock like one that was left.
  if (await isHeldElsewhere(workLockIn(folder))) return { kind: 'busy' };
  try {
    await locks.hold(workLockIn(folder), undefined, () => {
      isOurs = true;
      return removeGround(options, lineage, folder);
    });
    return { kind: 'gone' };
  } catch (thrown) {
    if (isOurs) return { kind: 'failed', says: String(thrown) };
    if (errorCode(thrown) === 'ENOENT') return { kind: 'gone' };
    if (!(thrown instanceof PortFault)) throw thrown;
    return { kind: 'busy' };
  }
}

/** What was made goes first, under another name: whoever finds half of the rest takes none of it for a ground. */
async function removeGround({ closeWorkspace }: GroundRoomOptions, lineage: string, folder: string): Promise<void> {
  await removeFolder(join(folder, LEAVING));
  await rename(join(folder, MADE), join(folder, LEAVING)).catch(unlessGone);
  await closeWorkspace(lineage);
  await removeFolder(join(folder, HOME));
  await removeFolder(join(folder, LEAVING));
}

async function isFree({ home, freeBytesMin }: GroundRoomOptions): Promise<boolean> {
  const { bavail, blocks, bsize } = await statfs(home);
  return bavail * bsize >= freeBytesWanted(freeBytesMin, blocks * bsize);
}
