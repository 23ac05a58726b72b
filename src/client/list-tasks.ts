/** Finding tasks by what they are about, in the server's visibility store. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { WaitingOn } from '../domain/outcome.js';
import type { TaskState } from '../domain/task.js';
import { COMPARE_WORKFLOW } from '../workflows/compare-messages.js';
import { JOB_WORKFLOW, SEARCH_ATTRIBUTES } from '../workflows/messages.js';
import { LISTED_STATES, STATE_CONDITIONS } from './listed-states.js';
import { askedOnce, silenceOf, type Pollers, type Unanswered } from './silence.js';
import { isNotFound } from './temporal-faults.js';
import { idsOf } from './task-id.js';
import { stateOf } from './task-view.js';
import { usageFault } from './weaver-fault.js';

export interface ListFilters {
  /** A state of a task; `open` is all that has not ended, `failed` is dead or stuck. */
  readonly state?: string;
  readonly repo?: string;
  readonly tag?: string;
  readonly requester?: string;
  /** That the last attempt asked; known once it has answered. */
  readonly model?: string;
  readonly handler?: string;
  /** ISO 8601; the deadline of the task's job is this or before. */
  readonly due?: string;
  /** Dollars; the task has cost at least this, as far as it was told: with each step of an open one. */
  readonly minCost?: number;
  readonly waiting?: WaitingOn;
  /** All tasks of this job, also those that came of others. */
  readonly job?: string;
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
  /** Of its job. */
  readonly deadline: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** Why nobody carries an open task on; null if somebody does, or beyond the first 100 open ones. */
  readonly unanswered: Unanswered | null;
}

export const TASK_WORKFLOW = 'codingTask';
const ROWS_DEFAULT = 20;
const ROWS_MAX = 1_000;
/** Ids in one question for the titles: a query is bounded by the server. */
const TITLES_AT_ONCE = 100;
/** Each open row that is looked at costs a question of a millisecond or two; a person reads no more rows than this. */
const LOOKED_AT_MAX = 100;
/** Questions at the same time: the server answers them side by side, and has others to serve. */
const LOOKED_AT_ONCE = 20;

/** Newest first. Jobs whose task is not there yet are pending. */
export async function listTasks(client: Client, filters: ListFilters, pollers: Pollers): Promise<readonly TaskRow[]> {
  const limit = Math.min(filters.limit ?? ROWS_DEFAULT, ROWS_MAX);
  const pending = await listPending(client, filters, limit);
  const rows = filters.state === 'pending' ? [] : await listRows(client, listQuery(filters), limit);
  const all = [...pending, ...rows].toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1)).slice(0, limit);
  const [titles, unanswered] = await Promise.all([titlesOf(client, all), unansweredOf(client, all, pollers)]);
  return all.map((row) => ({
    ...row,
    title: titles.get(row.jobId) ?? null,
    unanswered: unanswered.get(row.taskId) ?? null,
  }));
}

/** Open tasks that nobody carries on, with the reason. */
async function unansweredOf(
  client: Client,
  rows: readonly TaskRow[],
  pollers: Pollers,
): Promise<ReadonlyMap<string, Unanswered>> {
  const pollersOnce = askedOnce(pollers);
  const found = new Map<string, Unanswered>();
  const open = rows.filter(({ endedAt }) => endedAt === null).slice(0, LOOKED_AT_MAX);
  for (let at = 0; at < open.length; at += LOOKED_AT_ONCE) {
    const some = open.slice(at, at + LOOKED_AT_ONCE);
    await Promise.all(
      some.map(async ({ taskId, jobId, state }) => {
        // A task that is pending is not there yet; its job is.
        const id = state === 'pending' ? jobId : taskId;
        const described = await client.workflow.getHandle(id).describe().catch(goneMeanwhile);
        const silence = described === null ? null : await silenceOf(client, described, pollersOnce);
        if (silence !== null) found.set(taskId, silence.unanswered);
      }),
    );
  }
  return found;
}

function goneMeanwhile(thrown: unknown): null {
  if (isNotFound(thrown)) return null;
  throw thrown;
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
  if (!['open', 'pending'].includes(filters.state ?? 'open') || asksTasksOnly(filters)) return [];
  const jobs = await listRows(client, `${about(JOB_WORKFLOW, filters)} AND ExecutionStatus = 'Running'`, limit);
  if (jobs.length === 0) return [];
  const ids = jobs.map(({ taskId }) => quoted(taskId)).join(', ');
  const started = new Set((await listRows(client, `WorkflowId IN (${ids})`, limit)).map(({ taskId }) => taskId));
  const left = jobs.filter(({ taskId }) => !started.has(taskId));
  return (await withoutBegun(client, left)).map((row) => ({ ...row, state: 'pending' }));
}

