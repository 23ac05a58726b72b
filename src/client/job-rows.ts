/** Every task of a job, from its workflow; where no worker answers, from what this host has written down. */
import { childrenOf, isEntry, timeOf, type Entry } from '../domain/entries.js';
import type { Dependency, JobState, JobTaskRow } from '../domain/job.js';
import { totalTokens } from '../domain/record.js';
import type { TaskState } from '../domain/task.js';
import type { Records } from '../ports.js';
import type { JobStatus } from '../workflows/messages.js';
import { viewOfStoredJob } from './job-view.js';
import { readStoredTask, type StoredTask } from './stored-task.js';
import type { WeaverClient } from './weaver-client.js';

export interface JobRows {
  readonly jobId: string;
  readonly title: string;
  readonly state: JobState;
  readonly rows: readonly JobTaskRow[];
  /** Null where only the workflow would know. */
  readonly status: JobTotals | null;
  readonly source: 'worker' | 'store';
}

export type JobTotals = Pick<JobStatus, 'spending' | 'startedAt' | 'endedAt'>;

export interface TaskStore {
  readonly records: Records & { listTasks(): Promise<readonly unknown[]> };
}

/** Null if no worker answers. */
export async function askJob(client: WeaverClient, jobId: string): Promise<JobRows | null> {
  const rows = await client.jobTasks(jobId);
  if (rows === null) return null;
  const view = await client.jobStatus(jobId);
  return { jobId, title: view.title, state: view.state, rows, status: view, source: 'worker' };
}

/** Null if nothing is written down here. The states are those of the last write. */
export async function storedJob({ records }: TaskStore, jobId: string): Promise<JobRows | null> {
  const own = (await records.read(jobId)).filter(isEntry);
  const ended = endedRows(own);
  const rows = ended.length > 0 ? ended : await begunRows({ records }, jobId, own);
  const [first] = rows;
  if (first === undefined) return null;
  const job = own.findLast((entry) => entry.kind === 'job');
  return {
    jobId,
    title: job?.title ?? first.title,
    state: job?.state ?? stateOf(rows),
    rows,
    status: viewOfStoredJob(await records.recall(`task/${jobId}`)),
    source: 'store',
  };
}

/** A job that has ended has written all of them down. */
function endedRows(own: readonly Entry[]): readonly JobTaskRow[] {
  const pages = own.filter((entry) => entry.kind === 'tasks').toSorted((a, b) => a.from - b.from);
  return [...new Map(pages.flatMap(({ rows }) => rows.map((row) => [row.path, row] as const))).values()];
}

async function begunRows({ records }: TaskStore, jobId: string, own: readonly Entry[]): Promise<readonly JobTaskRow[]> {
  const places = await placesOf({ records }, jobId, own);
  const rows: JobTaskRow[] = [];
  for (const place of places.values()) rows.push(await rowOf(records, jobId, place));
  return rows;
}

/** What is known of a task beside its own account. */
interface Place {
  readonly path: string;
  readonly title: string;
  readonly parent: string | null;
  readonly dependsOn: readonly Dependency[];
}

/** Tasks that the job has written down, those whose records are here, and their children. */
async function placesOf(
  { records }: TaskStore,
  jobId: string,
  own: readonly Entry[],
): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>();
  for (const { tasks } of own.filter((entry) => entry.kind === 'created')) {
    for (const task of tasks) places.set(task.path, { ...task, dependsOn: task.dependsOn.map(needed) });
  }
  const prefix = `${jobId}/t/`;
  for (const stored of await records.listTasks()) {
    const id = taskIdIn(stored);
    if (id?.startsWith(prefix) !== true) continue;
    const path = id.slice(prefix.length);
    if (!places.has(path)) places.set(path, { path, title: '', parent: parentOf(path), dependsOn: [] });
  }
  // Grows while it is walked: children of children.
  for (const place of places.values()) {
    for (const child of await childrenMade(records, jobId, place)) {
      // Found by its records alone it has no title yet, and nothing that it waits for.
      if ((places.get(child.path)?.title ?? '') === '') places.set(child.path, child);
    }
  }
  return new Map([...places].toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })));
}

const needed = (on: string): Dependency => ({ on, whenFailed: 'fail' });

const taskIdIn = (stored: unknown): string | null =>
  typeof stored === 'object' && stored !== null && 'taskId' in stored && typeof stored.taskId === 'string'
    ? stored.taskId
    : null;

/** `a` of `a.2`. */
const parentOf = (path: string): string | null => (path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : null);

/** Of a task that was split; what was only proposed never came to be. */
async function childrenMade(records: Records, jobId: string, place: Place): Promise<readonly Place[]> {
  const taskId = `${jobId}/t/${place.path}`;
  const stored = await readStoredTask(records, taskId);
  if (stored?.status.state !== 'decomposed') return [];
  const entries = (await records.read(taskId)).filter(isEntry);
  const decided = entries.findLast((entry) => entry.kind === 'decision')?.decision;
  if (decided?.kind !== 'decompose') return [];
  return childrenOf(place.path, stored.status.title, decided).map((child) => ({
    ...child,
    dependsOn: child.dependsOn.map(needed),
  }));
}

async function rowOf(records: Records, jobId: string, place: Place): Promise<JobTaskRow> {
  const taskId = `${jobId}/t/${place.path}`;
  const [stored, read] = await Promise.all([readStoredTask(records, taskId), records.read(taskId)]);
  const entries = read.filter(isEntry);
  const attempts = entries.filter((entry) => entry.kind === 'attempt');
  const state = stored?.status.state ?? 'pending';
  return {
    path: place.path,
    taskId,
    title: place.title === '' ? (stored?.status.title ?? '') : place.title,
    state,
    parent: place.parent,
    children: stored?.result.children ?? [],
    dependsOn: place.dependsOn,
    waitsFor: null,
    ...resultOf(stored),
    startedAt: attempts[0]?.startedAt ?? null,
    endedAt: ENDED.has(state) ? (entries.map(timeOf).at(-1) ?? null) : null,
  };
}

const resultOf = (
  stored: StoredTask | null,
): Pick<JobTaskRow, 'attempts' | 'tokens' | 'costUsdMicros' | 'branch' | 'failure'> => ({
  attempts: stored?.result.attempts ?? 0,
  tokens: stored === null ? 0 : totalTokens(stored.status.spending),
  costUsdMicros: stored?.status.spending.costUsdMicros ?? 0,
  branch: stored?.result.landing?.branch ?? null,
  failure: stored?.result.failure?.code ?? null,
});

const ENDED: ReadonlySet<TaskState> = new Set<TaskState>(['succeeded', 'dead', 'decomposed', 'cancelled', 'stuck']);

/** Of the leaves: a task that was split is what its children are. */
function stateOf(rows: readonly JobTaskRow[]): JobState {
  const states = new Set(rows.map(({ state }) => state));
  if ([...states].some((state) => !ENDED.has(state))) return 'running';
  if (states.has('stuck')) return 'stuck';
  if (states.has('dead')) return 'failed';
  return states.has('cancelled') ? 'cancelled' : 'completed';
}
