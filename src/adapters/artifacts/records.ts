/**
 * Records as files: an entry is `<home>/records/<task>/<sequence>.json`, a remembered value
 * `<home>/memory/<first part of its name>/<sha256 of its name>.json`.
 */
import { createHash } from 'node:crypto';
import { readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PortFault, type Records } from '../../ports.js';
import { unlessGone } from '../git/error-code.js';
import { namesIn, orDiskFault, writeWhole } from './durable-file.js';

export interface RecordsOptions {
  readonly home: string;
  /** Takes secrets out of JSON text; must leave it JSON. */
  readonly redact: (text: string) => string;
}

/** Records that can also say which tasks they know, for a command line without a server. */
export interface LocalRecords extends Records {
  /** What is remembered under `task/...`, the latest first, at most 1,000. */
  listTasks(): Promise<readonly unknown[]>;
  /** Every entry of every task, at most 200,000. */
  walk(): AsyncGenerator<unknown, void>;
}

/** Entries hold references, not content; one this large is a mistake. */
const ENTRY_BYTES_MAX = 1_000_000;
/** File systems take 255 bytes. */
const FOLDER_CHARACTERS_MAX = 200;
/** Attempts and decisions of one task: hundreds at most. */
const ENTRIES_MAX = 100_000;
const TASKS_LISTED_MAX = 1_000;
/** Some twenty thousand tasks; a minute of reading. */
const WALKED_MAX = 200_000;
/** Remembered values of one kind: a small file each. When there are more, the oldest go, down to the second number. */
const REMEMBERED_MAX = 5_000;
const REMEMBERED_KEPT = 4_000;
/** How often that is looked at. */
const PRUNE_EVERY = 500;

export function createRecords({ home, redact }: RecordsOptions): LocalRecords {
  const root = join(home, 'records');
  const memory = join(home, 'memory');
  const written = new Map<string, number>();
  return {
    append: (taskId, sequence, record) =>
      orDiskFault('A record could not be written', async () => {
        const file = join(root, folderName(taskId), nameOf(sequence));
        // An empty one is what a power cut left of it.
        if (((await stat(file).catch(unlessGone))?.size ?? 0) > 0) return;
        await writeWhole(file, textOf(record, redact), { durable: true });
      }),
    read: (taskId) => orDiskFault('The records could not be read', () => readAll(join(root, folderName(taskId)))),
    remember: (name, value) =>
      orDiskFault('A value could not be kept', async () => {
        const folder = join(memory, kindOf(name));
        await writeWhole(join(folder, hashed(name)), textOf({ name, value }, redact), { durable: false });
        await pruneNowAndThen(written, folder);
      }),
    recall: (name) =>
      orDiskFault('A value could not be read', async () =>
        valueOf(await readJson(join(memory, kindOf(name), hashed(name)))),
      ),
    listTasks: () => orDiskFault('The tasks could not be read', () => readLatest(join(memory, 'task'))),
    walk: () => walk(root),
  };
}

/** One folder name for one task id, whatever it contains, also where file names know no capitals; long ones end in a hash. */
function folderName(taskId: string): string {
  const safe = taskId.replace(/[^a-z0-9_-]/gu, (sign) => `%${Buffer.from(sign, 'utf8').toString('hex')}`);
  return safe !== '' && safe.length <= FOLDER_CHARACTERS_MAX ? safe : `${safe.slice(0, 100)}~${sha256(taskId)}`;
}

function nameOf(sequence: number): string {
  if (Number.isSafeInteger(sequence) && sequence >= 0) return `${String(sequence).padStart(8, '0')}.json`;
  throw new PortFault('infrastructure', `${sequence} is no sequence number of a record.`, false);
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hashed = (name: string): string => `${sha256(name)}.json`;
/** `task` of `task/<id>`: values of a kind are counted and listed together. */
const kindOf = (name: string): string => /^([a-z]{1,20})\//.exec(name)?.[1] ?? 'other';

function textOf(value: unknown, redact: (text: string) => string): string {
  // `undefined` has no JSON of its own.
  const text = redact(JSON.stringify(value ?? null));
  if (Buffer.byteLength(text) <= ENTRY_BYTES_MAX) return text;
  throw new PortFault('infrastructure', `A record of ${text.length} characters is over the limit.`, false);
}

async function readAll(folder: string): Promise<readonly unknown[]> {
  const names = (await namesIn(folder)).filter((name) => /^\d{8,}\.json$/.test(name));
  const ordered = names.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).slice(0, ENTRIES_MAX);
  const records: unknown[] = [];
  for (const name of ordered) {
    const record = await readJson(join(folder, name));
    if (record !== undefined) records.push(record);
  }
  return records;
}

async function* walk(root: string): AsyncGenerator<unknown, void> {
  let walked = 0;
  for (const folder of await namesIn(root)) {
    for (const name of await namesIn(join(root, folder))) {
      if ((walked += 1) > WALKED_MAX) return;
      yield await readJson(join(root, folder, name));
    }
  }
}

/** Undefined if it is not there or is no JSON: a power cut can leave an empty file. */
async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch(unlessGone);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const valueOf = (stored: unknown): unknown =>
  typeof stored === 'object' && stored !== null && 'value' in stored ? stored.value : undefined;

async function readLatest(folder: string): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  for (const file of (await byAge(folder)).slice(0, TASKS_LISTED_MAX)) {
    const value = valueOf(await readJson(file));
    if (value !== undefined) values.push(value);
  }
  return values;
}

/** Files of a folder, the youngest first. */
async function byAge(folder: string): Promise<readonly string[]> {
  const files = (await namesIn(folder)).filter((name) => name.endsWith('.json')).map((name) => join(folder, name));
  const aged = await Promise.all(
    files.map(async (file) => ({ file, at: (await stat(file).catch(unlessGone))?.mtimeMs ?? 0 })),
  );
  return aged.toSorted((a, b) => b.at - a.at).map(({ file }) => file);
}

async function pruneNowAndThen(written: Map<string, number>, folder: string): Promise<void> {
  const count = written.get(folder) ?? 0;
  written.set(folder, count + 1);
  if (count % PRUNE_EVERY !== 0 || (await namesIn(folder)).length <= REMEMBERED_MAX) return;
  const old = (await byAge(folder)).slice(REMEMBERED_KEPT);
  await Promise.all(old.map((file) => unlink(file).catch(unlessGone)));
}
