/** What a call that its provider's budget has refused comes to, asked alone or among others. */
import { ActivityFailure, ApplicationFailure, RetryState } from '@temporalio/common';
import { aggregate, familiar, type ModelResult } from '../../src/domain/ask-mode.js';
import { failure } from '../../src/domain/failures.js';
import { NOTHING_SPENT } from '../../src/domain/record.js';
import { outcomeOfFault, pauseIn, untilFree } from '../../src/workflows/faults.js';
import { outcomeOf } from '../../src/workflows/modes/ask-turn.js';
import type { TaskRun } from '../../src/workflows/task-run.js';

const REFUSED = failure('providerBudget', 'It is free again at 2026-11-22 00:00 UTC.');

/** As the activity `callModel` throws it. */
function refused(retryAfterMs?: number): ActivityFailure {
  const details = { name: 'a1.t1', spending: NOTHING_SPENT, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  const { code: type, detail: message } = REFUSED;
  const cause = ApplicationFailure.create({ type, message, nonRetryable: true, details: [details] });
  return new ActivityFailure('failed', 'callModel', 'a1.t1', RetryState.NON_RETRYABLE_FAILURE, 'w', cause);
}

describe('a call that was refused', () => {
  it('is waited for until the budget is free again', () => {
    const until = { kind: 'blocked', waitingOn: 'budget', failure: REFUSED, retryAfterMs: 5_000 };
    expect(outcomeOfFault(refused(5_000), 'wait')).toEqual(until);
  });

  it('is a failure where the task does not wait, and where the whole budget is too small', () => {
    const failed = { kind: 'failed', failure: REFUSED, signature: 'providerBudget' };
    expect(outcomeOfFault(refused(5_000), 'die')).toEqual(failed);
    expect(outcomeOfFault(refused(), 'wait')).toEqual(failed);
  });
});

const result = (index: number, retryAfterMs: number): ModelResult<never> => ({
  index,
  provider: `p${index}`,
  model: null,
  status: 'failed',
  failure: { ...familiar(REFUSED), ...pauseIn(refused(retryAfterMs)) },
  call: null,
  latencyMs: 1,
  spending: null,
});

it('of several that were refused, the first that is free again is waited for', () => {
  const all = aggregate([result(0, 9_000), result(1, 4_000)]);
  expect(untilFree(all.failure, all)).toMatchObject({ kind: 'blocked', waitingOn: 'budget', retryAfterMs: 4_000 });
  const one = aggregate([result(0, 9_000)]);
  expect(untilFree(one.failure, one)).toMatchObject({ retryAfterMs: 9_000 });
});

const limited = (index: number, retryAfterMs: number): ModelResult<never> => ({
  ...result(index, retryAfterMs),
  status: 'failed',
  failure: { ...familiar(failure('rateLimited')), retryAfterMs },
  call: null,
  latencyMs: 1,
  spending: null,
});

it('of several that were limited, the pause that the first one asked for is kept', () => {
  const run = { record: { limits: { whenSpent: 'wait' } } } as unknown as TaskRun;
  const outcome = outcomeOf(run, { failure: aggregate([limited(0, 90_000), limited(1, 40_000)]) });
  expect(outcome).toMatchObject({ kind: 'blocked', waitingOn: 'resource', retryAfterMs: 40_000 });
});
