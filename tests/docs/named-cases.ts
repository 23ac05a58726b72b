/** Which cases a page of docs lists, and which of them tests bear in their names. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

/** A row of the page: the case in words, and the file of the test that holds it, or why there is none. */
export interface CaseLine {
  readonly id: string;
  readonly says: string;
  readonly where: string;
}

export const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${String(n + 1).padStart(2, '0')}`);

export const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** @param prefixes such as `WT|D` */
export const caseLines = (page: string, prefixes: string): readonly CaseLine[] =>
  [...page.matchAll(new RegExp(`^\\| ((?:${prefixes})-\\w+)\\s*\\| (.+?)\\s*\\| (.+?)\\s*\\|$`, 'gm'))].map(
    ([, id = '', says = '', where = '']) => ({ id, says, where }),
  );

export const excuseOf = ({ where }: CaseLine): string | undefined => /^excused: “(.+)”$/.exec(where)?.[1];
export const fileOf = ({ where }: CaseLine): string => /^`(.+)`$/.exec(where)?.[1] ?? '';

/** The names of all tests, by file. */
export const testNames = (): ReadonlyMap<string, readonly string[]> =>
  new Map(
    readdirSync(join(ROOT, 'tests'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts'))
      .map((path): [string, readonly string[]] => [`tests/${path}`, namesIn(textOf(`tests/${path}`))]),
  );

/** Names of tests, and of the rows of tables of tests. */
export function namesIn(source: string): readonly string[] {
  const found = source.matchAll(/(?:\b(?:it|describe)\(|\)\(|\bname:)\s*(['"`])((?:\\.|(?!\1).)*)\1/g);
  return [...found].map(([, , name = '']) => name);
}

/** Ids one by one, in lists and in ranges (`WT-05 to WT-07`). */
export function idsIn(names: readonly string[], prefixes: string): readonly string[] {
  const pattern = new RegExp(`\\b(${prefixes})-(\\d{2})(b?)(?: to \\1-(\\d{2}))?\\b`, 'g');
  return names.flatMap((name) =>
    [...name.matchAll(pattern)].flatMap(([, prefix = '', from = '', letter = '', to = from]) =>
      Array.from(
        { length: Number(to) - Number(from) + 1 },
        (_, n) => `${prefix}-${String(Number(from) + n).padStart(2, '0')}${letter}`,
      ),
    ),
  );
}
