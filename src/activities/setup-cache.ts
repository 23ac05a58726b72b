/**
 * What the set-up of a task has fetched, kept for the next task of the same repository with the same lock files on this host.
 * An archive is used only if it is whole and bears no name of a folder of the task that made it: a virtual environment of
 * Python, for one, works nowhere else. Losing it, or finding it damaged, costs a set-up. Beside them lie the caches that
 * compilers have filled at a base, for the next task of that very base.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ActivityPorts } from './activity-ports.js';
import { ARCHIVES_BYTES_MAX, isMovable, linkOrCopy, pack, PARTS, unpack, withExchange } from './archives.js';
import type { Place } from './logged-command.js';

type Ports = Pick<ActivityPorts, 'sandbox' | 'artifacts' | 'setupFolder'>;

/** On the disk of a host: some ten projects. The one that was not used for the longest time goes first. */
const TOTAL_BYTES_MAX = 10_000_000_000;
/** Most of them only say that there is nothing to keep. */
const ENTRIES_MAX = 500;

/** Of compilers' caches, on the disk of a host: those of bases that have been left behind are of use to nobody. */
const CACHES_MAX = 12;
/** Of the name of such an entry. */
const CACHES = 'caches-';

/**
 * Below the home. Each holds compiled packages under a hash of all that they were made from, their folder too where it is
 * part of them: nothing in it is wrong elsewhere, and nothing in it is missed.
 */
const COMPILERS_CACHES = ['.cache/go-build'] as const;

const MARK = 'mark.json';

interface Mark {
  /** SHA-256 of each archive; null where there is none, because it cannot be used elsewhere or is too large. */
  readonly archives: Readonly<Record<(typeof PARTS)[number], string>> | null;
}

/** Puts what was kept into the work tree and the home. False if there is nothing, or nothing sound. */
export async function restoreSetup(ports: Ports, key: string, place: Place): Promise<boolean> {
  const folder = join(ports.setupFolder, key);
  if (!(await isSound(folder))) return false;
  const archives = PARTS.map((part) => join(folder, part));
  if (await unpack(ports, place, archives)) {
    await noteUse(folder);
    return true;
  }
  await rm(folder, { recursive: true, force: true });
  return false;
}

/** @param names what the set-up has left in the work tree, beside the files of the snapshot */
export async function keepSetup(ports: Ports, key: string, place: Place, names: readonly string[]): Promise<void> {
  const packed = { inTree: names, inHome: ['.'] };
  await keep(ports, join(ports.setupFolder, key), place, packed, () => isMovable(ports, place));
}

/** @param key of all that has had a part in what the caches hold: the code that has run there can have written anything */
export async function keepCaches(ports: Ports, key: string, place: Place): Promise<void> {
  const found = await Promise.all(COMPILERS_CACHES.map((path) => lstat(join(place.home, path)).catch(() => null)));
  const inHome = COMPILERS_CACHES.filter((_, index) => found[index]?.isDirectory() === true);
  if (inHome.length === 0) return;
  await keep(ports, join(ports.setupFolder, `${CACHES}${key}`), place, { inTree: [], inHome }, () =>
    Promise.resolve(true),
  );
}

async function keep(
  ports: Ports,
  folder: string,
  place: Place,
  packed: Parameters<typeof pack>[3],
  isOfUse: () => Promise<boolean>,
): Promise<void> {
  // Made by another task meanwhile, or known to be of no use.
  if ((await readMark(folder)) !== null) return;
  await withExchange(place, async (exchange) => {
    const isPacked = await pack(ports, place, exchange, packed);
    await store(ports, folder, isPacked && (await isOfUse()) ? exchange : null);
  });
  await evict(ports.setupFolder);
}

/** The archives themselves, in a folder of the task, right after they were kept or used. False if there are none. */
export async function linkSetup({ setupFolder }: Ports, key: string, into: string): Promise<boolean> {
  const folder = join(setupFolder, key);
  const mark = await readMark(folder);
  if (mark === null || mark.archives === null) return false;
  await linkParts(folder, into, '');
  return true;
}

