/** What tools show of files: lists a page at a time, lines with their numbers, never more than a model can take in. */
import { printable } from './charset.js';
import { cutToBytes, utf8Bytes } from './payload-limit.js';
import { textLines } from './text-lines.js';
import { TOOL_LIMITS } from './tools.js';

/** One page of a list, with the way to the next. */
export function pageOf(items: readonly string[], page: number, size: number, noun: string): string {
  if (items.length === 0) return `no ${noun}`;
  const pages = Math.ceil(items.length / size);
  if (page > pages) return `There is no page ${page}: ${items.length} ${noun} are on ${pages} pages.`;
  const shown = items.slice((page - 1) * size, page * size);
  const lines = fitting(shown, TOOL_LIMITS.outputBytes);
  const short =
    lines.length < shown.length
      ? `\n(${shown.length - lines.length} more of this page are left out: ask for less)`
      : '';
  const more = page < pages ? `\n(page ${page} of ${pages}; go on with page ${page + 1})` : '';
  return `${lines.join('\n')}${short}${more}`;
}

function fitting(lines: readonly string[], bytesMax: number): readonly string[] {
  let bytes = 0;
  const end = lines.findIndex((line) => (bytes += utf8Bytes(line) + 1) > bytesMax);
  return end < 0 ? lines : lines.slice(0, Math.max(1, end));
}

/** Longer than any line that a person wrote. */
const LINE_BYTES_MAX = 4_000;

/** Lines of a text behind their numbers, as many as fit. An edit that copies the numbers too is still understood. */
export function numberedLines(text: string, from: number, to: number | null): string {
  const lines = textLines(printable(text));
  const last =
    lines.ending(lines.count - 2) !== '' && lines.line(lines.count - 1) === '' ? lines.count - 1 : lines.count;
  if (text === '') return '(the file is empty)';
  if (from > last) return `There is no line ${from}: the file has ${last} lines.`;
  const until = Math.min(to ?? last, last);
  const shown: string[] = [];
  let bytes = 0;
  let cut: number | null = null;
  for (let number = from; number <= until; number += 1) {
    const whole = lines.line(number - 1);
    const line = `${number}| ${cutToBytes(whole, LINE_BYTES_MAX)}`;
    bytes += utf8Bytes(line) + 1;
    if (bytes > TOOL_LIMITS.outputBytes && shown.length > 0) break;
    shown.push(line);
    if (cut === null && utf8Bytes(whole) > LINE_BYTES_MAX) cut = number;
  }
  const end = from + shown.length - 1;
  const rest = cut === null ? '' : restOfLine(cut);
  const more = end < last ? `\n(lines ${from} to ${end} of ${last}; go on with from: ${end + 1})` : '';
  return `${shown.join('\n')}${rest}${more}`;
}

const restOfLine = (number: number): string =>
  `\n(line ${number} is cut; see the rest with run: sed -n ${number}p FILE | cut -b ${LINE_BYTES_MAX + 1}-${2 * LINE_BYTES_MAX})`;
