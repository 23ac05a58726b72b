/** The map as a prompt shows it: the likeliest files with what they define, the next ones by name, as far as the budget goes. */
import { estimateTokens } from '../token-estimate.js';
import type { Definition } from './file-tags.js';
import type { Focus } from './focus.js';
import type { RankedFile } from './rank-files.js';
import { stemsOf } from './source-words.js';

/** Of the budget, for lines of definitions of the files that are likely to be read anyway; the rest names further files. */
const DETAILED_SHARE = 0.4;
const DETAILED_DEFINITIONS = 6;
/** Of every other file: enough to see what it is for. */
const NAMED_DEFINITIONS = 4;
const NAMES_CHARACTERS_MAX = 70;

export interface MapBounds {
  readonly tokensMax: number;
  /** Sources that were not read, for their number or their size. */
  readonly unread: number;
}

/** Lines; the last one says what is left out. Empty if the budget holds no file. */
export function renderMap(
  ranked: readonly RankedFile[],
  focus: Focus,
  { tokensMax, unread }: MapBounds,
): readonly string[] {
  const lines: string[] = [];
  let [shown, characters] = [0, lengthOf([lastLine(ranked.length, ranked.length, unread)])];
  const fits = (entry: readonly string[], share: number): boolean =>
    estimateTokens(characters + lengthOf(entry)) <= share * tokensMax;
  for (const file of ranked) {
    const detailed = detailedEntry(file, focus);
    const entry = fits(detailed, DETAILED_SHARE) ? detailed : namedEntry(file, focus);
    const fitting = [entry, [file.path]].find((each) => fits(each, 1));
    if (fitting === undefined) break;
    lines.push(...fitting);
    characters += lengthOf(fitting);
    shown += 1;
  }
  return shown === 0 ? [] : [...lines, lastLine(shown, ranked.length, unread)];
}

const lengthOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length + 1, 0);

function lastLine(shown: number, all: number, unread: number): string {
  const skipped =
    unread === 0 ? '' : `; ${unread} could not be read (too many, too large): of them only the paths counted`;
  return `(${shown} of ${all} source files, the likeliest first${skipped})`;
}

function detailedEntry({ path, tags }: RankedFile, focus: Focus): readonly string[] {
  const chosen = likeliest(tags?.definitions ?? [], focus, DETAILED_DEFINITIONS);
  return [path, ...chosen.toSorted((a, b) => a.line - b.line).map(({ line, text }) => `  ${line}: ${text}`)];
}

function namedEntry({ path, tags }: RankedFile, focus: Focus): readonly string[] {
  const names = [...new Set(likeliest(tags?.definitions ?? [], focus, NAMED_DEFINITIONS).map(({ name }) => name))];
  const fitting = names.filter((_, index) => names.slice(0, index + 1).join(', ').length <= NAMES_CHARACTERS_MAX);
  return [fitting.length === 0 ? path : `${path}: ${fitting.join(', ')}`];
}

/** Those that the task speaks of first, then in the order of the file, where what matters comes early. */
function likeliest(definitions: readonly Definition[], { stems, names }: Focus, max: number): readonly Definition[] {
  const interest = ({ name }: Definition): number =>
    (names.has(name) ? 10 : 0) +
    stemsOf(name).reduce((sum, word) => sum + (stems.get(word) ?? 0), 0) -
    (name.startsWith('_') ? 0.5 : 0);
  const ranked = definitions.map((definition) => ({ definition, interest: interest(definition) }));
  return ranked
    .toSorted((a, b) => b.interest - a.interest || a.definition.line - b.definition.line)
    .slice(0, max)
    .map(({ definition }) => definition);
}
