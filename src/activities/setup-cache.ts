/**
 * What the set-up of a task has fetched, kept for the next task of the same repository with the same lock files on this host.
 * An archive is used only if it is whole and bears no name of a folder of the task that made it: a virtual environment of
 * Python, for one, works nowhere else. Losing it, or finding it damaged, costs a set-up.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ActivityPorts } from './activity-ports.js';
import { ARCHIVES_BYTES_MAX, isMovable, linkOrCopy, pack, PARTS, unpack, withExchange } from './archives.js';
import type { Place } from './logged-command.js';

type Ports = Pick<ActivityPorts, 'sandbox' | 'artifacts' | 'setupFolder'>;

/** On the disk of a host: some ten projects. The one that was not used for the longest time goes first. */
const TOTAL_BYTES_MAX = 10_000_000_000;
/** Most of them only say that there is nothing to keep. */
const ENTRIES_MAX = 500;

const MARK = 'mark.json';

interface Mark {
  /** SHA-256 of each archive; null where there is none, because it cannot be used elsewhere or is too large. */
  readonly archives: Readonly<Record<(typeof PARTS)[number], string>> | null;
}

/** Puts what was kept into the work tree and the home. False if there is nothing, or nothing sound. */
export async function restoreSetup(ports: Ports, key: string, place: Place): Promise<boolean> {
  const folder = join(ports.setupFolder, key);
  const mark = await readMark(folder);
  if (mark === null || mark.archives === null) return false;
  const archives = PARTS.map((part) => join(folder, part));
  if ((await isWhole(folder, mark.archives)) && (await unpack(ports, place, archives))) {
    await utimes(join(folder, MARK), new Date(), new Date());
    return true;
  }
  await rm(folder, { recursive: true, force: true });
  return false;
}

/** @param names what the set-up has left in the work tree, beside the files of the snapshot */
export async function keepSetup(ports: Ports, key: string, place: Place, names: readonly string[]): Promise<void> {
  const folder = join(ports.setupFolder, key);
  // Made by another task meanwhile, or known to be of no use.
  if ((await readMark(folder)) !== null) return;
  await withExchange(place, async (exchange) => {
    const isPacked = await pack(ports, place, exchange, { inTree: names, inHome: ['.'] });
    await store(ports, folder, isPacked && (await isMovable(ports, place)) ? exchange : null);
  });
  await evict(ports.setupFolder);
}

/** The archives themselves, in a folder of the task, right after they were kept or used. False if there are none. */
export async function linkSetup({ setupFolder }: Ports, key: string, into: string): Promise<boolean> {
  const folder = join(setupFolder, key);
  const mark = await readMark(folder);
  if (mark === null || mark.archives === null) return false;
  for (const part of PARTS) await linkOrCopy(join(folder, part), join(into, part));
  return true;
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
  const entries = await Promise.all((await readdir(setupFolder)).map((name) => sizeOf(join(setupFolder, name))));
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  let count = entries.length;
  for (const { folder, bytes } of entries.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (total <= TOTAL_BYTES_MAX && count <= ENTRIES_MAX) return;
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
