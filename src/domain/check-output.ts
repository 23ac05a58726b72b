/** What a check printed: cut for people and models, and stripped of all that differs between two equal failures. */

/**
 * Both ends of a text in at most `charactersMax` characters, with a line in between that says how much is left out. Cut
 * between lines unless a line is very long, never inside a character; colours and other terminal codes are removed.
 */
export function excerpt(text: string, charactersMax: number): string {
  const clean = plainText(text);
  if (clean.length <= charactersMax) return clean;
  const room = charactersMax - MARKER_CHARACTERS_MAX;
  if (room <= 0) return clean.slice(0, startOfCharacter(clean, Math.max(0, charactersMax)));
  const head = headEnd(clean, Math.floor(room * HEAD_SHARE));
  const tail = tailStart(clean, clean.length - (room - Math.floor(room * HEAD_SHARE)));
  const left = clean.slice(head, tail);
  const marker = `[... ${left.split('\n').length - 1} lines, ${left.length} characters left out ...]`;
  const before = clean.slice(0, head);
  return `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${marker}\n${clean.slice(tail)}`;
}

/** A text that is equal for two runs that failed in the same way: what a failure's signature is computed from. */
export function signatureSource(text: string): string {
  const plain = plainText(bothEnds(text));
  const steady = VARYING.reduce((left, [pattern, stand]) => left.replace(pattern, stand), plain);
  // Runners that work on several files at once print them in any order, and repeat themselves as often as they like.
  return [...new Set(steady.split('\n').map((line) => line.replace(/\s+/g, ' ').trim()))].toSorted().join('\n').trim();
}

/** What go prints of tests that begin and that pass, which it is asked for to tell them apart: only the log keeps it. */
export const withoutPassing = (text: string): string => text.replaceAll(GO_PASSING, '');

const GO_PASSING = /^[ \t]*(?:=== (?:RUN|PAUSE|CONT|NAME) |--- PASS: ).*\n?/gm;

/** Most runners say at the end what went wrong. */
const HEAD_SHARE = 0.4;
/** `[... n lines, n characters left out ...]` with its line breaks, for any n. */
const MARKER_CHARACTERS_MAX = 80;
/** A cut may move this share of its part away to find a line's end. */
const LINE_SEARCH_SHARE = 0.25;
/** A signature needs the failure, not the flood around it. */
const SIGNATURE_CHARACTERS_MAX = 1_000_000;

function headEnd(text: string, size: number): number {
  const line = text.lastIndexOf('\n', size - 1) + 1;
  return line > size * (1 - LINE_SEARCH_SHARE) ? line : startOfCharacter(text, size);
}

function tailStart(text: string, from: number): number {
  const line = text.indexOf('\n', from - 1) + 1;
  const found = line > 0 && line < from + (text.length - from) * LINE_SEARCH_SHARE;
  return found ? line : afterCharacter(text, from);
}

const isLowSurrogate = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xdc00;
const isHighSurrogate = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xd800;
const splits = (text: string, at: number): boolean => isLowSurrogate(text, at) && isHighSurrogate(text, at - 1);
const startOfCharacter = (text: string, at: number): number => (splits(text, at) ? at - 1 : at);
const afterCharacter = (text: string, at: number): number => (splits(text, at) ? at + 1 : at);

function bothEnds(text: string): string {
  if (text.length <= SIGNATURE_CHARACTERS_MAX) return text;
  const half = SIGNATURE_CHARACTERS_MAX / 2;
  // Whole lines only: where a cut falls in a line depends on the length of what comes before.
  const head = text.slice(0, text.lastIndexOf('\n', half) + 1 || half);
  const tail = text.slice(text.indexOf('\n', text.length - half) + 1 || text.length - half);
  return `${head}\n${tail}`;
}

