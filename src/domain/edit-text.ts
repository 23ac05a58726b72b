/** One edit on the text of one file: what it becomes, or why it cannot. */
import { hasLoneSurrogate, isAscii, replacePart, type DecodedText } from './charset.js';
import { elisionIn } from './elision.js';
import { locateText, stripLineNumbers, type Located } from './locate-text.js';
import { nearestLines } from './nearest-lines.js';
import { withoutEscapes } from './over-escaped.js';
import { spliceText } from './splice-text.js';
import { textLines, type TextLines } from './text-lines.js';

export type EditedText =
  /** `note` says what was overlooked to make the search match; empty if nothing was. */
  | { readonly kind: 'edited'; readonly text: DecodedText; readonly note: string }
  | { readonly kind: 'unfit'; readonly says: string };

/** A whole new text. Line feeds become what the file has had so far; other endings are taken at their word. */
export function rewriteText(old: DecodedText | null, content: string): EditedText {
  const fault = unfitness('content', content) ?? elision(content, old?.text ?? null);
  if (fault !== null) return unfit(fault);
  if (old === null) return edited({ charset: 'utf-8', bom: false, text: content });
  if (old.charset === 'unknown' && !isAscii(content))
    return unfit(`${UNKNOWN_CHARSET} a whole new text must be ASCII.`);
  const bare = old.bom && content.startsWith('\ufeff') ? content.slice(1) : content;
  if (bare.includes('\r') || !old.text.includes('\r')) return edited({ ...old, text: bare });
  const lines = textLines(old.text);
  const splice = { from: 0, to: lines.plain.length, before: lines.plain, after: bare, shift: null };
  return edited({ ...old, text: spliceText(lines, splice) ?? bare });
}

/**
 * Replaces the one place where `search` stands.
 * @param baseOf the file before any edit of the answer, asked for only to tell a search that an earlier edit has made stale
 */
export function replaceText(
  old: DecodedText,
  baseOf: () => DecodedText | null,
  search: string,
  replacement: string,
): EditedText {
  const fault = unfitness('search', search) ?? unfitness('replace', replacement);
  if (fault !== null) return unfit(fault);
  if (search === '') return unfit('search is empty; use write for a whole file.');
  if (old.charset === 'unknown' && !isAscii(search + replacement))
    return unfit(`${UNKNOWN_CHARSET} search and replace must be ASCII.`);
  const lines = textLines(old.text);
  const before = lines.toPlain(search);
  const after = lines.toPlain(replacement);
  if (before === after) return unfit(sameTexts(lines, before));
  const located = locateText(lines, before);
  switch (located.kind) {
    case 'found':
      return insert(old, lines, located, after);
    case 'several':
      return unfit(severalPlaces(located));
    case 'missing':
      return unfit(missingText(lines, baseOf(), before, after, located));
    default:
      throw new TypeError(`unknown place ${JSON.stringify(located satisfies never)}`);
  }
}

/** Replaces every place where `search` stands, literally: what is looked for more loosely must be the only one. */
export function replaceAllTexts(old: DecodedText, search: string, replacement: string): EditedText {
  const fault = unfitness('search', search) ?? unfitness('replace', replacement);
  if (fault !== null) return unfit(fault);
  if (search === '') return unfit('search is empty; use write for a whole file.');
  if (old.charset === 'unknown') return unfit(`${UNKNOWN_CHARSET} replace its texts one by one.`);
  const lines = textLines(old.text);
  const before = lines.toPlain(search);
  const after = lines.toPlain(replacement);
  if (before === after) return unfit(sameTexts(lines, before));
  const elided = elision(after, `${before}\n${lines.plain}`);
  if (elided !== null) return unfit(elided);
  const parts: string[] = [];
  let rest = 0;
  for (let at = lines.plain.indexOf(before); at >= 0; at = lines.plain.indexOf(before, at + before.length)) {
    parts.push(lines.raw.slice(rest, lines.toRaw(at)), withEndings(after, lines, at));
    rest = lines.toRaw(at + before.length);
  }
  if (parts.length === 0) return unfit(notLiterally(lines, before, after));
  return edited({ ...old, text: parts.join('') + lines.raw.slice(rest) });
}

function notLiterally(lines: TextLines, search: string, replacement: string): string {
  const located = locateText(lines, search);
  return located.kind === 'missing'
    ? missingText(lines, null, search, replacement, located)
    : 'the search text stands there only if spaces, indentation or punctuation are overlooked; copy it exactly to replace every place.';
}

/** New lines end as the line does that they come to stand in, the last one of the file as the one before it. */
function withEndings(text: string, lines: TextLines, at: number): string {
  const line = lines.lineAt(at);
  const ending = lines.ending(line) || (line > 0 ? lines.ending(line - 1) : '') || '\n';
  return ending === '\n' ? text : text.replaceAll('\n', () => ending);
}

