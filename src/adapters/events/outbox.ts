/**
 * Writes events down before anybody is told of them: `<home>/events/<first number>.jsonl`, synced. Numbers run without gaps
 * over all processes of the home, so one process writes at a time.
 */
import { open, mkdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cloudEvent, type WeaverEvent } from '../../domain/events.js';
import type { Events } from '../../ports.js';
import { syncFolder } from '../artifacts/durable-file.js';
import { errorCode, unlessGone } from '../git/error-code.js';
import { createFolderLocks } from '../git/folder-lock.js';
import { eventsFolder, linesFrom, parseStored, segmentFile, segmentsIn } from './event-log.js';

export interface OutboxOptions {
  readonly home: string;
  /** The `source` of the events: `weaver/<host>`. */
  readonly source: string;
  /** Takes secrets out of JSON text; must leave it JSON. */
  readonly redact: (text: string) => string;
  /** Events older than this are removed, however few there are. */
  readonly keepDays: number;
  /** The disk takes nothing, or takes it again. */
  readonly onWarning: (says: string) => void;
}

/** A file is read whole to find its end; a few thousand events. */
const SEGMENT_BYTES_MAX = 4_000_000;
/** 64 MB of events: weeks of a busy host. */
const SEGMENTS_KEPT = 16;
/** While the disk takes nothing: as many as two jobs of a thousand tasks tell. */
const WAITING_MAX = 10_000;
/** Ids written lately: the steps that run twice run twice soon. */
const RECENT_MAX = 10_000;
/** One write; a step that is done again brings a handful. */
const BATCH_MAX = 500;
/** A disk that was full is looked at again. */
const RETRY_MS = 2_000;
/** A writer holds the lock for milliseconds; nobody's work waits longer than this. */
const LOCK_WAIT_MS = 2_000;
const DAY_MS = 24 * 60 * 60_000;

export interface Outbox extends Events {
  /** Writes what still waits, once; for the end of the process. */
  close(): Promise<void>;
}

export function createOutbox(options: OutboxOptions): Outbox {
  const writer = new Writer(options);
  return { emit: (events) => writer.emit(events), close: () => writer.close() };
}

/** Where the last file ends, if nobody else has written since. */
interface Tail {
  readonly first: number;
  readonly sizeBytes: number;
  readonly number: number;
}

class Writer {
  private readonly folder: string;
  private readonly locks = createFolderLocks(LOCK_WAIT_MS);
  private readonly recent = new Set<string>();
  private waiting: WeaverEvent[] = [];
  private writing: Promise<void> | null = null;
  private again: NodeJS.Timeout | null = null;
  private tail: Tail | null = null;
  private failing = false;
  private pruned = false;

  constructor(private readonly options: OutboxOptions) {
    this.folder = eventsFolder(options.home);
  }

  async emit(events: readonly WeaverEvent[]): Promise<void> {
    const fresh = events.filter(({ id }) => !this.recent.has(id));
    if (fresh.length === 0) return await (this.writing ?? undefined);
    for (const { id } of fresh) this.remember(id);
    this.waiting.push(...fresh);
    this.dropOldest();
    // The clock tries again: the work does not wait for a disk that takes nothing.
    if (this.failing) return;
    // A write under way may have begun without these.
    await this.writing;
    await this.write();
  }

  async close(): Promise<void> {
    if (this.again !== null) clearTimeout(this.again);
    await this.write();
    if (this.again !== null) clearTimeout(this.again);
  }

  private remember(id: string): void {
    this.recent.add(id);
    for (const oldest of this.recent) {
      if (this.recent.size <= RECENT_MAX) break;
      this.recent.delete(oldest);
    }
  }

  private dropOldest(): void {
    const over = this.waiting.length - WAITING_MAX;
    if (over <= 0) return;
    this.waiting.splice(0, over);
    this.options.onWarning(`${over} events are lost: they cannot be written, and more than ${WAITING_MAX} wait.`);
  }

