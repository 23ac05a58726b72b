/** Values that flags have set in the content of a file, and faults with the line or the flag that is to blame. */
import type { z } from 'zod';
import { showPath, type Path, type ShapeFault, type TaskFault } from './faults.js';
import { applySets, parseSet, type SetValue } from './set-values.js';

export interface Sets {
  readonly values: readonly SetValue[];
  readonly faults: readonly TaskFault[];
}

export function setsOf(texts: readonly string[] = []): Sets {
  const parsed = texts.map(parseSet);
  return {
    values: parsed.filter((each) => 'flag' in each),
    faults: parsed.filter((each) => 'says' in each),
  };
}

/** Line, and how much of the path the text has. */
export type PlaceOf = (path: Path) => { readonly line: number | null; readonly depth: number };

/** Without a text only a flag can be to blame, for what it has set or for what is in it. */
export const nowhere: PlaceOf = (path) => ({ line: null, depth: path.length - 1 });

/** What a flag has set is that flag's fault, and so is what is wrong or missing in a part that only the flag has made. */
export function placed({ path, says }: ShapeFault, sets: readonly SetValue[], placeOf: PlaceOf): TaskFault {
  const { line, depth } = placeOf(path);
  const made = path.slice(0, depth + 1);
  const own = sets.findLast((set) => starts(path, set.path));
  const flag = (own ?? (depth < path.length ? sets.findLast((set) => starts(set.path, made)) : undefined))?.flag;
  if (flag !== undefined) return { path: showPath(path), line: null, says: `${says} (${flag})` };
  return { path: showPath(path), line, says };
}

const starts = (path: Path, start: Path): boolean => start.every((key, index) => path[index] === key);

/** In the order of the file, those of flags last. */
export const byLine = (a: TaskFault, b: TaskFault): number => (a.line ?? Infinity) - (b.line ?? Infinity) || 0;

/** Fields that should have been text. */
export const wantText = (issues: readonly z.core.$ZodIssue[]): readonly Path[] =>
  issues.flatMap((issue) => (issue.code === 'invalid_type' && issue.expected === 'string' ? [issue.path] : []));

/**
 * `--set key=42` means the text 42: a value that looks like a number is one only where a number is wanted. Null if no flag
 * is concerned.
 */
export function retypeSets(content: unknown, wanted: readonly Path[], sets: readonly SetValue[]): unknown {
  if (sets.length === 0) return null;
  const wantedTexts = new Set(wanted.map(showPath));
  const texts = sets
    .filter(({ path, value }) => ['number', 'boolean'].includes(typeof value) && wantedTexts.has(showPath(path)))
    .map((set) => ({ ...set, value: set.text }));
  return texts.length === 0 ? null : applySets(content, texts).content;
}

export const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
