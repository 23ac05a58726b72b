/**
 * Variables in a line for the shell, written `${name}`. The values are given to the shell as variables of its own and never
 * become a part of the line, so whatever a value holds is not carried out; around each place quotes are put as its
 * surroundings need them, so that a value is one word.
 */
import type { Variables } from './playbook.js';

const PLACE = /^\$\{([A-Za-z_]\w*)\}/;

/** So that none takes the place of a variable that programs know, such as PATH. */
const PREFIX = 'weaver_';

/** The names that a line uses, each once. `\${name}` is none: it is left to the shell, as `$name` is. */
export const namesIn = (run: string): readonly string[] => [...new Set(walk(run).names)];

/** The line with assignments before it. A name without a value stands for an empty text. */
export function withVariables(run: string, variables: Variables): string {
  const { names, text } = walk(run);
  const assignments = [...new Set(names)].map((name) => `${PREFIX}${name}=${quoted(variables[name] ?? '')}`);
  return [...assignments, text].join('\n');
}

const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;

type Mode = 'plain' | 'double' | 'single';

/** What stands in the place of a variable. */
const FORMS: Readonly<Record<Mode, (name: string) => string>> = {
  plain: (name) => `"\${${PREFIX}${name}}"`,
  double: (name) => `\${${PREFIX}${name}}`,
  single: (name) => `'"\${${PREFIX}${name}}"'`,
};

interface Walked {
  readonly names: readonly string[];
  readonly text: string;
}

/**
 * A text that is given to a program in the line itself (`<<`) knows no quotes that could be told from its own: there the names
 * alone are changed.
 */
function walk(run: string): Walked {
  const names: string[] = [];
  const isVerbatim = run.includes('<<');
  // What the place that is looked at is in, the outermost first.
  const modes: Mode[] = ['plain'];
  let text = '';
  for (let at = 0; at < run.length;) {
    const mode = modes.at(-1) ?? 'plain';
    const step = stepAt(run, at, mode);
    if (step.name !== undefined) {
      names.push(step.name);
      text += FORMS[isVerbatim ? 'double' : mode](step.name);
    } else text += run.slice(at, at + step.length);
    if (step.enters !== undefined) modes.push(step.enters);
    if (step.leaves === true && modes.length > 1) modes.pop();
    at += step.length;
  }
  return { names, text };
}

interface Step {
  readonly length: number;
  readonly name?: string | undefined;
  readonly enters?: Mode;
  readonly leaves?: boolean;
}

function stepAt(run: string, at: number, mode: Mode): Step {
  const one = run[at] ?? '';
  if (one === '\\' && mode !== 'single') return { length: 2 };
  const [place, name] = one === '$' ? (PLACE.exec(run.slice(at, at + NAME_CHARACTERS_MAX)) ?? []) : [];
  if (place !== undefined) return { length: place.length, name };
  if (mode === 'single') return one === "'" ? { length: 1, leaves: true } : { length: 1 };
  if (one === '$' && run[at + 1] === '(') return { length: 2, enters: 'plain' };
  if (mode === 'double') return one === '"' ? { length: 1, leaves: true } : { length: 1 };
  if (one === '#' && /^$|[\s;&|(]/.test(run[at - 1] ?? '')) return { length: commentLength(run, at) };
  if (one === "'") return { length: 1, enters: 'single' };
  if (one === '"') return { length: 1, enters: 'double' };
  if (one === '(') return { length: 1, enters: 'plain' };
  return one === ')' ? { length: 1, leaves: true } : { length: 1 };
}

/** With its braces. */
const NAME_CHARACTERS_MAX = 110;

/** A quote in a comment is none. */
function commentLength(run: string, at: number): number {
  const end = run.indexOf('\n', at);
  return (end < 0 ? run.length : end) - at;
}
