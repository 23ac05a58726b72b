/**
 * One at a time: a chain of promises inside the process, a lock file between processes. The file names its owner and the git
 * that works for it, so a lock whose owner was killed is taken over, and what still runs on the owner's behalf is ended first.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { link, readFile, readdir, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PortFault } from '../../ports.js';
import { errorCode, unlessGone } from './error-code.js';
import { signalGroup } from './run-git.js';

export interface HeldLock {
  /** Its last owner was killed: whatever half-done work and git locks are found are nobody's. */
  readonly takenOver: boolean;
  /** Writes down the git that works under the lock. */
  readonly note: (pid: number) => void;
}

export interface FolderLocks {
  /** Runs `work` while holding the lock file. Rejects with `infrastructure` (retryable) if it cannot be had in time. */
  hold<T>(file: string, signal: AbortSignal | undefined, work: (lock: HeldLock) => Promise<T>): Promise<T>;
}

interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process began, in the kernel's words: a number that is used again is told from the owner's. */
  readonly began: string;
  readonly git?: { readonly pid: number; readonly began: string };
}

/** Another process looks every so often; short, since most holders need milliseconds. */
const POLL_MS = 20;

/** An owner on another host (a shared home) cannot be asked whether it lives; after this silence it is taken for dead. */
const FOREIGN_STALE_MS = 15 * 60_000;

/** For the kernel to remove a killed group. */
const KILL_WAIT_MS = 5_000;

/** `waitMs`: how long another owner is waited for; more than the longest piece of work under a lock. */
export function createFolderLocks(waitMs: number): FolderLocks {
  const tails = new Map<string, Promise<unknown>>();
  return {
    hold(file, signal, work) {
      const before = tails.get(file) ?? Promise.resolve();
      const mine = before.then(() => holdFile(file, waitMs, signal, work));
      const tail = mine.then(nothing, nothing);
      tails.set(file, tail);
      void tail.then(() => (tails.get(file) === tail ? tails.delete(file) : false));
      return signal === undefined ? mine : abortable(before, mine, signal);
    },
  };
}

const nothing = (): void => undefined;

/** Who waits in the line and is aborted need not wait on; work that has begun hears of the abort itself. */
async function abortable<T>(before: Promise<unknown>, mine: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const turn = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: turn.signal });
  });
  await Promise.race([before, aborted]).finally(() => turn.abort());
  return mine;
}

async function holdFile<T>(
  file: string,
  waitMs: number,
  signal: AbortSignal | undefined,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const self: Owner = { host: hostname(), pid: process.pid, began: beganAt(process.pid) };
  const takenOver = await acquire(file, self, Date.now() + waitMs, signal);
  await removeDrafts(file);
  try {
    return await work({
      takenOver,
      note: (pid) => replaceFile(file, { ...self, git: { pid, began: beganAt(pid) } }),
    });
  } finally {
    await unlink(file).catch(unlessGone);
  }
}

function replaceFile(file: string, owner: Owner): void {
  const draft = draftOf(file, owner);
  writeFileSync(draft, JSON.stringify(owner));
  renameSync(draft, file);
}

const draftOf = (file: string, owner: Owner): string => `${file}.${owner.pid}.${randomBytes(4).toString('hex')}`;

async function acquire(file: string, self: Owner, deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
  let takenOver = false;
  for (;;) {
    signal?.throwIfAborted();
    if (await create(file, self)) return takenOver;
    if (await breakIfStale(file)) takenOver = true;
    else if (Date.now() > deadline)
      throw new PortFault('infrastructure', 'Another process holds the lock of this repository for too long.', true);
    else await pause(POLL_MS);
  }
}

/** The file appears with its content, so that no other process ever reads half an owner. */
async function create(file: string, self: Owner): Promise<boolean> {
  const draft = draftOf(file, self);
  writeFileSync(draft, JSON.stringify(self));
  try {
    await link(draft, file);
    return true;
  } catch (cause) {
    // Gone: an owner on another host could not know that this process lives. It tries again.
    if (!['EEXIST', 'ENOENT'].includes(errorCode(cause) ?? '')) throw cause;
    return false;
  } finally {
    await unlink(draft).catch(unlessGone);
  }
}

/** What processes have left that were killed while they wrote their names. */
async function removeDrafts(file: string): Promise<void> {
  const start = `${basename(file)}.`;
  for (const name of await readdir(dirname(file))) {
    const pid = /^(\d+)\.[0-9a-f]{8}$/.exec(name.startsWith(start) ? name.slice(start.length) : '')?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await unlink(join(dirname(file), name)).catch(unlessGone);
  }
}

async function breakIfStale(file: string): Promise<boolean> {
  const seen = await readFile(file, 'utf8').catch(unlessGone);
  if (seen === undefined) return false;
  const owner = parseOwner(seen);
  if (!(await isStale(file, owner))) return false;
  if (owner?.git !== undefined && owner.host === hostname()) await endOrphan(owner.git);
  // Moved first and read again: of two processes that saw the same dead owner only one gets its file.
  const aside = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await rename(file, aside).catch(unlessGone);
  const moved = await readFile(aside, 'utf8').catch(unlessGone);
  if (moved === undefined) return false;
  if (moved !== seen) {
    await link(aside, file).catch(() => undefined);
    await unlink(aside);
    return false;
  }
  await unlink(aside);
  return true;
}

/** Whether somebody on another host holds the lock, who cannot be asked whether they live. */
export async function isHeldElsewhere(file: string): Promise<boolean> {
  const owner = parseOwner((await readFile(file, 'utf8').catch(unlessGone)) ?? '');
  return owner !== null && owner.host !== hostname();
}

async function isStale(file: string, owner: Owner | null): Promise<boolean> {
  if (owner !== null && owner.host === hostname()) return !isAlive(owner);
  const about = await stat(file).catch(unlessGone);
  return about !== undefined && Date.now() - about.mtimeMs > FOREIGN_STALE_MS;
}

/** The git of a dead owner would go on writing: it is ended before anybody else writes there. */
async function endOrphan(git: { readonly pid: number; readonly began: string }): Promise<void> {
  const deadline = Date.now() + KILL_WAIT_MS;
  while (isAlive(git)) {
    signalGroup(git.pid, 'SIGKILL');
    if (Date.now() > deadline) throw new PortFault('infrastructure', 'A git of a killed worker cannot be ended.', true);
    await pause(POLL_MS);
  }
}

/** Whether it is still the same process. */
const isAlive = ({ pid, began }: { readonly pid: number; readonly began: string }): boolean =>
  isRunning(pid) && beganAt(pid) === began;

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if (errorCode(cause) === 'ESRCH') return false;
  }
  return beganAt(pid) !== 'ended';
}

/** Start time of a process from Linux's /proc, `ended` for one that only waits to be buried; the same empty word elsewhere. */
function beganAt(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '');
  } catch {
    // No /proc on this system, or the process has just gone; `kill(pid, 0)` has the word then.
    return '';
  }
}

function parseOwner(text: string): Owner | null {
  try {
    const value: unknown = JSON.parse(text);
    return isOwner(value) ? value : null;
  } catch {
    return null;
  }
}

const isOwner = (value: unknown): value is Owner =>
  typeof value === 'object' &&
  value !== null &&
  'host' in value &&
  'pid' in value &&
  typeof value.pid === 'number' &&
  'began' in value;
