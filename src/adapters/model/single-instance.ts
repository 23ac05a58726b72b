/**
 * At most one request process in a folder, also when two workers start one at once, when a process was killed and when its
 * process id was given to another since.
 *
 * A holder is a file `requests.lock.<n>`; the highest n counts. A dead holder's n is succeeded by creating n+1, which only
 * one process can do. The highest file is never removed, so no n is given twice; lower ones are cleared away.
 */
import { execFile } from 'node:child_process';
import { link, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Hold {
  /** False if the lock was taken from under us, by removing the folder. */
  isHeld(): Promise<boolean>;
}

interface Holder {
  readonly pid: number;
  /** Tells this process from a later one with the same id. */
  readonly identity: string;
}

const PREFIX = 'requests.lock.';
/** Each further try means that another process won in between. */
const TRIES_MAX = 20;

/** Process id of the living holder of the folder, if there is one. */
export async function holderOf(folder: string): Promise<number | null> {
  const highest = await highestIn(folder);
  return highest === 0 ? null : await livingIn(join(folder, `${PREFIX}${highest}`));
}

/** The hold on `folder`, or null while another living process has it. */
export async function takeHold(folder: string): Promise<Hold | null> {
  const mine = `${PREFIX}new.${process.pid}`;
  const self: Holder = { pid: process.pid, identity: (await identityOf(process.pid)) ?? '' };
  await writeFile(join(folder, mine), JSON.stringify(self), { mode: 0o600 });
  try {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const highest = await highestIn(folder);
      if (highest > 0 && (await livingIn(join(folder, `${PREFIX}${highest}`))) !== null) return null;
      const number = highest + 1;
      // A link appears whole or not at all, and for one process only.
      if (!(await linked(join(folder, mine), join(folder, `${PREFIX}${number}`)))) continue;
      if ((await highestIn(folder)) !== number) {
        await rm(join(folder, `${PREFIX}${number}`), { force: true }); // succeeded and cleared away while we looked
        continue;
      }
      await clearBelow(folder, number);
      return { isHeld: () => exists(join(folder, `${PREFIX}${number}`)) };
    }
    return null;
  } finally {
    await rm(join(folder, mine), { force: true });
  }
}

const highestIn = async (folder: string): Promise<number> => Math.max(0, ...(await numbersIn(folder)));

async function numbersIn(folder: string): Promise<readonly number[]> {
  const ends = (await readdir(folder))
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => name.slice(PREFIX.length));
  return ends.filter((end) => /^\d{1,12}$/.test(end)).map(Number);
}

async function clearBelow(folder: string, number: number): Promise<void> {
  for (const lower of await numbersIn(folder)) {
    if (lower < number) await rm(join(folder, `${PREFIX}${lower}`), { force: true });
  }
}

/** Process id of the holder that the file names, if that one still runs. */
async function livingIn(file: string): Promise<number | null> {
  const holder = await readHolder(file);
  return holder !== null && (await identityOf(holder.pid)) === holder.identity ? holder.pid : null;
}

async function readHolder(file: string): Promise<Holder | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('identity' in value)) return null;
    const { pid, identity } = value;
    return typeof pid === 'number' && typeof identity === 'string' ? { pid, identity } : null;
  } catch {
    return null; // gone or unreadable (a host that died while writing): nobody lives who could say it is his
  }
}

/** What only this run of this process has: when it was started. Null if no such process runs (a zombie does not). */
async function identityOf(pid: number): Promise<string | null> {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

async function linuxIdentity(pid: number): Promise<string | null> {
  try {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)?.split(' ') ?? [];
    const [state, startTime] = [fields[0], fields[19]];
    if (startTime === undefined || state === 'Z' || state === 'X') return null;
    return `${(await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()}:${startTime}`;
  } catch {
    return null; // no such process
  }
}

async function psIdentity(pid: number): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], {
      env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' },
    });
    return stdout.trim() === '' ? null : stdout.trim();
  } catch {
    return null; // ps fails for an id that no process has
  }
}

/** False if the name is taken: of several processes that try it at once one has it. */
export async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
}
