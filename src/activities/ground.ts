/**
 * The ground that the commands of a task stand on: their home, and what the set-up has left in the work tree. Whatever a
 * command has done to it is undone before somebody judges: it is compared with how it was laid out, and what is not like that
 * is laid out again from archives that no command sees. One ground for each state of the files that the set-up reads.
 */
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHIVES_BYTES_MAX, pack, PARTS, unpack, withExchange } from './archives.js';
import type { ActivityPorts } from './activity-ports.js';
import {
  closeFolders,
  differenceOf,
  openParents,
  stampsOf,
  strangersAmong,
  takeAllAway,
  takeAway,
  withStrangers,
  type Stamps,
} from './ground-stamps.js';
import type { Place } from './logged-command.js';

/** What is known of a ground that has been made. */
interface GroundMark {
  /** Names in the work tree that the set-up has left there. */
  readonly keep: readonly string[];
  /** Whether it was made on a base, by nobody's change. */
  readonly isOfBase: boolean;
}

/** Of a task whose set-up has no steps: an empty home. It is there without being made. */
export const BARE = 'bare';
const BARE_MARK: GroundMark = { keep: [], isOfBase: true };

/** A model may try several sets of dependencies; the base's stays in any case. */
const GROUNDS_MAX = 4;
/** Less is not worth an archive: logs, a cache of a few files. It goes with the next look. */
const WARM_BYTES_MIN = 1_000_000;

const MARK = 'mark.json';
/** What the base's checks have left: caches that the next checks would have to fill again. */
const WARM = 'warm-';

const below = (folder: string, ...parts: readonly string[]): string => join(folder, 'ground', ...parts);

export async function readGround(folder: string, key: string): Promise<GroundMark | null> {
  return key === BARE ? BARE_MARK : ((await readJson(below(folder, key, MARK))) as GroundMark | null);
}

/** The ground that lies there now, perhaps touched since; null if it is not known. */
export async function lyingGround(folder: string): Promise<(GroundMark & { readonly key: string }) | null> {
  const key = (await readJson(below(folder, 'now.json'))) as string | null;
  const mark = key === null ? null : await readGround(folder, key);
  return key === null || mark === null ? null : { ...mark, key };
}

/** Nothing lies there any more, as far as anybody knows: said before anything is changed, so that a crash in between is seen. */
const leaveGround = (folder: string): Promise<void> => rm(below(folder, 'now.json'), { force: true });

export const dropGround = (folder: string, key: string): Promise<void> =>
  rm(below(folder, key), { recursive: true, force: true });

/** Everything that is no part of the snapshot, from a place whose work tree was made equal to it. */
export async function clearGround(place: Place): Promise<void> {
  await leaveGround(place.folder);
  await takeAllAway(place, []);
}

/**
 * Writes down what a set-up has left, as it lies there now.
 * @param given archives of the same that are there already are put into the folder by this; false if there are none
 */
export async function keepGround(
  ports: ActivityPorts,
  place: Place,
  key: string,
  mark: GroundMark,
  given: (folder: string) => Promise<boolean>,
): Promise<void> {
  const folder = below(place.folder, key);
  await dropGround(place.folder, key);
  await mkdir(folder, { recursive: true });
  if (!(await given(folder))) await archive(ports, place, folder, '', { inTree: mark.keep, inHome: ['.'] });
  await writeFile(join(folder, MARK), JSON.stringify(mark));
  await tell(place, key, await stampsOf(place, mark.keep));
  await evict(place.folder, key);
}

/** What cannot be packed, or is too large, is made again when it is needed. */
async function archive(
  ports: ActivityPorts,
  place: Place,
  folder: string,
  prefix: string,
  packed: Parameters<typeof pack>[3],
): Promise<boolean> {
  return await withExchange(place, async (exchange) => {
    if (!(await pack(ports, place, exchange, packed))) return false;
    const found = await Promise.all(PARTS.map((part) => lstat(join(exchange, part))));
    const bytes = found.reduce((sum, { size }) => sum + size, 0);
    if (!found.every((about) => about.isFile()) || bytes > ARCHIVES_BYTES_MAX) return false;
    for (const part of PARTS) await rename(join(exchange, part), join(folder, `${prefix}${part}`));
    return true;
  });
}

/**
 * Makes the ground as it was when it was kept. The work tree has been made equal to its snapshot.
 * False if it cannot be had again but by the set-up; then nothing of it lies there any more.
 */
export async function restoreGround(ports: ActivityPorts, place: Place, key: string): Promise<boolean> {
  const mark = await readGround(place.folder, key);
  if (mark === null) return false;
  const known = (await lyingGround(place.folder))?.key === key ? await readStamps(place) : null;
  const found = known === null ? null : await stampsOf(place, mark.keep);
  if (known === null || found === null) return await layOut(ports, place, key, mark);
  const difference = differenceOf(known, found);
  const { changed, missing } = difference;
  if (changed.length + missing.length === 0) return true;
  await leaveGround(place.folder);
  await takeAway(place, known, found, difference);
  // Now that no link of a command's stands in the place of a folder.
  await openParents(place, missing);
  const isLess = missing.length > 0 || changed.some((path) => known.has(path));
  if (isLess && !(await unpackAll(ports, place, key))) return await lost(place, key, mark);
  await closeFolders(place, known);
  return await settled(place, key, mark);
}

