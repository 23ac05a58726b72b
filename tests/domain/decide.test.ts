import { attemptDelayMs, probeDelayMs } from '../../src/domain/backoff';
import { decide, limitReached, nearLimits, runningMs } from '../../src/domain/decide';
import { failure, failureCodes, catalogueEntry, type FailureCode } from '../../src/domain/failures';
import type { Outcome } from '../../src/domain/outcome';
import {
  beginRecord,
  NOTHING_SPENT,
  recordCall,
  recordDecision,
  recordOutcome,
  recordProgress,
  type Spending,
  type TaskRecord,
} from '../../src/domain/record';
import type { ModelChoice } from '../../src/domain/task';

const LIMITS = { attempts: 5, wallTimeSeconds: 1_800, outageSeconds: 600 };
const START = 1_000_000;

const failed = (code: FailureCode, signature: string = code): Outcome => ({
  kind: 'failed',
  failure: failure(code),
  signature,
});
const down: Outcome = { kind: 'blocked', waitingOn: 'resource', failure: failure('modelUnreachable') };
const landing = { branch: 'weaver/x', commit: 'c', base: 'b', filesChanged: 1, insertions: 1, deletions: 0 };

/** A record with these outcomes behind it. */
function given(
  outcomes: readonly Outcome[],
  limits: Partial<TaskRecord['limits']> = {},
  models: readonly ModelChoice[] = [],
): TaskRecord {
  return outcomes.reduce(
    (record, outcome) => recordOutcome(record, outcome, START),
    beginRecord({ ...LIMITS, ...limits }, models, START),
  );
}

const reasonOf = (outcome: Outcome): string => decide(given([outcome]), outcome, START).reason;

describe('the default decider', () => {
  it('WT-42 completes a success at once, with one attempt', () => {
    const record = given([{ kind: 'succeeded', landing }]);
    expect(decide(record, { kind: 'succeeded', landing }, START).kind).toBe('complete');
    expect(record.attempts).toBe(1);
  });

  it('says of a success without a check that none has judged it', () => {
    expect(reasonOf({ kind: 'succeeded', landing })).toBe('the checks passed and weaver/x is pushed');
    expect(reasonOf({ kind: 'succeeded', landing, unchecked: true })).toBe(
      'no check has judged it, for there is none, and weaver/x is pushed',
    );
  });

  it.each([
    [1, 2_000],
    [2, 4_000],
    [3, 8_000],
    [4, 16_000],
  ])('WT-17 and WT-27 after attempt %i waits %i ms', (attempts, delayMs) => {
    const outcomes = Array.from({ length: attempts }, (_, index) => failed('checksFailed', `s${index}`));
    expect(decide(given(outcomes), failed('checksFailed', 'x'), START)).toMatchObject({
      kind: 'retry',
      delayMs,
      changes: 'evidence',
    });
  });

  it('WT-20 and WT-41 marks dead after exactly five attempts and says so', () => {
    const outcomes = Array.from({ length: 5 }, (_, index) => failed('checksFailed', `s${index}`));
    expect(decide(given(outcomes), failed('checksFailed'), START)).toMatchObject({
      kind: 'markDead',
      reason: 'attempts 5/5',
    });
  });

  it.each(failureCodes.filter((code) => catalogueEntry(code).heals === 'never'))('marks dead at once on %s', (code) => {
    expect(decide(given([failed(code)]), failed(code), START)).toMatchObject({ kind: 'markDead', failure: { code } });
  });

  it('asks the next model of the ladder where another attempt of the same would not help', () => {
    const models = [{ provider: 'a' }, { provider: 'b' }];
    expect(decide(given([failed('modelRefused')], {}, models), failed('modelRefused'), START)).toMatchObject({
      kind: 'retry',
      changes: 'model',
    });
    expect(decide(given([failed('modelRefused')]), failed('modelRefused'), START).kind).toBe('markDead');
  });

  it('D-09 stops when the same failure comes again and again, before the attempts run out', () => {
    const outcomes = Array.from({ length: 5 }, () => failed('checksFailed', 'same'));
    expect(decide(given(outcomes, { attempts: 20 }), failed('checksFailed', 'same'), START)).toMatchObject({
      kind: 'markDead',
      failure: { code: 'noProgress' },
    });
    const mixed = [...outcomes.slice(1), failed('checksFailed', 'other')];
    expect(decide(given(mixed, { attempts: 20 }), failed('checksFailed', 'other'), START).kind).toBe('retry');
  });

  it('D-08 honours the pause asked for, within five minutes', () => {
    expect(decide(given([asked(60_000)]), asked(60_000), START)).toMatchObject({ delayMs: 60_000 });
    expect(decide(given([asked(9_000_000)]), asked(9_000_000), START)).toMatchObject({ delayMs: 300_000 });
  });
});

