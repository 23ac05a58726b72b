/**
 * Which words of a line for the shell another program carries out as code: a value there would be carried out with it. Programs
 * that are not known here are taken for ones that are given data.
 */

/** What stands before a word in its simple command, and the word as far as it goes. */
export interface WordPlace {
  readonly before: string;
  readonly begun: string;
}

/** Programs that carry out what they are given as code. */
const SHELL_OPTION = String.raw`(?:\s+(?:[-+][oO]|--(?:rcfile|init-file))\s+[^\s-]\S*|\s+[-+]\S+)*`;
const LANGUAGE_OPTION = String.raw`(?:\s+(?:-[XWrICd]|--(?:require|import|loader|experimental-loader|conditions))\s+[^\s-]\S*|\s+-\S+)*`;
const SHELL = String.raw`(?:^|[\s/])(?:ba|da|a|k|z|fi)?sh${SHELL_OPTION}`;
const LANGUAGE = String.raw`(?:^|[\s/])(?:python[\d.]*|node|deno|bun|perl|ruby|php|lua)${LANGUAGE_OPTION}`;
/** Right before the code; and glued to it. */
const INTERPRETER = new RegExp(
  String.raw`${SHELL}\s+-[A-Za-z]*c\s+$|${LANGUAGE}\s+(?:-[A-Za-z]*[cerpE]|--eval|--print|eval)\s+$|(?:^|[\s/])(?:su|runuser|script|flock)\s(?:[^\n]*\s)?-c\s+$`,
);
const GLUED = new RegExp(String.raw`${SHELL}\s+$|${LANGUAGE}\s+$`);
const GLUED_CODE = /^(?:-[A-Za-z]*[ce]['"]|--(?:eval|print)=)/;
/** What makes code or numbers of all its words; the shell carries out what a number holds. */
const EVAL =
  /^\s*(?:[A-Za-z_]\w*=\S*\s+)*(?:(?:command|builtin|then|do|else)\s+)*(?:eval|trap|let|(?:declare|typeset|local)\s+-\w*i\w*)\s/;

/** Whether a value would be carried out in this word. */
export function isCodeFor({ before, begun }: WordPlace): boolean {
  return (
    INTERPRETER.test(before) ||
    EVAL.test(before) ||
    (GLUED_CODE.test(begun) && GLUED.test(before)) ||
    isProgramText(before, begun)
  );
}

const READING = new RegExp(
  String.raw`(?:${SHELL}|${LANGUAGE})(?:\s+-)?\s*$|(?:^|\s)(?:\.|source)\s+/dev/(?:stdin|fd/0)\s*$|(?:^|[\s/])g?make\s(?:[^\n]*\s)?-f\s*-\s*$|(?:^|[\s/])(?:[gmn]?awk|g?sed)\s(?:[^\n]*\s)?-f\s*(?:-|/dev/stdin)(?:\s[^\n]*)?$|(?:^|[\s/])(?:ed|ex|psql|sqlite3|mysql|mariadb)(?:\s[^\n]*)?$`,
);

/** Whether the command reads code from its standard input. */
export const readsCode = (before: string): boolean => READING.test(before);

const SOURCING = new RegExp(String.raw`(?:(?:^|\s)(?:\.|source)|${SHELL}|${LANGUAGE})\s+<$`);

/** Whether the command carries out what a substitution (`<(…)`) gives it as a file. */
export const sourcesFile = (before: string): boolean => SOURCING.test(before);

const INTO_CODE = new RegExp(String.raw`\|&?\s*(?:${SHELL}|${LANGUAGE})(?:\s+-)?\s*(?:$|[&|)])`);

/** Whether what the command prints goes to a program that carries it out. */
export const isPipedToCode = (after: string): boolean =>
  INTO_CODE.test((/^[^\n;]*/.exec(after)?.[0] ?? '').split(/&&|\|\|/)[0] ?? '');

/** Whether the place is in a test whose operators take numbers. */
export function isInNumberTest(run: string, at: number): boolean {
  const open = run.lastIndexOf('[[ ', at);
  const close = open < 0 ? -1 : run.indexOf(' ]]', open);
  return open >= 0 && (close < 0 || close > at) && NUMBER_TEST.test(run.slice(open, close < 0 ? undefined : close));
}

const NUMBER_TEST = /\s-(?:eq|ne|lt|le|gt|ge)\s/;

// ---------------------------------------------------------------- programs whose first word is a program

interface ProgramRules {
  /** Options with the text of a program; the first word is none where one of these or of `files` was given. */
  readonly texts: RegExp;
  readonly files: RegExp;
  /** Options with a value of their own. */
  readonly valued: RegExp;
}

const PROGRAMS: readonly (readonly [name: RegExp, rules: ProgramRules])[] = [
  [
    /^g?sed$/,
    { texts: /^(?:-[A-Za-z]*e|--expression)$/, files: /^(?:-[A-Za-z]*f|--file)/, valued: /^(?:-l|--line-length)$/ },
  ],
  [
    /^[gmn]?awk$/,
    { texts: /^(?:-e|--source)$/, files: /^(?:-f|--file)/, valued: /^(?:-[FvilE]|--assign|--field-separator)$/ },
  ],
];

/** Programs that carry out the words behind them. */
const CARRIER = /^(?:env|time|timeout|nice|ionice|nohup|setsid|stdbuf|sudo|xargs|exec|command|builtin)$/;
const LEAD = /^(?:[A-Za-z_]\w*=.*|if|then|elif|else|while|until|do|!|\{)$/s;
const WORD = /(?:'[^']*'|"(?:\\[^]|[^"\\])*"|\\[^]|[^\s'"\\])+/g;

function isProgramText(before: string, begun: string): boolean {
  const words = before.match(WORD) ?? [];
  const at = words.findIndex((word, index) => rulesOf(word) !== null && isCommand(words, index));
  const [name] = words.slice(at, at + 1);
  if (name !== undefined && at >= 0) return isTextOf(rulesOf(name), words.slice(at + 1), begun);
  return isGitCode(words, begun);
}

const rulesOf = (word: string): ProgramRules | null =>
  PROGRAMS.find(([name]) => name.test(word.replace(/^.*\//, '')))?.[1] ?? null;

function isCommand(words: readonly string[], index: number): boolean {
  if (/^-(?:exec|execdir|ok|okdir)$/.test(words[index - 1] ?? '')) return true;
  const first = words.findIndex((word) => !LEAD.test(word));
  return first === index || CARRIER.test((words[first] ?? '').replace(/^.*\//, ''));
}

function isTextOf(rules: ProgramRules | null, given: readonly string[], begun: string): boolean {
  if (rules === null) return false;
  const { texts, files, valued } = rules;
  const last = given.at(-1) ?? '';
  if (texts.test(last) || /^(?:--(?:expression|source)=|-[A-Za-z]*e["'$])/.test(begun)) return true;
  if (files.test(last) || valued.test(last) || begun.startsWith('-')) return false;
  const isNamed = given.some((word) => texts.test(word) || files.test(word) || /^--(?:expression|source)=/.test(word));
  return !isNamed && given.every((word, index) => word.startsWith('-') || valued.test(given[index - 1] ?? ''));
}

/** `git -c`: settings that hold a command. */
function isGitCode(words: readonly string[], begun: string): boolean {
  const at = words.findIndex((word) => /^(?:.*\/)?git$/.test(word));
  return at >= 0 && words.at(-1) === '-c' && (isPlaceFirst(begun) || GIT_COMMAND.test(begun));
}

const isPlaceFirst = (begun: string): boolean => begun === '' || begun === '"' || begun === "'";

const GIT_COMMAND =
  /^['"]?(?:alias\.|core\.(?:pager|editor|sshcommand|fsmonitor|hookspath|askpass|gitproxy)|pager\.|sequence\.editor|[^=]*\.(?:command|cmd|helper|program|textconv|clean|smudge|process|external|driver))/i;
