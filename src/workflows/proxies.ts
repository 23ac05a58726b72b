/**
 * The table of timeouts: every activity with its limits, each beside its reason. Nothing else in the workflows names one.
 * Cancellation types are explicit because an omitted one behaves as TRY_CANCEL, whatever the documentation says.
 */
import { ActivityCancellationType, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities, HostActivities } from '../activities/index.js';
import type { ActivityDecider } from './deciders.js';

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
export const { openWorkspace, openCase } = proxyActivities<Activities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/**
 * The provider's own time limit (120 s, or what it is set to, an hour at most) is inside, and ten minutes in line for a place. A
 * cancel is heard with the heartbeat, so it is short. TRY_CANCEL: nobody waits for an endpoint that has gone silent.
 */
export const { callModel } = proxyActivities<Activities>({
  startToCloseTimeout: '90m',
  heartbeatTimeout: '5s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: shortRetry,
});

/**
 * The same for one of several: who is left behind still tells what it has cost, when its request is stopped. Nobody waits
 * for that.
 */
export const { callModel: callOneOfSeveral } = proxyActivities<Activities>({
  startToCloseTimeout: '90m',
  heartbeatTimeout: '5s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/**
 * Each check has its own limit inside; this bounds all of them together with the set-up, where the gate runs them up to four
 * times: again, with the tests of the base, and the base with the new tests. The cancel waits: processes must be gone.
 */
export const { runChecks } = proxyActivities<Activities>({
  startToCloseTimeout: '8h',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/**
 * A push of a large pack, and before it three hooks of the repository with five minutes each at most, for which the ground may
 * have to be made again; the same commit again is recognised, so it may run as often as it needs.
 */
export const { land } = proxyActivities<Activities>({
  startToCloseTimeout: '2h',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/** Small questions to the remote, and a fetch of what it has got. */
export const { mergeBranches, unpublish } = proxyActivities<Activities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/**
 * A few questions to a forge, half a minute each at most. The commit has landed, so an outage is not waited for longer than
 * somebody in front of `weaver run` would; a pause that the forge asks for beyond that ends the tries at once.
 */
export const { openPullRequest } = proxyActivities<Activities>({
  startToCloseTimeout: '4m',
  scheduleToCloseTimeout: '10m',
  heartbeatTimeout: '5s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { ...shortRetry, maximumAttempts: 20 },
});

/** Local: milliseconds of work that may be done again, without a round trip to the server (docs/decisions/0004). */
const local = { startToCloseTimeout: '60s', scheduleToCloseTimeout: '120s', retry: shortRetry } as const;
export const { applyEdits, propose, record, closeWorkspace, say, compactConversation } =
  proxyLocalActivities<Activities>({
    ...local,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

/** What an answer says, and what a judge is asked of it. */
export const { digestAnswer, criteriaPrompt, judgePrompt, keepTrials, nameModels, recordShadow, storeQuestion } =
  proxyLocalActivities<Activities>({
    ...local,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

/** Calls of tools that only look and edit: milliseconds, but for a search through a large repository. */
export const { runTools: runQuickTools } = proxyLocalActivities<Activities>({
  ...local,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** With a command among them: half an hour at most each, and the set-up before the first. */
export const { runTools } = proxyActivities<Activities>({
  startToCloseTimeout: '2h',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/** They ask Temporal itself, without which nothing goes on anyway: tried for the twelve hours that an outage may last. */
export const { askPermit, openTasks, lastWords } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '20s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { ...shortRetry, maximumAttempts: 720 },
});

/**
 * Deciders of the user's own that are activities. Two minutes are a slow answer of a model; the third try that fails is
 * enough to go on with the default decider, which costs nothing. A worker that lacks the activity says so at once.
 */
export const deciderActivities = proxyActivities<Readonly<Record<string, ActivityDecider>>>({
  startToCloseTimeout: '2m',
  // A queue whose workers have gone must not hold the task for longer than that.
  scheduleToCloseTimeout: '8m',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { ...shortRetry, maximumAttempts: 3 },
});

/** Questions to the server, answered in milliseconds; what cannot be learned now is asked again some minutes later. */
export const { lookAfter } = proxyActivities<Activities>({
  startToCloseTimeout: '60s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: shortRetry,
});

/** Looks at ten runs at most; without the server there is nothing to pause, so its way back is waited for. */
export const { pauseAfterFailures } = proxyActivities<Activities>({
  startToCloseTimeout: '60s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { ...shortRetry, maximumAttempts: 100 },
});

/**
 * On one host: a worker that is not there within five minutes is left to the next hour. Removing thousands of files takes
 * minutes, and the sweep ends itself before the limit.
 */
export const sweepOn = (taskQueue: string): HostActivities['sweep'] =>
  proxyActivities<HostActivities>({
    taskQueue,
    scheduleToStartTimeout: '5m',
    startToCloseTimeout: '10m',
    heartbeatTimeout: '15s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: shortRetry,
  }).sweep;

/**
 * A program of the task's own has its limits inside, a day at most. A dead worker is noticed by the missing heartbeat; then the
 * work begins anew from the clean snapshot. The cancel waits: processes must be gone.
 */
export const { runScript, runPlaybook } = proxyActivities<Activities>({
  startToCloseTimeout: '26h',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});

/** A checkout, or a look at one: minutes for a large repository. */
export const { handOver, takeWork } = proxyActivities<Activities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '15s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: shortRetry,
});
