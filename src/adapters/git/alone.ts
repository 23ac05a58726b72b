/** One at a time in a task's work tree, over all processes of a home. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createFolderLocks } from './folder-lock.js';

/** Who was given up for dead and is not ends when it hears of it, with its next heartbeat; the rest is its processes' end. */
const WAIT_MS = 2 * 60_000;

/** @param folderOf a task's own folder, where the lock is kept */
export function createAlone(folderOf: (lineage: string) => string) {
  const locks = createFolderLocks(WAIT_MS);
  return async <T>(lineage: string, work: () => Promise<T>): Promise<T> => {
    const folder = folderOf(lineage);
    await mkdir(folder, { recursive: true });
    return await locks.hold(workLockIn(folder), undefined, work);
  };
}

/** @param folder of the task */
export const workLockIn = (folder: string): string => join(folder, 'work.lock');
