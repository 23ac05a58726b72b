/** One set-up at a time in a checkout: two `npm start` at once must not both delete node_modules. */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { say, SetupFault } from './progress.mjs';

/** As long as the slowest set-up may take: `npm ci` on a slow line, then the build. */
const WAIT_MS = 15 * 60_000;
const POLL_MS = 100;

/** Runs `work` while holding the lock file; a lock whose holder has died is taken over. */
export async function exclusively(lockFile, work) {
  mkdirSync(path.dirname(lockFile), { recursive: true });
  const mine = `${process.pid} ${startOf(process.pid)} ${randomBytes(8).toString('hex')}`;
  const deadline = performance.now() + WAIT_MS;
  let told = false;
  while (!tryLock(lockFile, mine)) {
    if (removeIfStale(lockFile)) continue;
    if (performance.now() > deadline) {
      throw new SetupFault(`another set-up has held ${lockFile} for ${WAIT_MS / 60_000} minutes.`, {
        next: 'End that process, or remove the file if there is none.',
      });
    }
    if (!told) say('another set-up is at work here, waiting for it');
    told = true;
    await pause(POLL_MS);
  }
  const release = () => rmSync(lockFile, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

/** By a link, so that the file is never seen without its content. */
function tryLock(lockFile, mine) {
  const draft = `${lockFile}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, mine);
  try {
    linkSync(draft, lockFile);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Only the process that makes the claim named after this very lock may remove it, so nobody removes a successor's. */
function removeIfStale(lockFile) {
  const seen = readIfThere(lockFile);
  if (seen === null) return true;
  const [pid, start, nonce] = seen.split(' ');
  if (isAlive(Number(pid)) && startOf(pid) === start) return false;
  const claim = `${lockFile}.${nonce}`;
  if (!tryLock(claim, String(process.pid))) return false;
  if (readIfThere(lockFile) === seen) rmSync(lockFile, { force: true });
  rmSync(claim, { force: true });
  return true;
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** When the process began, in the kernel's ticks: tells a process from a later one with the same number. Linux only. */
function startOf(pid) {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat === null ? '-' : stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
