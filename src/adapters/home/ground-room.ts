/**
 * Room for the ground of a task: its work tree, the home of its commands, the archives of its set-up. Tasks that wait keep theirs,
 * hundreds of them perhaps. Where there are too many, or the disk is nearly full, those go that were not used for the longest
 * time; whoever comes back has its own made anew from its snapshot.
 */
import { lstat, readdir, rename, statfs } from 'node:fs/promises';
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
 * A look goes through the folders of all tasks, thousands of them perhaps. So each makes a little more room than is wanted at
 * once, by this share of the number, and is good for as many grounds as it has found room for.
 */
const SPARE_SHARE = 0.1;
/** Other workers make grounds in the same home: so often at least each of them looks. */
const LOOKS_APART_MAX = 32;

/**
 * Resolves when there is room for a ground of the lineage. Grounds beyond the number that nobody rests on are left, and so are
 * a tenth more of them until somebody looks.
 * Faults: diskFull (retryable), infrastructure (retryable).
 */
export function createGroundRoom(options: GroundRoomOptions) {
  const spare = Math.floor(options.groundsMax * SPARE_SHARE);
  let unlooked = 0;
  const makeRoom = async (lineage: string, signal: AbortSignal | undefined): Promise<void> => {
    unlooked -= 1;
    if (unlooked >= 0 && (await isFree(options))) return;
    // Those that come meanwhile need not look too.
    unlooked = spare;
    try {
      const count = await look(options, spare, lineage, signal);
      unlooked = Math.min(LOOKS_APART_MAX, Math.max(options.groundsMax - count, spare));
    } catch (thrown) {
      unlooked = 0;
      throw thrown;
    }
  };
  return (lineage: string, signal?: AbortSignal): Promise<void> =>
    orDiskFault('No room could be made for a work tree', () => makeRoom(lineage, signal));
}

/** How many there are now, the new one among them. */
async function look(
  options: GroundRoomOptions,
  spare: number,
  lineage: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  // Who works there is not waited for: it may be waiting for us.
  const locks = createFolderLocks(0);
  const others = (await groundsIn(options.home)).filter((ground) => ground.lineage !== lineage);
  let count = others.length + 1;
  const enough = count > options.groundsMax ? options.groundsMax - spare : options.groundsMax;
  const failed: string[] = [];
  for (const { lineage: other } of restingOf(others)) {
    if (count <= enough && (await isFree(options))) return count;
    signal?.throwIfAborted();
    const end = await giveUp(options, locks, other);
    if (end.kind === 'gone') count -= 1;
    if (end.kind === 'failed') failed.push(`${other}: ${end.says}`);
  }
  if (await isFree(options)) return count;
  const says = failed[0] === undefined ? '' : ` One could not be removed (${failed[0]}).`.slice(0, SAYS_CHARACTERS_MAX);
  throw new PortFault(
    'diskFull',
    `Too little is free below the weaver home, and no waiting task has a work tree to give up.${says}`,
    true,
  );
}

/** The longest unused first. */
const restingOf = (grounds: readonly Ground[]): readonly Ground[] =>
  grounds.filter(({ usedMs }) => isResting(Date.now() - usedMs)).toSorted((a, b) => a.usedMs - b.usedMs);

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
      const names = (await readdir(folder).catch(unlessGone)) ?? [];
      if (![MADE, LEAVING, HOME].some((part) => names.includes(part))) return [];
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
