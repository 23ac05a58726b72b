/** Where a step belongs, and how it failed: what logs, metrics and spans tell of it. */
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { StepPlace } from '../ports.js';

/** Workflow ids are `<job>/t/<path>`, activity ids `a<attempt>.<step>` or `a<attempt>.t<turn>`. */
export function placeOf({ info }: Context): StepPlace {
  const task = info.workflowExecution?.workflowId ?? '';
  const [job = ''] = task.split('/t/');
  const [, attempt, turn] = /^a(\d+)\.(?:t(\d+))?/.exec(info.activityId) ?? [];
  return {
    job,
    task,
    ...(attempt === undefined ? {} : { attempt: Number(attempt) }),
    ...(turn === undefined ? {} : { turn: Number(turn) }),
    ...(info.attempt > 1 ? { try: info.attempt } : {}),
  };
}

/** `cancelled`, a code of the catalogue, or `unknown`. */
export function howItFailed({ cancellationSignal }: Context, thrown: unknown): string {
  if (cancellationSignal.aborted) return 'cancelled';
  return (thrown instanceof ApplicationFailure && thrown.type) || 'unknown';
}
