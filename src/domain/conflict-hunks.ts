/** What git leaves in a file where two sides do not fit, as a reader needs to see it. */

/** Lines shown around a conflict: enough to know the place again. */
const CONTEXT_LINES = 3;

/** The regions between conflict markers with the lines around them, each under its line number; none = an empty text. */
export function conflictHunks(text: string): string {
  const lines = text.split(/\r?\n/);
  return regionsOf(lines)
    .map(({ from, to }) => [`line ${from + 1}:`, ...lines.slice(from, to)].join('\n'))
    .join('\n');
}

/** Whether a mark is left, of a whole conflict or of half of one. */
export const hasConflictMark = (text: string): boolean =>
  text.split('\n').some((line) => OPENS.test(line) || CLOSES.test(line));

/** The lines that stand in no conflict, with their endings. */
export function besideConflicts(text: string): string {
  let depth = 0;
  return text
    .split(/(?<=\n)/)
    .filter((line) => {
      if (OPENS.test(line)) depth += 1;
      else if (CLOSES.test(line) && depth > 0) {
        depth -= 1;
        return false;
      }
      return depth === 0;
    })
    .join('');
}

interface Region {
  readonly from: number;
  /** Line behind the last one. */
  readonly to: number;
}

/** Markers stand in each other where a third side did not fit; regions that touch are one. */
function regionsOf(lines: readonly string[]): readonly Region[] {
  const regions: Region[] = [];
  let depth = 0;
  let start = 0;
  for (const [at, line] of lines.entries()) {
    if (OPENS.test(line)) {
      if (depth === 0) start = at;
      depth += 1;
    } else if (CLOSES.test(line) && depth > 0) {
      depth -= 1;
      if (depth === 0) add(regions, Math.max(0, start - CONTEXT_LINES), Math.min(lines.length, at + 1 + CONTEXT_LINES));
    }
  }
  return regions;
}

/** With the commit that git names: a line of such signs alone may belong to the file. */
const OPENS = /^<<<<<<< [0-9a-f]{40}/;
const CLOSES = /^>>>>>>> [0-9a-f]{40}/;

function add(regions: Region[], from: number, to: number): void {
  const last = regions.at(-1);
  if (last !== undefined && from <= last.to) regions[regions.length - 1] = { from: last.from, to };
  else regions.push({ from, to });
}
