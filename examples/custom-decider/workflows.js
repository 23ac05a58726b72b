/**
 * The workflows of this worker: weaver's own, with the deciders below. A decider looks at the record of the task and at
 * the outcome of its attempt and says what happens next, or null if it leaves that to the one after it. It runs inside the
 * workflow, again at every replay: no clock, no chance, no network. What changes gets a new version.
 */
import { registerActivityDecider, registerDecider } from 'weaver/workflows';

export * from 'weaver/workflows';

/** Money is short: an attempt that failed as the one before it did is the last one, unless another handler is named. */
registerDecider('frugal@1', (record, outcome) => {
  if (outcome.kind !== 'failed') return null;
  const [before, last] = record.signatures.slice(-2);
  if (last === undefined || last !== before) return null;
  const [handler] = outcome.alternatives ?? [];
  if (handler === undefined)
    return { kind: 'markDead', reason: `twice the same: ${outcome.failure.code}`, failure: outcome.failure };
  return {
    kind: 'retry',
    changes: 'handler',
    handler,
    delayMs: 1_000,
    reason: `twice the same: ${outcome.failure.code}; now by ${handler}`,
  };
});

/** For the shadow: what somebody would do who never gives up and never waits. */
registerDecider('bold@1', (_record, outcome) =>
  outcome.kind === 'failed' ? { kind: 'retry', changes: 'evidence', delayMs: 0, reason: 'again, at once' } : null,
);

/** Asks a service: that is the activity `advise` of worker.js. */
registerActivityDecider('advised@1', 'advise');
