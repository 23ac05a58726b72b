/** Removing what a check left behind, however it was left. */
import { chmod, lstat, readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { errorCode } from './error-code.js';

/** Removes a file, link or folder with all below it, read-only folders too (Go's module cache). Never follows a link; harmless if it is gone. */
export async function removeFolder(path: string | Buffer): Promise<void> {
  try {
    // Quick, and right nearly always. Retried, since a dying check may still write.
    await rm(path, { recursive: true, force: true, maxRetries: 2 });
  } catch (cause) {
    if (!['EACCES', 'EPERM', 'ENOTEMPTY', 'EINVAL', 'ERR_INVALID_ARG_TYPE'].includes(errorCode(cause) ?? ''))
      throw cause;
    await removeByHand(Buffer.from(path));
  }
}

async function removeByHand(path: Buffer): Promise<void> {
  try {
    const about = await lstat(path);
    if (!about.isDirectory()) {
      await unlink(path);
      return;
    }
    await chmod(path, 0o700);
    for (const name of await readdir(path, { encoding: 'buffer' }))
      await removeByHand(Buffer.concat([path, SLASH, name]));
    await rmdir(path);
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause;
  }
}

const SLASH = Buffer.from('/');
