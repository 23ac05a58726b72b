import type { Answered, Question } from '../../src/domain/outcome';
import type { Prerequisite } from '../../src/domain/job';
import { Talk } from '../../src/workflows/talk';

const question: Question = { id: 'a1.t1', kind: 'text', text: 'Which one?', options: [], default: null, about: null };
const answered = (questionId: string): Answered => ({ questionId, answer: 'the second', by: 'ana', why: '', at: 5 });
const prerequisite = (id: string): Prerequisite => ({
  id,
  title: id,
  state: 'succeeded',
  branch: null,
  commit: null,
  summary: '',
});

function withPlan(): Talk {
  const talk = new Talk();
  talk.hearPlan('a1.h1', ['[1', ']']);
  talk.answer(answered('a1.h1'));
  return talk;
}

describe('a question', () => {
  it('blocks the task on a person, with its own text', () => {
    const talk = new Talk();
    expect(talk.ask(question)).toEqual({
      kind: 'blocked',
      waitingOn: 'human',
      failure: { code: 'needsPerson', detail: 'Which one?' },
      question,
    });
    expect(talk.question).toBe(question);
  });

  it('is open until it is answered, and known by its answer from then on', () => {
    const talk = new Talk();
    talk.ask(question);
    expect(talk.answerTo('a1.t1')).toBeNull();
    talk.answer(answered('a1.t1'));
    expect(talk.question).toBeNull();
    expect(talk.answerTo('a1.t1')).toEqual(answered('a1.t1'));
  });

  it('knows for how long its clock has run, until it is answered', () => {
    const talk = new Talk();
    talk.ask(question);
    expect(talk.openMs('a1.t1')).toBe(0);
    talk.bookOpen('a1.t1', 400);
    talk.bookOpen('a1.t1', 600);
    expect([talk.openMs('a1.t1'), talk.openMs('a1.t2')]).toEqual([1_000, 0]);
    talk.answer(answered('a1.t1'));
    expect(talk.openMs('a1.t1')).toBe(0);
  });

  it('of long ago is still known to be answered, though only twenty are shown', () => {
    const talk = new Talk();
    for (let n = 0; n < 25; n += 1) talk.answer(answered(`a${n}.t1`));
    expect(talk.answered.map(({ questionId }) => questionId)).toEqual(
      Array.from({ length: 20 }, (_, n) => `a${n + 5}.t1`),
    );
    expect(talk.answerTo('a0.t1')).not.toBeNull();
  });
});

describe('a plan in place of work', () => {
  it('is there until it was read, also in a run that goes on with the task', () => {
    const next = new Talk();
    next.takeOver(JSON.parse(JSON.stringify(withPlan().carry())));
    for (const talk of [withPlan(), next]) {
      expect([talk.planFor('a1.h1'), talk.planFor('a2.h1')]).toEqual([['[1', ']'], []]);
      expect(talk.unreadPlan()).toEqual(answered('a1.h1'));
      talk.dropPlan();
      expect([talk.planFor('a1.h1'), talk.unreadPlan(), talk.carry().plan]).toEqual([[], null, undefined]);
    }
  });

  it('is of no use once the work is said to be done', () => {
    const talk = withPlan();
    talk.hearPlan('a2.h1', []);
    expect(talk.unreadPlan()).toBeNull();
  });
});

