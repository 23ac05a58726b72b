/** A task whose workflow the server does not have: it has not begun, never will, or is none of the job's. */
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { failure, isFailureCode } from '../domain/failures.js';
import type { JobTaskRow } from '../domain/job.js';
import { NOTHING_SPENT } from '../domain/record.js';
import { isTerminalState, type TaskState } from '../domain/task.js';
import type { JobResult } from '../workflows/messages.js';
import { tasksInMemo } from './job-view.js';
import type { Silence } from './silence.js';
import { idsOf, type TaskIds } from './task-id.js';
import { stateOf, viewOfDescription, type TaskView } from './task-view.js';
import { notBegun, unknownTask } from './weaver-fault.js';

/** What else is asked about the job, only where it is needed. */
export interface JobQuestions {
  readonly silence: () => Promise<Silence | null>;
  /** Null if no worker answers. */
  readonly rows: () => Promise<readonly JobTaskRow[] | null>;
  readonly result: () => Promise<JobResult>;
}

/** Only the job knows its tasks; a path that it does not have is said to be unknown, whatever became of the job. */
export async function viewOfUnbegun(
  job: WorkflowExecutionDescription,
  { taskId }: TaskIds,
  ask: JobQuestions,
  webUrl: string | null,
): Promise<TaskView> {
  const silence = await ask.silence();
  if (isOfOne(job)) {
    if (taskId === firstOf(job)) return await viewOfOnly(job, silence, ask, webUrl);
    // What a task alone is split into bears its name.
    if (!taskId.startsWith(`${firstOf(job)}.`)) throw unknownTask(taskId);
  }
  const rows = silence === null ? await ask.rows() : null;
  const row = rows?.find((each) => each.taskId === taskId);
  if (row !== undefined) return viewOfRow(row, job, webUrl);
  if (rows !== null) throw unknownTask(taskId);
  if (job.closeTime !== undefined) throw notBegun(taskId);
  // Who watches goes on to, and hears of it from the next worker.
  const view = await viewOfDescription(job, webUrl, silence);
  if (taskId === firstOf(job)) return view;
  return { ...view, ...idsOf(taskId), phase: "has not begun, or is none of the job's tasks" };
}

/** As this library starts a task alone; of a job that somebody else has started only the worker knows how many tasks it has. */
const isOfOne = (job: WorkflowExecutionDescription): boolean =>
  tasksInMemo(job) === null && job.memo?.['specHash'] !== undefined;

const firstOf = ({ workflowId }: WorkflowExecutionDescription): string => idsOf(workflowId).taskId;

/** Of a job that has not begun its task yet, or was ended before; one that completed has the account of its task itself. */
async function viewOfOnly(
  job: WorkflowExecutionDescription,
  silence: Silence | null,
  ask: JobQuestions,
  webUrl: string | null,
): Promise<TaskView> {
  const view = await viewOfDescription(job, webUrl, silence);
  if (job.status.name !== 'COMPLETED') return view;
  const { state, branch, attempts, spending, failure: failed } = (await ask.result()).task;
  return { ...view, state, branch, attempt: Math.max(1, attempts), spending, failure: failed, phase: '' };
}

const viewOfRow = (row: JobTaskRow, job: WorkflowExecutionDescription, webUrl: string | null): TaskView => ({
  ...idsOf(row.taskId),
  title: row.title,
  state: stateIn(row, job),
  phase: row.waitsFor === null ? '' : `waits for ${row.waitsFor}`,
  attempt: Math.max(1, row.attempts),
  attemptsMax: null,
  waitingOn: null,
  spending: {
    ...NOTHING_SPENT,
    tokens: { ...NOTHING_SPENT.tokens, completion: row.tokens },
    costUsdMicros: row.costUsdMicros,
  },
  branch: row.branch,
  failure: row.failure !== null && isFailureCode(row.failure) ? failure(row.failure) : null,
  wakesAt: null,
  source: 'worker',
  retrying: null,
  unanswered: null,
  webUrl,
});

/** A job that was ended by force had no time to say so of its tasks. */
function stateIn({ state }: JobTaskRow, { status, closeTime }: WorkflowExecutionDescription): TaskState {
  if (closeTime === undefined || isTerminalState(state)) return state;
  return status.name === 'COMPLETED' ? 'cancelled' : stateOf(status.name, null, '');
}