  /** Whoever comes while a write is under way waits for the one after it, together with all others. */
  private write(): Promise<void> {
    this.writing ??= this.writeAll().finally(() => (this.writing = null));
    return this.writing;
  }

  private async writeAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, BATCH_MAX);
      try {
        await this.append(batch);
      } catch (thrown) {
        this.tail = null;
        this.fail(thrown);
        return;
      }
      this.waiting = this.waiting.slice(batch.length);
      if (this.failing) this.options.onWarning('Events are written again.');
      this.failing = false;
    }
  }

  private fail(thrown: unknown): void {
    if (!this.failing) {
      const why = errorCode(thrown) ?? (thrown instanceof Error ? thrown.message : String(thrown));
      this.options.onWarning(`Events cannot be written and wait in memory: ${why}.`);
    }
    this.failing = true;
    this.again = setTimeout(() => void this.write(), RETRY_MS);
    this.again.unref();
  }

  private async append(batch: readonly WeaverEvent[]): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await this.locks.hold(join(this.folder, 'write.lock'), undefined, async () => {
      const tail = await this.findTail();
      const lines = batch.map((event, at) => this.lineOf(event, tail.number + 1 + at));
      const bytes = Buffer.from(lines.join(''), 'utf8');
      await appendSynced(segmentFile(this.folder, tail.first), bytes, tail.sizeBytes);
      this.tail = { ...tail, sizeBytes: tail.sizeBytes + bytes.length, number: tail.number + batch.length };
    });
  }

  private lineOf(event: WeaverEvent, number: number): string {
    return `${this.options.redact(JSON.stringify(cloudEvent(event, this.options.source, number)))}\n`;
  }

  private async findTail(): Promise<Tail> {
    const found = (await this.unchangedTail()) ?? (await readTail(this.folder));
    const full = found.sizeBytes >= SEGMENT_BYTES_MAX;
    if (full || !this.pruned) await prune(this.folder, this.options.keepDays);
    this.pruned = true;
    if (!full) return found;
    return { first: found.number + 1, sizeBytes: 0, number: found.number };
  }

  /** Null if another process has written, or the files were taken away. */
  private async unchangedTail(): Promise<Tail | null> {
    const { tail } = this;
    if (tail === null) return null;
    const next = await stat(segmentFile(this.folder, tail.number + 1)).catch(unlessGone);
    const about = await stat(segmentFile(this.folder, tail.first)).catch(unlessGone);
    return next === undefined && about?.size === tail.sizeBytes ? tail : null;
  }
}

async function readTail(folder: string): Promise<Tail> {
  const first = (await segmentsIn(folder)).at(-1);
  if (first === undefined) return { first: 1, sizeBytes: 0, number: 0 };
  const { lines, endBytes } = await linesFrom(segmentFile(folder, first), 0);
  const last = lines
    .toReversed()
    .map(parseStored)
    .find((stored) => stored !== null);
  return { first, sizeBytes: endBytes, number: last?.number ?? first - 1 };
}

/** Writes at the end of the last whole line: what a killed writer left behind it goes. */
async function appendSynced(file: string, bytes: Buffer, atBytes: number): Promise<void> {
  const before = await stat(file).catch(unlessGone);
  const handle = await open(file, before === undefined ? 'wx' : 'r+', 0o600);
  try {
    if ((before?.size ?? 0) > atBytes) await handle.truncate(atBytes);
    await handle.write(bytes, 0, bytes.length, atBytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (before === undefined) await syncFolder(join(file, '..'));
}

/** What is too much or too old; the newest file stays. */
async function prune(folder: string, keepDays: number): Promise<void> {
  const segments = (await segmentsIn(folder)).slice(0, -1);
  for (const [at, first] of segments.entries()) {
    const file = segmentFile(folder, first);
    const about = await stat(file).catch(unlessGone);
    const old = about !== undefined && Date.now() - about.mtimeMs > keepDays * DAY_MS;
    // One more file is about to begin.
    if (old || segments.length - at > SEGMENTS_KEPT - 2) await unlink(file).catch(unlessGone);
  }
}
