/**
 * The table of timeouts: every activity with its limits, each beside its reason. Nothing else in the workflows names one.
 * Cancellation types are explicit because an omitted one behaves as TRY_CANCEL, whatever the documentation says.
 */
import { ActivityCancellationType, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';

/** Faults of an activity that no retry heals are marked as such by the activity; this one is Temporal's own. */
const nonRetryableErrorTypes = ['NotFoundError'];

/** Network and disk: a second and a third look soon, then the outage belongs to the decider. */
const shortRetry = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '60s',
  maximumAttempts: 4,
  nonRetryableErrorTypes,
} as const;

/** A first clone of a large repository takes minutes; fifteen seconds without a sign of life mean a dead worker. */
export const { openWorkspace } = proxyActivities<Activities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/**
 * The provider's own time limit (120 s) is inside; the rest is waiting for a free slot of the provider. A cancel is heard
 * with the heartbeat, so it is short. TRY_CANCEL: nobody waits for an endpoint that has gone silent.
 */
export const { callModel } = proxyActivities<Activities>({
  startToCloseTimeout: '20m',
  heartbeatTimeout: '5s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: shortRetry,
});

/** Each check has its own limit inside; this bounds all of them together with the set-up. The cancel waits: processes must be gone. */
export const { runChecks } = proxyActivities<Activities>({
  startToCloseTimeout: '2h',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/** A push of a large pack; the same commit again is recognised, so it may run as often as it needs. */
export const { land } = proxyActivities<Activities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/** Local: milliseconds of work that may be done again, without a round trip to the server (docs/decisions/0004). */
const local = { startToCloseTimeout: '60s', scheduleToCloseTimeout: '120s', retry: shortRetry } as const;
export const { applyEdits, record, closeWorkspace } = proxyLocalActivities<Activities>({
  ...local,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});
