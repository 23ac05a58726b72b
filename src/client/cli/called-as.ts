/** How the command is called here, and the words of weaver with that in the place of its name: what is named can be pasted. */
import { basename } from 'node:path';

/** A package's command is on nobody's PATH: `npx` and npm's scripts find it there. */
const OF_A_PACKAGE = /[\\/]node_modules[\\/]\.bin[\\/][^\\/]+$/;
/** Lines of a result that say what to type. The others hold words of tasks, and are left alone. */
const ADVICE = /^\s*(?:\$|next|answer|Next:|Answer|See) /;

/** @param script what Node was told to run */
export function calledAs(script: string): string {
  if (basename(script) === 'start.mjs') return 'npm start --';
  return OF_A_PACKAGE.test(script) ? 'npx weaver' : 'weaver';
}

export interface Wording {
  /** Of text that is weaver's own. */
  readonly all: (text: string) => string;
  /** Of a line that may hold words of others. */
  readonly advice: (line: string) => string;
}

/** @param names of the commands: what follows `weaver` in a command line, and in no other sentence */
export function wordingFor(command: string, names: readonly string[]): Wording {
  if (command === 'weaver') return { all: (text) => text, advice: (line) => line };
  const named = new RegExp(`(?<![\\w/.-])weaver (?=(?:${names.join('|')}|\\[options\\])(?![\\w-]))`, 'g');
  const all = (text: string): string => text.replace(named, `${command} `);
  return { all, advice: (line) => (ADVICE.test(line) ? all(line) : line) };
}
