/** `server.json` beside the database: which server holds it, and which processes use that server. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commandLine, isRunning, type ProcessIdentity } from './process-identity.js';
import { isObject } from '../../domain/plain-object.js';

export interface ServerUser extends ProcessIdentity {
  readonly id: string;
  /** It is there until somebody ends it, and works; absent of a command that leaves by itself. */
  readonly stays?: boolean;
}

export interface ServerRecord extends ProcessIdentity {
  readonly address: string;
  readonly uiUrl: string;
  readonly databaseFile: string;
  readonly namespace: string;
  /** ISO time. */
  readonly startedAt: string;
  readonly users: readonly ServerUser[];
}

/** The record if its process still runs and is a Temporal server on this database; null for none, or a damaged one. */
export async function readLiveRecord(folder: string): Promise<ServerRecord | null> {
  const record = await readRecord(folder);
  return record !== null && isServerOf(record) ? record : null;
}

/** Whole or not at all: a reader never sees half a record. */
export async function writeRecord(folder: string, record: ServerRecord): Promise<void> {
  const draft = path.join(folder, `server.json.${randomUUID()}`);
  await writeFile(draft, `${JSON.stringify(record, null, 2)}\n`);
  await rename(draft, recordFile(folder));
}

export const removeRecord = (folder: string): Promise<void> => rm(recordFile(folder), { force: true });

/** A killed process cannot sign off: users that no longer run do not count. */
export const liveUsers = (record: ServerRecord): readonly ServerUser[] => record.users.filter(isRunning);

/** The number alone is no proof: a later process may have got it. */
export function isServerOf(record: ServerRecord): boolean {
  if (!isRunning(record)) return false;
  const words = commandLine(record.pid);
  return words === null || (words.includes('start-dev') && words.includes(record.databaseFile));
}

const recordFile = (folder: string): string => path.join(folder, 'server.json');

async function readRecord(folder: string): Promise<ServerRecord | null> {
  let text: string;
  try {
    text = await readFile(recordFile(folder), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null; // not JSON: written by no version of weaver
  }
}

function isRecord(value: unknown): value is ServerRecord {
  const texts = ['began', 'address', 'uiUrl', 'databaseFile', 'namespace', 'startedAt'];
  return (
    isObject(value) &&
    isPid(value['pid']) &&
    texts.every((key) => typeof value[key] === 'string') &&
    isUsers(value['users'])
  );
}

const isUsers = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every((user) => isObject(user) && isPid(user['pid']) && typeof user['began'] === 'string');

/** Signals to 0 and below go to whole groups: never take such a number from a file. */
const isPid = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value > 1;
