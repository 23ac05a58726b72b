/** The reasoning that some servers leave in the text of an answer, and the answer without it. Pure. */

const OPEN = /^\s*<(think|thinking)>/i;
/** A tag that opens or closes the same kind of block. */
const tagsOf = (name: string): RegExp => new RegExp(`<(/?)${name}>`, 'gi');

/**
 * The answer's text as it is handed on. Reasoning is taken off at the beginning only, where servers put it: further in, the
 * same tags are the model's words, and may be code. A block that is never closed is all there is: nothing was answered.
 */
export function withoutThinking(text: string): string {
  let rest = withoutOrphan(text);
  for (let opening = OPEN.exec(rest); opening !== null; opening = OPEN.exec(rest)) {
    const end = endOfBlock(rest, opening[1] ?? '');
    if (end === null) return '';
    rest = rest.slice(end).replace(/^\s+/, '');
  }
  return rest;
}

/** Where the first block ends, blocks inside it included; null if it does not. */
function endOfBlock(text: string, name: string): number | null {
  let depth = 0;
  for (const tag of text.matchAll(tagsOf(name))) {
    depth += tag[1] === '' ? 1 : -1;
    if (depth === 0) return tag.index + tag[0].length;
  }
  return null;
}

/**
 * Templates of some models open the block before the answer begins, so that only its end arrives. It counts if it stands on
 * a line of its own behind plain words: behind JSON, markup or a fence of code it is a part of what is said.
 */
function withoutOrphan(text: string): string {
  const orphan = /^[ \t]*<\/think(?:ing)?>[ \t]*\r?$/im.exec(text);
  if (orphan === null) return text;
  const before = text.slice(0, orphan.index);
  return /^\s*[{[<]|```|<think/i.test(before) ? text : text.slice(orphan.index + orphan[0].length).replace(/^\s+/, '');
}
