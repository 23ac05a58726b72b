/** Writing objects into a mirror. Done here and not by git: a process costs more than everything else about a small object. */
import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, deflate } from 'node:zlib';
import { errorCode } from './error-code.js';

export interface NewObject {
  readonly id: string;
  readonly type: ObjectType;
  readonly bytes: Buffer;
}

type ObjectType = 'blob' | 'tree' | 'commit';

/** Names an object by its content, as git does; `like` is any id of the same repository and tells which hash it uses. */
export function nameObject(type: ObjectType, bytes: Buffer, like: string): NewObject {
  const hash = createHash(like.length === 40 ? 'sha1' : 'sha256');
  return { id: hash.update(headerOf(type, bytes)).update(bytes).digest('hex'), type, bytes };
}

/** Files open at a time while a change is written. */
const BATCH = 16;

/** Writes loose objects in the order given, a batch at a time; one that is there already is left as it is. Harmless twice, and from several processes. */
export async function writeObjects(mirror: string, objects: readonly NewObject[]): Promise<void> {
  for (let at = 0; at < objects.length; at += BATCH) {
    await Promise.all(objects.slice(at, at + BATCH).map((object) => writeObject(mirror, object)));
  }
}

async function writeObject(mirror: string, { id, type, bytes }: NewObject): Promise<void> {
  const folder = join(mirror, 'objects', id.slice(0, 2));
  const file = join(folder, id.slice(2));
  const packed = await promisify(deflate)(Buffer.concat([headerOf(type, bytes), bytes]), {
    level: constants.Z_BEST_SPEED,
  });
  // Of another size = written by git itself, or cut short by a full disk: putting ours in its place is right for both.
  if ((await sizeOf(file)) === packed.length) return;
  // `tmp_obj_` is git's own word for it: its clean-up removes what a kill leaves here.
  const draft = join(folder, `tmp_obj_${randomBytes(6).toString('hex')}`);
  await mkdir(folder, { recursive: true });
  try {
    await writeFile(draft, packed, { mode: 0o444, flag: 'wx' });
    await rename(draft, file);
  } catch (cause) {
    await unlink(draft).catch(() => undefined);
    throw cause;
  }
}

const headerOf = (type: ObjectType, bytes: Buffer): Buffer => Buffer.from(`${type} ${bytes.length}\0`, 'latin1');

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await lstat(file)).size;
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return null;
    throw cause;
  }
}
