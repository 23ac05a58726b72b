/** Names and words of texts, so that the sentences of a task and the names of a program can be compared. */

/** Long enough for any name that somebody has written by hand; generated ones only fill memory. */
const NAME_CHARACTERS_MAX = 80;

const NAME = /[\p{L}_$][\p{L}\p{N}_$]*/gu;

/** Every name in a text, in its order, with those of keywords and of prose. */
export const namesIn = (text: string): readonly string[] =>
  (text.match(NAME) ?? []).filter((name) => name.length <= NAME_CHARACTERS_MAX);

/** Words by their case: `parse`, `HTTP` and `Ranges` of `parseHTTPRanges`. */
const WORD = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lo}+/gu;

/** Stems of the words that a name is made of: `parseHTTPRanges` and `parse_http_range` have the same. */
export function stemsOf(name: string): readonly string[] {
  const stems: string[] = [];
  for (const match of name.match(WORD) ?? []) {
    const word = match.toLowerCase();
    if (word.length > 1 && !STOP_WORDS.has(word)) stems.push(stem(word));
  }
  return stems;
}

/** Endings that change nothing about what is meant: range, ranges, ranged, ranging. */
const ENDING = /(?:ations?|ings?|ions?|ers?|ors?|ies|ed|es|ly|s|e)$/;
/** What is left of another ending: quer(y), quer(i)es. */
const LAST_VOWEL = /[eiy]$/;
const STEM_CHARACTERS_MIN = 3;

function stem(word: string): string {
  if (word.length <= STEM_CHARACTERS_MIN) return word;
  const cut = word.replace(ENDING, '').replace(LAST_VOWEL, '');
  return cut.length >= STEM_CHARACTERS_MIN ? cut : word;
}

/** Words of sentences that say nothing of what a program does, and what every account of a change says. */
const STOP_WORDS = new Set(
  (
    'a an and any are as at be been being but by can cannot could did do does don doesn each for from had has have how if ' +
    'in into is isn it its may might more most must no nor not now of off on only onto or other our out over own per same ' +
    'shall should so some such than that the their them then there these they this those through to too up upon us use used ' +
    'using very via was we were what when where whether which while who why will with within without would you your also ' +
    'add added adds bug change changed changes fix fixed fixes fixing issue issues make makes new problem work works worked'
  ).split(' '),
);

/** How often each one occurs, in the order of their first places. */
export function countsOf(items: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}
