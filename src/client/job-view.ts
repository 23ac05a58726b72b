/** A job as it is seen from outside: what its worker, the server or the store knows of it. */
import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { JobBudget, JobTaskRow } from '../domain/job.js';
import { NOTHING_SPENT } from '../domain/record.js';
import type { TaskState } from '../domain/task.js';
import type { JobResult, JobStatus, JobSummary } from '../workflows/messages.js';
import type { Unanswered } from './silence.js';
import type { OpenTasks } from './tasks-now.js';
import { isObject } from '../domain/plain-object.js';

export interface JobView extends Omit<JobStatus, 'total' | 'budget' | 'concurrency' | 'live'> {
  /** Null where only the worker would know; so are the budget and the concurrency. */
  readonly total: number | null;
  readonly budget: JobBudget | null;
  readonly concurrency: number | null;
  /** Of tasks that have begun and not ended; `spending` is that of ended ones. Absent where no worker answers. */
  readonly open?: OpenTasks;
  /** Tasks that ended badly, at most 20; known when the job has ended. */
  readonly failed: JobSummary['failed'];
  /** `worker` knows all; `server` the ends of tasks; `store` what was last written down. */
  readonly source: 'worker' | 'server' | 'store';
  /** Why no worker answers, where that is known. */
  readonly unanswered: Unanswered | null;
  readonly webUrl: string | null;
}

export const isOver = ({ state }: Pick<JobView, 'state'>): boolean => state !== 'running';

export const viewOfJobStatus = (
  status: Omit<JobStatus, 'live'> & Pick<JobView, 'open'>,
  webUrl: string | null,
): JobView => ({
  ...status,
  failed: [],
  source: 'worker',
  unanswered: null,
  webUrl,
});

type Counts = JobStatus['counts'];

/** What the server knows without asking a worker: `counts` of the tasks that have begun. */
export async function viewOfOpenJob(
  described: WorkflowExecutionDescription,
  counts: Counts,
  unanswered: Unanswered | null,
  webUrl: string | null,
): Promise<JobView> {
  const total = tasksInMemo(described);
  const begun = sum(counts);
  const pending = total === null ? 0 : Math.max(0, total - begun);
  return {
    ...(await told(described, webUrl)),
    state: 'running',
    total,
    counts: pending === 0 ? counts : { ...counts, pending },
    spending: NOTHING_SPENT,
    failed: [],
    unanswered,
  };
}

/** Of a job that has ended: its result is on the server. One that was ended by force has no summary, only `counts`. */
export async function viewOfEndedJob(
  described: WorkflowExecutionDescription,
  { state, task, summary }: JobResult,
  counts: Counts,
  webUrl: string | null,
): Promise<JobView> {
  return {
    ...(await told(described, webUrl)),
    state,
    total: summary?.total ?? tasksInMemo(described),
    counts: summary?.counts ?? counts,
    spending: summary?.spending ?? task.spending,
    failed: summary?.failed ?? [],
    unanswered: null,
  };
}

async function told(described: WorkflowExecutionDescription, webUrl: string | null) {
  return {
    jobId: described.workflowId,
    title: (await described.staticSummary()) ?? '',
    paused: false,
    budget: null,
    bottlenecks: [],
    startedAt: described.startTime.getTime(),
    endedAt: described.closeTime?.getTime() ?? null,
    deadline: null,
    concurrency: null,
    source: 'server' as const,
    webUrl,
  };
}

/** How many tasks the file had; null for a job of one, and for one that another client has started. */
export function tasksInMemo({ memo }: Pick<WorkflowExecutionDescription, 'memo'>): number | null {
  const tasks = memo?.['tasks'];
  return typeof tasks === 'number' ? tasks : null;
}

/** What the store of this host has of a job that has ended; null if it is something else. */
export function viewOfStoredJob(stored: unknown): JobView | null {
  if (!isObject(stored) || !isObject(stored['status']) || !isObject(stored['result'])) return null;
  const { status, result } = stored;
  if (typeof status['jobId'] !== 'string' || !isObject(status['counts'])) return null;
  const failed = isObject(result['summary']) ? result['summary']['failed'] : [];
  return {
    ...(status as unknown as JobStatus),
    failed: Array.isArray(failed) ? (failed as JobSummary['failed']) : [],
    source: 'store',
    unanswered: null,
    webUrl: null,
  };
}

/** As a job sums them up: the first ones of the leaves that ended otherwise than well. */
export const endedBadly = (rows: readonly JobTaskRow[]): JobSummary['failed'] =>
  rows
    .filter(({ children, state }) => children.length === 0 && state !== 'succeeded' && isEnded(state))
    .slice(0, FAILED_SHOWN_MAX)
    .map(({ path, state, failure }) => ({ path, state, failure }));

/** What a person reads of a table. */
const FAILED_SHOWN_MAX = 20;

const isEnded = (state: TaskState): boolean => ENDED.some((each) => each === state);

const ENDED = ['succeeded', 'decomposed', 'dead', 'stuck', 'cancelled'] as const satisfies readonly TaskState[];

/** Tasks that have ended, in whatever way. */
export const endedOf = (counts: Counts): number => ENDED.reduce((all, state) => all + (counts[state] ?? 0), 0);

const sum = (counts: Counts): number => Object.values(counts).reduce((all, count) => all + count, 0);
