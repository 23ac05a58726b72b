import type { Question } from '../../src/domain/outcome';
import { TaskRegistry } from '../../src/domain/task-registry';
import type { JobRun } from '../../src/workflows/job-run';
import {
  limitWords,
  refusalOfAnswer,
  refusalOfBudget,
  refusalOfDone,
  refusalOfInstruction,
  refusalOfLimits,
  refusalOfPlan,
  refusalOfSaid,
  refusalOfStop,
  refusalOfWords,
} from '../../src/workflows/refusals';
import { textParts } from '../../src/domain/text-parts';
import { INSTRUCTIONS_MAX, Talk } from '../../src/workflows/talk';
import type { TaskRun } from '../../src/workflows/task-run';

/** All that a refusal looks at. */
const taskWith = (talk = new Talk(), state = 'running'): TaskRun =>
  ({ isOver: state !== 'running', record: { state }, talk }) as unknown as TaskRun;

const ANA = { by: 'ana', why: 'because' };

function asked(more: Partial<Question> = {}): TaskRun {
  const talk = new Talk();
  talk.ask({ id: 'a1.t1', kind: 'text', text: '?', options: [], default: null, about: null, ...more });
  return taskWith(talk);
}

describe('whoever says something', () => {
  it('is heard with a name and a reason, which may be empty', () => {
    expect(refusalOfWords(ANA)).toBeNull();
    expect(refusalOfWords({ by: 'a'.repeat(100), why: '' })).toBeNull();
    expect(refusalOfSaid(taskWith(), ANA)).toBeNull();
  });

  it.each([null, undefined, 'ana', 7, {}, { by: '' }, { by: 7, why: '' }, { by: 'a'.repeat(101), why: '' }])(
    '%j has no name',
    (said) => expect(refusalOfWords(said)).toMatch(/^“by” must name/),
  );

  it.each([{ by: 'ana' }, { by: 'ana', why: 7 }, { by: 'ana', why: 'w'.repeat(1_001) }])('%j has no reason', (said) =>
    expect(refusalOfWords(said)).toMatch(/^“why” must be a text/),
  );

  it('comes too late for a task that has ended', () => {
    expect(refusalOfSaid(taskWith(new Talk(), 'dead'), ANA)).toBe('The task has ended: dead.');
  });
});

describe('an answer', () => {
  it('is taken with and without the name of the question', () => {
    expect(refusalOfAnswer(asked(), { ...ANA, answer: 'yes' })).toBeNull();
    expect(refusalOfAnswer(asked(), { ...ANA, answer: 'yes', questionId: 'a1.t1' })).toBeNull();
  });

  it('to no question is refused', () => {
    expect(refusalOfAnswer(taskWith(), { ...ANA, answer: 'yes' })).toBe('The task asks nothing.');
  });

  it('to another question than the open one is refused with its name', () => {
    const refused = refusalOfAnswer(asked(), { ...ANA, answer: 'yes', questionId: 'a1.push' });
    expect(refused).toBe('The open question is a1.t1.');
    expect(refusalOfAnswer(asked(), { ...ANA, answer: 'yes', questionId: 7 as unknown as string })).toBe(refused);
  });

  it('to an answered question is refused with who answered what, also while another one is open', () => {
    const run = asked();
    run.talk.answer({ questionId: 'a1.t1', answer: 'no', by: 'bo', why: '', at: 1 });
    const again = { ...ANA, answer: 'yes', questionId: 'a1.t1' };
    expect(refusalOfAnswer(run, again)).toBe('Question a1.t1 was answered by bo: no');
    run.talk.ask({ id: 'a2.t1', kind: 'text', text: '?', options: [], default: null, about: null });
    expect(refusalOfAnswer(run, again)).toBe('Question a1.t1 was answered by bo: no');
  });

  it.each(['', '  ', 7, null, ['yes'], 'x'.repeat(4_001)])('%j is no text', (answer) =>
    expect(refusalOfAnswer(asked(), { ...ANA, answer })).toMatch(/^The answer must be a text/),
  );

  it.each([
    ['approval', [], 'approve', null],
    ['approval', [], 'yes', 'The answer must be one of approve, reject.'],
    ['choice', ['red', 'blue'], 'blue', null],
    ['choice', ['red', 'blue'], 'Blue', 'The answer must be one of red, blue.'],
  ] as const)('to a question of kind %s with options %j: %s', (kind, options, answer, refused) =>
    expect(refusalOfAnswer(asked({ kind, options }), { ...ANA, answer })).toBe(refused),
  );
});

