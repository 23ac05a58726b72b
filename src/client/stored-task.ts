/** What the store of this host knows of a task: for readers that find no worker or no server. */
import { isEntry, type Entry } from '../domain/entries.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { AttemptRecord } from '../domain/record.js';
import type { Records } from '../ports.js';
import type { TaskResult, TaskStatus } from '../workflows/messages.js';
import { isObject } from '../domain/plain-object.js';

export type StoredEntry = Entry;

export interface StoredTask {
  readonly status: TaskStatus;
  readonly result: TaskResult;
}

/** Null if nothing was written down here yet. */
export async function readStoredTask(records: Records, taskId: string): Promise<StoredTask | null> {
  const stored = await records.recall(`task/${taskId}`);
  return isStoredTask(stored) ? stored : null;
}

/** Every attempt and decision, in the order of their sequence numbers. */
export async function readEntries(records: Records, taskId: string): Promise<readonly StoredEntry[]> {
  const entries = (await records.read(taskId)).filter(isEntry);
  return entries.toSorted((a, b) => a.sequence - b.sequence);
}

export const attemptsOf = (entries: readonly StoredEntry[]): readonly AttemptRecord[] =>
  entries.filter((entry) => entry.kind === 'attempt');

/** The patch of the last attempt that made one. */
export function lastDiff(entries: readonly StoredEntry[]): ArtifactRef | null {
  const diffs = attemptsOf(entries).flatMap(({ artifacts }) => artifacts.filter(({ kind }) => kind === 'diff'));
  return diffs.at(-1) ?? null;
}

const isStoredTask = (value: unknown): value is StoredTask =>
  isObject(value) &&
  isObject(value['status']) &&
  typeof value['status']['state'] === 'string' &&
  isObject(value['result']);
