/**
 * What lies in the home of a task's commands and where its set-up has put things, by what a command cannot set back: the time
 * at which the kernel says that a file was last touched (ctime), with its inode, size and mode. Content is not read: thirty
 * thousand files take some tenths of a second, a tenth of what copying or hashing them would.
 */
import { chmodSync, lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { chmod, readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Place } from './logged-command.js';

/** By key: `home/` or `tree/`, then the path in it, one character a byte. */
export type Stamps = ReadonlyMap<string, string>;

/** The packages of a very large repository; what is more is not told apart, and laid out anew each time. */
const ENTRIES_MAX = 400_000;
/** Looked at between two breaths of the worker, which has heartbeats to send: some milliseconds. */
const SLICE = 250;

type Room = Pick<Place, 'directory' | 'home'>;

/** @param names in the work tree, with all below them; null if there are too many entries */
export async function stampsOf(room: Room, names: readonly string[]): Promise<Stamps | null> {
  const stamps = new Map<string, string>();
  const queue = ['home', ...names.map((name) => `tree/${Buffer.from(name).toString('latin1')}`)];
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    if (stamps.size % SLICE === SLICE - 1) await breathe();
    const about = look(pathOf(room, key));
    if (about === null) continue;
    stamps.set(key, stampOf(about));
    if (stamps.size > ENTRIES_MAX) return null;
    if (about.isDirectory()) for (const name of namesIn(pathOf(room, key))) queue.push(`${key}/${name}`);
  }
  return stamps;
}

/** Times of a folder change with every file that comes and goes: those say it themselves. */
const stampOf = (about: BigIntStats): string =>
  about.isDirectory()
    ? `${FOLDER}${about.mode & 0o7777n}`
    : [about.mode, about.size, about.ino, about.ctimeNs].join(' ');

const FOLDER = 'd';
const isFolder = (stamp: string | undefined): boolean => stamp?.startsWith(FOLDER) === true;
const sizeIn = (stamp: string): number => (isFolder(stamp) ? 0 : Number(stamp.split(' ')[1]));

function look(path: Buffer): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    // Gone, or below something that is no folder any more: either way it is not there.
    return null;
  }
}

/** Folders that a command has closed are opened: their stamp tells that they were. */
function namesIn(path: Buffer): readonly string[] {
  const names = (): readonly string[] =>
    readdirSync(path, { encoding: 'buffer' }).map((name) => name.toString('latin1'));
  try {
    return names();
  } catch {
    chmodSync(path, 0o700);
    return names();
  }
}

/** The path itself, with bytes that are no text. */
function pathOf({ directory, home }: Room, key: string): Buffer {
  const [root, rest] = key.startsWith('home') ? [home, key.slice(4)] : [directory, key.slice(4)];
  return Buffer.concat([Buffer.from(root), Buffer.from(rest, 'latin1')]);
}

interface Difference {
  /** Not there before, or not as they were. */
  readonly changed: readonly string[];
  readonly missing: readonly string[];
}

export function differenceOf(known: Stamps, found: Stamps): Difference {
  return {
    changed: [...found].filter(([key, stamp]) => known.get(key) !== stamp).map(([key]) => key),
    missing: [...known.keys()].filter((key) => !found.has(key)),
  };
}

/** Takes away what is not as it was. Folders that were there stay, with the rights that they had. */
export async function takeAway(room: Room, known: Stamps, found: Stamps, { changed }: Difference): Promise<void> {
  const gone = new Set<string>();
  // A folder before what is in it: it goes as a whole.
  for (const key of changed.toSorted((a, b) => a.length - b.length)) {
    if (isBelow(key, gone)) continue;
    const was = known.get(key);
    if (was !== undefined && isFolder(was) && isFolder(found.get(key))) {
      await chmod(pathOf(room, key), Number(was.slice(FOLDER.length)) | 0o700);
      continue;
    }
    await removeAll(pathOf(room, key));
    gone.add(key);
  }
}

/** Everything that is in the home, and everything of these names. */
export async function takeAllAway(room: Room, names: readonly string[]): Promise<void> {
  const inHome = (await readdir(room.home, { encoding: 'buffer' })).map((name) => `home/${name.toString('latin1')}`);
  const inTree = names.map((name) => `tree/${Buffer.from(name).toString('latin1')}`);
  for (const key of [...inHome, ...inTree]) await removeAll(pathOf(room, key));
}

function isBelow(key: string, folders: ReadonlySet<string>): boolean {
  for (let end = key.lastIndexOf('/'); end > 0; end = key.lastIndexOf('/', end - 1))
    if (folders.has(key.slice(0, end))) return true;
  return false;
}

/** Read-only folders too (Go's module cache), what lies in them, and names that are no text. */
async function removeAll(path: Buffer): Promise<void> {
  try {
    await rm(path.toString(), { recursive: true, force: true });
  } catch {
    // By hand, then; what cannot be removed so either is thrown from there.
  }
  await removeByHand(path);
}

async function removeByHand(path: Buffer): Promise<void> {
  const about = look(path);
  if (about === null) return;
  await chmod(path.subarray(0, path.lastIndexOf('/')), 0o700);
  if (!about.isDirectory()) return await unlink(path);
  await chmod(path, 0o700);
  for (const name of await readdir(path, { encoding: 'buffer' }))
    await removeByHand(Buffer.concat([path, Buffer.from('/'), name]));
  await rmdir(path);
}

/** Folders in which something is to be laid out again may be closed to it. */
export async function openParents(room: Room, keys: readonly string[]): Promise<void> {
  for (const parent of new Set(keys.map((key) => key.slice(0, key.lastIndexOf('/'))))) {
    const about = parent === '' ? null : look(pathOf(room, parent));
    if (about?.isDirectory() === true && (about.mode & 0o200n) === 0n)
      await chmod(pathOf(room, parent), Number(about.mode & 0o777n) | 0o700);
  }
}

/** Folders that were read-only are so again. */
export async function closeFolders(room: Room, known: Stamps): Promise<void> {
  for (const [key, stamp] of known) {
    const mode = isFolder(stamp) ? Number(stamp.slice(FOLDER.length)) : 0o700;
    if ((mode & 0o700) === 0o700 || look(pathOf(room, key))?.isDirectory() !== true) continue;
    await chmod(pathOf(room, key), mode);
  }
}

interface Strangers {
  /** Paths below the home, and below the work tree: the outermost ones. */
  readonly inHome: readonly Buffer[];
  readonly inTree: readonly Buffer[];
  readonly bytes: number;
}

/** What has come beside what was known. */
export function strangersAmong(known: Stamps, found: Stamps): Strangers {
  const strange = [...found].filter(([key]) => !known.has(key));
  const outermost = strange.map(([key]) => key).filter((key) => known.has(key.slice(0, key.lastIndexOf('/'))));
  const below = (root: string): readonly Buffer[] =>
    outermost
      .filter((key) => key.startsWith(`${root}/`))
      .map((key) => Buffer.from(key.slice(root.length + 1), 'latin1'));
  return {
    inHome: below('home'),
    inTree: below('tree'),
    bytes: strange.reduce((sum, [, stamp]) => sum + sizeIn(stamp), 0),
  };
}

/** What was known, as it was known, and the strangers: what has changed of the known goes at the next look. */
export const withStrangers = (known: Stamps, found: Stamps): Stamps =>
  new Map([...known, ...[...found].filter(([key]) => !known.has(key))]);
