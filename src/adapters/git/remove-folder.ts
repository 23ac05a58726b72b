/** Removing what a check left behind, however it was left. */
import { chmod, lstat, readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { errorCode } from './error-code.js';

/** A dying check may still write there: every round removes what the one before did not see. */
const ROUNDS_MAX = 5;

/** What the next round may do better: open closed folders, remove what has appeared. */
const WORTH_A_ROUND = ['EACCES', 'EPERM', 'ENOTEMPTY', 'EINVAL', 'ERR_INVALID_ARG_TYPE'];

/** Removes a file, link or folder with all below it, read-only folders too (Go's module cache). Never follows a link; harmless if it is gone. */
export async function removeFolder(path: string | Buffer): Promise<void> {
  for (let round = 1; ; round += 1) {
    try {
      // Node's own is quick, and right nearly always. Its retries are off: every level of folders would multiply them.
      return await (round === 1 ? rm(path, { recursive: true, force: true }) : removeByHand(Buffer.from(path)));
    } catch (cause) {
      if (round === ROUNDS_MAX || !WORTH_A_ROUND.includes(errorCode(cause) ?? '')) throw cause;
    }
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
