import { boundDecision } from '../../src/domain/bounded-decision';
import { failure } from '../../src/domain/failures';
import type { Outcome, ProposedChild } from '../../src/domain/outcome';
import { beginRecord, NOTHING_SPENT, recordCall, recordOutcome, type TaskRecord } from '../../src/domain/record';

const LIMITS = { attempts: 3, wallTimeSeconds: 1_800, outageSeconds: 600 };
const START = 1_000_000;

const red: Outcome = { kind: 'failed', failure: failure('checksFailed', 'x'), signature: 'x' };
const down: Outcome = { kind: 'blocked', waitingOn: 'resource', failure: failure('modelUnreachable') };
const asks: Outcome = { kind: 'blocked', waitingOn: 'human', failure: failure('needsPerson') };
const landing = { branch: 'weaver/x', commit: 'c', base: 'b', filesChanged: 1, insertions: 1, deletions: 0 };
const done: Outcome = { kind: 'succeeded', landing };
const spec = { kind: 'spec', sha256: 'a'.repeat(64), sizeBytes: 2 } as const;
const child: ProposedChild = { id: '1', title: 'Part', dependsOn: [], fingerprint: 'f', spec };
const proposed = (faults: readonly string[] = []): Outcome => ({
  kind: 'proposed',
  children: [child],
  join: true,
  joinSpec: spec,
  faults,
  plan: { ...spec, kind: 'plan' },
});

function given(outcomes: readonly Outcome[], changes: Partial<TaskRecord['limits']> = {}): TaskRecord {
  const begun = beginRecord({ ...LIMITS, ...changes }, [], START);
  return outcomes.reduce((record, outcome) => recordOutcome(record, outcome, START), begun);
}

const bound = (decision: unknown, outcome: Outcome, record = given([outcome]), nowMs = START) =>
  boundDecision(decision, record, outcome, nowMs);
const why = (...asked: Parameters<typeof bound>): string => {
  const bounded = bound(...asked);
  return bounded.kind === 'refused' ? bounded.why : `taken: ${JSON.stringify(bounded)}`;
};
const retry = { kind: 'retry', reason: 'again', delayMs: 2_000, changes: 'evidence' };

describe('an answer that is no decision', () => {
  it.each([
    [undefined, 'nothing is no decision'],
    ['retry', 'retry is no decision'],
    [7, '7 is no decision'],
    [{}, 'it gives no reason'],
    [{ kind: 'retry', reason: ' ' }, 'it gives no reason'],
    [{ kind: 'celebrate', reason: 'why not' }, 'celebrate is no kind of decision'],
    [{ kind: { deep: true }, reason: 'why not' }, 'object is no kind of decision'],
    [[], 'it gives no reason'],
  ])('is refused: %j', (answer, says) => {
    expect(why(answer, red)).toBe(says);
  });

  it('has a reason that is cut, not refused, where it is long', () => {
    const bounded = bound({ ...retry, reason: 'ä'.repeat(5_000) }, red);
    expect(bounded.kind === 'taken' && Buffer.byteLength(bounded.decision.reason)).toBeLessThanOrEqual(500);
  });
});

describe('complete', () => {
  const complete = { kind: 'complete', reason: 'fine' };
  it('is for an outcome that succeeded', () => {
    expect(bound(complete, done)).toEqual({ kind: 'taken', decision: complete, notes: [] });
  });
  it.each([red, down, proposed()])('is for no other: $kind', (outcome) => {
    expect(why(complete, outcome)).toBe('complete needs an outcome that succeeded');
  });
  it('is all that can become of work that has landed', () => {
    for (const kind of ['retry', 'wait', 'markDead', 'markStuck', 'decompose', 'addDependency'])
      expect(why({ ...retry, kind }, done)).toBe('the work has landed: it can only complete');
  });
});

describe('retry', () => {
  it('is taken as it is where it is within bounds', () => {
    expect(bound(retry, red)).toEqual({ kind: 'taken', decision: retry, notes: [] });
  });

  it.each([
    [-1, 1],
    [0, 1],
    [Infinity, 300_000],
    [9e9, 300_000],
    [Number.NaN, 2_000],
    ['soon', 2_000],
    [undefined, 2_000],
  ])('has its delay brought back: %p becomes %i', (delayMs, expected) => {
    const bounded = bound({ ...retry, delayMs }, red);
    expect(bounded).toMatchObject({
      decision: { delayMs: expected },
      notes: [`delayMs ${delayMs ?? 'nothing'} became ${expected}`],
    });
  });

  it('does not go beyond the attempts of the task', () => {
    expect(why(retry, red, given([red, red, red]))).toBe('attempts 3/3');
  });

  it('does not try again what never heals', () => {
    const refused: Outcome = { kind: 'failed', failure: failure('refusedPath'), signature: 'p' };
    expect(why(retry, refused)).toBe('refusedPath cannot heal by another attempt');
  });

  it('does not go on when the money is spent, unless it is waited for', () => {
    const spent = { ...NOTHING_SPENT, costUsdMicros: 10 };
    const record = recordCall(given([red], { costUsdMicros: 10 }), 'a1.t1', spent);
    expect(why(retry, red, record)).toBe('budgetCost is reached');
    expect(bound(retry, red, { ...record, waitsOnBudget: true }).kind).toBe('taken');
  });

  it('does not go on when the time is up, waited for or not', () => {
    const late = START + 1_800_000;
    expect(why(retry, red, { ...given([red]), waitsOnBudget: true }, late)).toBe('wallTime is reached');
  });

  it('does not retry what is blocked, which would cost no attempt and never end', () => {
    expect(why(retry, down)).toMatch(/^what is blocked waits/);
  });

  it('takes only handlers that do for any task', () => {
    expect(bound({ ...retry, handler: 'plan' }, red)).toMatchObject({
      decision: { handler: 'plan', changes: 'handler' },
    });
    expect(why({ ...retry, handler: 'join' }, red)).toBe(
      'join is no handler for a retry: there are one-shot, agent, plan',
    );
    expect(why({ ...retry, handler: 'magic' }, red)).toMatch(/^magic is no handler/);
  });

  it('may reject a proposal', () => {
    expect(bound(retry, proposed())).toMatchObject({ kind: 'taken', decision: { kind: 'retry' } });
  });
});

