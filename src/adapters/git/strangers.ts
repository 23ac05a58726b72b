/** Finding what is in a work tree but not in its snapshot, without asking git. */
import { lstat, readdir } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { errorCode } from './error-code.js';
import type { Listing } from './listing.js';

export interface Strangers {
  /** Names beside the snapshot's own, ignored ones included. Folders are named, not entered. */
  readonly others: readonly string[];
  /** What stands where it never may: a link or file in the place of a folder, a repository inside a folder of the snapshot. */
  readonly intruders: readonly string[];
  /** A folder of the snapshot is not there, or is behind an intruder: its files have to be written again. */
  readonly missing: boolean;
}

/** Folders read at a time; the disk answers faster than that anyway. */
const BATCH = 32;

/** Looks into every folder of the snapshot. Keys are those of the listing. */
export async function strangersIn(root: string, listing: Listing): Promise<Strangers> {
  const others: string[] = [];
  const intruders: string[] = [];
  let missing = false;
  const submodules = new Set([...listing.files].filter(([, { mode }]) => mode === '160000').map(([key]) => key));
  const look = async (folder: string): Promise<void> => {
    if ([...intruders].some((key) => folder.startsWith(`${key}/`))) return;
    const found = await entriesOf(root, folder);
    if (found === 'missing') missing = true;
    else if (found === 'intruder') {
      missing = true;
      intruders.push(folder);
    } else sortOut(folder, found);
  };
  const sortOut = (folder: string, entries: readonly Dirent<Buffer>[]): void => {
    for (const entry of entries) {
      const name = entry.name.toString('latin1');
      const key = folder === '' ? name : `${folder}/${name}`;
      // At the top it is weaver's own pointer, restored after the cleaning.
      if (name === '.git') {
        if (folder !== '') intruders.push(key);
      } else if (!listing.files.has(key) && !listing.folders.has(key)) others.push(key);
    }
  };
  // Parents come before their children: what is behind a link is not looked at.
  const folders = ['', ...listing.folders.keys()].toSorted((a, b) => depthOf(a) - depthOf(b));
  for (let at = 0; at < folders.length;) {
    const depth = depthOf(folders[at] ?? '');
    const batch = folders.slice(at, at + BATCH).filter((folder) => depthOf(folder) === depth);
    await Promise.all(batch.map(look));
    at += batch.length;
  }
  for (const key of submodules) {
    const found = await entriesOf(root, key);
    if (found === 'intruder' || found === 'missing') continue;
    // A submodule is an empty folder here; what is in it, a check put there.
    for (const entry of found) intruders.push(`${key}/${entry.name.toString('latin1')}`);
  }
  return { others, intruders, missing };
}

const depthOf = (folder: string): number => (folder === '' ? 0 : folder.split('/').length);

async function entriesOf(root: string, folder: string): Promise<readonly Dirent<Buffer>[] | 'missing' | 'intruder'> {
  const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(folder, 'latin1')]);
  try {
    if (!(await lstat(path)).isDirectory()) return 'intruder';
    return await readdir(path, { encoding: 'buffer', withFileTypes: true });
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return 'missing';
    throw cause;
  }
}
