/** Finds the one JSON object of an answer in whatever a model puts around it, and mends small damage. */
import { jsonrepair } from 'jsonrepair';

type Fields = Readonly<Record<string, unknown>>;

export type FoundObject =
  | { readonly kind: 'found'; readonly object: Fields }
  /** A sentence for the model. */
  | { readonly kind: 'none'; readonly says: string };

/** Braces in prose that never close; each costs a look at the rest of the text. */
const OPEN_BRACES_MAX = 20;

/**
 * An answer has three levels. Far below this a repair by recursion is safe; far above it the process can end, since V8 does
 * not survive a regular expression that is compiled where the stack is used up.
 */
const DEPTH_MAX = 100;

/** The one object with this field (`edits`, `children`); the same object said twice counts once. */
export function readAnswerObject(given: string, field: string): FoundObject {
  const isAnswer = (value: unknown): value is Fields => hasField(value, field);
  const text = withoutThoughts(given.replace(/^\uFEFF/, ''));
  const whole = parse(text);
  if (isAnswer(whole)) return { kind: 'found', object: whole };
  if (text.trim() === '') return none('The answer is empty.');
  const regions = objectsIn(text);
  if (regions.kind === 'cut')
    return none('The JSON object of the answer does not end: it was cut off, or its brackets do not pair.');
  const answers = new Map<string, Fields>();
  let broken = '';
  for (const region of regions.texts) {
    if (!region.includes(`"${field}"`)) continue;
    const object = parse(region) ?? mend(region);
    if (isAnswer(object)) answers.set(JSON.stringify(object), object);
    else if (object === undefined) broken ||= whyNotJson(region);
  }
  const [first, second] = [...answers.values()];
  if (second !== undefined) return none(`The answer has several objects with the field ${field}; send one.`);
  if (broken !== '') return none(broken);
  if (first !== undefined) return { kind: 'found', object: first };
  return none(`The answer has no JSON object with the field ${field}.`);
}

const none = (says: string): FoundObject => ({ kind: 'none', says });

/** Reasoning models write drafts before the answer. Only at the very start: files may hold the same marks. */
export const withoutThoughts = (text: string): string =>
  text.replace(/^\s*<think(?:ing)?>[\s\S]*?<\/think(?:ing)?>/i, '');

const hasField = (value: unknown, field: string): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, field);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Regions = { readonly kind: 'texts'; readonly texts: readonly string[] } | { readonly kind: 'cut' };

/** The outermost `{…}` of a text, whole ones only. */
function objectsIn(text: string): Regions {
  const texts: string[] = [];
  let open = 0;
  for (let at = text.indexOf('{'); at >= 0;) {
    const end = endOfObject(text, at);
    if (end !== null) texts.push(text.slice(at, end));
    // An object that never ends is an answer that was cut; a lone brace in prose is nothing.
    else if (/^\{\s*(?:["}]|$)/.test(text.slice(at, at + 200)) || (open += 1) > OPEN_BRACES_MAX) return { kind: 'cut' };
    at = text.indexOf('{', end ?? at + 1);
  }
  return { kind: 'texts', texts };
}

/** Offset behind the brace that closes the object; null if it is not closed, goes too deep, or brackets do not pair. */
function endOfObject(text: string, start: number): number | null {
  const closers: string[] = [];
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
    } else if (character === '{') closers.push('}');
    else if (character === '[') closers.push(']');
    else if (character === '}' || character === ']') {
      if (closers.pop() !== character) return null;
      if (closers.length === 0) return at + 1;
    }
    if (closers.length > DEPTH_MAX) return null;
  }
  return null;
}

/** Offset of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

/**
 * Mends commas too many or too few, comments, and line ends or tabs that should have been escaped. What a repair would have
 * to guess, such as where a text ends, is left to the model: a wrong guess would be committed as code.
 */
function mend(region: string): unknown {
  let repaired: string;
  try {
    repaired = jsonrepair(region);
  } catch {
    return undefined;
  }
  return essence(repaired) === essence(region) ? parse(repaired) : undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' };

/** The text without what may be mended: equal for two texts that say the same. */
function essence(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '"') {
      const end = endOfString(text, at);
      // oxlint-disable-next-line no-control-regex
      parts.push(text.slice(at, end + 1).replaceAll(/[\n\r\t\b\f]/g, (raw) => ESCAPES[raw] ?? raw));
      at = end;
    } else if (text.startsWith('//', at)) at = endOr(text, text.indexOf('\n', at));
    else if (text.startsWith('/*', at)) at = endOr(text, text.indexOf('*/', at) + 1);
    else if (!/[\s,]/.test(character)) parts.push(character);
  }
  return parts.join('');
}

const endOr = (text: string, found: number): number => (found <= 0 ? text.length : found);

function whyNotJson(region: string): string {
  try {
    JSON.parse(region);
    return '';
  } catch (thrown) {
    const says = String(thrown).replace(/^SyntaxError: /, '');
    return `The answer is not valid JSON: ${says.slice(0, 200)}`;
  }
}
