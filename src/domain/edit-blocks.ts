/**
 * Answers as blocks in plain text, for endpoints that keep to no schema: a path, and between marks what is searched and what
 * stands there instead. Pure; one walk over the lines. What could be read in two ways is a fault, never a guess.
 *
 * A mark may end with a word; then only marks with that word count inside its block, so a file may hold marks itself.
 */
import { readPathLine } from './block-path.js';
import type { Answer, Edit } from './edits.js';
import { isProse } from './guards/change.js';

export type ReadBlocks =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** What to mend, in words for the model. */
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

/** Whether a line of the text opens a block. JSON holds no such line: its line ends are escaped. */
export const hasBlocks = (text: string): boolean => text.split('\n').some((line) => openingMark(line) !== null);

/** Whether a fence stands below a line with a path: a whole file, or what looks like one. */
export function hasFencedFile(text: string): boolean {
  let above = '';
  let inside: Fence | null = null;
  for (const line of text.split('\n')) {
    const fence: Fence | null = inside === null ? openingFence(line) : null;
    if (fence !== null && isFileName(above)) return true;
    // What stands in a fence without a name is the name of nothing.
    if (inside !== null && closes(inside, line)) inside = null;
    else inside ??= fence;
    if (line.trim() !== '') above = line;
  }
  return false;
}

/** A word before a fence may be any word ("Sure!"); a name with a folder or an ending is one of a file. */
function isFileName(line: string): boolean {
  const read = readPathLine(line);
  return read.kind === 'path' && /[./][\w-]/.test(read.path);
}

/** Reads an answer in blocks. */
export function readBlocks(text: string): ReadBlocks {
  const run = newRun(text);
  for (let at = 0; at < run.lines.length;) at = step(run, at);
  dropAbove(run);
  const { edits, faults, prose, messages, questions, fencedAt } = run;
  if (messages.length > 1) faults.push('The answer has several MESSAGE blocks; send one.');
  if (questions.length > 1) faults.push('The answer has several QUESTION blocks; send one.');
  // Between words a file in a fence may as well be an excerpt, and would replace the whole.
  if (fencedAt !== null && prose.length > 0)
    faults.push(
      `line ${fencedAt + 1}: a file between fences, in an answer with other words, may be a part of the file only. Send whole files in FILE blocks, parts in SEARCH blocks.`,
    );
  if (faults.length > 0) return { kind: 'faults', faults };
  const question = (questions[0] ?? '').trim();
  return {
    kind: 'answer',
    answer: {
      edits,
      commitMessage: (messages[0] ?? '').trim(),
      notes: prose.join('\n').slice(0, NOTES_CHARACTERS_MAX),
      ...(question === '' ? {} : { question }),
    },
  };
}

/** Words around the blocks; a page of them is enough for whoever reads the change. */
const NOTES_CHARACTERS_MAX = 4_000;

interface Run {
  readonly lines: readonly string[];
  readonly edits: Edit[];
  readonly faults: string[];
  readonly prose: string[];
  readonly messages: string[];
  readonly questions: string[];
  /** Last line with text that no block has taken: its path, perhaps. */
  above: number | null;
  /** Of the block that has just ended: another one directly behind it is for the same file. */
  lastPath: string | null;
  /** The fence around blocks that is open. */
  fence: Fence | null;
  /** Line of the first file that stood between fences. */
  fencedAt: number | null;
}

const newRun = (text: string): Run => ({
  lines: text.split('\n'),
  edits: [],
  faults: [],
  prose: [],
  messages: [],
  questions: [],
  above: null,
  lastPath: null,
  fence: null,
  fencedAt: null,
});

