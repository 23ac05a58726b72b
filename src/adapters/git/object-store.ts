/** Writing objects into a mirror. Done here and not by git: a process costs more than everything else about a small object. */
import { createHash, randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { lstat, mkdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, deflate } from 'node:zlib';
import { unlessGone } from './error-code.js';

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

/**
 * Writes loose objects; one that is there already is left as it is. Harmless twice, and from several processes.
 * They get their names in the order given and only after all of them are on the disk: an object never names one that is
 * missing, and a kill before the last name leaves garbage, not half a tree.
 */
export async function writeObjects(mirror: string, objects: readonly NewObject[]): Promise<void> {
  const drafts: Draft[] = [];
  try {
    for (let at = 0; at < objects.length; at += BATCH) {
      const written = await Promise.allSettled(
        objects.slice(at, at + BATCH).map((object) => writeDraft(mirror, object)),
      );
      for (const one of written) if (one.status === 'fulfilled' && one.value !== null) drafts.push(one.value);
      for (const one of written) if (one.status === 'rejected') throw one.reason;
    }
    // In one breath: renaming takes microseconds, a trip through the thread pool takes more.
    for (const { draft, file } of drafts) renameSync(draft, file);
  } catch (cause) {
    await Promise.all(drafts.map(({ draft }) => unlink(draft).catch(unlessGone)));
    throw cause;
  }
}

interface Draft {
  readonly draft: string;
  readonly file: string;
}

/** Null if the mirror has the object. */
async function writeDraft(mirror: string, { id, type, bytes }: NewObject): Promise<Draft | null> {
  const folder = join(mirror, 'objects', id.slice(0, 2));
  const file = join(folder, id.slice(2));
  const packed = await promisify(deflate)(Buffer.concat([headerOf(type, bytes), bytes]), {
    level: constants.Z_BEST_SPEED,
  });
  // Of another size = written by git itself, or cut short by a full disk: putting ours in its place is right for both.
  if ((await lstat(file).catch(unlessGone))?.size === packed.length) return null;
  // `tmp_obj_` is git's own word for it: its clean-up removes what a kill leaves here.
  const draft = join(folder, `tmp_obj_${randomBytes(6).toString('hex')}`);
  await mkdir(folder, { recursive: true });
  try {
    await writeFile(draft, packed, { mode: 0o444, flag: 'wx' });
  } catch (cause) {
    await unlink(draft).catch(unlessGone);
    throw cause;
  }
  return { draft, file };
}

const headerOf = (type: ObjectType, bytes: Buffer): Buffer => Buffer.from(`${type} ${bytes.length}\0`, 'latin1');