/* oxlint-disable no-control-regex -- control characters are what this is about */
/** Strings to the terminal (titles, links), with their end where there is one; bounded, since that may be missing. */
const TERMINAL_STRINGS = /\u001b[\]PX^_][^\u0007\u001b\n]{0,2000}(?:\u0007|\u001b\\)?/g;
/** Colours, movements of the cursor. */
const TERMINAL_CODES = /(?:\u001b\[|\u009b)[0-?]{0,50}[ -/]{0,10}[@-~]?|\u001b[ -/]{0,3}[0-~]?/g;
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;
/* oxlint-enable no-control-regex */

/** As a terminal would have shown it in the end: a progress line counts as its last state. */
function plainText(text: string): string {
  const bare = text.replace(TERMINAL_STRINGS, '').replace(TERMINAL_CODES, '').replace(/\r+\n/g, '\n');
  const settled = bare.includes('\r') ? bare.split('\n').map(lastState).join('\n') : bare;
  return settled.replace(CONTROLS, '');
}

const lastState = (line: string): string => line.replace(/\r+$/, '').split('\r').at(-1) ?? '';

const NUMBER = '\\d{1,20}(?:[.,]\\d{1,20})?';
/** A lone m or h is a unit only right behind its number. */
const DURATION = `${NUMBER}(?: ?(?:ns|[uµμ]s|ms|msecs?|milliseconds?|s|secs?|seconds?|mins?|minutes?|hrs?|hours?)|[mh])`;
const MONTH =
  '(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)';

/** Each linear in the text: fixed starts, bounded repeats. The order matters: dates hold times, times hold numbers. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\[\.\.\. \d+ (?:lines, \d+ characters|bytes) left out \.\.\.\]/g, '<cut>'],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?)?(?:Z\b| ?[+-]\d\d:?\d\d\b)?/g, '<date>'],
  [/\b\d{4}\/\d\d\/\d\d\b/g, '<date>'],
  [
    new RegExp(
      `\\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:\\d{1,2} )?${MONTH}(?: \\d{1,2}\\b,?(?: \\d{4}\\b)?| \\d{4}\\b)`,
      'g',
    ),
    '<date>',
  ],
  [/\b\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?[AP]M\b)?(?: [A-Z]{3,4} \d{4}\b)?/g, '<time>'],
  // The work tree and the home of another task, with the same content.
  [/(?:\/[^\s/:'"()]{1,100}){1,30}?\/workspaces\/[^\s/:'"()]{1,200}\/tree\b/g, '<work>'],
  [/(?:\/[^\s/:'"()]{1,100}){1,30}?\/tasks\/[^\s/:'"()]{1,200}\/home\b/g, '<home>'],
  [
    /(?:\/private)?\/(?:var\/folders\/[\w+-]{1,10}\/[\w+-]{1,60}\/T|var\/tmp|tmp|dev\/shm)\/[^\s:'"()<>,;]{1,400}/g,
    '<temporary>',
  ],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  [/\b0x[0-9a-f]{1,32}\b/gi, '<address>'],
  [/(?:==|--)\d{1,10}(?:==|--)/g, '<process>'],
  [/\b(thread '[^'\n]{1,100}' \()\d{1,10}\)/g, '$1<process>)'],
  [/\b((?:p?pid|process(?: id)?|thread|goroutine|tid|node)(?:[ :=#]|: | = )[[(]?)\d{1,10}\b/gi, '$1<process>'],
  [/\b((?:random[ -]|randomi[sz]ed with |randomly-)?seed(?:[ :=]{1,3}|is ){1,2})\d{1,20}\b/gi, '$1<seed>'],
  [/((?:\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3})|\[[0-9a-f:]{2,39}\]|::):)\d{1,5}\b/gi, '$1<port>'],
  [/\b(port(?:[ :=#]{1,3}|: | = ))\d{1,5}\b/gi, '$1<port>'],
  [
    new RegExp(
      `\\b${NUMBER} ?(?:[kMGT]i?)?(?:B|bytes?|bits?|ops?|op|it|tests?|MB|req|requests?)/s(?:ec|econd)?\\b`,
      'gi',
    ),
    '<speed>',
  ],
  [/\b\d{1,20}(?:[.,]\d{1,20})? ?[nuµ]s\/op\b/g, '<speed>'],
  [new RegExp(`(?<![\\w.])${NUMBER} ?%`, 'g'), '<share>'],
  // go test says so in place of a duration.
  [/\(cached\)/g, '<duration>'],
  // 2m3.4s, 1 min 2 sec
  [new RegExp(`(?<![\\w.])${DURATION}(?:,? ?${DURATION}){0,3}\\b`, 'g'), '<duration>'],
  [/\b(duration_ms|elapsed|took|time|duration)(["']?[ :=]{1,3})\d{1,20}(?:\.\d{1,20})?\b/gi, '$1$2<duration>'],
];