const spent = (costUsdMicros: number, tokens: number): Spending => ({
  ...NOTHING_SPENT,
  costUsdMicros,
  tokens: { prompt: tokens, cached: 0, completion: 0, reasoning: 0 },
});

describe('limits', () => {
  it.each([
    ['budgetCost', { costUsdMicros: 100 }, spent(100, 1)],
    ['budgetTokens', { tokens: 50 }, spent(1, 50)],
  ] as const)('D-09 marks dead with %s when it is reached', (code, limits, spending) => {
    const record = recordCall(given([failed('checksFailed')], limits), 'a1.t1', spending);
    expect(decide(record, failed('checksFailed'), START)).toMatchObject({ kind: 'markDead', failure: { code } });
    expect(limitReached(recordCall(given([], limits), 'a1.t1', spent(1, 1)), START)).toBeNull();
  });

  it('are near when four fifths of one are used up', () => {
    const limits = { costUsdMicros: 100, tokens: 50 };
    const after = (spending: Spending) => nearLimits(recordCall(given([], limits), 'a1.t1', spending));
    expect(after(spent(79, 39))).toEqual([]);
    expect(after(spent(79, 40))).toEqual([{ budget: 'tokens', used: 40, limit: 50 }]);
    expect(after(spent(130, 1))).toEqual([{ budget: 'costUsdMicros', used: 130, limit: 100 }]);
    expect(nearLimits(recordCall(given([]), 'a1.t1', spent(130, 130)))).toEqual([]);
  });

  it('D-09 ends at its wall time, and counts running time only', () => {
    const blocked = recordOutcome(given([]), down, START + 1_000);
    expect(runningMs(blocked, START + 500_000)).toBe(1_000);
    const resumed = recordOutcome(blocked, failed('checksFailed'), START + 500_000);
    expect(runningMs(resumed, START + 600_000)).toBe(101_000);
    expect(limitReached(resumed, START + 499_000 + 1_800_000)).toBe('wallTime');
    expect(decide(resumed, failed('checksFailed'), START + 499_000 + 1_800_000)).toMatchObject({
      kind: 'markDead',
      failure: { code: 'wallTime' },
    });
  });

  it('replaces what a call reported before instead of adding to it', () => {
    const once = recordCall(given([]), 'a1.t1', spent(10, 5));
    expect(recordCall(once, 'a1.t1', spent(30, 7)).spending).toMatchObject({ costUsdMicros: 30 });
    expect(recordCall(once, 'a1.t2', spent(30, 7)).spending).toMatchObject({ costUsdMicros: 40 });
  });
});

describe('an outage', () => {
  it('D-07 waits without using an attempt up', () => {
    const record = given([down]);
    expect(record.attempts).toBe(0);
    expect(decide(record, down, START)).toMatchObject({ kind: 'wait', on: 'resource', probeMs: 1_000 });
  });

  it('is asked after less and less often, and last at its very limit', () => {
    const record = given([down]);
    expect(decide(record, down, START + 100_000)).toMatchObject({ probeMs: 50_000 });
    expect(decide(record, down, START + 599_000)).toMatchObject({ probeMs: 1_000 });
    expect(probeDelayMs(100_000_000)).toBe(300_000);
  });

  it('ends stuck at its limit, naming the cause', () => {
    expect(decide(given([down]), down, START + 600_000)).toMatchObject({
      kind: 'markStuck',
      failure: { code: 'modelUnreachable' },
    });
  });

  it('is over with the next outcome that is not blocked', () => {
    const record = recordOutcome(given([down]), failed('checksFailed'), START + 5_000);
    expect(record).toMatchObject({ blockedSince: null, blockedMs: 5_000, attempts: 1 });
  });
});

it('knows the state that follows from each decision', () => {
  const record = given([]);
  const states = [
    recordDecision(record, { kind: 'complete', reason: '' }),
    recordDecision(record, { kind: 'retry', reason: '', delayMs: 1, changes: 'evidence' }),
    recordDecision(record, { kind: 'wait', reason: '', on: 'resource', probeMs: 1 }),
    recordDecision(record, { kind: 'markDead', reason: '', failure: failure('checksFailed') }),
    recordDecision(record, { kind: 'markStuck', reason: '', failure: failure('checksFailed') }),
  ].map(({ state }) => state);
  expect(states).toEqual(['succeeded', 'retry_wait', 'blocked', 'dead', 'stuck']);
});

