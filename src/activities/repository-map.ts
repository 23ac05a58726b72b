/** The map of a repository for a task's prompt. What was read of a file is remembered by its content: losing it costs time. */
import { cancellationSignal } from '@temporalio/activity';
import { batchesOf } from '../domain/batches.js';
import { isNoise } from '../domain/choose-files.js';
import { chooseSources, MAPPED_FILES_MIN } from '../domain/map/choose-sources.js';
import type { FileTags } from '../domain/map/file-tags.js';
import { focusOf, type TaskWords } from '../domain/map/focus.js';
import { languageOf } from '../domain/map/languages.js';
import { rankFiles, type SourceFile } from '../domain/map/rank-files.js';
import { renderMap } from '../domain/map/render-map.js';
import type { TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { isTestFile } from './judging-files.js';
import { unlessParserFails } from './parser-answer.js';

export interface MapRequest {
  readonly url: string;
  readonly tree: string;
  readonly entries: readonly TreeEntry[];
  readonly words: TaskWords;
}

export interface RepositoryMap {
  /** Empty if there is none: too few files, or none wanted. */
  readonly lines: readonly string[];
  /** Paths of the files that the task is most likely about. */
  readonly likeliest: readonly string[];
}

type MapPorts = Pick<ActivityPorts, 'git' | 'records' | 'sourceParser'> & {
  readonly settings: Pick<ActivityPorts['settings'], 'mapTokens'>;
};

/** Read and parsed at once. */
const BATCH_BYTES = 1_000_000;
/** Remembered values read or written at once: a file each. */
const VALUES_AT_ONCE = 32;
/** Of a repository of which nothing is remembered; what is not read by then counts by its path. */
const READING_MS_MAX = 30_000;
/** One file may be more than a parser can bear; after a second one it is the parser. */
const FAILURES_MAX = 2;
/** Files that were not read and whose paths may still stand in the map: beyond, ranking them would take longer than it helps. */
const UNREAD_RANKED = 500;
/** Whose folders' instructions the prompt shows. */
const LIKELIEST = 3;

const NONE: RepositoryMap = { lines: [], likeliest: [] };

export async function repositoryMap(
  ports: MapPorts,
  { url, tree, entries, words }: MapRequest,
): Promise<RepositoryMap> {
  const { mapTokens } = ports.settings;
  if (mapTokens === 0 || entries.filter(({ path }) => !isNoise(path)).length < MAPPED_FILES_MIN) return NONE;
  const focus = focusOf(words);
  const { read, unread } = chooseSources(entries, focus, isTestFile);
  const tags = await tagsOfFiles(ports, url, tree, read);
  const files: SourceFile[] = [...read, ...unread.slice(0, UNREAD_RANKED)].map(({ path, oid }) => ({
    path,
    tags: tags.get(oid) ?? null,
  }));
  const ranked = rankFiles(files, focus, isTestFile);
  const lost = unread.length + read.filter(({ oid }) => !tags.has(oid)).length;
  return {
    lines: renderMap(ranked, focus, { tokensMax: mapTokens, unread: lost }),
    likeliest: ranked.slice(0, LIKELIEST).map(({ path }) => path),
  };
}

type Tags = ReadonlyMap<string, FileTags>;

/** By blob id. A file that cannot be read now is absent: a map without it is better than no prompt. */
async function tagsOfFiles(ports: MapPorts, url: string, tree: string, files: readonly TreeEntry[]): Promise<Tags> {
  const untilMs = Date.now() + READING_MS_MAX;
  const tags = new Map(await recalled(ports, files));
  // The same content has one blob, wherever it stands.
  const missing = [...new Map(files.filter(({ oid }) => !tags.has(oid)).map((file) => [file.oid, file])).values()];
  let failures = 0;
  for (const batch of batchesOf(missing, ({ sizeBytes }) => sizeBytes ?? 0, BATCH_BYTES)) {
    cancellationSignal().throwIfAborted();
    if (Date.now() > untilMs || failures === FAILURES_MAX) break;
    const read = await readBatch(ports, url, tree, batch);
    if (read === null) failures += 1;
    for (const [oid, known] of read ?? []) tags.set(oid, known);
  }
  return tags;
}

const nameOf = ({ sourceParser }: MapPorts, { path, oid }: TreeEntry): string =>
  `tags/${sourceParser.version}/${languageOf(path) ?? 'none'}/${oid}`;

async function recalled(ports: MapPorts, files: readonly TreeEntry[]): Promise<Tags> {
  const tags = new Map<string, FileTags>();
  for (const some of batchesOf(files, () => 1, VALUES_AT_ONCE)) {
    const values = await Promise.all(some.map((file) => ports.records.recall(nameOf(ports, file))));
    for (const [index, { oid }] of some.entries()) {
      const value = values[index];
      // Written by `readBatch`, under a name with its version.
      if (value !== undefined) tags.set(oid, value as FileTags);
    }
  }
  return tags;
}

/** Null if the parser is not to be had, or gave up. */
async function readBatch(
  ports: MapPorts,
  url: string,
  tree: string,
  batch: readonly TreeEntry[],
): Promise<readonly (readonly [oid: string, FileTags])[] | null> {
  const paths = batch.map(({ path }) => path);
  const contents = await ports.git.read(url, tree, paths);
  const texts = batch.map(({ path }) => ({
    language: languageOf(path) ?? null,
    text: contents.get(path)?.bytes.toString('utf8') ?? '',
  }));
  const tags = await unlessParserFails(ports.sourceParser.tags(texts));
  if (tags === null) return null;
  const read = batch.flatMap((file, index) => {
    const known = tags[index];
    return known === undefined ? [] : [{ file, known }];
  });
  for (const some of batchesOf(read, () => 1, VALUES_AT_ONCE))
    await Promise.all(some.map(({ file, known }) => ports.records.remember(nameOf(ports, file), known)));
  return read.map(({ file, known }) => [file.oid, known] as const);
}
