/**
 * Puts new lines in the place of old ones. Lines that are the same before and after keep their bytes, also where the search
 * overlooked something; new lines end as the lines beside them do.
 */
import { shiftLine, type Shift } from './indentation.js';
import { foldPunctuation } from './locate-text.js';
import type { TextLines } from './text-lines.js';

interface Splice {
  /** Offsets in the plain text. */
  readonly from: number;
  readonly to: number;
  /** What stands there as the edit's author sees it, and what shall stand there: plain line feeds both. */
  readonly before: string;
  readonly after: string;
  readonly shift: Shift | null;
}

/** The new raw text; null if a new line cannot be indented by the shift. */
export function spliceText(lines: TextLines, splice: Splice): string | null {
  const first = lines.lineAt(splice.from);
  const before = splice.before.split('\n');
  const after = splice.after.split('\n');
  const old = rawPieces(lines, splice, first, before.length);
  const partners = align(before, after);
  const shift = splice.shift;
  const parts: string[] = [];
  let ending = nearbyEnding(lines, first);
  for (const [index, line] of after.entries()) {
    const partner = partners[index] ?? null;
    const changed = partner === null ? replaced(index, { before, after, old, partners }) : null;
    const text = partner !== null ? old[partner] : (changed ?? (shift === null ? line : shiftLine(line, shift)));
    if (text === null || text === undefined) return null;
    parts.push(text);
    if (index === after.length - 1) break;
    ending = (partner === null ? '' : lines.ending(first + partner)) || ending;
    parts.push(ending);
  }
  return lines.raw.slice(0, lines.toRaw(splice.from)) + parts.join('') + lines.raw.slice(lines.toRaw(splice.to));
}

/** The old lines as they are in the file; the first and the last may be parts of lines. */
function rawPieces(lines: TextLines, { from, to }: Splice, first: number, height: number): readonly string[] {
  const start = lines.toRaw(from);
  const end = lines.toRaw(to);
  return Array.from({ length: height }, (_, index) =>
    lines.raw.slice(Math.max(start, lines.start(first + index)), Math.min(end, lines.end(first + index))),
  );
}

/** How the line itself ends, or else the one before it, or else any line feed. */
const nearbyEnding = (lines: TextLines, line: number): string =>
  lines.ending(line) || (line > 0 ? lines.ending(line - 1) : '') || '\n';

interface Lines {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly old: readonly string[];
  readonly partners: readonly (number | null)[];
}

/**
 * A line changed in its place where the file differs from the search in single characters (typographic punctuation): the
 * characters at its start and end that the edit leaves alone stay the file's. Null if it is not such a line.
 */
function replaced(index: number, { before, after, old, partners }: Lines): string | null {
  const place = inPlaceOf(index, partners, before.length);
  const was = place === null ? undefined : before[place];
  const is = after[index];
  const raw = place === null ? undefined : old[place];
  if (was === undefined || is === undefined || raw === undefined) return null;
  if (raw === was || foldPunctuation(raw) !== foldPunctuation(was)) return null;
  let head = 0;
  while (head < Math.min(was.length, is.length) && was[head] === is[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(was.length, is.length) - head && was.at(-1 - tail) === is.at(-1 - tail)) tail += 1;
  return raw.slice(0, head) + is.slice(head, is.length - tail) + raw.slice(raw.length - tail);
}

/** The old line that a new one stands for, if the gap between kept lines is as high before as after. */
function inPlaceOf(index: number, partners: readonly (number | null)[], height: number): number | null {
  let start = index;
  while (start > 0 && partners[start - 1] === null) start -= 1;
  let end = index + 1;
  while (end < partners.length && partners[end] === null) end += 1;
  const above = start === 0 ? 0 : (partners[start - 1] ?? 0) + 1;
  const below = end === partners.length ? height : (partners[end] ?? height);
  return below - above === end - start ? above + index - start : null;
}

/** Cells of the table of common lines: 16 MB at most, a few milliseconds. Beyond it only the ends are compared. */
const CELLS_MAX = 4_000_000;

/** For each new line the old line that it is, in order; null for a line that is new. */
function align(before: readonly string[], after: readonly string[]): readonly (number | null)[] {
  const partners: (number | null)[] = after.map(() => null);
  let head = 0;
  while (head < Math.min(before.length, after.length) && before[head] === after[head]) {
    partners[head] = head;
    head += 1;
  }
  let tail = 0;
  while (tail < Math.min(before.length, after.length) - head && before.at(-1 - tail) === after.at(-1 - tail)) {
    partners[after.length - 1 - tail] = before.length - 1 - tail;
    tail += 1;
  }
  const rows = before.slice(head, before.length - tail);
  const columns = after.slice(head, after.length - tail);
  if ((rows.length + 1) * (columns.length + 1) > CELLS_MAX) return partners;
  for (const [row, column] of commonLines(rows, columns)) partners[head + column] = head + row;
  return partners;
}

/** A longest common subsequence, as pairs of indices. */
function commonLines(rows: readonly string[], columns: readonly string[]): readonly (readonly [number, number])[] {
  const width = columns.length + 1;
  const longest = new Uint32Array((rows.length + 1) * width);
  const cell = (row: number, column: number): number => longest[row * width + column] ?? 0;
  for (let row = rows.length - 1; row >= 0; row -= 1)
    for (let column = columns.length - 1; column >= 0; column -= 1)
      longest[row * width + column] =
        rows[row] === columns[column]
          ? cell(row + 1, column + 1) + 1
          : Math.max(cell(row + 1, column), cell(row, column + 1));
  const pairs: (readonly [number, number])[] = [];
  for (let row = 0, column = 0; row < rows.length && column < columns.length;) {
    if (rows[row] === columns[column]) pairs.push([row++, column++]);
    else if (cell(row + 1, column) >= cell(row, column + 1)) row += 1;
    else column += 1;
  }
  return pairs;
}
