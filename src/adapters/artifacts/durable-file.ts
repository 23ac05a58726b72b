/** Files that appear whole or not at all. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PortFault } from '../../ports.js';
import { errorCode, unlessGone } from '../git/error-code.js';

export interface WriteOptions {
  /** Survives a power cut when the promise resolves. Off for caches: those survive the end of the process only. */
  readonly durable: boolean;
}

/** A draft that its writer has not finished by then never will be: a killed worker left it. */
const DRAFT_AGE_MS = 60 * 60_000;
const DRAFT = /\.[0-9a-f]{16}\.draft$/;

/** Writes a file readable by this user only; another of that name is replaced. Its folder is made where it is missing. */
export async function writeWhole(file: string, bytes: Buffer | string, options: WriteOptions): Promise<void> {
  const draft = `${file}.${randomBytes(8).toString('hex')}.draft`;
  try {
    await writeDraft(draft, bytes, options);
    await rename(draft, file);
  } catch (cause) {
    // What is left of it would take the room that is missing.
    await unlink(draft).catch(() => undefined);
    throw cause;
  }
  if (options.durable) await syncFolder(dirname(file));
}

async function writeDraft(draft: string, bytes: Buffer | string, { durable }: WriteOptions): Promise<void> {
  const handle = await open(draft, 'wx', 0o600).catch(async (cause: unknown) => {
    unlessGone(cause);
    await makeFolder(dirname(draft), durable);
    return open(draft, 'wx', 0o600);
  });
  try {
    await handle.writeFile(bytes);
    if (durable) await handle.sync();
  } finally {
    await handle.close();
  }
}

async function makeFolder(folder: string, durable: boolean): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined || !durable) return;
  // The names of the new folders are entries of their parents.
  for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Names in a folder, without drafts; drafts that nobody writes any more are removed. A missing folder is empty. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder).catch(unlessGone)) ?? [];
  const drafts = names.filter((name) => DRAFT.test(name));
  await Promise.all(drafts.map((name) => removeIfOld(join(folder, name))));
  return drafts.length === 0 ? names : names.filter((name) => !DRAFT.test(name));
}

async function removeIfOld(draft: string): Promise<void> {
  const about = await stat(draft).catch(unlessGone);
  if (about !== undefined && Date.now() - about.mtimeMs > DRAFT_AGE_MS) await unlink(draft).catch(unlessGone);
}

/** Runs something that uses the disk; what it throws becomes a fault of the ports. `what` is for the message. */
export async function orDiskFault<T>(what: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    if (cause instanceof PortFault) throw cause;
    const code = errorCode(cause) ?? 'unknown error';
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new PortFault(full ? 'diskFull' : 'infrastructure', `${what}: ${code}.`, true, { cause });
  }
}
