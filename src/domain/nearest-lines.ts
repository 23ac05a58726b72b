/**
 * What a file really has where a search text was expected: for the message to the model, never for applying an edit.
 * Each way of looking is linear.
 */
import { printable } from './charset.js';
import type { Occurrences } from './find-all.js';
import type { TextLines } from './text-lines.js';

/** The real lines nearest to the search, numbered; at most about `EXCERPT_CHARACTERS_MAX` characters. */
export function nearestLines(lines: TextLines, search: string, reach: Occurrences['reach']): string {
  const searched = search.split('\n');
  const height = Math.min(searched.length, HEIGHT_MAX);
  const line =
    lineOfEqualLines(lines, searched, height) ?? lineOfReach(lines, reach) ?? lineOfSharedWords(lines, search, height);
  const diverges = reach.length >= REACH_CHARACTERS_MIN ? divergence(lines, search, reach) : '';
  if (line === null) return `${diverges}No line of the file (${lines.count} lines) has anything in common with it.`;
  const found = excerpt(lines, line - CONTEXT_LINES, line + height + CONTEXT_LINES, lines.toRaw(reach.place));
  return `${diverges}The nearest lines of the file are:\n${found}`;
}

/** Leaves room in a message of 1,500 characters. */
const EXCERPT_CHARACTERS_MAX = 900;
const LINE_CHARACTERS_MAX = 160;
const CONTEXT_LINES = 2;
const HEIGHT_MAX = 25;

/** A shorter common beginning is chance. */
const REACH_CHARACTERS_MIN = 12;

/** The window with the most lines that the search has too; long lines tell more than brackets. */
function lineOfEqualLines(lines: TextLines, searched: readonly string[], height: number): number | null {
  const wanted = new Set(searched.map((line) => line.trim()).filter((line) => line !== ''));
  const weights = Array.from({ length: lines.count }, (_, index) => {
    const line = lines.line(index).trim();
    return wanted.has(line) ? Math.min(line.length, 40) : 0;
  });
  // Two brackets in a row are no sign of anything.
  return bestWindow(weights, height, 6);
}

const lineOfReach = (lines: TextLines, { length, place }: Occurrences['reach']): number | null =>
  length >= REACH_CHARACTERS_MIN ? lines.lineAt(place) : null;

/** Words looked for, and characters of a line looked at: bounds for minified files. */
const WORDS_MAX = 64;
const WORD_LINE_CHARACTERS_MAX = 2_000;

function lineOfSharedWords(lines: TextLines, search: string, height: number): number | null {
  const wanted = new Set((search.slice(0, 20_000).match(/[\p{L}\p{N}_]{3,64}/gu) ?? []).slice(0, WORDS_MAX));
  const weights = Array.from({ length: lines.count }, (_, index) => {
    const words =
      lines
        .line(index)
        .slice(0, WORD_LINE_CHARACTERS_MAX)
        .match(/[\p{L}\p{N}_]{3,64}/gu) ?? [];
    return new Set(words.filter((word) => wanted.has(word))).size;
  });
  return bestWindow(weights, height, 1);
}

/** First line of the window of `height` lines with the greatest sum; null if no sum reaches `least`. */
function bestWindow(weights: readonly number[], height: number, least: number): number | null {
  let best: number | null = null;
  let greatest = least - 1;
  let sum = 0;
  for (const [index, weight] of weights.entries()) {
    sum += weight - (weights[index - height] ?? 0);
    if (sum <= greatest) continue;
    greatest = sum;
    best = Math.max(0, index - height + 1);
  }
  return best;
}

function divergence(lines: TextLines, search: string, { length, place }: Occurrences['reach']): string {
  const end = place + length;
  const has = JSON.stringify(printable(lines.plain.slice(end, end + 30)));
  const expects = JSON.stringify(printable(search.slice(length, length + 30)));
  const at = `line ${lines.lineAt(place) + 1}`;
  return `Its first ${length} characters match at ${at}; then the file has ${has} where the search has ${expects}. `;
}

function excerpt(lines: TextLines, from: number, to: number, focus: number): string {
  const shown: string[] = [];
  let room = EXCERPT_CHARACTERS_MAX;
  for (let index = Math.max(0, from); index < Math.min(to, lines.count); index += 1) {
    const line = `${index + 1}| ${clip(lines.line(index), focus - lines.start(index))}`;
    room -= line.length + 1;
    if (room < 0) break;
    shown.push(line);
  }
  return shown.join('\n');
}

/** A long line is shown around the place of interest if that is in it. */
function clip(line: string, focus: number): string {
  if (line.length <= LINE_CHARACTERS_MAX) return printable(line);
  const from = focus > 0 && focus < line.length ? Math.max(0, focus - LINE_CHARACTERS_MAX / 4) : 0;
  const part = printable(line.slice(from, from + LINE_CHARACTERS_MAX));
  return `${from > 0 ? '…' : ''}${part}${from + LINE_CHARACTERS_MAX < line.length ? '…' : ''}`;
}
