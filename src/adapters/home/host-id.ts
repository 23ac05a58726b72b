/** The name of a host, kept in its weaver home: a worker that is started again answers to it again. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, unlessGone } from '../git/error-code.js';
import { orDiskFault } from '../artifacts/durable-file.js';

/** Part of names of queues and schedules. */
const HOST_ID = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** The id in `<home>/host-id`; chosen at random the first time. A person may write another one there. */
export const readHostId = (home: string): Promise<string> =>
  orDiskFault('The name of the host could not be kept', async () => {
    const file = join(home, 'host-id');
    return (await idIn(file)) ?? (await choose(home, file));
  });

async function idIn(file: string): Promise<string | null> {
  const text = (await readFile(file, 'utf8').catch(unlessGone))?.trim();
  return text !== undefined && HOST_ID.test(text) ? text : null;
}

/** Of two processes that choose at the same time one is heard: the file appears whole, and only once. */
async function choose(home: string, file: string): Promise<string> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const id = randomBytes(4).toString('hex');
  const draft = `${file}.${id}`;
  await writeFile(draft, `${id}\n`, { mode: 0o600 });
  try {
    await link(draft, file);
    return id;
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause;
    const theirs = await idIn(file);
    if (theirs !== null) return theirs;
    // Empty after a power cut, or nonsense.
    await unlink(file);
    return await choose(home, file);
  } finally {
    await unlink(draft).catch(unlessGone);
  }
}
