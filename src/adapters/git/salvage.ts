/** Carrying whole objects from a broken mirror into its successor. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { errorCode } from './error-code.js';

/** Copies the loose objects whose content matches their name, and the packs that `isWholePack` says yes to. */
export async function salvageObjects(
  from: string,
  to: string,
  isWholePack: (index: string) => Promise<boolean>,
): Promise<void> {
  for (const folder of await namesIn(join(from, 'objects'))) {
    if (/^[0-9a-f]{2}$/.test(folder))
      await salvageLoose(join(from, 'objects', folder), join(to, 'objects', folder), folder);
  }
  const packs = join(from, 'objects', 'pack');
  for (const name of await namesIn(packs)) {
    if (!name.endsWith('.idx') || !(await isWholePack(join(packs, name)))) continue;
    const stem = name.slice(0, -'.idx'.length);
    // The index last: a pack without it is not seen.
    await copyFile(join(packs, `${stem}.pack`), join(to, 'objects', 'pack', `${stem}.pack`));
    await copyFile(join(packs, name), join(to, 'objects', 'pack', name));
  }
}

async function salvageLoose(from: string, to: string, folder: string): Promise<void> {
  for (const name of await namesIn(from)) {
    if (!/^(?:[0-9a-f]{38}|[0-9a-f]{62})$/.test(name)) continue;
    const file = join(from, name);
    if (!(await isWhole(file, folder + name))) continue;
    await mkdir(to, { recursive: true });
    await copyFile(file, join(to, name));
  }
}

/** An object larger than this was not written by weaver. */
const OBJECT_BYTES_MAX = 512 * 1024 * 1024;

async function isWhole(file: string, id: string): Promise<boolean> {
  try {
    const bytes = await promisify(inflate)(await readFile(file), { maxOutputLength: OBJECT_BYTES_MAX });
    return (
      createHash(id.length === 40 ? 'sha1' : 'sha256')
        .update(bytes)
        .digest('hex') === id
    );
  } catch {
    // Cut short, not zlib, or a folder of that name: not whole, which is the answer.
    return false;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return [];
    throw cause;
  }
}