const UNKNOWN_CHARSET = 'the file is neither UTF-8 nor UTF-16, and its charset is not known:';

const unfit = (says: string): EditedText => ({ kind: 'unfit', says });
const edited = (text: DecodedText, note = ''): EditedText => ({ kind: 'edited', text, note });

function unfitness(name: string, text: string): string | null {
  if (hasLoneSurrogate(text)) return `${name} contains half of a surrogate pair, which is no character.`;
  return text.includes('\0') ? `${name} contains a NUL character; binary files cannot be written.` : null;
}

function elision(text: string, old: string | null): string | null {
  const line = elisionIn(text, old);
  if (line === null) return null;
  return `the line ${JSON.stringify(line.trim())} stands for text that was left out. Write everything out, or replace a smaller part.`;
}

const sameTexts = (lines: TextLines, text: string): string =>
  lines.plain.includes(text)
    ? 'search and replace are equal: already applied, leave this edit out.'
    : 'search and replace are equal, and the file does not contain them.';

type Found = Extract<Located, { kind: 'found' }>;

function insert(old: DecodedText, lines: TextLines, found: Found, replacement: string): EditedText {
  const bare = found.numbered ? (stripLineNumbers(replacement) ?? replacement) : replacement;
  const after = found.atMissingNewline && bare.endsWith('\n') ? bare.slice(0, -1) : bare;
  const fault = elision(after, `${found.search}\n${lines.plain}`) ?? halfCharacter(old, lines, found);
  if (fault !== null) return unfit(fault);
  const { from, to, search, shift, overlooked } = found;
  const where = (): string => `matched at line ${lines.lineAt(from) + 1}`;
  const note = overlooked.length === 0 ? '' : `${where()} without regard to ${overlooked.join(' and ')}`;
  if (standsLiterally(lines, found)) return edited(replacePart(old, from, to, after), note);
  const text = spliceText(lines, { from, to, before: search, after, shift });
  if (text === null)
    return unfit(
      'the search matches only with another indentation, and a line of the replacement cannot be indented that way. Indent both as the file does.',
    );
  return edited({ ...old, text }, note);
}

/** Letter for letter, in a file whose lines all end in line feeds: then no line has to be looked at to put new ones in. */
const standsLiterally = ({ raw, plain }: TextLines, { from, to, search }: Found): boolean =>
  raw === plain && raw.slice(from, to) === search;

/** In Shift-JIS, GBK and the like an ASCII byte can be the second half of a character. */
function halfCharacter({ charset }: DecodedText, lines: TextLines, { from }: Found): string | null {
  if (charset !== 'unknown') return null;
  const at = lines.toRaw(from);
  if (at === 0 || isAscii(lines.raw.charAt(at - 1))) return null;
  return `${UNKNOWN_CHARSET} the search must not start behind a character that is not ASCII; start it at the beginning of a line.`;
}

/** As many as a message of 1,500 characters holds. */
const PLACES_LISTED_MAX = 150;

function severalPlaces({ lines, count }: Extract<Located, { kind: 'several' }>): string {
  const listed = lines.slice(0, PLACES_LISTED_MAX).join(', ');
  const more = count > PLACES_LISTED_MAX ? ' and more' : '';
  return `the search text occurs ${count} times, at lines ${listed}${more}. Add lines around it until it occurs once.`;
}

function missingText(
  lines: TextLines,
  base: DecodedText | null,
  search: string,
  replacement: string,
  { reach }: Extract<Located, { kind: 'missing' }>,
): string {
  const start = 'the search text does not occur in the file. ';
  // An edit that takes lines away names what stays, and that stands there in any case.
  const tells = replacement.trim() !== '' && !search.includes(replacement.trimEnd());
  const at = tells ? lines.plain.indexOf(replacement) : -1;
  if (at >= 0)
    return `${start}The replacement does, at line ${lines.lineAt(at) + 1}: already applied? Then leave this edit out.`;
  const undone = withoutEscapes(search).find((text) => lines.plain.includes(text));
  if (undone !== undefined)
    return `${start}Without its escapes it does, at line ${lines.lineAt(lines.plain.indexOf(undone)) + 1}. Escaped once too often? Then mend the replacement too.`;
  const stale = base !== null && base.text !== lines.raw && textLines(base.text).plain.includes(search);
  const why = stale ? 'An earlier edit of this answer changed it: each edit sees the result of those before it. ' : '';
  const elided =
    elisionIn(search, lines.plain) === null
      ? ''
      : 'It contains a line that stands for omitted text; a search must be literal. ';
  return start + why + elided + nearestLines(lines, search, reach);
}
