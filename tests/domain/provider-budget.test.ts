/** What becomes of a task whose provider has no budget left. */
import { decide } from '../../src/domain/decide';
import { failure } from '../../src/domain/failures';
import type { Outcome } from '../../src/domain/outcome';
import { beginRecord, recordOutcome } from '../../src/domain/record';
import type { LimitsSpec, ModelChoice } from '../../src/domain/task';

const LIMITS: LimitsSpec = { attempts: 5, wallTimeSeconds: 1_800, outageSeconds: 43_200 };
const FAILURE = failure('providerBudget', 'It is free again at 2026-11-22 00:00 UTC.');
const HOUR_MS = 3_600_000;

const blocked = (retryAfterMs: number): Outcome => ({
  kind: 'blocked',
  waitingOn: 'budget',
  failure: FAILURE,
  retryAfterMs,
});
const failed: Outcome = { kind: 'failed', failure: FAILURE, signature: 'providerBudget' };

const after = (outcome: Outcome, models: readonly ModelChoice[] = [{ provider: 'a' }]) =>
  decide(recordOutcome(beginRecord(LIMITS, models, 0), outcome, 0), outcome, 0);

it('waits until the budget is free again', () => {
  expect(after(blocked(6 * HOUR_MS))).toMatchObject({ kind: 'wait', on: 'budget', probeMs: 6 * HOUR_MS });
});

it('waits for no longer than for anything else', () => {
  expect(after(blocked(20 * 24 * HOUR_MS))).toMatchObject({ kind: 'wait', probeMs: 7 * 24 * HOUR_MS });
  const record = { ...recordOutcome(beginRecord(LIMITS, [{ provider: 'a' }], 0), blocked(1), 0), waitMs: HOUR_MS };
  expect(decide(record, blocked(HOUR_MS), HOUR_MS)).toMatchObject({ kind: 'markStuck', failure: FAILURE });
});

it('dies where the task does not wait, unless the next model of its list may be asked', () => {
  expect(after(failed)).toMatchObject({ kind: 'markDead', failure: FAILURE });
  expect(after(failed, [{ provider: 'a' }, { provider: 'b' }])).toMatchObject({ kind: 'retry', changes: 'model' });
});
