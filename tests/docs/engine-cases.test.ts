/** Holds docs/engine-cases.md to the tests: each rule and each fault of the older engine has one that bears its id. */
import { caseLines, excuseOf, fileOf, idsIn, namesIn, numbered, testNames, textOf } from './named-cases';

/** One in ten of the rules may be left out, for a reason that stands in the design. */
const EXCUSED_MAX = 7;
const PREFIXES = 'WT|D';
const RULES = [...numbered('WT', 71), 'WT-39b'].toSorted();
const FAULTS = numbered('D', 18);

const lines = caseLines(textOf('docs/engine-cases.md'), PREFIXES);
const names = testNames();

it('has each rule and each fault once, in words', () => {
  expect(lines.map(({ id }) => id).toSorted()).toEqual([...FAULTS, ...RULES].toSorted());
  expect(lines.filter(({ says }) => says.length < 10)).toEqual([]);
});

it.each(lines.filter((line) => excuseOf(line) === undefined))('$id is in the name of a test of $where', (line) => {
  const file = fileOf(line);
  expect([...names.keys()]).toContain(file);
  expect(idsIn(names.get(file) ?? [], PREFIXES)).toContain(line.id);
});

it('excuses few rules, no fault, and each by a sentence of the design', () => {
  const design = textOf('docs/architecture.md').replaceAll(/\s+/g, ' ');
  const excused = lines.filter((line) => excuseOf(line) !== undefined);
  expect(excused.length).toBeLessThanOrEqual(EXCUSED_MAX);
  for (const line of excused) {
    expect(line.id).toMatch(/^WT-/);
    expect(design).toContain(excuseOf(line));
  }
});

it('knows every id that a test bears', () => {
  const borne = [...new Set([...names.values()].flatMap((all) => idsIn(all, PREFIXES)))].toSorted();
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
  expect(idsIn(namesIn(source), PREFIXES)).toEqual('WT-03 D-02 WT-05 WT-06 WT-07 WT-39b WT-40 D-18 WT-61'.split(' '));
});
