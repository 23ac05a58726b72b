/** Whether the words of a task ask for what a guard has found. */
import { baseName } from '../path-parts.js';

/** Where one sentence of a task ends; a list has a line for each. */
const SENTENCE_END = /[.!?;]\s|\n/;
const NOT = /(?:\bnot|\bnever|n['’]t|\bwithout)\s+(?:be\s+|to\s+)?/;
const LEFT_ALONE = new RegExp(
  `${NOT.source}(?:touch|chang|edit|modif|alter|weaken|updat|rewrit|remov|delet)|\\b(?:leave|keep)\\b`,
  'i',
);

/** A sentence has the file's path or name in it, and is no warning to leave it alone. */
export const namesFile = (words: string, path: string): boolean =>
  words.split(SENTENCE_END).some((sentence) => !LEFT_ALONE.test(sentence) && hasName(sentence, path));

/** Words of taking away that say much of what is lost, wherever the file stands in their sentence. */
const VERBS = String.raw`(?:delet|remov|drop|prun|purg|retir|strip|empt(?:y|ie)|get rid|clean|dedup|split|extract|shrink|simplif|rewrit|trim|truncat)`;
const TAKES = new RegExp(String.raw`\b${VERBS}`, 'i');
const NOT_TAKES = new RegExp(`${NOT.source}${VERBS}`, 'i');

/** With looser ones, and the file itself as what they are about: "replace the old parser". */
const TAKES_IT = new RegExp(
  String.raw`\b(?:${VERBS}|replac|mov|migrat|consolidat|deprecat)\w*(?: up| out| of)?\s+(?:(?:the|our|its|this|all|of|whole|entire|contents?|file|module|folder|class)\s+)*$`,
  'i',
);

const OF_EVERYTHING = /\b(?:dead code|unused (?:code|files|modules)|obsolete (?:code|files|modules))\b/i;

/** Whether a task is about taking away what this file, or a folder on its way, has held. */
export function asksToTakeAway(words: string, path: string): boolean {
  const names = path.split('/');
  const plain = names.map((name) => phraseOf(name.replace(/\.[^.]*$/, ''))).filter((phrase) => phrase.length > 2);
  return words.split(SENTENCE_END).some((sentence) => {
    if (NOT_TAKES.test(sentence)) return false;
    if (OF_EVERYTHING.test(sentence) || (TAKES.test(sentence) && hasName(sentence, path))) return true;
    return [...names, ...plain].some((name) => befores(sentence, name).some((before) => TAKES_IT.test(before)));
  });
}

const hasName = (sentence: string, path: string): boolean =>
  [path, baseName(path)].some((name) => befores(sentence, name).length > 0);

/** A name as people write it: `oldParser` and `old-parser` are the old parser. */
const phraseOf = (stem: string): string =>
  stem
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/** A verb that stands further off is about something else. */
const BEFORE_CHARACTERS_MAX = 120;

/** What stands before each place at which the sentence has the name, as a word of its own. */
function befores(sentence: string, name: string): readonly string[] {
  const [text, wanted] = [sentence.toLowerCase(), name.toLowerCase()];
  const found: string[] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    const [left, right] = [text[at - 1] ?? ' ', text.slice(at + wanted.length)];
    if (!/[\p{L}\p{N}_.-]/u.test(left) && !/^(?:[\p{L}\p{N}_]|[.-][\p{L}\p{N}])/u.test(right))
      found.push(text.slice(Math.max(0, at - BEFORE_CHARACTERS_MAX), at).replace(/[`'"]$/, ''));
  }
  return found;
}
