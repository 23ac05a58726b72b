/** What is asked of all paths of a snapshot at once. An answer is applied in rounds to the same one, and most ask for nothing. */
import { isAscii } from './charset.js';
import { groupsOf } from './groups.js';

export interface PathIndex {
  /** How many files are in the folder and below it; 0 if there is no such folder. */
  filesBelow(folder: string): number;
  /** Files and folders that a case-insensitive or normalising file system takes for this one, itself included. */
  spelledLike(path: string): readonly string[];
}

const made = new WeakMap<ReadonlyMap<string, unknown>, PathIndex>();

/** @param entries by path; never changed afterwards */
export function pathIndex(entries: ReadonlyMap<string, unknown>): PathIndex {
  const known = made.get(entries);
  if (known !== undefined) return known;
  let counts: ReadonlyMap<string, number> | undefined;
  let spellings: ReadonlyMap<string, readonly string[]> | undefined;
  const folders = (): ReadonlyMap<string, number> => (counts ??= countFiles(entries.keys()));
  const index: PathIndex = {
    filesBelow: (folder) => folders().get(folder) ?? 0,
    spelledLike: (path) =>
      (spellings ??= groupsOf([...entries.keys(), ...folders().keys()], foldName)).get(foldName(path)) ?? [],
  };
  made.set(entries, index);
  return index;
}

/** The same for all names that a file system may take for each other. */
export const foldName = (path: string): string => (isAscii(path) ? path : path.normalize('NFC')).toLowerCase();

/** Files of one folder stand together, so they are added to it and those above it at once. */
function countFiles(paths: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  let folder = '';
  let files = 0;
  const add = (): void => {
    for (let end = folder.length; end > 0; end = folder.lastIndexOf('/', end - 1)) {
      const name = folder.slice(0, end);
      counts.set(name, (counts.get(name) ?? 0) + files);
    }
  };
  for (const path of paths) {
    const slash = path.lastIndexOf('/');
    if (slash !== folder.length || !path.startsWith(folder)) {
      add();
      folder = path.slice(0, Math.max(slash, 0));
      files = 0;
    }
    files += 1;
  }
  add();
  return counts;
}
