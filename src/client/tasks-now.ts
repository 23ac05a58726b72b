/**
 * What the tasks of a job do now, as the server's visibility store has it. The job itself hears of a task's end, and of waits in
 * which it gives its place to others; a wait for a provider, a remote or the next attempt is told to nobody but the store.
 */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { DECOMPOSITION, JOB_TASKS_MAX, type JobTaskRow } from '../domain/job.js';
import { isTerminalState, type TaskState } from '../domain/task.js';
import { SEARCH_ATTRIBUTES, type JobStatus, type LiveTask } from '../workflows/messages.js';
import { quoted, TASK_WORKFLOW } from './list-tasks.js';
import { stateOf } from './task-view.js';

export interface TaskNow {
  readonly path: string;
  readonly state: TaskState;
  /** In words; null if it does not wait. */
  readonly waitsFor: string | null;
  /** Null before the task has told it. */
  readonly attempts: number | null;
  readonly tokens: number | null;
  readonly costUsdMicros: number | null;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** What open tasks have used by now, as far as they have told it. */
export interface OpenTasks {
  readonly tasks: number;
  /** Those among them that wait for something. */
  readonly waiting: number;
  readonly tokens: number;
  readonly costUsdMicros: number;
}

/** More than run side by side, and a page of the server's lists; of a job that was ended by force all that it can have. */
const TASKS_MAX = { open: 1_000, all: JOB_TASKS_MAX + DECOMPOSITION.proposedMax } as const;

/** @param which of a job that goes on only the open ones say more than it knows itself */
export async function tasksNow(client: Client, jobId: string, which: 'open' | 'all'): Promise<readonly TaskNow[]> {
  const prefix = `${jobId}/t/`;
  const query = [
    `WorkflowType = '${TASK_WORKFLOW}' AND WorkflowId STARTS_WITH ${quoted(prefix)}`,
    ...(which === 'open' ? [`ExecutionStatus = 'Running'`] : []),
  ].join(' AND ');
  const found: TaskNow[] = [];
  for await (const info of client.workflow.list({ query, pageSize: TASKS_MAX.open })) {
    found.push(nowOf(info, prefix));
    if (found.length >= TASKS_MAX[which]) break;
  }
  return found;
}

function nowOf(info: WorkflowExecutionInfo, prefix: string): TaskNow {
  const { typedSearchAttributes: told, workflowId, status, startTime, closeTime } = info;
  const outcome = told.get(SEARCH_ATTRIBUTES.outcome) ?? null;
  const waitingOn = told.get(SEARCH_ATTRIBUTES.waitingOn) ?? null;
  const known = stateOf(status.name, outcome, told.get(SEARCH_ATTRIBUTES.phase) ?? '');
  const waits = known === 'blocked';
  const state = waits && waitingOn === null ? 'retry_wait' : known;
  const costUsd = told.get(SEARCH_ATTRIBUTES.costUsd) ?? null;
  return {
    path: workflowId.slice(prefix.length),
    state,
    waitsFor: waits ? wordsOf(waitingOn) : null,
    attempts: told.get(SEARCH_ATTRIBUTES.attempt) ?? null,
    tokens: told.get(SEARCH_ATTRIBUTES.tokens) ?? null,
    costUsdMicros: costUsd === null ? null : Math.round(costUsd * 1_000_000),
    startedAt: startTime.getTime(),
    endedAt: closeTime?.getTime() ?? null,
  };
}

/** The task itself knows more: `weaver waiting` asks each. */
function wordsOf(waitingOn: string | null): string {
  switch (waitingOn) {
    case 'human':
      return 'human (a question or a pause)';
    case 'budget':
      return 'budget (of the task or its provider)';
    case 'resource':
      return 'resource (a provider, a remote or a branch)';
    case null:
      return 'its next attempt';
    default:
      return waitingOn;
  }
}

/** The status with what its open tasks wait for and have used. Of a wait that the job knows its own words stay. */
export function withOpenTasks<View extends Pick<JobStatus, 'counts' | 'bottlenecks'>>(
  status: View,
  live: readonly LiveTask[],
  now: readonly TaskNow[],
): View & { readonly open: OpenTasks } {
  const byPath = new Map(now.map((task) => [task.path, task]));
  const seen = live.flatMap((task) => {
    const found = byPath.get(task.path);
    return found === undefined ? [] : [{ ...found, isKnown: task.waits }];
  });
  const waiting = seen.filter(({ waitsFor, isKnown }) => waitsFor !== null || isKnown);
  const untold = waiting.filter(({ isKnown }) => !isKnown);
  const between = untold.filter(({ state }) => state === 'retry_wait').length;
  const sum = (what: 'tokens' | 'costUsdMicros'): number => seen.reduce((all, task) => all + (task[what] ?? 0), 0);
  return {
    ...status,
    counts: moved(moved(status.counts, 'blocked', waiting.length - between), 'retry_wait', between),
    bottlenecks: withWaits(status.bottlenecks, untold),
    open: { tasks: live.length, waiting: waiting.length, tokens: sum('tokens'), costUsdMicros: sum('costUsdMicros') },
  };
}

/** To the job all of them run. */
function moved(counts: JobStatus['counts'], to: 'blocked' | 'retry_wait', wanted: number): JobStatus['counts'] {
  const { running = 0, ...rest } = counts;
  const some = Math.min(running, wanted);
  if (some === 0) return counts;
  return { ...rest, ...(running === some ? {} : { running: running - some }), [to]: (rest[to] ?? 0) + some };
}

function withWaits(known: JobStatus['bottlenecks'], untold: readonly TaskNow[]): JobStatus['bottlenecks'] {
  const tasks = new Map(known.map((each) => [each.waitsFor, each.tasks]));
  for (const { waitsFor } of untold) if (waitsFor !== null) tasks.set(waitsFor, (tasks.get(waitsFor) ?? 0) + 1);
  return [...tasks].map(([waitsFor, count]) => ({ waitsFor, tasks: count })).toSorted((a, b) => b.tasks - a.tasks);
}

/** The rows with what the server knows of tasks that have not ended as far as the job knows. */
export function rowsNow(
  rows: readonly JobTaskRow[],
  now: readonly TaskNow[],
  isJobOver: boolean,
): readonly JobTaskRow[] {
  const byPath = new Map(now.map((task) => [task.path, task]));
  return rows.map((row) => {
    const task = byPath.get(row.path);
    // A child that waits for the word of its job is there, and has not begun.
    if (task === undefined || row.endedAt !== null || (row.state === 'pending' && !isJobOver)) return row;
    return {
      ...row,
      ...usedBy(row, task),
      state: task.state,
      waitsFor: isTerminalState(task.state) ? null : (row.waitsFor ?? task.waitsFor),
      startedAt: row.startedAt ?? task.startedAt,
      endedAt: task.endedAt,
    };
  });
}

const usedBy = (row: JobTaskRow, { attempts, tokens, costUsdMicros }: TaskNow) => ({
  attempts: attempts ?? row.attempts,
  tokens: tokens ?? row.tokens,
  costUsdMicros: costUsdMicros ?? row.costUsdMicros,
});