/** One thing outside of blocks; gives the line to go on with. */
function step(run: Run, at: number): number {
  const line = run.lines[at] ?? '';
  const mark = openingMark(line);
  if (mark !== null) return readBlock(run, at, mark);
  if (run.fence !== null && closes(run.fence, line)) {
    run.fence = null;
    return at + 1;
  }
  const fence = openingFence(line);
  if (fence !== null) return readFence(run, at, fence);
  if (line.trim() === '') return at + 1;
  if (/^(?:<{5}|>{5})/.test(line))
    run.faults.push(
      `line ${at + 1}: ${quoted(line.trimEnd().slice(0, STRAY_CHARACTERS_MAX))} is no mark of a block here.`,
    );
  dropAbove(run);
  run.above = at;
  run.lastPath = null;
  return at + 1;
}

const STRAY_CHARACTERS_MAX = 80;

/** A line that no block has taken belongs to the words around them. */
function dropAbove(run: Run): void {
  if (run.above !== null) run.prose.push((run.lines[run.above] ?? '').trim());
  run.above = null;
}

// ---------------------------------------------------------------- marks

const KINDS = ['SEARCH', 'FILE', 'DELETE', 'MOVE', 'MESSAGE', 'QUESTION'] as const;

interface Mark {
  readonly kind: (typeof KINDS)[number];
  /** How often its sign stands; models count badly, so five to nine will do, if the others of the block have as many. */
  readonly width: number;
  /** Empty if it has none. */
  readonly word: string;
}

const OPENING = new RegExp(`^(<{5,9}) ?(${KINDS.join('|')})(?: ([A-Za-z0-9]{1,40}))?\\s*$`);

function openingMark(line: string): Mark | null {
  if (!line.startsWith('<<<<<')) return null;
  const [, signs = '', name, word = ''] = OPENING.exec(line) ?? [];
  const kind = KINDS.find((each) => each === name);
  return kind === undefined ? null : { kind, width: signs.length, word };
}

const marked = (sign: string, { width }: Mark, ...words: readonly string[]): string =>
  [sign.repeat(width), ...words].filter((part) => part !== '').join(' ');

const closingOf = (mark: Mark): string => marked('>', mark, mark.kind === 'SEARCH' ? 'REPLACE' : mark.kind, mark.word);

// ---------------------------------------------------------------- blocks

interface Block {
  readonly mark: Mark;
  /** Line of its first mark. */
  readonly at: number;
  /** Line of its last mark. */
  readonly end: number;
  /** Lines that divide it, with the word and without. */
  readonly dividers: readonly number[];
  readonly bareDividers: readonly number[];
}

function readBlock(run: Run, at: number, mark: Mark): number {
  const found = findEnd(run, at, mark);
  if ('next' in found) {
    dropAbove(run);
    // The path of the one that interrupts it.
    if (found.next < run.lines.length && (run.lines[found.next - 1] ?? '').trim() !== '') run.above = found.next - 1;
    return found.next;
  }
  takeBlock(run, found);
  return found.end + 1;
}

/** Where the block ends; if it does not, why not is noted, and the reading goes on with the next block. */
function findEnd(run: Run, at: number, mark: Mark): Block | { readonly next: number } {
  const [closing, divider, bareDivider] = [closingOf(mark), marked('=', mark, mark.word), marked('=', mark)];
  const dividers: number[] = [];
  const bareDividers: number[] = [];
  for (let end = at + 1; end < run.lines.length; end += 1) {
    const line = (run.lines[end] ?? '').trimEnd();
    if (line === closing) return { mark, at, end, dividers, bareDividers };
    if (line === divider) dividers.push(end);
    else if (line === bareDivider) bareDividers.push(end);
    const other = openingMark(line);
    if (other === null || other.word !== mark.word) continue;
    run.faults.push(
      `line ${at + 1}: the ${mark.kind} block has no line ${quoted(closing)} before line ${end + 1}, where another begins.`,
    );
    return { next: end };
  }
  run.faults.push(
    `line ${at + 1}: the ${mark.kind} block does not end; it was cut off, or it has no line ${quoted(closing)}.`,
  );
  return { next: run.lines.length };
}

const quoted = (mark: string): string => `"${mark}"`;

