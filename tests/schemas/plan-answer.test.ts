import { answerOrSplitSchema, answerSchema, parsePlan, parseSplit, planSchema } from '../../src/schemas';

const CHILD = {
  title: 'Add the parser',
  description: 'In src/parse.ts, a function parse(text).',
  acceptanceCriteria: ['Empty text gives an empty list'],
  relatedFiles: ['src/parse.ts'],
  checks: ['npm test -- parse'],
  dependsOn: [],
};
const SECOND = { ...CHILD, title: 'Use the parser', dependsOn: [1] };
const PLAN = { children: [CHILD, SECOND], join: true, notes: 'Two steps.' };
const TEXT = JSON.stringify({ ...PLAN, question: null });

const faultsOf = (value: unknown): readonly string[] => {
  const parsed = parsePlan(typeof value === 'string' ? value : JSON.stringify(value));
  return parsed.kind === 'ok' ? [] : parsed.faults;
};
const withChild = (changes: Readonly<Record<string, unknown>>) => ({ ...PLAN, children: [{ ...CHILD, ...changes }] });

/** Objects of a schema that strict modes refuse. */
function looseObjects(schema: unknown, place = ''): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const here = schema as Readonly<Record<string, unknown>>;
  const names = Object.keys((here['properties'] as object | undefined) ?? {});
  const isLoose =
    here['type'] === 'object' &&
    (here['additionalProperties'] !== false || JSON.stringify(here['required']) !== JSON.stringify(names));
  return [
    ...(isLoose ? [place] : []),
    ...Object.entries(here).flatMap(([name, value]) => looseObjects(value, `${place}/${name}`)),
  ];
}

describe('the schema of a plan', () => {
  it('keeps to what strict modes ask for: every field required, none other', () => {
    expect(looseObjects(planSchema)).toEqual([]);
    expect(planSchema).toMatchObject({ required: ['children', 'join', 'notes', 'question'] });
  });
});

describe('the schema of an answer that may split the task', () => {
  it('is that of an answer with two more fields, as strict as the others', () => {
    expect(looseObjects(answerOrSplitSchema)).toEqual([]);
    const { required, properties, ...rest } = answerSchema;
    expect(answerOrSplitSchema).toMatchObject({ ...rest, properties, required: [...required, 'children', 'join'] });
  });
});

describe('an answer that may split the task', () => {
  const EDIT = { op: 'delete', path: 'a', content: null, search: null, replace: null, to: null };
  const answer = { edits: [], commitMessage: '', notes: 'Two steps.', question: null };

  it('splits it with a plan in place of edits, and is read as every plan', () => {
    expect(parseSplit(JSON.stringify({ ...answer, ...PLAN }))).toEqual({ kind: 'ok', plan: PLAN });
  });

  it.each([
    ['has edits', { ...answer, edits: [EDIT], children: null, join: false }],
    ['asks', { ...answer, question: 'Which?', children: [], join: false }],
    ['knows nothing of children', { ...answer, edits: [EDIT] }],
    ['writes a file about children', { ...answer, edits: [{ ...EDIT, op: 'write', content: '{"children":[1]}' }] }],
    ['is prose', 'I do it.'],
  ])('does not where it %s', (_how, given) => {
    expect(parseSplit(typeof given === 'string' ? given : JSON.stringify(given))).toEqual({ kind: 'none' });
  });

  it('is told what to mend where it does both, or names a child that is none', () => {
    const both = parseSplit(JSON.stringify({ ...answer, ...PLAN, edits: [EDIT] }));
    expect(both).toEqual({ kind: 'malformed', faults: ['It has edits and children; a task is done or split.'] });
    const wrong = parseSplit(JSON.stringify({ ...answer, children: [{ ...CHILD, title: '' }] }));
    expect(wrong).toEqual({ kind: 'malformed', faults: ['children[0].title: must not be empty.'] });
  });
});

