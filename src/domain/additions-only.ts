/** Whether a change of a text only adds lines. */
import { textLines } from './text-lines.js';

/**
 * Number (from 1) of the first line of `before` that `after` does not have any more, in the same order; null if all are there.
 * The last line counts without its ending: an addition below gives it one.
 */
export function firstLostLine(before: string, after: string): number | null {
  const old = textLines(before);
  const now = textLines(after);
  let next = 0;
  for (let line = 0; line < old.count; line += 1) {
    const ending = old.ending(line);
    const isKept = (at: number): boolean =>
      now.line(at) === old.line(line) && (ending === '' || now.ending(at) === ending);
    if (ending === '' && old.line(line) === '') return null;
    while (next < now.count && !isKept(next)) next += 1;
    if (next >= now.count) return line + 1;
    next += 1;
  }
  return null;
}
