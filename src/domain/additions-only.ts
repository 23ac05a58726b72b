/** Whether a change of a text only adds lines. */
import { decode } from './charset.js';
import { shown } from './edit-paths.js';
import { textLines } from './text-lines.js';

/** What is wrong with a file of which nothing may be lost, in words; null if nothing is. */
export function lossIn(path: string, before: Uint8Array, after: Uint8Array): string | null {
  const [old, now] = [decode(before), decode(after)];
  if (old.kind !== 'text' || now.kind !== 'text')
    return `the task allows additions only to ${shown(path)}, which is no text`;
  const lost = firstLostLine(old.text.text, now.text.text);
  return lost === null
    ? null
    : `the task allows additions only to ${shown(path)}, and line ${lost} of its base would be gone`;
}

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
