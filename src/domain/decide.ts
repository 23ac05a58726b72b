/**
 * The default decider: from the task's record, its latest outcome and the time to what happens next, with the reason.
 * Pure: the same input gives the same decision, now and in a replay. The rules are tried in the order they stand in.
 */
import { attemptDelayMs, probeDelayMs } from './backoff.js';
import type { Decision } from './decision.js';
import { catalogueEntry, failure as makeFailure, type FailureCode } from './failures.js';
import type { Outcome } from './outcome.js';
import { totalTokens, type TaskRecord } from './record.js';

/** Written beside every decision; a change of the rules gets a new version. */
export const DECIDER = 'default@1';

/** Five times the same failure in a row: the evidence in the prompt does not help, so more attempts would only cost. */
const SAME_FAILURE_MAX = 5;

/**
 * @param record the task as it is after `outcome` was booked (its attempt counted, its spending added)
 * @param nowMs epoch milliseconds
 */
export function decide(record: TaskRecord, outcome: Outcome, nowMs: number): Decision {
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'complete', reason: `the checks passed and ${outcome.landing.branch} is pushed` };
    case 'blocked':
      return decideBlocked(record, outcome, nowMs);
    case 'failed':
      return decideFailed(record, outcome, nowMs);
    default:
      return assertNever(outcome);
  }
}

/** The limit that forbids a further attempt or call now, if one does. */
export function limitReached(record: TaskRecord, nowMs: number): FailureCode | null {
  const { limits, spending } = record;
  if (limits.costUsdMicros !== undefined && spending.costUsdMicros >= limits.costUsdMicros) return 'budgetCost';
  if (limits.tokens !== undefined && totalTokens(spending) >= limits.tokens) return 'budgetTokens';
  if (runningMs(record, nowMs) >= limits.wallTimeSeconds * 1_000) return 'wallTime';
  return null;
}

/** Milliseconds that count against the wall time: since the start, without the time spent blocked. */
export const runningMs = (record: TaskRecord, nowMs: number): number =>
  nowMs - record.startedAt - record.blockedMs - (record.blockedSince === null ? 0 : nowMs - record.blockedSince);

function decideBlocked(record: TaskRecord, outcome: Extract<Outcome, { kind: 'blocked' }>, nowMs: number): Decision {
  const { failure } = outcome;
  const outageMs = nowMs - (record.blockedSince ?? nowMs);
  const limitMs = record.limits.outageSeconds * 1_000;
  if (outageMs >= limitMs) {
    const reason = `${failure.code} for ${seconds(outageMs)}, limit ${record.limits.outageSeconds} s`;
    return { kind: 'markStuck', reason, failure };
  }
  const probeMs = Math.min(probeDelayMs(outageMs, outcome.retryAfterMs), Math.max(1, limitMs - outageMs));
  return {
    kind: 'wait',
    on: outcome.waitingOn,
    probeMs,
    reason: `${failure.code}: tried again in ${seconds(probeMs)}`,
  };
}

function decideFailed(record: TaskRecord, outcome: Extract<Outcome, { kind: 'failed' }>, nowMs: number): Decision {
  const { failure } = outcome;
  const { attempts, limits } = record;
  const { heals } = catalogueEntry(failure.code);
  const otherModel = nextModelDiffers(record);
  const dead = (reason: string, code: FailureCode = failure.code): Decision => ({
    kind: 'markDead',
    reason,
    failure: code === failure.code ? failure : makeFailure(code, `Last failure: ${failure.code}. ${failure.detail}`),
  });
  if (heals === 'never') return dead(`${failure.code} cannot heal by another attempt`);
  if (heals === 'model' && !otherModel) return dead(`${failure.code}, and no other model is named`);
  if (attempts >= limits.attempts) return dead(`attempts ${attempts}/${limits.attempts}`);
  const limit = limitReached(record, nowMs);
  if (limit !== null) return dead(`${limit} after ${attempts} attempts`, limit);
  if (sameFailures(record.signatures) >= SAME_FAILURE_MAX && !otherModel) {
    return dead(`no progress: ${failure.code} in the same way ${SAME_FAILURE_MAX} times in a row`, 'noProgress');
  }
  return {
    kind: 'retry',
    delayMs: attemptDelayMs(attempts, outcome.retryAfterMs),
    changes: otherModel ? 'model' : 'evidence',
    reason: `${failure.code}: attempt ${attempts + 1} of ${limits.attempts}`,
  };
}

/** Whether the ladder has another model for the coming attempt than for the one that has just ended. */
function nextModelDiffers({ models, attempts }: TaskRecord): boolean {
  const [last, next] = [models[attempts - 1], models[attempts]];
  return last !== undefined && next !== undefined && (last.provider !== next.provider || last.model !== next.model);
}

function sameFailures(signatures: readonly string[]): number {
  const last = signatures.at(-1);
  let count = 0;
  while (count < signatures.length && signatures[signatures.length - 1 - count] === last) count += 1;
  return count;
}

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

function assertNever(value: never): never {
  throw new TypeError(`unknown outcome ${JSON.stringify(value)}`);
}
