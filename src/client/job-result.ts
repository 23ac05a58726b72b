/** How a job ended, also where it could not say so itself. */
import {
  CancelledFailure,
  TerminatedFailure,
  WorkflowFailedError,
  ApplicationFailure,
  TimeoutFailure,
} from '@temporalio/client';
import { failure, isFailureCode, type Failure } from '../domain/failures.js';
import { unreported, type JobResult } from '../workflows/messages.js';
import type { TaskIds } from './task-id.js';

/** Null if what was thrown says nothing about the end of the job. */
export function resultOfFailure(thrown: unknown, ids: TaskIds): JobResult | null {
  if (!(thrown instanceof WorkflowFailedError)) return null;
  const { cause } = thrown;
  if (cause instanceof CancelledFailure)
    return resultLeftBy(thrown) ?? { ...ended(ids, 'cancelled', failure('cancelled')), state: 'cancelled' };
  if (cause instanceof TerminatedFailure) return ended(ids, 'dead', failure('terminated', cause.message));
  if (cause instanceof TimeoutFailure)
    return ended(ids, 'stuck', failure('wallTime', 'The time limit of the workflow itself.'));
  if (cause instanceof ApplicationFailure && isFailureCode(cause.type ?? ''))
    return ended(ids, 'dead', failure(cause.type as Failure['code'], cause.message));
  return ended(ids, 'dead', failure('infrastructure', cause?.message ?? thrown.message));
}

/** What a job leaves in the event of its cancelled end, for Temporal gives it no result; null where something else ended. */
export function resultLeftBy(thrown: unknown): JobResult | null {
  if (!(thrown instanceof WorkflowFailedError) || !(thrown.cause instanceof CancelledFailure)) return null;
  const [left] = thrown.cause.details ?? [];
  return isJobResult(left) ? left : null;
}

const ended = ({ jobId, taskId }: TaskIds, state: 'dead' | 'cancelled' | 'stuck', failed: Failure): JobResult => ({
  jobId,
  state: state === 'stuck' ? 'stuck' : 'failed',
  task: unreported(taskId, state, failed),
});

const isJobResult = (value: unknown): value is JobResult =>
  typeof value === 'object' && value !== null && 'jobId' in value && 'task' in value;