it('WT-26 begins with two seconds and doubles the delay up to the cap', () => {
  expect([1, 2, 3, 9, 30].map((n) => attemptDelayMs(n))).toEqual([2_000, 4_000, 8_000, 300_000, 300_000]);
});

const asked = (retryAfterMs: number): Outcome => ({
  kind: 'failed',
  failure: failure('checksFailed'),
  signature: 's',
  retryAfterMs,
});

it('counts an outage from its own beginning, not from one that was over', () => {
  const blocked: Outcome = { kind: 'blocked', waitingOn: 'resource', failure: failure('modelUnreachable') };
  const waiting = recordOutcome(beginRecord(LIMITS, [], START), blocked, START + 10_000);
  const working = recordProgress(waiting, START + 70_000);
  expect([working.blockedSince, working.blockedMs]).toEqual([null, 60_000]);
  const again: Outcome = { ...blocked, failure: failure('remoteUnreachable') };
  const later = recordOutcome(working, again, START + 700_000);
  expect(decide(later, again, START + 700_000).kind).toBe('wait');
});

it('gives a question whose clock stood still only the rest of its time', () => {
  const asks: Outcome = { kind: 'blocked', waitingOn: 'human', failure: failure('needsPerson', 'May it?') };
  const begun = { ...beginRecord(LIMITS, [], START), waitMs: 10_000 };
  const resumed = recordOutcome({ ...begun, askedMs: 4_000 }, asks, START + 60_000);
  expect(decide(resumed, asks, START + 60_000)).toMatchObject({ kind: 'wait', probeMs: 6_000 });
  expect(decide({ ...resumed, askedMs: 10_000 }, asks, START + 60_000)).toMatchObject({
    kind: 'markStuck',
    failure: { code: 'unanswered' },
  });
});

describe('the account of a failure', () => {
  const evidence = { kind: 'log', sha256: 'ab', sizeBytes: 9 } as const;
  const withEvidence: Outcome = {
    kind: 'failed',
    failure: failure('checksFailed', 'value is wrong'),
    signature: 's',
    evidence,
  };

  it('WT-17 says in its reason what failed and which attempt comes', () => {
    expect(decide(given([withEvidence]), withEvidence, START)).toEqual({
      kind: 'retry',
      delayMs: 2_000,
      changes: 'evidence',
      reason: 'checksFailed: attempt 2 of 5',
    });
  });

  it('WT-18 and D-02 has the limit that the task names: with one attempt it is dead after the first', () => {
    const record = given([withEvidence], { attempts: 1 });
    const decision = decide(record, withEvidence, START);
    expect(decision).toEqual({ kind: 'markDead', reason: 'attempts 1/1', failure: withEvidence.failure });
    expect(recordDecision(record, decision)).toMatchObject({ state: 'dead', attempts: 1 });
    expect(decide(given([withEvidence], { attempts: 2 }), withEvidence, START).kind).toBe('retry');
  });

  it('WT-19 counts attempt and decision, and the task waits for the next one', () => {
    const asks: Outcome = { ...withEvidence, retryAfterMs: 5_000 };
    const record = given([asks]);
    const decision = decide(record, asks, START);
    expect(decision).toMatchObject({ kind: 'retry', delayMs: 5_000 });
    expect(recordDecision(record, decision)).toMatchObject({ state: 'retry_wait', attempts: 1, sequence: 2 });
  });

  it('WT-20 is dead with what it is remembered by', () => {
    const broken: Outcome = { kind: 'failed', failure: failure('protectedBranch', 'main'), signature: 's' };
    const record = given([broken]);
    const ended = recordDecision(record, decide(record, broken, START));
    expect(ended).toMatchObject({ state: 'dead', lastFailure: { code: 'protectedBranch', detail: 'main' } });
  });

  it('WT-21 keeps the evidence in the outcome and the pause in the decision', () => {
    const asks: Outcome = { ...withEvidence, retryAfterMs: 10_000 };
    const record = given([asks]);
    expect(decide(record, asks, START)).toMatchObject({ delayMs: 10_000 });
    expect(asks.evidence).toEqual(evidence);
    expect(record.sequence).toBe(1);
  });
});

it('WT-53 and WT-54 takes the time as an argument: the same moment gives the same decision, whenever and how often it is asked', () => {
  const record = given([down]);
  const before = JSON.stringify(record);
  const decisions = Array.from({ length: 3 }, () => decide(record, down, START + 100_000));
  expect(decisions).toEqual([decisions[0], decisions[0], decisions[0]]);
  expect(decide(record, down, START + 200_000)).not.toEqual(decisions[0]);
  expect(JSON.stringify(record)).toBe(before);
});
