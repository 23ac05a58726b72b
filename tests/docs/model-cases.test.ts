/** Holds docs/model-cases.md to the tests: each case and each defect of the older model runners has one that bears its id. */
import { EVENT_NAMES, eventType } from '../../src/domain/events';
import { caseLines, excuseOf, fileOf, idsIn, numbered, testNames, textOf } from './named-cases';

/** One in ten of the cases may be left out, for a reason that stands in the design. */
const EXCUSED_MAX = 12;
const PREFIXES = 'LS|LC|MD';
const CASES = [...numbered('LS', 76), ...numbered('LC', 50)];
const DEFECTS = numbered('MD', 22);

const lines = caseLines(textOf('docs/model-cases.md'), PREFIXES);
const names = testNames();

it('has each case and each defect once, in words', () => {
  expect(lines.map(({ id }) => id).toSorted()).toEqual([...CASES, ...DEFECTS].toSorted());
  expect(lines.filter(({ says }) => says.length < 10)).toEqual([]);
});

it.each(lines.filter((line) => excuseOf(line) === undefined))('$id is in the name of a test of $where', (line) => {
  const file = fileOf(line);
  expect([...names.keys()]).toContain(file);
  expect(idsIn(names.get(file) ?? [], PREFIXES)).toContain(line.id);
});

it('excuses few cases, no defect, and each by a sentence of the design', () => {
  const design = textOf('docs/architecture.md').replaceAll(/\s+/g, ' ');
  const excused = lines.filter((line) => excuseOf(line) !== undefined);
  expect(excused.length).toBeLessThanOrEqual(EXCUSED_MAX);
  for (const line of excused) {
    expect(line.id).toMatch(/^L[SC]-/);
    expect(design).toContain(excuseOf(line));
  }
});

it('knows every id that a test bears', () => {
  const borne = [...new Set([...names.values()].flatMap((all) => idsIn(all, PREFIXES)))].toSorted();
  expect(borne.filter((id) => !CASES.includes(id) && !DEFECTS.includes(id))).toEqual([]);
});

it('MD-22 the events that are documented are those that are sent, and no others', () => {
  const rows = [...textOf('docs/how-to/events.md').matchAll(/^\| ((?:`[a-z.]+`(?:, )?)+)\s*\|/gm)];
  const documented = rows.flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([a-z.]+)`/g)].map(([, name = '']) => `dev.weaver.${name}`),
  );
  expect(
    documented.filter((name) => /\.(?:task|job|attempt|call|models|question|budget)\./.test(name)).toSorted(),
  ).toEqual(EVENT_NAMES.map(eventType).toSorted());
  const source = textOf('src/domain/events.ts');
  // Once in the list of names, and once where it is made.
  expect(EVENT_NAMES.filter((name) => source.split(`'${name}'`).length < 3)).toEqual([]);
});

it('LS-14, MD-20 every call of a model goes through one function, whoever asks and in whatever mode', () => {
  const calls = [
    'steps',
    'ask-models',
    'compare-models',
    'shadow-call',
    'choose-handler',
    'modes/ask-step',
    'modes/ask-turn',
    'modes/best-of',
    'modes/judging',
  ].map((name) => [
    name,
    /\b(?:callModel|callOneOfSeveral|model)\.executeWithOptions\(/.test(textOf(`src/workflows/${name}.ts`)),
  ]);
  expect(calls.filter(([, asks]) => asks)).toEqual([['steps', true]]);
});
