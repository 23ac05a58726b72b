/** Holds docs/engine-cases.md to the tests: each rule and each fault of the older engine has one that bears its id. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');
/** One in ten of the rules may be left out, for a reason that stands in the design. */
const EXCUSED_MAX = 7;

const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${String(n + 1).padStart(2, '0')}`);
const RULES = [...numbered('WT', 71), 'WT-39b'].toSorted();
const FAULTS = numbered('D', 18);

interface Line {
  readonly id: string;
  readonly says: string;
  readonly where: string;
}

const page = readFileSync(join(ROOT, 'docs/engine-cases.md'), 'utf8');
const lines: readonly Line[] = [...page.matchAll(/^\| ((?:WT|D)-\w+)\s*\| (.+?)\s*\| (.+?)\s*\|$/gm)].map(
  ([, id = '', says = '', where = '']) => ({ id, says, where }),
);
const excuseOf = ({ where }: Line): string | undefined => /^excused: “(.+)”$/.exec(where)?.[1];
const fileOf = ({ where }: Line): string => /^`(.+)`$/.exec(where)?.[1] ?? '';

const names: ReadonlyMap<string, readonly string[]> = new Map(
  readdirSync(join(ROOT, 'tests'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path): [string, readonly string[]] => [
      `tests/${path}`,
      namesIn(readFileSync(join(ROOT, 'tests', path), 'utf8')),
    ]),
);

it('has each rule and each fault once, in words', () => {
  expect(lines.map(({ id }) => id).toSorted()).toEqual([...FAULTS, ...RULES].toSorted());
  expect(lines.filter(({ says }) => says.length < 10)).toEqual([]);
});

it.each(lines.filter((line) => excuseOf(line) === undefined))('$id is in the name of a test of $where', (line) => {
  const file = fileOf(line);
  expect([...names.keys()]).toContain(file);
  expect(idsIn(names.get(file) ?? [])).toContain(line.id);
});

it('excuses few rules, no fault, and each by a sentence of the design', () => {
  const design = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').replaceAll(/\s+/g, ' ');
  const excused = lines.filter((line) => excuseOf(line) !== undefined);
  expect(excused.length).toBeLessThanOrEqual(EXCUSED_MAX);
  for (const line of excused) {
    expect(line.id).toMatch(/^WT-/);
    expect(design).toContain(excuseOf(line));
  }
});

it('knows every id that a test bears', () => {
  const borne = [...new Set([...names.values()].flatMap(idsIn))].toSorted();
  expect(borne.filter((id) => !RULES.includes(id) && !FAULTS.includes(id))).toEqual([]);
});

it('reads ids in lists and ranges, and none elsewhere', () => {
  const source = `
    it('WT-03 and D-02 is so', () => 'WT-99');
    describe("WT-05 to WT-07", () => {});
    it.each(['WT-98'])('(WT-39b, WT-40) of %s', () => {});
    it.each([
      ['WT-97', 'x'],
    ])('D-18 over lines', () => {});
    const row = { name: 'WT-61 in a table' };
    // WT-96
  `;
  expect(idsIn(namesIn(source))).toEqual('WT-03 D-02 WT-05 WT-06 WT-07 WT-39b WT-40 D-18 WT-61'.split(' '));
});

/** Names of tests, and of the rows of tables of tests. */
function namesIn(source: string): readonly string[] {
  const found = source.matchAll(/(?:\b(?:it|describe)\(|\)\(|\bname:)\s*(['"`])((?:\\.|(?!\1).)*)\1/g);
  return [...found].map(([, , name = '']) => name);
}

function idsIn(all: readonly string[]): readonly string[] {
  return all.flatMap((name) =>
    [...name.matchAll(/\b(WT|D)-(\d{2})(b?)(?: to \1-(\d{2}))?\b/g)].flatMap(
      ([, prefix = '', from = '', letter = '', to = from]) =>
        Array.from(
          { length: Number(to) - Number(from) + 1 },
          (_, n) => `${prefix}-${String(Number(from) + n).padStart(2, '0')}${letter}`,
        ),
    ),
  );
}
