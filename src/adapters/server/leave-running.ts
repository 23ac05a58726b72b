/** A process that stays with the server of a folder when everybody else has left it: at most one is started at a time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { liveUsers, readLiveRecord } from './server-record.js';
import { withStartLock } from './start-lock.js';

export interface Staying {
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
}

/** `joined` is false if it has ended before it joined; its log says why. */
export interface LeftRunning {
  readonly pid: number;
  readonly joined: boolean;
}

const JOIN_POLL_MS = 25;
/** Shorter than others wait for the lock, and far longer than loading takes. */
const JOIN_MS_MAX = 30_000;

/** Null if somebody stays already. Resolves when the process has joined the server: whoever started it may leave then. */
export async function leaveRunning(folder: string, staying: Staying): Promise<LeftRunning | null> {
  return await withStartLock(path.join(folder, 'up.lock'), async () =>
    (await stayingUsers(folder)).length > 0 ? null : await start(folder, staying),
  );
}

async function stayingUsers(folder: string): Promise<readonly number[]> {
  const record = await readLiveRecord(folder);
  return record === null ? [] : liveUsers(record).flatMap(({ pid, stays = false }) => (stays ? [pid] : []));
}

/** In a session of its own, so that a terminal that closes does not end it; folder and environment are those of this process. */
async function start(folder: string, { command, args, logFile }: Staying): Promise<LeftRunning> {
  mkdirSync(path.dirname(logFile), { recursive: true, mode: 0o700 });
  // One earlier log is enough to see how the one before has ended.
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.old`);
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((settle) => child.once('exit', () => settle()).once('error', () => settle()));
  await Promise.race([once(child, 'spawn'), ended]);
  child.unref();
  const { pid } = child;
  if (pid === undefined) return { pid: 0, joined: false }; // the program cannot be run
  const deadline = performance.now() + JOIN_MS_MAX;
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    if ((await stayingUsers(folder)).includes(pid)) return { pid, joined: true };
    await pause(JOIN_POLL_MS);
  }
  return { pid, joined: false };
}