describe('a plan', () => {
  it.each([
    ['as it should be', TEXT],
    ['in a fence', `\`\`\`json\n${JSON.stringify(PLAN, null, 2)}\n\`\`\``],
    ['with words around it', `I would split it {so}:\n${TEXT}\nGood luck.`],
    ['after thoughts with a draft', `<think>{"children": []}</think>${TEXT}`],
    ['with commas too many', TEXT.replace(']', ',]')],
    ['with a line end that is not escaped', TEXT.replace('Two steps.', 'Two\nsteps.')],
  ])('is read %s', (_how, text) => {
    expect(parsePlan(text)).toMatchObject({ kind: 'ok', plan: { children: PLAN.children, join: true } });
  });

  it('may leave out what has a sensible meaning when it is not there', () => {
    const { title, description } = CHILD;
    expect(parsePlan(JSON.stringify({ children: [{ title, description, checks: null }] }))).toEqual({
      kind: 'ok',
      plan: {
        children: [{ ...CHILD, acceptanceCriteria: [], relatedFiles: [], checks: [], dependsOn: [] }],
        join: false,
        notes: '',
      },
    });
  });

  it('asks in place of a plan', () => {
    const text = JSON.stringify({ children: [], join: false, notes: '', question: ' Which database? ' });
    expect(parsePlan(text)).toEqual({
      kind: 'ok',
      plan: { children: [], join: false, notes: '', question: 'Which database?' },
    });
  });

  it('without children is read: to refuse it is the decision of the decider', () => {
    expect(parsePlan('{"children":[]}')).toMatchObject({ kind: 'ok', plan: { children: [] } });
  });

  it('may call children by ids, as programs and people do', () => {
    const named = [
      { ...CHILD, id: 'parser' },
      { ...SECOND, dependsOn: ['parser', 1] },
    ];
    expect(parsePlan(JSON.stringify({ children: named }))).toMatchObject({ plan: { children: [CHILD, SECOND] } });
  });

  it('names a prerequisite twice and means it once', () => {
    expect(parsePlan(JSON.stringify({ ...PLAN, children: [CHILD, { ...SECOND, dependsOn: [1, 1] }] }))).toMatchObject({
      plan: { children: [{}, { dependsOn: [1] }] },
    });
  });

  it('that was cut off is not read in part', () => {
    expect(faultsOf(TEXT.slice(0, -20))).toEqual([expect.stringContaining('cut off')]);
  });
});

describe('a plan is not accepted', () => {
  it.each([
    ['prose', 'I cannot split this.', 'no JSON object with the field children'],
    ['edits', '{"edits":[]}', 'no JSON object with the field children'],
    ['children that are no list', { children: {} }, 'children: must be a list'],
    ['a join that is no yes or no', { ...PLAN, join: 'yes' }, 'join: must be true or false'],
    ['a child that is a text', { children: ['do it'] }, 'children[0]: must be a map of fields'],
    ['no title', withChild({ title: undefined }), 'children[0].title: is missing'],
    ['a title of two lines', withChild({ title: 'a\nb' }), 'children[0].title: must be one line'],
    ['an empty description', withChild({ description: ' ' }), 'children[0].description: must not be empty'],
    ['a description of a book', withChild({ description: 'x'.repeat(8_001) }), 'children[0].description: '],
    ['a path that leaves', withChild({ relatedFiles: ['../x'] }), 'children[0].relatedFiles[0]: must not leave'],
    ['a blank command', withChild({ checks: [' '] }), 'children[0].checks[0].run: must not be empty'],
    ['a title for a number', withChild({ dependsOn: ['Other'] }), 'children[0].dependsOn[0]: '],
    ['a sibling that is not there', withChild({ dependsOn: [2] }), 'child 1 depends on 2, which is no child'],
    ['a child that waits for itself', withChild({ dependsOn: [1] }), 'child 1 depends on itself'],
    ['a circle', { children: [{ ...CHILD, dependsOn: [2] }, SECOND] }, 'in a circle: 1 → 2 → 1'],
    ['too many', { children: Array.from({ length: 21 }, () => CHILD) }, 'children: 21 are too many'],
  ])('with %s: the model is told what to mend', (_what, given, says) => {
    expect(faultsOf(given).join('\n')).toContain(says);
  });

  it('with a novel: it is not even looked at', () => {
    expect(faultsOf(`${TEXT}${' '.repeat(1_000_000)}`)).toEqual(['The answer is longer than 1000000 characters.']);
  });

  it('with more faults than can be mended: the rest is counted', () => {
    const faults = faultsOf({ children: Array.from({ length: 20 }, () => ({})) });
    expect(faults).toHaveLength(20);
    expect(faults.at(-1)).toMatch(/and \d+ more/);
  });
});
