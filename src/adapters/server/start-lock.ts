/** One start or stop of a database's server at a time, over all processes of the host. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { PortFault } from '../../ports.js';
import { identify, isRunning } from './process-identity.js';

/** Longer than the slowest start and the slowest stop that a holder may be busy with. */
const WAIT_MS = 40_000;
const POLL_MS = 25;

/** Runs `work` while holding the lock file. A lock whose holder has died is taken over. */
export async function withStartLock<Result>(lockFile: string, work: () => Promise<Result>): Promise<Result> {
  const { pid, began } = identify(process.pid);
  const content = `${pid} ${began || '-'} ${randomBytes(8).toString('hex')}`;
  const deadline = performance.now() + WAIT_MS;
  while (!(await make(lockFile, content))) {
    if (await removeIfStale(lockFile)) continue;
    if (performance.now() > deadline) {
      throw new PortFault(
        'temporalUnreachable',
        `Another process has held ${lockFile} for ${WAIT_MS / 1_000} s.`,
        true,
      );
    }
    await pause(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(lockFile, { force: true });
  }
}

/** By a link, which fails if the name is taken, so that a lock is never seen without its content. */
async function make(file: string, content: string): Promise<boolean> {
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  await writeFile(draft, content);
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Only who makes the claim that is named after this very lock may remove it: nobody removes the lock of a successor. */
async function removeIfStale(lockFile: string): Promise<boolean> {
  const seen = await read(lockFile);
  if (seen === null) return true;
  const [pid = '', began = '', nonce = ''] = seen.split(' ');
  if (isRunning({ pid: Number(pid), began: began === '-' ? '' : began })) return false;
  const claim = `${lockFile}.${nonce}`;
  if (!(await make(claim, String(process.pid)))) return false;
  if ((await read(lockFile)) === seen) await rm(lockFile, { force: true });
  await rm(claim, { force: true });
  return true;
}

async function read(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
