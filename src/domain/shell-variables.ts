/**
 * Variables in a line for the shell, written `${name}`. The values are given to the shell as variables of its own and never
 * become a part of the line, so whatever a value holds is not carried out; around each place quotes are put as its
 * surroundings need them, so that a value is one word. In a text that the line itself gives to a program (`<<`) quotes mean
 * nothing, so it gets the values as they are.
 */
import type { Variables } from './playbook.js';
import { isCodeFor, isInNumberTest, isPipedToCode, readsCode, sourcesFile } from './shell-code.js';

const PLACE = /^\$\{([A-Za-z_]\w*)\}/;

/** So that none takes the place of a variable that programs know, such as PATH. */
const PREFIX = 'weaver_';

/** The names that a line uses, each once. `\${name}` is none: it is left to the shell, as `$name` is. */
export const namesIn = (run: string): readonly string[] => [...new Set(walk(run).names)];

/** Names in a text that another program is given as code (`sh -c '…'`, `eval …`): it would carry out what a value holds. */
export const namesInCode = (run: string): readonly string[] => [...new Set(walk(run).inCode)];

/** The line with assignments before it. A name without a value stands for an empty text. */
export function withVariables(run: string, variables: Variables): string {
  const { names, text } = walk(run);
  const assignments = [...new Set(names)].map((name) => `${PREFIX}${name}=${quoted(variables[name] ?? '')}`);
  return [...assignments, text].join('\n');
}

/** A text as one word of the shell. */
export const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;

type Mode = 'plain' | 'double' | 'single';

/** What stands in the place of a variable. */
const FORMS: Readonly<Record<Mode, (name: string) => string>> = {
  plain: (name) => `"\${${PREFIX}${name}}"`,
  double: (name) => `\${${PREFIX}${name}}`,
  single: (name) => `'"\${${PREFIX}${name}}"'`,
};

interface Walked {
  readonly names: readonly string[];
  /** Those among them that stand in a text which another program carries out. */
  readonly inCode: readonly string[];
  readonly text: string;
}

/** What a place is in. */
interface Frame {
  readonly mode: Mode;
  /** Where the simple command begins, and its word. */
  command: number;
  word: number;
  /** Whether the word is code for another program. */
  readonly isCode: boolean;
}

function walk(run: string): Walked {
  const found = { names: [] as string[], inCode: [] as string[], text: '' };
  // The outermost first.
  const frames: Frame[] = [];
  let awaited: readonly HereText[] = [];
  for (let at = 0; at < run.length;) {
    const frame = frames.at(-1) ?? outermost(frames);
    const step = stepAt(run, at, frame.mode);
    const end = at + step.length;
    note(found, run.slice(at, end), step, frame, () => isCodeAt(run, at, frame) || isPipedToCode(run.slice(at)));
    const here = frame.mode === 'plain' ? hereTextAt(run, at, frame) : null;
    if (here !== null) awaited = [...awaited, here];
    if (frame.mode === 'plain') separate(frame, run.slice(at, end), end);
    if (step.enters !== undefined) frames.push(frameIn(frame, step.enters, end, entersCode(run, at, frame, step)));
    if (step.leaves === true && frames.length > 1) frames.pop();
    at = end;
    if (step.length === 1 && run[at - 1] === '\n' && frame.mode === 'plain' && awaited.length > 0) {
      at = passOver(found, run, at, awaited);
      awaited = [];
      Object.assign(frame, { command: at, word: at });
    }
  }
  return found;
}

type Found = { names: string[]; inCode: string[]; text: string };

function outermost(frames: Frame[]): Frame {
  const frame: Frame = { mode: 'plain', command: 0, word: 0, isCode: false };
  frames.push(frame);
  return frame;
}

function note(found: Found, read: string, { name }: Step, { mode }: Frame, isCode: () => boolean): void {
  found.text += name === undefined ? read : FORMS[mode](name);
  if (name === undefined) return;
  found.names.push(name);
  if (isCode()) found.inCode.push(name);
}

const isCodeAt = (run: string, at: number, { isCode, command, word }: Frame): boolean =>
  isCode || isCodeFor({ before: run.slice(command, word), begun: run.slice(word, at) }) || isInNumberTest(run, at);

/** What is in there is code as what is around it is, or by itself: numbers, and files to carry out. */
const entersCode = (run: string, at: number, frame: Frame, { isNumber = false, enters }: Step): boolean =>
  isNumber ||
  isCodeAt(run, at, frame) ||
  (enters === 'plain' && run[at] === '(' && sourcesFile(run.slice(frame.command, at)));

