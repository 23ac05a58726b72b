/** A text by its lines, whatever ends them, and as it looks with every ending a line feed. */

/**
 * `count` lines, the last one without an ending (empty if the text ends in one). Offsets are into `raw`; `plain` is the same
 * text with every line ending a single line feed, which is what searches run on.
 */
export interface TextLines {
  readonly raw: string;
  readonly plain: string;
  readonly count: number;
  /** Content of a line, without its ending. */
  line(index: number): string;
  /** Ending of a line; empty for the last one. */
  ending(index: number): string;
  /** Offsets in `raw` where the content of a line starts and ends. */
  start(index: number): number;
  end(index: number): number;
  /** Offset in `plain` where a line starts. */
  plainStart(index: number): number;
  /** Line that an offset of `plain` is in. */
  lineAt(plainOffset: number): number;
  /** Offset of `raw` for an offset of `plain`. */
  toRaw(plainOffset: number): number;
  /** Line endings as this file understands them, turned into line feeds. */
  toPlain(text: string): string;
}

/**
 * Lines end in CRLF or LF. A lone CR is data, unless the text has no LF at all: then it is a file of CR lines.
 */
export function textLines(raw: string): TextLines {
  const toPlain = plainer(raw);
  const plain = toPlain(raw);
  let known: Boundaries | undefined;
  // Most edits say literally what they look for, and need none of it.
  const found = (): Boundaries => (known ??= boundaries(raw, plain));
  const at = (offsets: readonly number[], index: number): number => offsets[index] ?? raw.length;
  const start = (index: number): number => at(found().starts, index);
  const end = (index: number): number => at(found().ends, index);
  const lineAt = (plainOffset: number): number => lastAtMost(found().plainStarts, plainOffset);
  return {
    raw,
    plain,
    get count() {
      return found().starts.length;
    },
    line: (index) => raw.slice(start(index), end(index)),
    ending: (index) => raw.slice(end(index), start(index + 1)),
    start,
    end,
    plainStart: (index) => found().plainStarts[index] ?? plain.length,
    lineAt,
    toRaw: (plainOffset) => {
      if (plain === raw) return plainOffset;
      const line = lineAt(plainOffset);
      return start(line) + plainOffset - (found().plainStarts[line] ?? 0);
    },
    toPlain,
  };
}

function plainer(raw: string): (text: string) => string {
  if (raw.includes('\r') && !raw.includes('\n')) return (text) => text.replaceAll(/\r\n?/g, '\n');
  return (text) => (text.includes('\r') ? text.replaceAll('\r\n', '\n') : text);
}

interface Boundaries {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly plainStarts: readonly number[];
}

/** By `indexOf`, which is quicker than a pattern: 200 edits of one file look for its lines 200 times. */
function boundaries(raw: string, plain: string): Boundaries {
  const last = raw.includes('\n') ? '\n' : '\r';
  const starts = [0];
  const ends: number[] = [];
  for (let at = raw.indexOf(last); at >= 0; at = raw.indexOf(last, at + 1)) {
    ends.push(last === '\n' && raw[at - 1] === '\r' ? at - 1 : at);
    starts.push(at + 1);
  }
  ends.push(raw.length);
  // Every ending before a line is one character in `plain`: the surplus of the real endings is what the offsets differ by.
  return { starts, ends, plainStarts: plain === raw ? starts : plainOffsets(starts, ends) };
}

function plainOffsets(starts: readonly number[], ends: readonly number[]): readonly number[] {
  let offset = 0;
  return starts.map((start, index) => {
    const here = offset;
    offset += (ends[index] ?? start) - start + 1;
    return here;
  });
}

/** Index of the last number that is at most `value`, in an ascending list that starts with 0. */
function lastAtMost(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((ascending[middle] ?? Infinity) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
