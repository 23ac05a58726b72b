/**
 * The default decider: from the task's record, its latest outcome and the time to what happens next, with the reason.
 * Pure: the same input gives the same decision, now and in a replay. The rules are tried in the order they stand in.
 */
import { attemptDelayMs, probeDelayMs } from './backoff.js';
import type { Decision } from './decision.js';
import { catalogueEntry, failure as makeFailure, type FailureCode } from './failures.js';
import { NOTICE_SHARE } from './job-budget.js';
import type { Outcome } from './outcome.js';
import { totalTokens, type TaskRecord } from './record.js';
import { TASK_DEFAULTS, type Handler } from './task.js';

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
      return { kind: 'complete', reason: completeWords(outcome) };
    case 'blocked':
      return decideBlocked(record, outcome, nowMs);
    case 'failed':
      return decideFailed(record, outcome, nowMs);
    case 'proposed':
      return decideProposed(record, outcome, nowMs);
    default:
      return assertNever(outcome);
  }
}

const completeWords = ({ landing: { branch }, unchecked }: Extract<Outcome, { kind: 'succeeded' }>): string =>
  unchecked === true
    ? `no check has judged it, for there is none, and ${branch} is pushed`
    : `the checks passed and ${branch} is pushed`;

/** The limit that forbids a further attempt or call now, if one does. */
export function limitReached(record: TaskRecord, nowMs: number): FailureCode | null {
  const { limits, spending } = record;
  if (limits.costUsdMicros !== undefined && spending.costUsdMicros >= limits.costUsdMicros) return 'budgetCost';
  if (limits.tokens !== undefined && totalTokens(spending) >= limits.tokens) return 'budgetTokens';
  if (runningMs(record, nowMs) >= limits.wallTimeSeconds * 1_000) return 'wallTime';
  return null;
}

/** What most is used up of, in money and tokens: people are told before it is too late. */
export function nearLimits({ limits, spending }: TaskRecord): readonly NearLimit[] {
  const used = { costUsdMicros: spending.costUsdMicros, tokens: totalTokens(spending) };
  return (['costUsdMicros', 'tokens'] as const).flatMap((budget) => {
    const limit = limits[budget];
    return limit === undefined || used[budget] < limit * NOTICE_SHARE ? [] : [{ budget, used: used[budget], limit }];
  });
}

interface NearLimit {
  readonly budget: 'costUsdMicros' | 'tokens';
  readonly used: number;
  readonly limit: number;
}

/** Milliseconds that count against the wall time: since the start, without the time spent blocked. */
export const runningMs = (record: TaskRecord, nowMs: number): number =>
  nowMs - record.startedAt - record.blockedMs - (record.blockedSince === null ? 0 : nowMs - record.blockedSince);

/** A proposal that cannot be carried out is a failure like any other: its faults are the evidence for the next attempt. */
function decideProposed(record: TaskRecord, outcome: Extract<Outcome, { kind: 'proposed' }>, nowMs: number): Decision {
  const { children, joinSpec, faults, plan } = outcome;
  if (faults.length === 0) {
    const together = joinSpec === null ? '' : ', joined at the end';
    return { kind: 'decompose', reason: `split into ${children.length} tasks${together}`, children, joinSpec };
  }
  const failed = makeFailure('invalidPlan', faults.join('; '));
  return decideFailed(record, { kind: 'failed', failure: failed, signature: 'invalidPlan', evidence: plan }, nowMs);
}

function decideBlocked(record: TaskRecord, outcome: Extract<Outcome, { kind: 'blocked' }>, nowMs: number): Decision {
  const { failure } = outcome;
  if (outcome.waitingOn === 'dependency' && outcome.on !== undefined)
    return { kind: 'addDependency', reason: `it needs ${outcome.on} first`, on: outcome.on };
  if (outcome.waitingOn === 'human' || outcome.waitingOn === 'budget') return decideWaiting(record, outcome, nowMs);
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

/** Nothing is tried meanwhile: only a person or a settled budget ends this wait, or its time limit. */
function decideWaiting(record: TaskRecord, outcome: Extract<Outcome, { kind: 'blocked' }>, nowMs: number): Decision {
  const { failure, waitingOn } = outcome;
  const waitMs = record.waitMs ?? TASK_DEFAULTS.waitSeconds * 1_000;
  const waitedMs = Math.max(record.askedMs ?? 0, nowMs - (record.blockedSince ?? nowMs));
  if (waitedMs < waitMs) {
    const what = waitingOn === 'human' ? 'a person is asked' : failure.code;
    const probeMs = Math.min(waitMs - waitedMs, Math.max(1, outcome.retryAfterMs ?? waitMs));
    return { kind: 'wait', on: waitingOn, probeMs, reason: `${what}: waits for at most ${seconds(probeMs)}` };
  }
  const failed = waitingOn === 'human' ? makeFailure('unanswered', failure.detail) : failure;
  return { kind: 'markStuck', reason: `${failed.code} for ${seconds(waitedMs)}`, failure: failed };
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
  const [alternative] = outcome.alternatives ?? [];
  const stalled = (reason: string, code?: FailureCode): Decision =>
    alternative === undefined || attempts >= limits.attempts
      ? dead(reason, code)
      : tryHandler(record, alternative, reason);
  if (heals === 'model' && !otherModel) return stalled(`${failure.code}, and no other model is named`);
  if (attempts >= limits.attempts) return dead(`attempts ${attempts}/${limits.attempts}`);
  const limit = limitReached(record, nowMs);
  // A spent limit that is waited on stops the next call, not the task.
  if (limit !== null && !(record.waitsOnBudget === true && isBudget(limit)))
    return dead(`${limit} after ${attempts} attempts`, limit);
  if (sameFailures(record.signatures) >= SAME_FAILURE_MAX && !otherModel) {
    return stalled(`no progress: ${failure.code} in the same way ${SAME_FAILURE_MAX} times in a row`, 'noProgress');
  }
  return {
    kind: 'retry',
    delayMs: attemptDelayMs(attempts, outcome.retryAfterMs),
    changes: otherModel ? 'model' : 'evidence',
    reason: `${failure.code}: attempt ${attempts + 1} of ${limits.attempts}`,
  };
}

/** The same again would end the same: another handler takes over with the evidence. */
const tryHandler = ({ attempts }: TaskRecord, handler: Handler, why: string): Decision => ({
  kind: 'retry',
  delayMs: attemptDelayMs(attempts),
  changes: 'handler',
  handler,
  reason: `${why}: attempt ${attempts + 1} with handler ${handler}`,
});

export const isBudget = (code: FailureCode): boolean => catalogueEntry(code).family === 'budget';

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
