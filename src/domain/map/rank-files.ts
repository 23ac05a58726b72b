/** Which files of a repository a task is about: words of the task in names, code and comments, and who uses whose names. */
import { baseName } from '../path-parts.js';
import { sum } from '../statistics.js';
import type { FileTags } from './file-tags.js';
import { isNamed, type Focus } from './focus.js';
import { nameGraph, spread } from './name-graph.js';
import { countsOf, stemsOf } from './source-words.js';

export interface SourceFile {
  readonly path: string;
  /** Null if it was not read: then its path alone counts. */
  readonly tags: FileTags | null;
}

export interface RankedFile extends SourceFile {
  /** Above 0; comparable within one repository only. */
  readonly score: number;
}

/** What the place of a word says: a file is named for its topic, a definition for what it does, and a comment is only prose. */
const FIELD_WEIGHTS = { path: 2.5, definitions: 1.5, words: 1 } as const;
/** A name of the task's that a file defines, or uses. */
const DEFINED_NAME = 3;
const USED_NAME = 1;
/** Of the best score that words alone reach, for a file whose path the task names, and for one of which it says only the name. */
const NAMED_PATH = 1;
const NAMED_FILE = 0.5;
/** How far words alone decide, and how far the graph. */
const WORDS_SHARE = 0.65;
/** Tests speak of everything, and the fix is in what they test. */
const TEST_FACTOR = 0.15;
const ASIDE_FACTOR = 0.4;

/** Beside the program: shows, measures or explains it. */
const ASIDE =
  /(?:^|\/)(?:examples?|samples?|demos?|docs?|benchmarks?|bench|fixtures?|mocks?|stubs?|typings|locales?)\//;

/** The first is what the task is most likely about; files of the same score by path. */
export function rankFiles(
  files: readonly SourceFile[],
  focus: Focus,
  isTest: (path: string) => boolean,
): readonly RankedFile[] {
  const spoken = wordScores(files, focus);
  const most = largest(spoken);
  const words = files.map(({ path }, index) => (spoken[index] ?? 0) + most * pathShare(path, focus));
  // Squared, so that interest starts at the few files that fit well and not at the many that fit a little.
  const start = words.map((score) => score * score);
  const graph = nameGraph(
    files.map(({ tags }) => tags),
    (name) => focus.names.has(name) || stemsOf(name).some((word) => focus.stems.has(word)),
  );
  const reached = spread(graph, start);
  const [mostWords, mostReached] = [largest(words), largest(reached)];
  return files
    .map((file, index): RankedFile => {
      const byWords = (words[index] ?? 0) / mostWords;
      const byGraph = (reached[index] ?? 0) / mostReached;
      const factor = placeFactor(file.path, focus, isTest);
      return { ...file, score: factor * (WORDS_SHARE * byWords + (1 - WORDS_SHARE) * byGraph) };
    })
    .toSorted((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1));
}

/** Never 0, since it divides. */
const largest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 1e-9);

function placeFactor(path: string, focus: Focus, isTest: (path: string) => boolean): number {
  if (isNamed(path, focus)) return 1;
  return (isTest(path) ? TEST_FACTOR : 1) * (ASIDE.test(path) ? ASIDE_FACTOR : 1);
}

interface Fields {
  /** By stem; a word of the file's own name counts whole, of a folder's less the more files are in it. */
  readonly path: ReadonlyMap<string, number>;
  readonly definitions: ReadonlyMap<string, number>;
  readonly words: ReadonlyMap<string, number>;
  /** Words in it, relative to the others. */
  readonly length: number;
}

/** As in BM25: a rare word says more than a common one, the tenth time less than the first, and less in a long file. */
function wordScores(files: readonly SourceFile[], focus: Focus): readonly number[] {
  const all = files.map(fieldsOf);
  const usual = Math.max(1, sum(all.map(({ length }) => length)) / Math.max(1, all.length));
  const rarity = raritiesOf(all, [...focus.stems.keys()]);
  return files.map((file, index) => {
    const fields = all[index];
    if (fields === undefined) return 0;
    const stretch = 0.4 + 0.6 * (fields.length / usual);
    let score = nameScore(file, focus);
    for (const [word, weight] of focus.stems) score += weight * (rarity.get(word) ?? 0) * fitOf(fields, word, stretch);
    return score;
  });
}

function fitOf({ path, definitions, words }: Fields, word: string, stretch: number): number {
  const full = (count: number): number => count / (count + 1.2 * stretch);
  return (
    FIELD_WEIGHTS.path * (path.get(word) ?? 0) +
    FIELD_WEIGHTS.definitions * full(definitions.get(word) ?? 0) +
    FIELD_WEIGHTS.words * full(words.get(word) ?? 0)
  );
}

function fieldsOf({ path, tags }: SourceFile): Fields {
  const definitions = countsOf((tags?.definitions ?? []).flatMap(({ name }) => stemsOf(name)));
  const words = tags?.words ?? [];
  const length = sum(words.map(([, count]) => count));
  return { path: pathWords(path), definitions, words: new Map(words), length };
}

const FOLDER_SHARE = 0.3;

function pathWords(path: string): ReadonlyMap<string, number> {
  const parts = path.replace(/\.\w+$/, '').split('/');
  const words = new Map<string, number>();
  for (const [index, part] of parts.entries()) {
    const own = stemsOf(part);
    const share = index === parts.length - 1 ? 1 : FOLDER_SHARE;
    for (const word of own) words.set(word, Math.max(words.get(word) ?? 0, share / Math.sqrt(own.length)));
  }
  return words;
}

function raritiesOf(all: readonly Fields[], words: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    words.map((word) => {
      const holders = all.filter((fields) => fields.words.has(word) || fields.path.has(word)).length;
      return [word, Math.log(1 + (all.length - holders + 0.5) / (holders + 0.5))] as const;
    }),
  );
}

function nameScore({ tags }: SourceFile, { names }: Focus): number {
  if (tags === null || names.size === 0) return 0;
  const defined = new Set(tags.definitions.map(({ name }) => name).filter((name) => names.has(name)));
  const used = tags.names.filter(([name]) => names.has(name) && !defined.has(name));
  return DEFINED_NAME * defined.size + sum(used.map(([, count]) => (USED_NAME * count) / (count + 2)));
}

function pathShare(path: string, focus: Focus): number {
  if (isNamed(path, focus)) return NAMED_PATH;
  const name = baseName(path);
  const topic = name.replace(/\.\w+$/, '');
  // `no-extra-parens` and `ConsumerGroup` are meant; `index` and `error` are words.
  const isSpecial = topic.length > 5 && /[a-z][-_.A-Z]/.test(topic);
  return (name.length > 4 && focus.text.includes(name)) || (isSpecial && focus.text.includes(topic)) ? NAMED_FILE : 0;
}
