/** Whether git would leave a new path out, by the .gitignore files beside and above it. */
import { baseName } from './path-parts.js';

/**
 * The rule that leaves the path out, with its file (`*.log` in src/.gitignore); null if none does.
 * @param textOf content of a .gitignore file, null if there is none
 */
export function ignoringRule(path: string, textOf: (path: string) => string | null): string | null {
  const names = path.split('/');
  const files = ruleFiles(names, '.gitignore', textOf);
  // A folder that is left out takes with it whatever is in it, so the folders are asked first, from the top.
  for (const end of names.keys()) {
    const rule = decidingRule(files, names, end);
    if (rule !== null) return rule;
  }
  return null;
}

/**
 * The same for the path alone, whatever holds for its folders, by files of another name with the same kind of patterns.
 * @param textOf content of such a file, null if there is none
 */
export function ruleOfPath(path: string, name: string, textOf: (path: string) => string | null): string | null {
  const names = path.split('/');
  return decidingRule(ruleFiles(names, name, textOf), names, names.length - 1);
}

interface RuleFile {
  readonly file: string;
  readonly depth: number;
  readonly rules: readonly Rule[];
}

const ruleFiles = (
  names: readonly string[],
  name: string,
  textOf: (path: string) => string | null,
): readonly RuleFile[] =>
  names.map((_, depth) => {
    const file = [...names.slice(0, depth), name].join('/');
    return { file, depth, rules: parseRules(textOf(file) ?? '') };
  });

/** The rule that decides on the path down to one of its names; null if none does, or if it is an exception. */
function decidingRule(files: readonly RuleFile[], names: readonly string[], end: number): string | null {
  const below = (depth: number): string => names.slice(depth, end + 1).join('/');
  const isFolder = end < names.length - 1;
  const deepestFirst = files.slice(0, end + 1).toReversed();
  const decisive = deepestFirst
    .map(({ file, depth, rules }) => ({
      file,
      rule: rules.findLast((each) => applies(each, below(depth), isFolder)),
    }))
    .find(({ rule }) => rule !== undefined);
  return decisive?.rule?.negated === false ? `\`${decisive.rule.line}\` in ${decisive.file}` : null;
}

interface Rule {
  readonly line: string;
  readonly negated: boolean;
  readonly foldersOnly: boolean;
  /** Whether it names a path from its .gitignore on, not just a name at any depth. */
  readonly anchored: boolean;
  readonly pattern: readonly Token[];
}

/** One step through a name. `many` stands for any number of characters, `skip` for the choice to leave out the next tokens. */
type Token =
  | { readonly kind: 'one' | 'many'; readonly fits: (char: string) => boolean }
  | { readonly kind: 'skip'; readonly tokens: number };

/** More than any project has; a bound for generated files. */
const RULES_MAX = 2_000;
/** Longer lines are not patterns that anyone wrote. */
const LINE_CHARACTERS_MAX = 500;

function parseRules(text: string): readonly Rule[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  return lines.slice(0, RULES_MAX).flatMap((line) => parseRule(line) ?? []);
}

function parseRule(given: string): Rule | null {
  const line = withoutTrailingSpaces(given);
  if (line === '' || line.startsWith('#') || line.length > LINE_CHARACTERS_MAX) return null;
  const negated = line.startsWith('!');
  const positive = negated ? line.slice(1) : line;
  const foldersOnly = positive.endsWith('/');
  const path = foldersOnly ? positive.slice(0, -1) : positive;
  const anchored = path.includes('/');
  const pattern = path === '' ? null : tokensOf([...path.replace(/^\//, '')], anchored);
  return pattern === null ? null : { line, negated, foldersOnly, anchored, pattern };
}

/** A space counts if a backslash stands before it. */
function withoutTrailingSpaces(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === ' ' && line[end - 2] !== '\\') end -= 1;
  return line.slice(0, end);
}

const applies = ({ foldersOnly, anchored, pattern }: Rule, path: string, isFolder: boolean): boolean =>
  (isFolder || !foldersOnly) && fits(pattern, anchored ? path : baseName(path));

const any = (): boolean => true;
const inName = (char: string): boolean => char !== '/';

/** Null for a pattern that is not well formed: git matches nothing with it. */
function tokensOf(chars: readonly string[], anchored: boolean): readonly Token[] | null {
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*') {
      const start = at;
      while (chars[at + 1] === '*') at += 1;
      const isDeep = anchored && at > start && (chars[start - 1] ?? '/') === '/' && (chars[at + 1] ?? '/') === '/';
      if (!isDeep) tokens.push({ kind: 'many', fits: inName });
      else if (chars[at + 1] === undefined) tokens.push({ kind: 'many', fits: any });
      else {
        tokens.push({ kind: 'skip', tokens: 2 }, { kind: 'many', fits: any }, equal('/'));
        at += 1;
      }
    } else if (char === '[') {
      const found = classAt(chars, at);
      if (found === null) return null;
      tokens.push({ kind: 'one', fits: found.fits });
      at = found.end;
    } else if (char === '?') tokens.push({ kind: 'one', fits: inName });
    else if (char !== '\\') tokens.push(equal(char));
    else {
      at += 1;
      const literal = chars[at];
      if (literal === undefined) return null;
      tokens.push(equal(literal));
    }
  }
  return tokens;
}

const equal = (char: string): Token => ({ kind: 'one', fits: (other) => other === char });

/** A set of characters in brackets. Named sets (`[:alpha:]`) are not known here; a rule with one is passed over. */
function classAt(
  chars: readonly string[],
  start: number,
): { readonly fits: (char: string) => boolean; readonly end: number } | null {
  const isNegated = chars[start + 1] === '!' || chars[start + 1] === '^';
  const ranges: (readonly [string, string])[] = [];
  const first = start + (isNegated ? 2 : 1);
  for (let at = first; at < chars.length; at += 1) {
    if (chars[at] === ']' && at > first) {
      const isIn = (char: string): boolean => ranges.some(([from, to]) => from <= char && char <= to);
      return { fits: (char) => inName(char) && isIn(char) !== isNegated, end: at };
    }
    if (chars[at] === '[' && chars[at + 1] === ':') return null;
    if (chars[at] === '\\') at += 1;
    const from = chars[at] ?? '';
    if (chars[at + 1] !== '-' || chars[at + 2] === undefined || chars[at + 2] === ']') {
      ranges.push([from, from]);
      continue;
    }
    at += chars[at + 2] === '\\' ? 3 : 2;
    ranges.push([from, chars[at] ?? '']);
  }
  return null;
}

/** All ways through the pattern at once: no pattern takes more than its length times that of the path. */
function fits(pattern: readonly Token[], path: string): boolean {
  let here = reachable(pattern, [0]);
  for (const char of path) {
    const next: number[] = [];
    for (const at of here) {
      const token = pattern[at];
      if (token === undefined || token.kind === 'skip' || !token.fits(char)) continue;
      next.push(token.kind === 'many' ? at : at + 1);
    }
    here = reachable(pattern, next);
  }
  return here.has(pattern.length);
}

/** Places that can be reached from these without a character. */
function reachable(pattern: readonly Token[], from: readonly number[]): ReadonlySet<number> {
  const places = new Set(from);
  // A set that grows while it is walked is walked to its new end.
  for (const at of places) {
    const token = pattern[at];
    if (token?.kind === 'many') places.add(at + 1);
    if (token?.kind === 'skip') places.add(at + 1).add(at + 1 + token.tokens);
  }
  return places;
}
