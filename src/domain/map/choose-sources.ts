/** Which files of a repository are read for its map: in a large one not all can be. */
import { isNoise, type ListedFile } from '../choose-files.js';
import { folderOf } from '../path-parts.js';
import { sum } from '../statistics.js';
import { isNamed, type Focus } from './focus.js';
import { languageOf } from './languages.js';
import { stemsOf } from './source-words.js';

/** What is read for one map: a few seconds of parsing when nothing of it is remembered. */
const MAP_LIMITS = { files: 1_500, bytes: 12_000_000, fileBytes: 200_000 } as const;

/** Fewer files than this are seen at a glance: the list of paths is their map. */
export const MAPPED_FILES_MIN = 20;

export interface Sources<File> {
  readonly read: readonly File[];
  /** Source too, of which the path alone counts. */
  readonly unread: readonly File[];
}

/** Those that the task seems to be about first, then the usual places, tests last. */
export function chooseSources<File extends ListedFile>(
  files: readonly File[],
  focus: Focus,
  isTest: (path: string) => boolean,
  limits: Readonly<Record<keyof typeof MAP_LIMITS, number>> = MAP_LIMITS,
): Sources<File> {
  const sources = files.filter(
    ({ path, mode, sizeBytes }) =>
      mode.startsWith('100') && sizeBytes !== null && languageOf(path) !== undefined && !isNoise(path),
  );
  const order = sources.length <= limits.files ? sources : inOrder(sources, focus, isTest);
  let bytes = 0;
  const read: File[] = [];
  const unread: File[] = [];
  for (const file of order) {
    const size = file.sizeBytes ?? 0;
    const fits = size <= limits.fileBytes && bytes + size <= limits.bytes && read.length < limits.files;
    if (fits) bytes += size;
    (fits ? read : unread).push(file);
  }
  return { read, unread };
}

function inOrder<File extends ListedFile>(
  sources: readonly File[],
  focus: Focus,
  isTest: (path: string) => boolean,
): readonly File[] {
  const folders = new Set([...focus.relatedFiles].map(folderOf));
  const ranked = sources.map((file) => ({ file, rank: pathRank(file.path, focus, folders, isTest) }));
  return ranked.toSorted((a, b) => b.rank - a.rank || (a.file.path < b.file.path ? -1 : 1)).map(({ file }) => file);
}

function pathRank(path: string, focus: Focus, folders: ReadonlySet<string>, isTest: (path: string) => boolean): number {
  if (isNamed(path, focus)) return 1_000;
  const words = new Set(stemsOf(path.replace(/\.\w+$/, '')));
  const spoken = sum([...words].map((word) => focus.stems.get(word) ?? 0));
  const near = folders.has(folderOf(path)) ? 10 : 0;
  return spoken + near - path.split('/').length / 10 - (isTest(path) ? 5 : 0);
}