describe('an instruction', () => {
  it('is taken up to its length', () => {
    expect(refusalOfInstruction(taskWith(), { ...ANA, text: 'x'.repeat(4_000) })).toBeNull();
    expect(refusalOfInstruction(taskWith(), { ...ANA, text: 'x'.repeat(4_001) })).toMatch(/at most 4000 characters/);
  });

  it.each([undefined, 7, '', ' \n'])('%j is none', (text) =>
    expect(refusalOfInstruction(taskWith(), { ...ANA, text: text as string })).toMatch(/^The instruction must be/),
  );

  it('is refused when there are so many that a new task would be clearer', () => {
    const talk = new Talk();
    for (let n = 0; n < INSTRUCTIONS_MAX; n += 1) talk.instructions.push('heed this');
    expect(refusalOfInstruction(taskWith(talk), { ...ANA, text: 'and this' })).toMatch(/a new task would be clearer/);
  });
});

describe('a limit', () => {
  it.each(['costUsdMicros', 'tokens', 'attempts', 'wallTimeSeconds', 'deadlineSeconds'])('%s may be set', (limit) =>
    expect(refusalOfLimits({ ...ANA, [limit]: 1 })).toBeNull(),
  );

  it.each([0, -1, 1.5, Number.NaN, Infinity, '5', null, 2 ** 60])('cannot be %s', (value) =>
    expect(refusalOfLimits({ ...ANA, tokens: value })).toMatch(/^tokens must be a whole number from 1 to/),
  );

  it('has to be named', () => {
    expect(refusalOfLimits(ANA)).toMatch(/^Name a limit: costUsdMicros, tokens/);
    expect(refusalOfLimits(null)).toMatch(/^Name a limit/);
  });

  it('of a task is no deadline', () => {
    expect(refusalOfBudget(taskWith(), { ...ANA, deadlineSeconds: 5 })).toMatch(/belongs to the job/);
    expect(refusalOfBudget(taskWith(), { ...ANA, tokens: 5 })).toBeNull();
    expect(refusalOfBudget(taskWith(new Talk(), 'dead'), { ...ANA, tokens: 5 })).toBe('The task has ended: dead.');
  });

  it('is shown in words', () => expect(limitWords({ tokens: 5, attempts: undefined })).toBe('tokens 5'));
});

describe('a stop', () => {
  const registry = new TaskRegistry();
  registry.add([{ path: 'a', title: 'a', dependsOn: [], parent: null, gated: false }]);
  const job = { registry } as unknown as JobRun;
  const said = { reason: 'not wanted', requester: 'ana' };

  it('is of the whole job, or of a task that is there', () => {
    expect(refusalOfStop(job, said)).toBeNull();
    expect(refusalOfStop(job, { ...said, path: 'a' })).toBeNull();
    expect(refusalOfStop(job, { ...said, path: 'b' })).toBe('There is no task b in the job.');
    expect(refusalOfStop(job, { ...said, path: 7 })).toBe('There is no task 7 in the job.');
  });

  it('has a reason and a requester', () => {
    expect(refusalOfStop(job, { reason: 'x' })).toMatch(/^“by”/);
    expect(refusalOfStop(job, { requester: 'ana' })).toMatch(/^“why”/);
  });
});

const work = () => asked({ id: 'a1.h1', kind: 'work' });

describe('that work is done', () => {
  it('is heard while a task waits for work, and only then', () => {
    expect(refusalOfDone(work(), ANA)).toBeNull();
    expect(refusalOfDone(taskWith(), ANA)).toMatch(/waits for nobody’s work/);
    expect(refusalOfDone(asked(), ANA)).toBe('Question a1.t1 wants an answer, not work.');
    expect(refusalOfDone(taskWith(new Talk(), 'dead'), ANA)).toBe('The task has ended: dead.');
  });

  it('or that it is to be split, by a plan that is JSON and not too large', () => {
    expect(refusalOfPlan([])).toBeNull();
    expect(refusalOfPlan(textParts({ children: [{ title: 'x'.repeat(9_000) }] }))).toBeNull();
    expect(refusalOfPlan(['{"children":'])).toBe('The plan is no JSON.');
    expect(refusalOfPlan(['x'.repeat(9_000)])).toMatch(/at most 8 KB/);
    expect(refusalOfPlan([{ children: [] }])).toMatch(/cut into texts/);
    expect(refusalOfPlan(textParts('x'.repeat(100_000)))).toMatch(/100002 characters; 100000 are the most/);
  });

  it('is not said by an answer or an approval', () => {
    expect(refusalOfAnswer(work(), { ...ANA, answer: 'done' })).toMatch(/weaver done/);
    expect(refusalOfAnswer(work(), { ...ANA, answer: 'approve', approved: true } as never)).toMatch(/weaver done/);
  });
});
