/** Every place where a pattern occurs, in linear time for any input (Knuth, Morris and Pratt). */

export interface Sequence {
  readonly length: number;
  at(index: number): number;
}

export interface Occurrences {
  /** Where they start, the first `PLACES_MAX` of them; they may overlap. */
  readonly places: readonly number[];
  readonly count: number;
  /** The longest beginning of the pattern that occurs, and where; what a message about a miss can point at. */
  readonly reach: { readonly length: number; readonly place: number };
}

/** More places than anyone lists or looks through; the count goes on. */
const PLACES_MAX = 10_000;

/** Where a pattern occurs in a text. */
export function findText(text: string, pattern: string): Occurrences {
  // The engine's own search for the first few characters skips most of the text; its cost is bounded by their number.
  const head = pattern.slice(0, HEAD_CHARACTERS);
  return findAll(characters(text), characters(pattern), (from) => text.indexOf(head, from));
}

/**
 * @param skip from a place where nothing is matched yet to the next place where a match can start (-1: none)
 */
export function findAll(
  text: Sequence,
  pattern: Sequence,
  skip: (from: number) => number = (from) => from,
): Occurrences {
  const places: number[] = [];
  let count = 0;
  let reach = { length: 0, place: 0 };
  if (pattern.length === 0) return { places, count, reach };
  const borders = bordersOf(pattern);
  for (let index = 0, matched = 0; index < text.length; index += 1) {
    if (matched === 0) {
      index = skip(index);
      if (index < 0) break;
    }
    const value = text.at(index);
    while (matched > 0 && pattern.at(matched) !== value) matched = borders[matched - 1] ?? 0;
    if (pattern.at(matched) === value) matched += 1;
    if (matched > reach.length) reach = { length: matched, place: index - matched + 1 };
    if (matched < pattern.length) continue;
    count += 1;
    if (places.length < PLACES_MAX) places.push(index - matched + 1);
    matched = borders[matched - 1] ?? 0;
  }
  return { places, count, reach };
}

/** Long enough to be rare in code, short enough to be cheap. */
const HEAD_CHARACTERS = 16;

const characters = (text: string): Sequence => ({ length: text.length, at: (index) => text.charCodeAt(index) });

/** For each beginning of the pattern, the length of its longest proper beginning that it also ends in. */
function bordersOf(pattern: Sequence): Int32Array {
  const borders = new Int32Array(pattern.length);
  for (let index = 1, matched = 0; index < pattern.length; index += 1) {
    const value = pattern.at(index);
    while (matched > 0 && pattern.at(matched) !== value) matched = borders[matched - 1] ?? 0;
    if (pattern.at(matched) === value) matched += 1;
    borders[index] = matched;
  }
  return borders;
}