describe('the word to go', () => {
  it('is whole when all of its parts are there, in whatever order they come', () => {
    const talk = new Talk();
    talk.hearGo({ prerequisites: [prerequisite('c')], refused: null, total: 3 });
    talk.hearGo({ prerequisites: [prerequisite('a')], refused: null, more: true, total: 3 });
    expect(talk.go).toBeNull();
    talk.hearGo({ prerequisites: [prerequisite('b')], refused: null, more: true, total: 3 });
    expect(talk.go?.prerequisites.map(({ id }) => id)).toEqual(['c', 'a', 'b']);
  });

  it('counts when its last part is there, with the prerequisites of all parts', () => {
    const talk = new Talk();
    talk.hearGo({ prerequisites: [prerequisite('a')], refused: null, more: true });
    expect(talk.go).toBeNull();
    talk.hearGo({ prerequisites: [prerequisite('b')], refused: null });
    expect(talk.go?.prerequisites.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('a second time brings only what came with it', () => {
    const talk = new Talk();
    talk.hearGo({ prerequisites: [prerequisite('a')], refused: null });
    talk.hearGo({ prerequisites: [prerequisite('b')], refused: null });
    expect(talk.go?.prerequisites.map(({ id }) => id)).toEqual(['b']);
  });

  it('may be a refusal', () => {
    const talk = new Talk();
    talk.hearGo({ prerequisites: [], refused: 'a ended dead', state: 'dead' });
    expect(talk.go).toMatchObject({ refused: 'a ended dead', state: 'dead' });
  });
});

describe('what the job has given', () => {
  const used = { costUsdMicros: 10, tokens: 10, attempts: 1 };

  it('covers anything where the job has no budget', () => {
    expect(new Talk().covers(['costUsdMicros', 'tokens', 'attempts'], used)).toBe(true);
  });

  it.each([
    [{ costUsdMicros: null, tokens: 11, attempts: null }, true],
    [{ costUsdMicros: 11, tokens: 10, attempts: 2 }, false],
    [{ costUsdMicros: 10, tokens: null, attempts: null }, false],
    [{ costUsdMicros: 11, tokens: 11, attempts: 1 }, true],
  ])('%j covers a further call: %s', (allowance, covers) => {
    const talk = new Talk();
    talk.hearAllowance({ allowance, left: 'now' });
    expect(talk.covers(['costUsdMicros', 'tokens'], used)).toBe(covers);
  });

  it('covers a further attempt by another measure than a further call', () => {
    const talk = new Talk();
    talk.hearAllowance({ allowance: { costUsdMicros: null, tokens: null, attempts: 1 }, left: 'later' });
    expect([talk.covers(['attempts'], used), talk.covers(['tokens'], used)]).toEqual([false, true]);
    expect(talk.allowanceLeft).toBe('later');
  });
});

describe('what the job says twice in a row', () => {
  const by = { by: 'ana', why: 'all' };

  it('counts by its order, though the second is heard first: pause and resume', () => {
    const talk = new Talk();
    talk.hearHold({ ...by, held: false, order: 2 });
    talk.hearHold({ ...by, held: true, order: 1 });
    expect(talk.held).toBeNull();
    talk.hearHold({ ...by, held: true, order: 3 });
    expect(talk.held).toEqual(by);
  });

  it('counts by its order: no money yet, and then some', () => {
    const talk = new Talk();
    const allowance = { costUsdMicros: 20, tokens: null, attempts: null };
    talk.hearAllowance({ allowance, left: 'now', order: 8 });
    talk.hearAllowance({ allowance: { ...allowance, costUsdMicros: 10 }, left: 'later', order: 7 });
    expect([talk.allowance, talk.allowanceLeft]).toEqual([allowance, 'now']);
  });

  it('is known by the next run too, and each matter has an order of its own', () => {
    const talk = new Talk();
    talk.hearHold({ ...by, held: false, order: 5 });
    const next = new Talk();
    next.takeOver(JSON.parse(JSON.stringify(talk.carry())) as ReturnType<Talk['carry']>);
    expect([next.isLate('hold', 4), next.isLate('deadline', 4), next.isLate('hold', 6)]).toEqual([true, false, false]);
  });

  it('of a worker of before has no order, and counts as it comes', () => {
    const talk = new Talk();
    talk.hearHold({ ...by, held: true, order: 9 });
    talk.hearHold({ ...by, held: false });
    expect(talk.held).toBeNull();
  });
});

it('has its place again when the job has answered its last wish for one, not an earlier one', () => {
  const talk = new Talk();
  expect(talk.isResting).toBe(false);
  talk.rests = 2;
  talk.hearPlace(1);
  expect(talk.isResting).toBe(true);
  talk.hearPlace(2);
  talk.hearPlace(1);
  expect(talk.isResting).toBe(false);
  const next = new Talk();
  next.takeOver(talk.carry());
  expect([next.rests, next.isResting]).toEqual([2, false]);
});

it('is held by whoever paused the task itself, before the job', () => {
  const talk = new Talk();
  expect(talk.isHeld).toBeNull();
  talk.held = { by: 'job', why: 'all' };
  talk.paused = { by: 'ana', why: 'this one' };
  expect(talk.isHeld?.by).toBe('ana');
  talk.paused = null;
  expect(talk.isHeld?.by).toBe('job');
});