async function layOut(ports: ActivityPorts, place: Place, key: string, mark: GroundMark): Promise<boolean> {
  await leaveGround(place.folder);
  await takeAllAway(place, mark.keep);
  return (await unpackAll(ports, place, key)) ? await settled(place, key, mark) : await lost(place, key, mark);
}

async function settled(place: Place, key: string, { keep }: GroundMark): Promise<true> {
  await tell(place, key, await stampsOf(place, keep));
  return true;
}

/** A bare ground has lost nothing but warm caches. */
async function lost(place: Place, key: string, mark: GroundMark): Promise<boolean> {
  await takeAllAway(place, mark.keep);
  await dropGround(place.folder, key);
  return key === BARE && (await settled(place, key, mark));
}

/** False if there is nothing to unpack where something is needed. */
async function unpackAll(ports: ActivityPorts, place: Place, key: string): Promise<boolean> {
  const folder = below(place.folder, key);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.tar'));
  // Warm caches are no set-up.
  if (key !== BARE && names.every((name) => name.startsWith(WARM))) return false;
  if (names.length === 0) return true;
  const archives = names.map((name) => join(folder, name));
  await utimes(folder, new Date(), new Date());
  return await unpack(ports, place, archives);
}

/**
 * What the checks of the base have left belongs to the ground from then on: compiled libraries, indexes. Only code of the base
 * has run, on a ground that was as it should be. Once: what comes later is thrown away. False if nothing has come to it.
 */
export async function adoptGround(ports: ActivityPorts, place: Place): Promise<boolean> {
  const lying = await lyingGround(place.folder);
  if (lying === null) return false;
  const { key, keep } = lying;
  const folder = below(place.folder, key);
  if ((await warmIn(folder)).length > 0) return false;
  const [known, found] = [await readStamps(place), await stampsOf(place, keep)];
  if (known === null || found === null) return false;
  const { inHome, inTree, bytes } = strangersAmong(known, found);
  if (bytes < WARM_BYTES_MIN || bytes > ARCHIVES_BYTES_MAX) return false;
  await mkdir(folder, { recursive: true });
  await leaveGround(place.folder);
  const isKept = await archive(ports, place, folder, WARM, { inTree, inHome });
  await tell(place, key, isKept ? withStrangers(known, found) : known);
  return isKept;
}

const warmIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(WARM));

/**
 * The same from what the checks of this base have left in another task, before any have run in this one. It is laid out with
 * the rest when the ground is restored.
 * @param given puts archives into the folder, under names that begin with the prefix; false if there are none
 */
export async function warmGround(
  place: Place,
  key: string,
  given: (folder: string, prefix: string) => Promise<boolean>,
): Promise<void> {
  const folder = below(place.folder, key);
  if ((await warmIn(folder)).length > 0) return;
  // What has no archive of its own cannot be laid out anew.
  if (key !== BARE && !PARTS.every((part) => existsSync(join(folder, part)))) return;
  await mkdir(folder, { recursive: true });
  if (await given(folder, WARM)) await leaveGround(place.folder);
}

/** The stamps first: who reads the name finds them. Without any, all is laid out anew each time. */
async function tell(place: Place, key: string, stamps: Stamps | null): Promise<void> {
  await mkdir(below(place.folder), { recursive: true });
  if (stamps === null) await rm(below(place.folder, 'stamps.json'), { force: true });
  else await writeWhole(below(place.folder, 'stamps.json'), JSON.stringify([...stamps]));
  await writeWhole(below(place.folder, 'now.json'), JSON.stringify(key));
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

const readStamps = async ({ folder }: Place): Promise<Stamps | null> => {
  const entries = (await readJson(below(folder, 'stamps.json'))) as readonly (readonly [string, string])[] | null;
  return entries === null ? null : new Map(entries);
};

/** Null if it is not there, or torn by a crash: either way it is made again. Only this module writes there. */
async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}

async function evict(folder: string, newest: string): Promise<void> {
  const keys = (await readdir(below(folder), { withFileTypes: true })).flatMap((entry) =>
    entry.isDirectory() && entry.name !== newest && entry.name !== BARE ? [entry.name] : [],
  );
  const all = await Promise.all(
    keys.map(async (key) => {
      const mark = await readGround(folder, key);
      return { key, isOfBase: mark?.isOfBase === true, usedMs: (await lstat(below(folder, key))).mtimeMs };
    }),
  );
  const others = all.filter(({ isOfBase }) => !isOfBase).toSorted((a, b) => b.usedMs - a.usedMs);
  for (const { key } of others.slice(GROUNDS_MAX - 2)) await dropGround(folder, key);
}
