/** Copies events to a JSON-lines file of the user's choice, for a log collector. */
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StoredEvent } from '../../ports.js';
import { errorCode, unlessGone } from '../git/error-code.js';
import type { Receipt, Sink } from './sender.js';

/** Then it is moved aside, to `.1`; what is there goes to `.2`, and so on. */
const FILE_BYTES_MAX = 100_000_000;
const FILES_KEPT = 5;
const BATCH = 200;

export function createEventFile(path: string): Sink {
  return { kind: 'file', target: path, identity: path, batch: BATCH, deliver: (events) => append(path, events) };
}

async function append(path: string, events: readonly StoredEvent[]): Promise<Receipt> {
  try {
    await makeRoom(path);
    const handle = await open(path, 'a', 0o600);
    try {
      await handle.appendFile(events.map(({ line }) => `${line}\n`).join(''));
      await handle.datasync();
    } finally {
      await handle.close();
    }
    return { kind: 'taken' };
  } catch (thrown) {
    return { kind: 'unavailable', says: errorCode(thrown) ?? 'the file cannot be written' };
  }
}

async function makeRoom(path: string): Promise<void> {
  const about = await stat(path).catch(unlessGone);
  if (about === undefined) await mkdir(dirname(path), { recursive: true });
  if ((about?.size ?? 0) < FILE_BYTES_MAX) return;
  for (let at = FILES_KEPT - 1; at >= 1; at -= 1) await rename(`${path}.${at}`, `${path}.${at + 1}`).catch(unlessGone);
  await rename(path, `${path}.1`).catch(unlessGone);
}
