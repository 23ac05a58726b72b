/** Finding what is in a work tree but not in its snapshot, without asking git. */
import { chmod, lstat, readdir } from 'node:fs/promises';
import { errorCode } from './error-code.js';
import type { Listing } from './listing.js';

/** Keys, as in the listing. */
export interface Strangers {
  /** Names beside the snapshot's own, ignored or not. Folders are named, not entered. */
  readonly others: readonly string[];
  /** A link or file in the place of a folder: what seems to be below it is somewhere else. */
  readonly intruders: readonly string[];
}

/** Folders read at a time; the disk answers faster than that anyway. */
const BATCH = 32;

/** Looks into every folder of the snapshot, submodules included (here they are empty folders), and opens those that are closed to their owner. */
export async function strangersIn(root: string, listing: Listing): Promise<Strangers> {
  const others: string[] = [];
  const intruders: string[] = [];
  const isOwn = (key: string): boolean => key === '.git' || listing.files.has(key) || listing.folders.has(key);
  const look = async (folder: string): Promise<void> => {
    if (intruders.some((key) => folder.startsWith(`${key}/`))) return;
    const found = await namesIn(root, folder);
    if (found === 'intruder') intruders.push(folder);
    else others.push(...found.map((name) => (folder === '' ? name : `${folder}/${name}`)).filter((key) => !isOwn(key)));
  };
  // Parents come before their children: what is behind a link is not looked at.
  for (const folders of byDepth(['', ...listing.folders.keys(), ...submodulesOf(listing)]))
    for (let at = 0; at < folders.length; at += BATCH) await Promise.all(folders.slice(at, at + BATCH).map(look));
  return { others, intruders };
}

const submodulesOf = ({ files }: Listing): readonly string[] =>
  [...files].filter(([, { mode }]) => mode === '160000').map(([key]) => key);

function byDepth(folders: readonly string[]): readonly (readonly string[])[] {
  const levels: string[][] = [];
  // Every folder's parent is in the list too, so no level is skipped.
  for (const folder of folders) (levels[folder === '' ? 0 : folder.split('/').length] ??= []).push(folder);
  return levels;
}

async function namesIn(root: string, folder: string): Promise<readonly string[] | 'intruder'> {
  const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(folder, 'latin1')]);
  try {
    const about = await lstat(path);
    if (!about.isDirectory()) return 'intruder';
    // Closed by a check: nobody could look into it, or write there what belongs there.
    if ((about.mode & 0o700) !== 0o700) await chmod(path, 0o755);
    return await readdir(path, { encoding: 'latin1' });
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return [];
    throw cause;
  }
}
