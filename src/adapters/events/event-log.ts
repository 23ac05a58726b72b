/**
 * Events as JSON lines below `<home>/events/`: a file is named for the number of its first event. This file reads them;
 * outbox.ts writes them. A line counts once it has ended, so what a killed writer left is passed over.
 */
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CloudEvent } from '../../domain/events.js';
import type { EventLog, StoredEvent } from '../../ports.js';
import { namesIn, orDiskFault } from '../artifacts/durable-file.js';
import { unlessGone } from '../git/error-code.js';

/** Where there is no watching (some network file systems), and for changes that fell between two looks. */
const POLL_MS = 1_000;

/** Where reading stands, so that following does not read what it has read before. */
interface Position {
  readonly first: number;
  readonly offsetBytes: number;
  readonly after: number;
}

export const eventsFolder = (home: string): string => join(home, 'events');

export function openEventLog(home: string): EventLog {
  const folder = eventsFolder(home);
  let position: Position | null = null;
  return {
    read: (after, eventsMax) =>
      orDiskFault('The events could not be read', async () => {
        const from = position?.after === after ? position : null;
        const read = await readAfter(folder, after, eventsMax, from);
        position = read.position;
        return read.events;
      }),
    last: () => orDiskFault('The events could not be read', () => lastNumber(folder)),
    changed: (signal) => untilChanged(folder, signal),
  };
}

/** Numbers of the first events of the files, ascending. */
export async function segmentsIn(folder: string): Promise<readonly number[]> {
  const names = (await namesIn(folder)).filter((name) => /^\d{12}\.jsonl$/.test(name));
  return names.map((name) => Number.parseInt(name, 10)).toSorted((a, b) => a - b);
}

export const segmentFile = (folder: string, first: number): string =>
  join(folder, `${String(first).padStart(12, '0')}.jsonl`);

/** Whole lines of a file from there on, and where they end. A file that is gone has none. */
export async function linesFrom(
  file: string,
  offsetBytes: number,
): Promise<{ readonly lines: readonly string[]; readonly endBytes: number; readonly sizeBytes: number }> {
  const handle = await open(file, 'r').catch(unlessGone);
  if (handle === undefined) return { lines: [], endBytes: offsetBytes, sizeBytes: 0 };
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.max(0, size - offsetBytes));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, offsetBytes);
    const wholeBytes = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
    const lines = buffer.subarray(0, wholeBytes).toString('utf8').split('\n').slice(0, -1);
    return { lines, endBytes: offsetBytes + wholeBytes, sizeBytes: size };
  } finally {
    await handle.close();
  }
}

/** Null for a line that is no event: a disk that lost power may hold one. */
export function parseStored(line: string): StoredEvent | null {
  try {
    const event: unknown = JSON.parse(line);
    if (!isCloudEvent(event)) return null;
    const number = Number(event.sequence);
    return Number.isSafeInteger(number) ? { number, event, line } : null;
  } catch {
    return null;
  }
}

async function readAfter(
  folder: string,
  after: number,
  eventsMax: number,
  from: Position | null,
): Promise<{ readonly events: readonly StoredEvent[]; readonly position: Position }> {
  const segments = await segmentsIn(folder);
  const start = from?.first ?? segments.findLast((first) => first <= after + 1) ?? segments[0] ?? 1;
  let position: Position = from ?? { first: start, offsetBytes: 0, after };
  const events: StoredEvent[] = [];
  for (const first of segments.filter((one) => one >= start)) {
    if (first !== position.first) position = { first, offsetBytes: 0, after: position.after };
    const { lines } = await linesFrom(segmentFile(folder, first), position.offsetBytes);
    for (const line of lines) {
      if (events.length >= eventsMax) return { events, position };
      const stored = parseStored(line);
      const isNew = stored !== null && stored.number > position.after;
      if (isNew) events.push(stored);
      position = {
        first,
        offsetBytes: position.offsetBytes + Buffer.byteLength(line) + 1,
        after: isNew ? stored.number : position.after,
      };
    }
  }
  return { events, position };
}

async function lastNumber(folder: string): Promise<number> {
  const first = (await segmentsIn(folder)).at(-1);
  if (first === undefined) return 0;
  const { lines } = await linesFrom(segmentFile(folder, first), 0);
  for (const line of lines.toReversed()) {
    const stored = parseStored(line);
    if (stored !== null) return stored.number;
  }
  return first - 1;
}

async function untilChanged(folder: string, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const seen = new Promise<void>((settle) => {
    try {
      const watcher = watch(folder, { persistent: false, signal: either }, () => settle());
      // No more watches to be had, or the folder went away: the clock goes on.
      watcher.on('error', () => undefined);
    } catch {
      // The folder is not there yet.
    }
  });
  const clock = pause(POLL_MS, undefined, { signal: either }).catch(() => undefined);
  await Promise.race([seen, clock]);
  over.abort();
}

const isCloudEvent = (value: unknown): value is CloudEvent =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  typeof value.id === 'string' &&
  'type' in value &&
  typeof value.type === 'string' &&
  'sequence' in value &&
  typeof value.sequence === 'string';