function takeBlock(run: Run, block: Block): void {
  const { kind } = block.mark;
  switch (kind) {
    case 'MESSAGE':
    case 'QUESTION':
      dropAbove(run);
      run.lastPath = null;
      (kind === 'MESSAGE' ? run.messages : run.questions).push(textBetween(run, block, block.at, block.end));
      return;
    case 'SEARCH':
      return takeSearch(run, block);
    case 'FILE':
    case 'DELETE':
    case 'MOVE':
      return takeWhole(run, block, kind);
    default:
      throw new TypeError(`unknown block ${String(kind satisfies never)}`);
  }
}

function takeSearch(run: Run, block: Block): void {
  const divider = dividerOf(run, block);
  if (divider === null) return dropAbove(run);
  const search = textBetween(run, block, block.at, divider);
  const replace = textBetween(run, block, divider, block.end);
  // A file that is to be made must be named; otherwise a slip would be a new file.
  const path = pathOf(run, block.at, search === '' ? null : run.lastPath);
  if (path === null) return;
  run.edits.push(
    search === ''
      ? { ...NOTHING, op: 'write', path, content: replace, onlyNew: true }
      : { ...NOTHING, op: 'replace', path, search, replace },
  );
  run.lastPath = path;
}

const NOTHING = { content: null, search: null, replace: null, to: null } as const;

/** The one line between search and replacement. */
function dividerOf({ faults }: Run, { mark, at, dividers, bareDividers }: Block): number | null {
  // A divider without the word is one nevertheless where there is no other, and nothing else that it could be.
  const found = dividers.length === 0 && bareDividers.length === 1 ? bareDividers : dividers;
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const wanted = quoted(marked('=', mark, mark.word));
  const lines = found.map((line) => line + 1).slice(0, LINES_NAMED_MAX);
  const why =
    only === undefined
      ? `has no line ${wanted}`
      : `has ${found.length} lines ${wanted}, at lines ${lines.join(', ')}; where the text has such lines itself, each mark must end with the word that was asked for`;
  faults.push(`line ${at + 1}: the SEARCH block ${why}.`);
  return null;
}

const LINES_NAMED_MAX = 10;

function takeWhole(run: Run, block: Block, kind: 'FILE' | 'DELETE' | 'MOVE'): void {
  const path = pathOf(run, block.at, null);
  run.lastPath = null;
  const text = textBetween(run, block, block.at, block.end);
  if (path === null) return;
  if (kind === 'FILE') {
    run.edits.push({ ...NOTHING, op: 'write', path, content: text });
    return;
  }
  const words = text.trim();
  if (kind === 'DELETE') {
    if (words === '') run.edits.push({ ...NOTHING, op: 'delete', path });
    else run.faults.push(`line ${block.at + 1}: a DELETE block has no lines of its own; its path stands before it.`);
    return;
  }
  const to = readPathLine(words.includes('\n') ? '' : words);
  if (to.kind === 'path') run.edits.push({ ...NOTHING, op: 'move', path, to: to.path });
  else run.faults.push(`line ${block.at + 1}: a MOVE block has one line, the new path.`);
}

/** Of the line before the block; that of the block directly before it where the line is missing. */
function pathOf(run: Run, at: number, last: string | null): string | null {
  const { above } = run;
  run.above = null;
  if (above === null) {
    if (last !== null) return last;
    run.faults.push(`line ${at + 1}: it has no path before it; the path stands alone on the line before the block.`);
    return null;
  }
  const read = readPathLine(run.lines[above] ?? '');
  if (read.kind === 'path') return read.path;
  run.faults.push(`line ${above + 1}: ${read.says}`);
  return null;
}

// ---------------------------------------------------------------- texts

/** What git writes below a text that ends without a line end. */
const NO_NEWLINE = String.raw`\ No newline at end of file`;

