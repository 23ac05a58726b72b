/** Finding tasks by what they are about, in the server's visibility store. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { TaskState } from '../domain/task.js';
import { JOB_WORKFLOW, SEARCH_ATTRIBUTES } from '../workflows/messages.js';
import { idsOf } from './task-id.js';
import { stateOf } from './task-view.js';
import { usageFault } from './weaver-fault.js';

export interface ListFilters {
  /** A state of a task; `open` is all that has not ended, `failed` is dead or stuck. */
  readonly state?: string;
  readonly repo?: string;
  readonly tag?: string;
  readonly requester?: string;
  /** At most 1,000; 20 if absent. */
  readonly limit?: number;
}

export interface TaskRow {
  readonly taskId: string;
  readonly jobId: string;
  readonly title: string | null;
  readonly state: TaskState;
  readonly phase: string | null;
  readonly repo: string | null;
  readonly branch: string | null;
  readonly requester: string | null;
  readonly tags: readonly string[];
  readonly attempts: number | null;
  readonly tokens: number | null;
  readonly costUsd: number | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

export const TASK_WORKFLOW = 'codingTask';
const ROWS_DEFAULT = 20;
const ROWS_MAX = 1_000;
/** Ids in one question for the titles: a query is bounded by the server. */
const TITLES_AT_ONCE = 100;

/** Newest first. Jobs whose task is not there yet are pending. */
export async function listTasks(client: Client, filters: ListFilters): Promise<readonly TaskRow[]> {
  const limit = Math.min(filters.limit ?? ROWS_DEFAULT, ROWS_MAX);
  const pending = await listPending(client, filters, limit);
  const rows = filters.state === 'pending' ? [] : await listRows(client, listQuery(filters), limit);
  const all = [...pending, ...rows].toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1)).slice(0, limit);
  const titles = await titlesOf(client, all);
  return all.map((row) => ({ ...row, title: titles.get(row.jobId) ?? null }));
}

async function listRows(client: Client, query: string, limit: number): Promise<readonly TaskRow[]> {
  const rows: TaskRow[] = [];
  for await (const info of client.workflow.list({ query, pageSize: limit })) {
    rows.push(rowOf(info));
    if (rows.length >= limit) break;
  }
  return rows;
}

/** A job starts its task with its first step, for which it needs a worker. */
async function listPending(client: Client, filters: ListFilters, limit: number): Promise<readonly TaskRow[]> {
  if (!['open', 'pending'].includes(filters.state ?? 'open')) return [];
  const jobs = await listRows(client, `${about(JOB_WORKFLOW, filters)} AND ExecutionStatus = 'Running'`, limit);
  if (jobs.length === 0) return [];
  const ids = jobs.map(({ taskId }) => quoted(taskId)).join(', ');
  const started = new Set((await listRows(client, `WorkflowId IN (${ids})`, limit)).map(({ taskId }) => taskId));
  return jobs.filter(({ taskId }) => !started.has(taskId)).map((row) => ({ ...row, state: 'pending' }));
}

/** How many jobs are open beside this one; those count too whose task has not begun. */
export async function countOpenJobs(client: Client, exceptJobId: string): Promise<number> {
  const { count } = await client.workflow.count(
    `WorkflowType = '${JOB_WORKFLOW}' AND ExecutionStatus = 'Running' AND WorkflowId != ${quoted(exceptJobId)}`,
  );
  return count;
}

const STATES: Readonly<Record<string, string>> = {
  open: "ExecutionStatus = 'Running'",
  running: "ExecutionStatus = 'Running' AND WeaverPhase != 'waiting'",
  blocked: "ExecutionStatus = 'Running' AND WeaverPhase = 'waiting'",
  succeeded: "WeaverOutcome = 'succeeded'",
  dead: "(WeaverOutcome = 'dead' OR ExecutionStatus IN ('Terminated', 'Failed'))",
  stuck: "(WeaverOutcome = 'stuck' OR ExecutionStatus = 'TimedOut')",
  failed: "(WeaverOutcome IN ('dead', 'stuck') OR ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut'))",
  cancelled: "ExecutionStatus = 'Canceled'",
  decomposed: "WeaverOutcome = 'decomposed'",
};

export const LISTED_STATES: readonly string[] = [...Object.keys(STATES), 'pending'];

function listQuery(filters: ListFilters): string {
  const { state } = filters;
  if (state === undefined) return about(TASK_WORKFLOW, filters);
  const condition = Object.hasOwn(STATES, state) ? STATES[state] : undefined;
  if (condition === undefined)
    throw usageFault(`“${state}” is not a state.`, `Use one of ${LISTED_STATES.join(', ')}.`);
  return `${about(TASK_WORKFLOW, filters)} AND ${condition}`;
}

/** All filters but the state: jobs carry them as well as tasks. */
const about = (type: string, { repo, tag, requester }: ListFilters): string =>
  [
    `WorkflowType = '${type}'`,
    ...(repo === undefined ? [] : [`${SEARCH_ATTRIBUTES.repo.name} = ${quoted(repo)}`]),
    ...(tag === undefined ? [] : [`${SEARCH_ATTRIBUTES.tags.name} = ${quoted(tag)}`]),
    ...(requester === undefined ? [] : [`${SEARCH_ATTRIBUTES.requester.name} = ${quoted(requester)}`]),
  ].join(' AND ');

/** A literal of the server's query language. Its SQLite store does not find values with a double quote or a backslash. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function rowOf({
  workflowId,
  status,
  typedSearchAttributes: found,
  startTime,
  closeTime,
}: WorkflowExecutionInfo): TaskRow {
  const phase = found.get(SEARCH_ATTRIBUTES.phase) ?? null;
  return {
    ...idsOf(workflowId),
    title: null,
    state: stateOf(status.name, found.get(SEARCH_ATTRIBUTES.outcome) ?? null, phase ?? ''),
    phase,
    repo: found.get(SEARCH_ATTRIBUTES.repo) ?? null,
    branch: found.get(SEARCH_ATTRIBUTES.branch) ?? null,
    requester: found.get(SEARCH_ATTRIBUTES.requester) ?? null,
    tags: found.get(SEARCH_ATTRIBUTES.tags) ?? [],
    attempts: found.get(SEARCH_ATTRIBUTES.attempt) ?? null,
    tokens: found.get(SEARCH_ATTRIBUTES.tokens) ?? null,
    costUsd: found.get(SEARCH_ATTRIBUTES.costUsd) ?? null,
    startedAt: startTime.toISOString(),
    endedAt: closeTime?.toISOString() ?? null,
  };
}

/** Titles stand in the memo of the job; a job that another client started may have none. */
async function titlesOf(client: Client, rows: readonly TaskRow[]): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(rows.map(({ jobId }) => jobId))];
  const titles = new Map<string, string>();
  for (let at = 0; at < ids.length; at += TITLES_AT_ONCE) {
    const some = ids.slice(at, at + TITLES_AT_ONCE);
    const query = `WorkflowType = '${JOB_WORKFLOW}' AND WorkflowId IN (${some.map(quoted).join(', ')})`;
    for await (const { workflowId, memo } of client.workflow.list({ query, pageSize: TITLES_AT_ONCE })) {
      if (typeof memo?.['title'] === 'string') titles.set(workflowId, memo['title']);
    }
  }
  return titles;
}
