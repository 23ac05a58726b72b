/** What is wrong with text from outside, in words for the person who wrote it. No fault repeats a value: it may be a secret. */
import type { z } from 'zod';

/** `says` follows the path in a sentence: `checks[1].run is missing`. `line` counts from 1; null where there is no file. */
export interface TaskFault {
  /** Such as `checks[1].run`; empty for the whole. */
  readonly path: string;
  readonly line: number | null;
  readonly says: string;
}

export type Path = readonly PropertyKey[];

/** A fault before it is placed in a text. */
export interface ShapeFault {
  readonly path: Path;
  readonly says: string;
}

/** Fields by the place they are in, places written with `[]` for any index and `*` for any name, such as `checks[]`. */
export type FieldNames = Readonly<Record<string, readonly string[]>>;

/** The fault as one line: `task.yaml:3: repo.url is missing`. `whole` is what the text is called where no field is to blame. */
export function showFault({ path, line, says }: TaskFault, file?: string, whole = 'the task'): string {
  const place =
    file === undefined ? (line === null ? '' : `line ${line}: `) : `${file}${line === null ? '' : `:${line}`}: `;
  return `${place}${path === '' ? whole : path} ${says}`;
}

/** `['checks', 1, 'run']` as `checks[1].run`. */
export const showPath = (path: Path): string =>
  path.reduce<string>(
    (shown, key) =>
      typeof key === 'number' ? `${shown}[${key}]` : shown === '' ? String(key) : `${shown}.${String(key)}`,
    '',
  );

/** One fault for each issue, one for each unknown field. */
export const shapeFaults = (issues: readonly z.core.$ZodIssue[], fields: FieldNames): readonly ShapeFault[] =>
  issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key], says: sayUnknown(issue.path, key, fields) }))
      : [{ path: issue.path, says: issue.message }],
  );

/** As people who write files call the types. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of fields',
  record: 'a map of names',
};

/** zod's words for its own issues are for programmers; what a schema says itself goes before these. */
export const sayIssue: z.core.$ZodErrorMap = (issue): string | undefined => {
  switch (issue.code) {
    case 'invalid_type':
      return sayType(issue);
    case 'invalid_value':
      return issue.input === undefined ? 'is missing' : `must be ${choice(issue.values)}`;
    case 'too_small':
      return sayTooSmall(issue);
    case 'too_big':
      return `must ${bound(issue.origin, 'at most', issue.maximum)}`;
    case 'invalid_key':
      return issue.issues.map(({ message }) => message).join('; ');
    default:
      return undefined;
  }
};

function sayType({ input, expected }: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidType>): string {
  if (input === undefined) return 'is missing';
  const wanted = TYPES[expected] ?? expected;
  if (input === null) return `is empty: give it ${wanted}, or leave the line out`;
  if (expected === 'string' && typeof input !== 'object') return `must be a text: put it in quotes`;
  if (expected === 'number' && typeof input === 'number') return 'must be a finite number';
  return `must be ${wanted}`;
}

function sayTooSmall({ origin, minimum, inclusive }: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall>): string {
  if (origin === 'string' && Number(minimum) === 1) return 'must not be empty';
  return inclusive === false ? `must be more than ${minimum}` : `must ${bound(origin, 'at least', minimum)}`;
}

function bound(origin: string, edge: string, value: number | bigint): string {
  if (origin === 'string') return `have ${edge} ${value} characters`;
  if (origin === 'array') return `have ${edge} ${value} entries`;
  return `be ${edge} ${value}`;
}

const choice = (values: readonly unknown[]): string =>
  values.length === 1 ? String(values[0]) : `one of ${values.map(String).join(', ')}`;

function sayUnknown(parent: Path, key: string, fields: FieldNames): string {
  const here = fieldsAt(parent, fields);
  const near = nearest(key, here);
  if (near !== null) return `is no field: did you mean ${near}?`;
  const elsewhere = Object.entries(fields).find(([, names]) => names.includes(key));
  if (elsewhere !== undefined && elsewhere[0] !== '' && !elsewhere[0].includes('*'))
    return `is no field here: did you mean ${elsewhere[0]}.${key}?`;
  return here.length === 0 ? 'is no field' : `is no field; there are ${here.join(', ')}`;
}

function fieldsAt(parent: Path, fields: FieldNames): readonly string[] {
  const steps = parent.map((key) => (typeof key === 'number' ? '[]' : String(key)));
  const pattern = Object.keys(fields).find((place) => {
    const wanted = place === '' ? [] : place.replaceAll('[]', '.[]').split('.');
    return wanted.length === steps.length && wanted.every((step, index) => step === '*' || step === steps[index]);
  });
  return pattern === undefined ? [] : (fields[pattern] ?? []);
}

/** Two slips of the finger in a word are a typing error, three are another word; short words stand one, or none. */
const slipsAllowed = (name: string): number => (name.length >= 5 ? 2 : name.length >= 3 ? 1 : 0);

/** The name that was probably meant: the same in another spelling style, or nearly the same letters. */
export function nearest(given: string, names: readonly string[]): string | null {
  const word = plain(given).slice(0, 60);
  const ranked = names
    .map((name) => ({ name, slips: distance(word, plain(name)) }))
    .filter(({ name, slips }) => slips <= slipsAllowed(plain(name)))
    .toSorted((a, b) => a.slips - b.slips);
  return ranked[0]?.name ?? null;
}

/** The name without its spelling style. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_\s]/g, '');

/** Letters to add, drop, change or swap with the next to make one word the other. */
function distance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? Infinity) + 1 : Infinity;
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, changed, swapped));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