/** Quotes belong to the word that they stand in; a substitution has commands of its own. */
const frameIn = (frame: Frame, mode: Mode, at: number, isCode: boolean): Frame =>
  mode === 'plain' ? { mode, command: at, word: at, isCode } : { ...frame, mode, isCode };

function separate(frame: Frame, one: string, end: number): void {
  if (/^[;&|\n]$/.test(one)) frame.command = end;
  if (/^[\s;&|]$/.test(one)) frame.word = end;
}

// ---------------------------------------------------------------- texts in the line itself (`<<`)

interface HereText {
  readonly delimiter: string;
  /** Its lines, and the delimiter, may stand behind tabs. */
  readonly isIndented: boolean;
  /** The shell puts nothing into it. */
  readonly isVerbatim: boolean;
  /** Another program carries it out. */
  readonly isCode: boolean;
}

const HERE = /^<<(-?)[ \t]*(?:'([^'\n]+)'|"([^"\n]+)"|(\\?)([A-Za-z_][\w.-]*))/;

function hereTextAt(run: string, at: number, { command }: Frame): HereText | null {
  if (run[at] !== '<' || run[at - 1] === '<') return null;
  const [, dash, single, double, escape, bare] = HERE.exec(run.slice(at, at + HERE_CHARACTERS_MAX)) ?? [];
  const delimiter = single ?? double ?? bare;
  if (delimiter === undefined) return null;
  const isVerbatim = bare === undefined || escape === '\\';
  return { delimiter, isIndented: dash === '-', isVerbatim, isCode: readsCode(run.slice(command, at)) };
}

const HERE_CHARACTERS_MAX = 200;

/** Where the line goes on after its texts. */
function passOver(found: Found, run: string, start: number, awaited: readonly HereText[]): number {
  let at = start;
  for (const here of awaited) {
    const { names, text, length } = bodyOf(run, at, here);
    found.names.push(...names);
    if (here.isCode) found.inCode.push(...names);
    found.text += text;
    at += length;
  }
  return at;
}

/** With the line of its delimiter; nothing if that is not there, as behind a shift of numbers. */
function bodyOf(run: string, at: number, { delimiter, isIndented, isVerbatim }: HereText) {
  const lines = run.slice(at).split('\n');
  const end = lines.findIndex((line) => (isIndented ? line.replace(/^\t+/, '') : line) === delimiter);
  if (end < 0) return { names: [], text: '', length: 0 };
  const length = lines.slice(0, end + 1).join('\n').length + (end + 1 < lines.length ? 1 : 0);
  const body = run.slice(at, at + length);
  return { ...(isVerbatim ? { names: [], text: body } : filledIn(body)), length };
}

/** Quotes mean nothing there. */
function filledIn(body: string): { readonly names: readonly string[]; readonly text: string } {
  const names: string[] = [];
  const text = body.replaceAll(/\\[^]|\$\{([A-Za-z_]\w*)\}/g, (all, name: string | undefined) => {
    if (name === undefined) return all;
    names.push(name);
    return FORMS.double(name);
  });
  return { names, text };
}

interface Step {
  readonly length: number;
  readonly name?: string | undefined;
  readonly enters?: Mode;
  readonly leaves?: boolean;
  /** Enters arithmetic, where the shell carries out what a value holds. */
  readonly isNumber?: boolean;
}

function stepAt(run: string, at: number, mode: Mode): Step {
  const one = run[at] ?? '';
  if (one === '\\' && mode !== 'single') return { length: 2 };
  const [place, name] = one === '$' ? (PLACE.exec(run.slice(at, at + NAME_CHARACTERS_MAX)) ?? []) : [];
  if (place !== undefined) return { length: place.length, name };
  if (mode === 'single') return one === "'" ? { length: 1, leaves: true } : { length: 1 };
  if (one === '$' && run[at + 1] === '(') return { length: 2, enters: 'plain', isNumber: run[at + 2] === '(' };
  if (mode === 'double') return one === '"' ? { length: 1, leaves: true } : { length: 1 };
  if (one === '#' && /^$|[\s;&|(]/.test(run[at - 1] ?? '')) return { length: commentLength(run, at) };
  if (one === "'") return { length: 1, enters: 'single' };
  if (one === '"') return { length: 1, enters: 'double' };
  if (one === '(') return { length: 1, enters: 'plain', isNumber: run[at + 1] === '(' };
  return one === ')' ? { length: 1, leaves: true } : { length: 1 };
}

/** With its braces. */
const NAME_CHARACTERS_MAX = 110;

/** A quote in a comment is none. */
function commentLength(run: string, at: number): number {
  const end = run.indexOf('\n', at);
  return (end < 0 ? run.length : end) - at;
}
