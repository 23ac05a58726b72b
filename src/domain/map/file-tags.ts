/** What a repository map knows of a file. */
import { countsOf, namesIn, stemsOf } from './source-words.js';

export interface Definition {
  readonly name: string;
  /** From 1. */
  readonly line: number;
  /** That line, shortened. */
  readonly text: string;
}

export interface FileTags {
  /** In the order of the file. */
  readonly definitions: readonly Definition[];
  /** Names that occur in it, its own among them, and how often. */
  readonly names: readonly (readonly [name: string, count: number])[];
  /** Stems of all words in it, those of comments too. */
  readonly words: readonly (readonly [stem: string, count: number])[];
}

/** Bounds of what is kept of one file: some 20 KB at most, 3 KB for the usual one. */
const DEFINITIONS_MAX = 300;
const NAMES_MAX = 600;
const WORDS_MAX = 600;

/** Of a line that is shown. */
const LINE_CHARACTERS_MAX = 100;

/** @param definitions of the parser; none where there is no parser for the language */
export function tagsOf(text: string, definitions: readonly Omit<Definition, 'text'>[]): FileTags {
  const counts = countsOf(namesIn(text));
  const lines = definitions.length === 0 ? [] : text.split('\n');
  return {
    definitions: definitions
      .slice(0, DEFINITIONS_MAX)
      .map(({ name, line }) => ({ name, line, text: shortLine(lines[line - 1] ?? name) })),
    names: most(
      [...counts].filter(([name]) => name.length > 2),
      NAMES_MAX,
    ),
    words: most([...wordCounts(counts)], WORDS_MAX),
  };
}

/** The most frequent; those that occur alike often in the order of their text. */
const most = (counts: readonly (readonly [string, number])[], kindsMax: number): FileTags['names'] =>
  counts.toSorted(([, a], [, b]) => b - a).slice(0, kindsMax);

/** Each name is taken apart once, however often it occurs. */
function wordCounts(names: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [name, count] of names)
    for (const word of stemsOf(name)) counts.set(word, (counts.get(word) ?? 0) + count);
  return counts;
}

function shortLine(line: string): string {
  const plain = line.trim().replaceAll(/\s+/g, ' ');
  return plain.length <= LINE_CHARACTERS_MAX ? plain : `${plain.slice(0, LINE_CHARACTERS_MAX).toWellFormed()}…`;
}