describe('wait', () => {
  const wait = { kind: 'wait', reason: 'it will come', on: 'resource', probeMs: 5_000 };
  it('is for what is blocked, on what it is blocked on', () => {
    expect(bound(wait, down)).toEqual({ kind: 'taken', decision: wait, notes: [] });
    expect(why(wait, red)).toBe('wait needs an outcome that is blocked');
    expect(why({ ...wait, on: 'human' }, down)).toBe('the task is blocked on resource, not on human');
  });

  it.each([
    [1, 1_000],
    [9e9, 300_000],
    [undefined, 300_000],
  ])('probes neither without pause nor too seldom: %p becomes %i', (probeMs, expected) => {
    expect(bound({ ...wait, probeMs }, down)).toMatchObject({ decision: { probeMs: expected } });
  });

  it('ends with the limit of the outage', () => {
    const record = given([down]);
    expect(bound({ ...wait, probeMs: 300_000 }, down, record, START + 599_000)).toMatchObject({
      decision: { probeMs: 1_000 },
    });
    expect(why(wait, down, record, START + 600_000)).toBe('the time for waiting is up');
  });

  it('waits for a person as long as the task says', () => {
    const record = { ...given([asks]), waitMs: 3_600_000 };
    const human = { ...wait, on: 'human', probeMs: 9e9 };
    expect(bound(human, asks, record, START + 600_000)).toMatchObject({ decision: { probeMs: 3_000_000 } });
    expect(why(human, asks, record, START + 3_600_000)).toBe('the time for waiting is up');
  });
});

describe('decompose', () => {
  const split = { kind: 'decompose', reason: 'split', children: [child], joinSpec: spec };
  it('needs a proposal that can be carried out', () => {
    expect(bound(split, proposed())).toEqual({ kind: 'taken', decision: split, notes: [] });
    expect(why(split, red)).toBe('decompose needs an outcome that proposes tasks');
    expect(why(split, proposed(['no children']))).toBe('the proposal cannot be carried out: no children');
  });

  it('starts the children of the proposal, whatever the decider makes of them', () => {
    const bounded = bound({ ...split, children: [child, { ...child, id: '2' }] }, proposed());
    expect(bounded).toMatchObject({
      decision: { children: [child] },
      notes: [expect.stringContaining('those of the proposal')],
    });
  });

  it('may leave out the join', () => {
    expect(bound({ ...split, joinSpec: null }, proposed())).toMatchObject({ decision: { joinSpec: null }, notes: [] });
  });
});

describe('addDependency', () => {
  const depend = { kind: 'addDependency', reason: 'first that', on: 'other.2' };
  it('names a task of the job, and costs an attempt', () => {
    expect(bound(depend, red)).toMatchObject({ decision: depend });
    expect(why({ ...depend, on: '../x' }, red)).toBe('../x is no task of the job');
    expect(why({ ...depend, on: 5 }, red)).toBe('5 is no task of the job');
    expect(why(depend, red, given([red, red, red]))).toBe('attempts 3/3');
  });

  it('of a blocked task names what it is blocked on', () => {
    const needs: Outcome = { ...down, waitingOn: 'dependency', on: 'other.2' };
    expect(bound(depend, needs)).toMatchObject({ kind: 'taken' });
    expect(why({ ...depend, on: 'third' }, needs)).toBe('the task is not blocked on third');
    expect(why(depend, down)).toBe('the task is not blocked on other.2');
  });
});

describe('an end', () => {
  it.each(['markDead', 'markStuck'] as const)('is always allowed: %s', (kind) => {
    const named = { kind, reason: 'enough', failure: { code: 'noProgress', detail: 'three times' } };
    for (const outcome of [red, down, proposed()])
      expect(bound(named, outcome)).toEqual({ kind: 'taken', decision: named, notes: [] });
  });

  it('is remembered by the failure of the outcome where it names none', () => {
    expect(bound({ kind: 'markDead', reason: 'enough' }, red)).toMatchObject({
      decision: { failure: failure('checksFailed', 'x') },
    });
    expect(bound({ kind: 'markDead', reason: 'no' }, proposed())).toMatchObject({
      decision: { failure: failure('invalidPlan', 'no') },
    });
  });

  it.each([{ code: 'boredom', detail: '' }, { code: 'noProgress', detail: 5 }, 'noProgress'])(
    'is remembered by a failure of the catalogue: %j is none',
    (named) => {
      expect(why({ kind: 'markDead', reason: 'enough', failure: named }, red)).toBe(
        'its failure is none of the catalogue',
      );
    },
  );
});
