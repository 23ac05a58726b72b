/** A task as it is seen from outside: what its worker, the server or the store knows of it. */
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { failure, type Failure } from '../domain/failures.js';
import { NOTHING_SPENT } from '../domain/record.js';
import { isTerminalState, type TaskState } from '../domain/task.js';
import { JOB_WORKFLOW, SEARCH_ATTRIBUTES, type TaskStatus } from '../workflows/messages.js';
import { workflowTaskTries, type Silence, type Unanswered } from './silence.js';
import { idsOf } from './task-id.js';

export interface TaskView extends Omit<TaskStatus, 'attemptsMax'> {
  readonly jobId: string;
  /** Null where only the worker would know. */
  readonly attemptsMax: number | null;
  /** `worker` knows all; `server` the search attributes; `store` what was last written down. */
  readonly source: 'worker' | 'server' | 'store';
  /** What a step that is being tried again has met. */
  readonly retrying: string | null;
  /** Why no worker answers, where that is known. */
  readonly unanswered: Unanswered | null;
  readonly webUrl: string | null;
}

export const isTerminal = ({ state }: Pick<TaskView, 'state'>): boolean => isTerminalState(state);

export const viewOfStatus = (status: TaskStatus, source: TaskView['source'], webUrl: string | null): TaskView => ({
  ...status,
  jobId: idsOf(status.taskId).jobId,
  source,
  retrying: null,
  unanswered: null,
  webUrl,
});

/** What the server knows without asking a worker. */
export async function viewOfDescription(
  described: WorkflowExecutionDescription,
  webUrl: string | null,
  silence: Silence | null,
): Promise<TaskView> {
  const attributes = described.typedSearchAttributes;
  const phase = attributes.get(SEARCH_ATTRIBUTES.phase) ?? 'waiting for a worker';
  const costUsd = attributes.get(SEARCH_ATTRIBUTES.costUsd) ?? 0;
  const tokens = attributes.get(SEARCH_ATTRIBUTES.tokens) ?? 0;
  return {
    ...idsOf(described.workflowId),
    title: (await described.staticSummary()) ?? '',
    state:
      described.type === JOB_WORKFLOW && described.status.name === 'RUNNING'
        ? 'pending'
        : stateOf(described.status.name, attributes.get(SEARCH_ATTRIBUTES.outcome) ?? null, phase),
    phase: silence?.unanswered === 'workerFails' ? 'its worker fails' : phase,
    attempt: Math.max(1, attributes.get(SEARCH_ATTRIBUTES.attempt) ?? 1),
    attemptsMax: null,
    waitingOn: null,
    spending: {
      ...NOTHING_SPENT,
      tokens: { ...NOTHING_SPENT.tokens, completion: tokens },
      costUsdMicros: Math.round(costUsd * 1_000_000),
    },
    branch: attributes.get(SEARCH_ATTRIBUTES.branch) ?? null,
    failure: endedFor(described.status.name),
    wakesAt: null,
    source: 'server',
    retrying:
      silence?.unanswered === 'workerFails'
        ? `workflow task, try ${workflowTaskTries(described)}: ${silence.says}`
        : retryingStep(described),
    unanswered: silence?.unanswered ?? null,
    webUrl,
  };
}

/** What was ended by force still answers as it was at that moment: of its end only the server knows. */
export function asClosed(view: TaskView, { status, closeTime }: WorkflowExecutionDescription): TaskView {
  if (closeTime === undefined || isTerminal(view)) return view;
  return endedAs(view, stateOf(status.name, null, ''), endedFor(status.name));
}

/** What was known of a task before it was ended from outside, with that end. */
export function endedAs(before: TaskView, state: TaskState, failed: Failure | null): TaskView {
  const { question: _, paused: __, ...rest } = before;
  return { ...rest, state, phase: '', waitingOn: null, wakesAt: null, failure: failed ?? before.failure };
}

/** Null for an end that the task has told itself. */
function endedFor(status: string): Failure | null {
  switch (status) {
    case 'TERMINATED':
      return failure('terminated');
    case 'CANCELLED':
      return failure('cancelled');
    case 'TIMED_OUT':
      return failure('wallTime', 'The time limit of the workflow itself.');
    default:
      return null;
  }
}

/** A run that was ended from outside has no outcome of its own. */
export function stateOf(status: string, outcome: string | null, phase: string): TaskState {
  if (outcome !== null && isTerminalState(outcome)) return outcome;
  switch (status) {
    case 'RUNNING':
    case 'PAUSED':
      return phase === 'waiting' ? 'blocked' : 'running';
    case 'CANCELLED':
      return 'cancelled';
    case 'TIMED_OUT':
      return 'stuck';
    default:
      return 'dead';
  }
}

/** A step that fails and is tried again by Temporal is the one thing that neither phase nor attempts show. */
export function retryingStep(described: WorkflowExecutionDescription): string | null {
  const steps = described.raw.pendingActivities ?? [];
  const step = steps.find(({ attempt }) => (attempt ?? 1) > 1);
  if (step === undefined) return null;
  const says = (step.lastFailure?.message ?? '').replace(/\s+/g, ' ').slice(0, 200);
  return `${step.activityType?.name ?? 'a step'}, try ${step.attempt}: ${says}`;
}
