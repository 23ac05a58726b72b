/** The reasoning that some servers leave in the text of an answer, and the answer without it. Pure. */

/** Marks that templates put around it: most models', Magistral's, Seed's. */
const NAMES = 'think|thinking|thought|seed:think';
const OPEN = new RegExp(`^\\s*(?:<(${NAMES})>|\\[(think)\\])`, 'i');
const CLOSE = new RegExp(`<\\/(?:${NAMES})>|\\[\\/think\\]`, 'gi');
const ANY = new RegExp(`<\\/?(?:${NAMES})>|\\[\\/?think\\]`, 'gi');

/** Where an answer begins of a model that names the channel of each of its messages (gpt-oss), and where it ends. */
const CHANNEL = /^\s*<\|channel\|>/;
const FINAL = '<|channel|>final<|message|>';
const CHANNEL_END = /<\|(?:end|return)\|>\s*$/;

/** A beginning that may become one of the marks, for whoever sees the text come in pieces. */
export function mayBecomeThinking(beginning: string): boolean {
  const start = beginning.slice(0, 200).trimStart().toLowerCase();
  return MARKS.some((mark) => mark.startsWith(start));
}

const MARKS = [...NAMES.split('|').map((name) => `<${name}>`), '[think]', '<|channel|>'];

/** Whether the text begins with reasoning, ended or not. */
export const beginsWithThinking = (text: string): boolean => OPEN.test(text) || CHANNEL.test(text);

/**
 * The answer's text as it is handed on. Reasoning is taken off at the beginning only, where servers put it: further in, the
 * same tags are the model's words, and may be code. A block that is never closed is all there is: nothing was answered.
 */
export function withoutThinking(text: string): string {
  if (CHANNEL.test(text)) return finalOf(text);
  let rest = withoutOrphan(text);
  for (let opening = OPEN.exec(rest); opening !== null; opening = OPEN.exec(rest)) {
    const end = endOfBlock(rest, opening[1] ?? null);
    if (end === null) return '';
    rest = rest.slice(end).replace(/^\s+/, '');
  }
  return rest;
}

function finalOf(text: string): string {
  const at = text.lastIndexOf(FINAL);
  return at < 0 ? '' : text.slice(at + FINAL.length).replace(CHANNEL_END, '');
}

/** Where the first block ends, blocks inside it included; null if it does not. */
function endOfBlock(text: string, name: string | null): number | null {
  const tags = name === null ? /\[(\/?)think\]/gi : new RegExp(`<(/?)${name}>`, 'gi');
  let depth = 0;
  for (const tag of text.matchAll(tags)) {
    depth += tag[1] === '' ? 1 : -1;
    if (depth === 0) return tag.index + tag[0].length;
  }
  return null;
}

/**
 * Templates of some models open the block before the answer begins, so that only its end arrives. It counts if it is the only
 * such tag, stands outside whatever was begun before it (a fence, a block of edits, JSON), and either ends a paragraph of
 * plain words or has an answer of a machine's form behind it.
 */
function withoutOrphan(text: string): string {
  if (OPEN.test(text) || [...text.matchAll(ANY)].length !== 1) return text;
  const [tag] = text.matchAll(CLOSE);
  if (tag === undefined) return text;
  const before = text.slice(0, tag.index);
  const rest = text.slice(tag.index + tag[0].length);
  if (isOpenAfter(before)) return text;
  const startsPlain = !/^\s*[{[<]/.test(before);
  const isOwnLine = /(?:^|\n)[ \t]*$/.test(before) && /^[ \t]*(?:\r?\n|$)/.test(rest);
  const endsParagraph = isOwnLine || /^[ \t]*\r?\n[ \t]*\r?\n/.test(rest);
  return (startsPlain && endsParagraph) || isForMachines(rest) ? rest.replace(/^\s+/, '') : text;
}

/** Something has begun in it that has not ended: a line of it is no word about the answer. */
function isOpenAfter(before: string): boolean {
  const count = (line: RegExp): number => [...before.matchAll(line)].length;
  if (count(/^[ \t]*(?:```|~~~)/gm) % 2 !== 0) return true;
  return count(/^<{5,9} ?\S/gm) > count(/^>{5,9} ?\S/gm);
}

/** JSON, a fence or a block of edits: what is asked for where text alone is not enough. */
function isForMachines(rest: string): boolean {
  const text = rest.trim();
  if (/^```[^\n]*\n[\s\S]*\n```$/.test(text)) return true;
  if (!/^[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
