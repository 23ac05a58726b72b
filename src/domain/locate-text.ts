/**
 * Where a search text stands in a file. A ladder of ever looser readings, each of which must match exactly once:
 * as it is; trailing spaces aside; one shift of the indentation aside; the same three with typographic punctuation folded;
 * all of it with line numbers taken off the search. Nothing is ever matched because it is similar.
 */
import { findAll, findText, type Occurrences, type Sequence } from './find-all.js';
import { shiftBetween, splitIndentation, type IndentedLine, type Shift } from './indentation.js';
import type { TextLines } from './text-lines.js';

export type Located =
  | {
      readonly kind: 'found';
      /** Offsets in the file's plain text. */
      readonly from: number;
      readonly to: number;
      /** The search text as matched: line for line what stands between `from` and `to`. */
      readonly search: string;
      /** What had to be overlooked; empty if the text stands there as searched. */
      readonly overlooked: readonly string[];
      /** How to indent what is inserted. */
      readonly shift: Shift | null;
      /** The search ended in a line feed, and the file ends without one just there. */
      readonly atMissingNewline: boolean;
      /** The search lines were numbered. */
      readonly numbered: boolean;
    }
  /** Line numbers, from 1, ascending; `count` may be more than are listed. */
  | { readonly kind: 'several'; readonly lines: readonly number[]; readonly count: number }
  | { readonly kind: 'missing'; readonly reach: Occurrences['reach'] };

/** @param search with plain line feeds; not empty */
export function locateText(lines: TextLines, search: string): Located {
  const found = climb(lines, search);
  if (found.kind !== 'missing') return found;
  const stripped = stripLineNumbers(search);
  if (stripped === null || stripped === '') return found;
  const again = climb(lines, stripped);
  if (again.kind !== 'found') return again.kind === 'several' ? again : found;
  return { ...again, overlooked: ['line numbers', ...again.overlooked], numbered: true };
}

/** Takes `12| ` and the like off the start of every line; null unless every line has a number. */
export function stripLineNumbers(text: string): string | null {
  const lines = text.split('\n');
  const end = lines.at(-1) === '' && lines.length > 1 ? lines.pop() : undefined;
  const rests = lines.map((line) => /^[ \t]*\d{1,7}(?: ?[|→]|\t|:(?= |$))([^]*)$/.exec(line)?.[1]);
  const known = rests.filter((rest) => rest !== undefined);
  if (known.length < rests.length) return null;
  const spaced = known.every((rest) => rest === '' || rest.startsWith(' '));
  const bare = spaced ? known.map((rest) => rest.slice(1)) : known;
  return [...bare, ...(end === undefined ? [] : [end])].join('\n');
}

/** Quotes, dashes and spaces that typography puts in place of ASCII; one character for one, so that offsets stay. */
export const foldPunctuation = (text: string): string =>
  text
    .replaceAll(/[\u2018\u2019\u201a\u201b\u2032\u2035]/g, "'")
    .replaceAll(/[\u201c-\u201f\u2033\u2036]/g, '"')
    .replaceAll(/[\u2010-\u2015\u2212]/g, '-')
    .replaceAll(/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, ' ');

function climb(lines: TextLines, search: string): Located {
  const exact = findText(lines.plain, search);
  return (
    judge(lines, search, exact, []) ??
    byLines(lines, search, asItIs, []) ??
    foldedPlace(lines, search) ??
    byLines(lines, search, folded, ['typographic punctuation']) ?? { kind: 'missing', reach: exact.reach }
  );
}

function judge(
  lines: TextLines,
  search: string,
  { places, count }: Occurrences,
  overlooked: readonly string[],
): Located | null {
  const place = places[0];
  if (place === undefined) return null;
  if (count > 1) return { kind: 'several', lines: places.map((each) => lines.lineAt(each) + 1), count };
  const to = place + search.length;
  return { kind: 'found', from: place, to, search, overlooked, shift: null, atMissingNewline: false, numbered: false };
}

