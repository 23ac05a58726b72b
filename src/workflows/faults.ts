/** From what Temporal throws into a workflow to the outcome it means. */
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { CallFaultDetails } from '../activities/contract.js';
import { catalogueEntry, failure, isFailureCode, type Failure, type FailureCode } from '../domain/failures.js';
import type { Outcome } from '../domain/outcome.js';

/** Null if it is none of an activity's faults: then it is ours, and must stay visible as a failing workflow task. */
export function outcomeOfFault(thrown: unknown, whenSpent: 'wait' | 'die' = 'die'): Outcome | null {
  if (!(thrown instanceof ActivityFailure)) return null;
  const failed = causeOf(thrown);
  const until = whenSpent === 'wait' ? untilFree(failed, pauseIn(thrown)) : null;
  if (until !== null) return until;
  const heals = catalogueEntry(failed.code).heals === 'outage' && !isOurOwn(thrown, failed);
  if (heals) return { kind: 'blocked', waitingOn: 'resource', failure: failed, ...pauseIn(thrown) };
  return { kind: 'failed', failure: failed, signature: failed.code };
}

/** An endpoint that is left alone is as broken as it was the last time: that is what people have to know. */
function causeOf(thrown: ActivityFailure): Failure {
  const failed = failureOf(thrown);
  const because = spendingOfFault(thrown)?.because;
  return because === undefined ? failed : failure(because, failed.detail);
}

/** The budget of a provider is free again by itself, unless it is too small for the call: then no time is named. */
export const untilFree = (failed: Failure, { retryAfterMs }: { readonly retryAfterMs?: number }): Outcome | null =>
  failed.code === 'providerBudget' && retryAfterMs !== undefined
    ? { kind: 'blocked', waitingOn: 'budget', failure: failed, retryAfterMs }
    : null;

/** Null if it is no fault of an activity. */
export const codeOfFault = (thrown: unknown): FailureCode | null =>
  thrown instanceof ActivityFailure ? failureOf(thrown).code : null;

/** What a call that failed for good has spent; null if the fault says nothing of it. */
export function spendingOfFault(thrown: unknown): CallFaultDetails | null {
  if (!(thrown instanceof ActivityFailure) || !(thrown.cause instanceof ApplicationFailure)) return null;
  const [details] = thrown.cause.details ?? [];
  return isCallFault(details) ? details : null;
}

/** A step that says of itself that no retry helps is no outage: waiting for hours would change nothing. */
const isOurOwn = ({ cause }: ActivityFailure, { code }: Failure): boolean =>
  code === 'infrastructure' && cause instanceof ApplicationFailure && cause.nonRetryable === true;

/** What the other side asked for, if it was more than a step waits for. */
export function pauseIn(thrown: unknown): { readonly retryAfterMs?: number } {
  const retryAfterMs = spendingOfFault(thrown)?.retryAfterMs;
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

/** In the words of the catalogue. */
export function failureOf({ cause, activityType }: ActivityFailure): Failure {
  if (cause instanceof ApplicationFailure) {
    const code = cause.type ?? '';
    return isFailureCode(code)
      ? failure(code, cause.message)
      : failure('infrastructure', `${activityType}: ${cause.message}`);
  }
  if (cause instanceof TimeoutFailure)
    return failure('infrastructure', `${activityType}: no answer from its worker (${cause.timeoutType}).`);
  return failure('infrastructure', `${activityType}: ${cause?.message ?? 'unknown cause'}`);
}

const isCallFault = (value: unknown): value is CallFaultDetails =>
  typeof value === 'object' && value !== null && 'name' in value && 'spending' in value;