/** The same of caches, under names that begin with the prefix. False if there are none, or none that are sound. */
export async function linkCaches({ setupFolder }: Ports, key: string, into: string, prefix: string): Promise<boolean> {
  const folder = join(setupFolder, `${CACHES}${key}`);
  if (!(await isSound(folder))) return false;
  await noteUse(folder);
  await linkParts(folder, into, prefix);
  return true;
}

async function linkParts(folder: string, into: string, prefix: string): Promise<void> {
  for (const part of PARTS) await linkOrCopy(join(folder, part), join(into, `${prefix}${part}`));
}

/** Under another name first: an entry is there whole or not at all. */
async function store({ setupFolder }: Ports, folder: string, exchange: string | null): Promise<void> {
  const making = join(setupFolder, `.new-${randomBytes(6).toString('hex')}`);
  await mkdir(making, { recursive: true });
  try {
    const archives = exchange === null ? null : await takeArchives(exchange, making);
    await writeFile(join(making, MARK), JSON.stringify({ archives } satisfies Mark));
    // Two tasks may have made the same: one of them is enough.
    await rename(making, folder).catch(unlessThere);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

function unlessThere(cause: unknown): void {
  const code = cause instanceof Error && 'code' in cause ? cause.code : '';
  if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw cause;
}

async function takeArchives(exchange: string, making: string): Promise<Mark['archives']> {
  const found = await Promise.all(PARTS.map((part) => lstat(join(exchange, part))));
  const bytes = found.reduce((sum, { size }) => sum + size, 0);
  if (!found.every((about) => about.isFile()) || bytes > ARCHIVES_BYTES_MAX) return null;
  for (const part of PARTS) await rename(join(exchange, part), join(making, part));
  const [tree, home] = await Promise.all(PARTS.map((part) => sha256Of(join(making, part))));
  return tree === undefined || home === undefined ? null : { 'tree.tar': tree, 'home.tar': home };
}

/** Whether there are archives that are as they were kept; damaged ones are removed. */
async function isSound(folder: string): Promise<boolean> {
  const mark = await readMark(folder);
  if (mark === null || mark.archives === null) return false;
  if (await isWhole(folder, mark.archives)) return true;
  await rm(folder, { recursive: true, force: true });
  return false;
}

/** What was used the longest time ago is given up first. */
const noteUse = (folder: string): Promise<void> => utimes(join(folder, MARK), new Date(), new Date());

async function isWhole(folder: string, archives: NonNullable<Mark['archives']>): Promise<boolean> {
  const sums = await Promise.all(PARTS.map((part) => sha256Of(join(folder, part)).catch(() => null)));
  return PARTS.every((part, index) => sums[index] === archives[part]);
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function readMark(folder: string): Promise<Mark | null> {
  const text = await readFile(join(folder, MARK), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as Mark;
  } catch {
    // Torn by a crash: it is made anew.
    await rm(folder, { recursive: true, force: true });
    return null;
  }
}

async function evict(setupFolder: string): Promise<void> {
  const found = await Promise.all((await readdir(setupFolder)).map((name) => sizeOf(join(setupFolder, name))));
  const entries = found.toSorted((a, b) => a.usedMs - b.usedMs);
  const caches = entries.filter(({ folder }) => basename(folder).startsWith(CACHES));
  const tooMany = new Set(caches.slice(0, -CACHES_MAX));
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  let count = entries.length;
  for (const entry of entries) {
    if (total <= TOTAL_BYTES_MAX && count <= ENTRIES_MAX && !tooMany.has(entry)) continue;
    const { folder, bytes } = entry;
    await rm(folder, { recursive: true, force: true });
    total -= bytes;
    count -= 1;
  }
}

/** What is being made, or was left by a maker that was killed, has no mark yet: its own time counts. */
async function sizeOf(folder: string) {
  const paths = [...PARTS, MARK].map((part) => join(folder, part));
  const [own, ...files] = await Promise.all([folder, ...paths].map((path) => lstat(path).catch(() => null)));
  const bytes = files.reduce((sum, about) => sum + (about?.size ?? 0), 0);
  return { folder, bytes, usedMs: files.at(-1)?.mtimeMs ?? own?.mtimeMs ?? 0 };
}