function foldedPlace(lines: TextLines, search: string): Located | null {
  const plain = foldPunctuation(lines.plain);
  const folding = foldPunctuation(search);
  if (plain === lines.plain && folding === search) return null;
  return judge(lines, search, findText(plain, folding), ['typographic punctuation']);
}

const asItIs = (line: string): string => line;

/** Accents composed or not: the same text to a reader (Unicode NFC). */
const folded = (line: string): string => foldPunctuation(line.normalize('NFC'));

/** Whole lines: trailing spaces aside, then the indentation too. */
function byLines(
  lines: TextLines,
  search: string,
  reading: (line: string) => string,
  overlooked: readonly string[],
): Located | null {
  const searched = search.split('\n');
  const endsInNewline = searched.length > 1 && searched.at(-1) === '';
  if (endsInNewline) searched.pop();
  const block = searched.map((line) => splitIndentation(trimEnd(reading(line))));
  if (block.every(({ rest }) => rest === '')) return null;
  const file = Array.from({ length: lines.count }, (_, index) => splitIndentation(trimEnd(reading(lines.line(index)))));
  const place = (
    found: Occurrences,
    names: readonly string[],
    shiftAt: (line: number) => Shift | null,
  ): Located | null =>
    placeLines(lines, { search, endsInNewline, height: block.length }, found, [...overlooked, ...names], shiftAt);
  const same = findAll(...numbered(file, block, ({ indentation, rest }) => (rest === '' ? '' : indentation + rest)));
  if (same.count > 0) return place(same, ['trailing spaces'], () => null);
  const shifts = shiftedPlaces(file, block);
  const shifted = { places: [...shifts.keys()], count: shifts.size, reach: same.reach };
  return place(shifted, ['indentation'], (line) => shifts.get(line) ?? null);
}

function placeLines(
  lines: TextLines,
  block: { readonly search: string; readonly endsInNewline: boolean; readonly height: number },
  { places, count }: Occurrences,
  overlooked: readonly string[],
  shiftAt: (line: number) => Shift | null,
): Located | null {
  const first = places[0];
  if (first === undefined) return null;
  if (count > 1) return { kind: 'several', lines: places.map((line) => line + 1), count };
  const after = first + block.height;
  const atMissingNewline = block.endsInNewline && after >= lines.count;
  const withNewline = block.endsInNewline && !atMissingNewline;
  return {
    kind: 'found',
    from: lines.plainStart(first),
    to: after >= lines.count ? lines.plain.length : lines.plainStart(after) - (withNewline ? 0 : 1),
    search: atMissingNewline ? block.search.slice(0, -1) : block.search,
    overlooked,
    shift: shiftAt(first),
    atMissingNewline,
    numbered: false,
  };
}

/** Line comparisons spent on candidates: keeps a file of equal lines from costing more than a moment. */
const COMPARISONS_MAX = 2_000_000;

function shiftedPlaces(file: readonly IndentedLine[], block: readonly IndentedLine[]): ReadonlyMap<number, Shift> {
  const shifts = new Map<number, Shift>();
  const { places } = findAll(...numbered(file, block, ({ rest }) => rest));
  for (const place of places.slice(0, Math.ceil(COMPARISONS_MAX / block.length))) {
    const shift = shiftBetween(block, file.slice(place, place + block.length));
    if (shift !== null) shifts.set(place, shift);
  }
  return shifts;
}

/** Lines as numbers, equal for equal keys: lines compare as fast as characters. */
function numbered(
  file: readonly IndentedLine[],
  block: readonly IndentedLine[],
  keyOf: (line: IndentedLine) => string,
): [Sequence, Sequence] {
  const numbers = new Map<string, number>();
  for (const line of block) if (!numbers.has(keyOf(line))) numbers.set(keyOf(line), numbers.size);
  const sequence = (list: readonly IndentedLine[]): Sequence => {
    const values = Int32Array.from(list, (line) => numbers.get(keyOf(line)) ?? -1);
    return { length: values.length, at: (index) => values[index] ?? -2 };
  };
  return [sequence(file), sequence(block)];
}

/** By hand: the pattern for it takes quadratic time on long runs of spaces. */
function trimEnd(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end -= 1;
  return line.slice(0, end);
}
