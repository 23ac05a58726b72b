/**
 * The call ledger: `<home>/ledger/<lineage>/<callId>.jsonl`, one append-only file a call. Only the request process
 * writes; workers read. A row counts once its line ends, so a crash in the middle of a write leaves a torn last
 * line that readers pass over and the next writer cuts off.
 */
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PortFault } from '../../ports.js';
import { parseRow, withoutSecrets, type LedgerRow } from './ledger-rows.js';

/** Only the user that runs weaver reads prompts' answers. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** Calls looked at by one listing: 200 tasks of 250 turns would be far more than one task ever makes. */
const CALLS_LISTED_MAX = 10_000;

export interface Ledger {
  /** Rows of the call in order; empty if there is none. */
  read(lineage: string, callId: string): Promise<readonly LedgerRow[]>;
  /** As `read`, and cuts a torn last line off. Only for the one process that writes. */
  recover(lineage: string, callId: string): Promise<readonly LedgerRow[]>;
  /** Resolves, with the row as it was kept, when it is on the disk. A row that could not be written whole leaves no trace. */
  append<T extends LedgerRow>(lineage: string, callId: string, row: T): Promise<T>;
  /** Every call of the lineage with its rows, unordered. */
  list(lineage: string): Promise<readonly (readonly [callId: string, rows: readonly LedgerRow[]])[]>;
}

/** @param redact takes known secret values out of the texts that are kept */
export function createLedger(home: string, redact: (text: string) => string): Ledger {
  const folderOf = (lineage: string): string => join(home, 'ledger', checkedLineage(lineage));
  const fileOf = (lineage: string, callId: string): string => join(folderOf(lineage), `${checkedCallId(callId)}.jsonl`);
  return {
    read: (lineage, callId) => orFault(async () => (await readRows(fileOf(lineage, callId))).rows),
    recover: (lineage, callId) => orFault(() => recover(fileOf(lineage, callId))),
    append: (lineage, callId, row) =>
      orFault(async () => {
        const kept = clean(row, redact);
        await appendLine(fileOf(lineage, callId), kept, true);
        return kept;
      }),
    list: (lineage) => orFault(() => list(folderOf(lineage))),
  };
}

async function orFault<T>(use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    throw ledgerFault(error);
  }
}

/** What a failed file operation of the ledger is to the caller. */
export function ledgerFault(error: unknown): PortFault {
  if (error instanceof PortFault) return error;
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new PortFault('diskFull', 'The call ledger cannot be written: the disk is full.', true, { cause: error });
  return new PortFault('infrastructure', `The call ledger cannot be used: ${code ?? String(error)}.`, true, {
    cause: error,
  });
}

const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

function checkedLineage(lineage: string): string {
  // `.` and `..` are in the alphabet and would lead out of the ledger.
  if (/^[A-Za-z0-9._~-]{1,200}$/.test(lineage) && !/^\.+$/.test(lineage)) return lineage;
  throw new PortFault('infrastructure', 'The name of the task cannot be a folder name of the call ledger.', false);
}

function checkedCallId(callId: string): string {
  if (/^[0-9a-fA-F]{8,128}$/.test(callId)) return callId;
  throw new PortFault('infrastructure', 'The call id is not 8 to 128 hexadecimal digits.', false);
}

/** Texts lose known secrets before they become JSON, whose escapes could hide them. */
function clean<T extends LedgerRow>(row: T, redact: (text: string) => string): T {
  if (row.kind === 'answered') return { ...row, ...withoutSecrets(row, redact), model: redact(row.model) };
  return row.kind === 'failed' ? { ...row, says: redact(row.says) } : row;
}

interface ReadRows {
  readonly rows: readonly LedgerRow[];
  /** Bytes up to the end of the last whole line; null if nothing follows it. */
  readonly tornAfterBytes: number | null;
}

async function readRows(file: string): Promise<ReadRows> {
  const bytes = await orIfMissing(readFile(file), Buffer.alloc(0));
  const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
  const lines = bytes.subarray(0, wholeBytes).toString('utf8').split('\n').slice(0, -1);
  const rows = lines.map((line, index) => {
    const row = parseRow(line);
    if (row === null)
      throw new PortFault('infrastructure', `Line ${index + 1} of a ledger file is damaged: ${file}`, false);
    return row;
  });
  return { rows, tornAfterBytes: wholeBytes < bytes.length ? wholeBytes : null };
}

async function list(folder: string): Promise<readonly (readonly [string, readonly LedgerRow[]])[]> {
  const names = (await orIfMissing(readdir(folder), [])).filter((name) => name.endsWith('.jsonl'));
  const calls: (readonly [string, readonly LedgerRow[]])[] = [];
  for (const name of names.slice(0, CALLS_LISTED_MAX)) {
    calls.push([name.slice(0, -'.jsonl'.length), (await readRows(join(folder, name))).rows]);
  }
  return calls;
}

async function recover(file: string): Promise<readonly LedgerRow[]> {
  const { rows, tornAfterBytes } = await readRows(file);
  if (tornAfterBytes !== null) {
    await withFile(file, constants.O_WRONLY, async (handle) => {
      await handle.truncate(tornAfterBytes);
      await handle.sync();
    });
  }
  return rows;
}

/** Adds a line of JSON, whole or not at all. `durable`: it survives a power cut, else only the end of the process. */
async function appendLine(file: string, value: unknown, durable: boolean): Promise<void> {
  const line = Buffer.from(`${JSON.stringify(value)}\n`, 'utf8');
  await makeFolder(dirname(file));
  await withFile(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, async (handle) => {
    const { size } = await handle.stat();
    try {
      await writeWhole(handle, line);
      if (durable) await handle.sync();
    } catch (error) {
      await handle.truncate(size); // a full disk takes half a line; without it the next row would stand on the same line
      throw error;
    }
    if (durable && size === 0) await syncFolder(dirname(file));
  });
}

async function writeWhole(handle: FileHandle, line: Buffer): Promise<void> {
  let written = 0;
  while (written < line.length) written += (await handle.write(line, written)).bytesWritten;
}

async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  // A new name is safe on the disk only when the folder that holds it is.
  if (made !== undefined)
    for (let at = folder; at.length >= made.length; at = dirname(at)) await syncFolder(dirname(at));
}

async function syncFolder(folder: string): Promise<void> {
  await withFile(folder, constants.O_RDONLY, (handle) => handle.sync());
}

async function withFile<T>(file: string, flags: number, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(file, flags | constants.O_NOFOLLOW, FILE_MODE);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function orIfMissing<T>(reading: Promise<T>, missing: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return missing;
    throw error;
  }
}