/** The lines between two marks, each with its end. */
function textBetween(run: Run, { mark, at }: Pick<Block, 'mark' | 'at'>, from: number, to: number): string {
  // Where the mark itself ends in CR, all line ends of the answer do: that is how it was sent, not what is meant.
  const isSentWithCr = (run.lines[at] ?? '').endsWith('\r');
  const given = run.lines.slice(from + 1, to);
  const lines = isSentWithCr ? given.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line)) : given;
  const last = (lines.at(-1) ?? '').trimEnd();
  if (last === marked('', { ...mark, width: 0 }, NO_NEWLINE, mark.word)) return lines.slice(0, -1).join('\n');
  if (mark.word !== '' && last === NO_NEWLINE)
    run.faults.push(`line ${to}: behind ${quoted(NO_NEWLINE)} the word ${mark.word} is missing.`);
  return lines.map((line) => `${line}\n`).join('');
}

// ---------------------------------------------------------------- fences

interface Fence {
  readonly sign: string;
  readonly width: number;
}

function openingFence(line: string): Fence | null {
  const [, signs = ''] = /^(`{3,}|~{3,})[^`]*$/.exec(line) ?? [];
  return signs === '' ? null : { sign: signs.charAt(0), width: signs.length };
}

/** A fence of the same sign, at least as long, with nothing behind it. */
function closes({ sign, width }: Fence, line: string): boolean {
  const bare = line.trimEnd();
  return bare.length >= width && bare === sign.repeat(bare.length);
}

/** Around blocks a fence is decoration; around anything else it holds a whole file. */
function readFence(run: Run, at: number, fence: Fence): number {
  const first = nextWithText(run.lines, at + 1);
  const second = nextWithText(run.lines, first + 1);
  const isMark = (line: number): boolean => openingMark(run.lines[line] ?? '') !== null;
  if (isMark(first) || (isMark(second) && readPathLine(run.lines[first] ?? '').kind === 'path')) {
    run.fence = fence;
    return at + 1;
  }
  return readFencedFile(run, at, fence);
}

function nextWithText(lines: readonly string[], from: number): number {
  let at = from;
  while (at < lines.length && (lines[at] ?? '').trim() === '') at += 1;
  return at;
}

function readFencedFile(run: Run, at: number, fence: Fence): number {
  const isNamed = run.above === null || isFileName(run.lines[run.above] ?? '');
  const path = pathOf(run, at, null);
  run.lastPath = null;
  run.fencedAt ??= at;
  if (path !== null && !isNamed)
    run.faults.push(`line ${at}: ${JSON.stringify(path)} may be a word or a file; send files in FILE blocks.`);
  let end = at + 1;
  while (end < run.lines.length && !closes(fence, run.lines[end] ?? '')) end += 1;
  if (end === run.lines.length) {
    run.faults.push(`line ${at + 1}: the file between fences does not end; it was cut off.`);
    return end;
  }
  if (mayEndLater(run.lines, { path, fence, at, end })) {
    run.faults.push(
      `line ${at + 1}: it cannot be told where the file between these fences ends; send it in a FILE block, or between longer fences than any in it.`,
    );
    // What follows may be a part of it.
    return run.lines.length;
  }
  if (path !== null) {
    const block = { mark: { kind: 'FILE', width: 0, word: '' }, at } as const;
    run.edits.push({ ...NOTHING, op: 'write', path, content: textBetween(run, block, at, end) });
  }
  return end + 1;
}

/**
 * Whether the fence that seems to close a file may be one of its own: behind one that opens inside of it, and in a file of
 * prose, which has fences often, also before any other fence of the answer.
 */
function mayEndLater(
  lines: readonly string[],
  {
    path,
    fence,
    at,
    end,
  }: { readonly path: string | null; readonly fence: Fence; readonly at: number; readonly end: number },
): boolean {
  const isLike = (line: string): boolean => {
    const inner = openingFence(line);
    return inner !== null && inner.sign === fence.sign && inner.width >= fence.width;
  };
  const isSuspect = path !== null && isProse(path) && fence.width === USUAL_WIDTH;
  const last = isSuspect ? lines.length : end;
  for (let line = at + 1; line < last; line += 1) if (line !== end && isLike(lines[line] ?? '')) return true;
  return false;
}

const USUAL_WIDTH = 3;