/** The first task of a job of many has another path; such a job has begun if it has any task. */
async function withoutBegun(client: Client, jobs: readonly TaskRow[]): Promise<readonly TaskRow[]> {
  const idle: TaskRow[] = [];
  for (let at = 0; at < jobs.length; at += LOOKED_AT_ONCE) {
    const some = jobs.slice(at, at + LOOKED_AT_ONCE);
    const counts = await Promise.all(
      some.map(({ jobId }) => client.workflow.count(`WorkflowId STARTS_WITH ${quoted(`${jobId}/t/`)}`)),
    );
    idle.push(...some.filter((_job, index) => counts[index]?.count === 0));
  }
  return idle;
}

/** How many jobs are open beside this one; those count too whose task has not begun. */
export async function countOpenJobs(client: Client, exceptJobId: string): Promise<number> {
  const { count } = await client.workflow.count(
    `WorkflowType = '${JOB_WORKFLOW}' AND ExecutionStatus = 'Running' AND WorkflowId != ${quoted(exceptJobId)}`,
  );
  return count;
}

/** The tasks of a job that have begun, by state; for readers that find no worker. */
export async function countTaskStates(
  client: Client,
  jobId: string,
): Promise<Readonly<Partial<Record<TaskState, number>>>> {
  const counts: Partial<Record<TaskState, number>> = {};
  const query = `WorkflowType = '${TASK_WORKFLOW}' AND WorkflowId STARTS_WITH ${quoted(`${jobId}/t/`)}`;
  for await (const info of client.workflow.list({ query, pageSize: ROWS_MAX })) {
    const { state } = rowOf(info);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

/** Whatever the server calls the state of a run that has not ended. Comparisons are among them: they have work trees too. */
export async function openTaskIds(client: Client): Promise<readonly string[]> {
  const ids: string[] = [];
  const query = `WorkflowType IN ('${TASK_WORKFLOW}', '${COMPARE_WORKFLOW}') AND CloseTime IS NULL`;
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

function listQuery(filters: ListFilters): string {
  const { state } = filters;
  const asked = [about(TASK_WORKFLOW, filters), ...ofTasks(filters)].join(' AND ');
  if (state === undefined) return asked;
  const condition = Object.hasOwn(STATE_CONDITIONS, state) ? STATE_CONDITIONS[state] : undefined;
  if (condition === undefined)
    throw usageFault(`“${state}” is not a state.`, `Use one of ${LISTED_STATES.join(', ')}.`);
  return `${asked} AND ${condition}`;
}

/** All filters but the state: jobs carry them as well as tasks. */
const about = (type: string, { repo, tag, requester }: ListFilters): string =>
  [
    `WorkflowType = '${type}'`,
    ...(repo === undefined ? [] : [`${SEARCH_ATTRIBUTES.repo.name} = ${quoted(repo)}`]),
    ...(tag === undefined ? [] : [`${SEARCH_ATTRIBUTES.tags.name} = ${quoted(tag)}`]),
    ...(requester === undefined ? [] : [`${SEARCH_ATTRIBUTES.requester.name} = ${quoted(requester)}`]),
  ].join(' AND ');

/** What only a task is found by: its job does not carry it. */
function ofTasks({ model, handler, minCost, waiting, job, due }: ListFilters): readonly string[] {
  const { model: modelName, handler: handlerName, costUsd, waitingOn, deadline } = SEARCH_ATTRIBUTES;
  return [
    ...(model === undefined ? [] : [`${modelName.name} = ${quoted(model)}`]),
    ...(handler === undefined ? [] : [`${handlerName.name} = ${quoted(handler)}`]),
    ...(minCost === undefined ? [] : [`${costUsd.name} >= ${minCost}`]),
    ...(due === undefined ? [] : [`${deadline.name} <= ${quoted(momentOf(due))}`]),
    ...(waiting === undefined ? [] : [`${waitingOn.name} = '${waiting}' AND ExecutionStatus = 'Running'`]),
    // Not by the root workflow: a job may have been started by a schedule's.
    ...(job === undefined ? [] : [`WorkflowId STARTS_WITH ${quoted(`${idsOf(job).jobId}/t/`)}`]),
  ];
}

/** As the server reads it. */
function momentOf(text: string): string {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime()))
    throw usageFault(`“${text.slice(0, 40)}” is no time.`, 'Write it as 2026-12-24 or 2026-12-24T18:00:00Z.');
  return moment.toISOString();
}

const asksTasksOnly = (filters: ListFilters): boolean => ofTasks(filters).length > 0;

/** A literal of the server's query language. Its SQLite store does not find values with a double quote or a backslash. */
export const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

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
    deadline: found.get(SEARCH_ATTRIBUTES.deadline)?.toISOString() ?? null,
    startedAt: startTime.toISOString(),
    endedAt: closeTime?.toISOString() ?? null,
    unanswered: null,
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
