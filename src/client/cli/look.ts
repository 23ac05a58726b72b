/** `weaver status`, `watch`, `list` and `decisions`: looking at tasks without changing them. */
import { exitCodeOf, failure } from '../../domain/failures.js';
import { unreported } from '../../workflows/messages.js';
import { isOver, viewOfStoredJob, type JobView } from '../job-view.js';
import type { ListFilters } from '../list-tasks.js';
import { taskTable } from '../render-list.js';
import { jobStatusLines } from '../render-job.js';
import { jobReportOf } from '../run-report.js';
import { decisionLines, entryLines } from '../render-record.js';
import { phaseLine, statusLines } from '../render-task.js';
import { readEntries, readStoredTask } from '../stored-task.js';
import { idsOf } from '../task-id.js';
import { endedAs, isTerminal, viewOfStatus, type TaskView } from '../task-view.js';
import { unknownTask, WeaverFault } from '../weaver-fault.js';
import type { WeaverClient } from '../weaver-client.js';
import type { Context } from './context.js';
import { followJob } from './follow-job.js';
import { followTask } from './follow-task.js';
import { INTERRUPTED, TIMED_OUT } from './goes-on.js';
import { listenForInterrupts } from './interrupts.js';
import {
  connectClient,
  isServed,
  noServerHere,
  notKnownHere,
  openTemporal,
  sayKept,
  type Need,
} from './temporal-session.js';
import { startTail, type Tail } from './tail.js';

export async function status(context: Context, id: string): Promise<number> {
  const found = await find(context, id, jobOrTask);
  if (found.kind === 'job') showJob(context, found.view);
  else showTask(context, found.view);
  const isPast = found.kind === 'job' ? isOver(found.view) : isTerminal(found.view);
  if (!isPast && !(await isServed(context))) context.terminal.note(noServerHere(context).message);
  return 0;
}

function showTask({ terminal, json }: Context, view: TaskView): void {
  if (json) terminal.json(view);
  else for (const line of statusLines(view)) terminal.out(line);
}

function showJob({ terminal, json }: Context, view: JobView): void {
  if (json) terminal.json(view);
  else for (const line of jobStatusLines(view, terminal.columns)) terminal.out(line);
}

export interface WatchFlags {
  /** What the models say is printed as it comes. */
  readonly tokens?: boolean;
  /** In seconds; what is watched goes on. */
  readonly timeout?: number;
}

/** Ends with the exit code that `weaver run` would have ended with. */
export async function watch(context: Context, id: string, flags: WatchFlags): Promise<number> {
  const interrupts = listenForInterrupts(() => context.terminal.clearProgress());
  const patience = flags.timeout === undefined ? null : AbortSignal.timeout(flags.timeout * 1_000);
  const signal = patience === null ? interrupts.signal : AbortSignal.any([interrupts.signal, patience]);
  let tail: Tail | null = null;
  try {
    if (flags.tokens === true) tail = startTail(context, id);
    const exitCode = await watchEnd(context, id, signal, tail === null ? {} : { redraws: false });
    if (exitCode !== INTERRUPTED || interrupts.signal.aborted || patience?.aborted !== true) return exitCode;
    context.terminal.note(`Not waiting any longer: ${id} goes on; see it with \`weaver status ${id}\`.`);
    return TIMED_OUT;
  } finally {
    await tail?.stop();
    interrupts.stop();
  }
}

/** How progress is shown: between the words of a model no line is drawn again and again. */
interface Manner {
  readonly redraws?: boolean;
}

async function watchEnd(context: Context, id: string, signal: AbortSignal, manner: Manner): Promise<number> {
  const found = await find(context, id, jobOrTask);
  if (found.kind === 'job') return await watchMany(context, idsOf(id).jobId, found.view, signal, manner);
  const last = await watchOne(context, id, signal, manner);
  // Whoever named the job wants to see what its task was split into.
  if (last?.state === 'decomposed' && !namesTask(id)) return await watchMany(context, last.jobId, null, signal, manner);
  return last === null ? INTERRUPTED : exitCodeOfTask(last);
}

const exitCodeOfTask = ({ state, failure: failed }: TaskView): number =>
  state === 'succeeded' || state === 'decomposed' ? 0 : exitCodeOf(failed) || 1;

const namesTask = (id: string): boolean => id.includes('/t/');

async function watchMany(
  context: Context,
  jobId: string,
  seen: JobView | null,
  signal: AbortSignal,
  { redraws }: Manner,
): Promise<number> {
  const { terminal, json } = context;
  return await withClient(context, 'join', async (client) => {
    if (client === null) {
      if (seen === null || !isOver(seen)) throw noServerHere(context);
      showJob(context, seen);
      return storedExitCode(seen);
    }
    let last: JobView | null = null;
    if (json) for await (const view of client.watchJob(jobId, { signal })) terminal.json((last = view));
    else last = await followJob(context, client, jobId, signal, redraws);
    if (last === null || !isOver(last)) return INTERRUPTED;
    const { exitCode } = jobReportOf(await client.result(jobId), last.webUrl);
    if (!json) showJob(context, last);
    return exitCode;
  });
}

const storedExitCode = ({ jobId, state, counts, total, spending, failed }: JobView): number =>
  state === 'running'
    ? INTERRUPTED
    : jobReportOf(
        {
          jobId,
          state,
          task: unreported(jobId, 'dead', failure('infrastructure')),
          summary: { total: total ?? 0, counts, spending, failed },
        },
        null,
      ).exitCode;

/** Null if it was left before its end. */
async function watchOne(
  context: Context,
  id: string,
  signal: AbortSignal,
  { redraws }: Manner,
): Promise<TaskView | null> {
  const { taskId } = idsOf(id);
  const last = await withClient(context, 'join', async (client) => {
    if (client === null) return await onlyIfEnded(context, id);
    await client.status(taskId); // says at once if there is no such task
    if (!context.json) return await followTask(context, client, taskId, signal, redraws);
    let latest: TaskView | null = null;
    for await (const view of client.watch(taskId, { signal })) context.terminal.json((latest = view));
    return latest;
  });
  if (last === null || !isTerminal(last)) return null;
  // The server alone does not know why; the records do.
  const known = last.source === 'worker' ? last : await findView(context, id);
  if (!context.json) for (const line of statusLines(known)) context.terminal.out(line);
  return known;
}

async function onlyIfEnded(context: Context, id: string): Promise<TaskView> {
  const view = await storedView(context, id);
  if (view === null || !isTerminal(view)) throw noServerHere(context);
  context.terminal.note(phaseLine(view));
  return view;
}

export async function list(context: Context, filters: ListFilters): Promise<number> {
  const { terminal } = context;
  const served = await isServed(context);
  // Shown before the server is left, which takes a second.
  await withClient(context, 'startIfUsed', async (client) => {
    const rows = client === null ? [] : await client.list(filters);
    if (context.json) terminal.json(rows);
    else if (rows.length === 0) terminal.note('No tasks.');
    else for (const line of taskTable(rows, terminal.columns)) terminal.out(line);
    if (!served) await sayKept(context, client);
  });
  return 0;
}

/** The records of this host have everything; a worker elsewhere has the last decisions. */
export async function decisions(context: Context, id: string): Promise<number> {
  const { taskId } = idsOf(id);
  const { terminal } = context;
  const { records } = await context.house.openStores(context.config);
  const entries = await readEntries(records, taskId);
  if (entries.length > 0) {
    if (context.json) terminal.json(entries);
    else for (const line of entries.flatMap(entryLines)) terminal.out(line);
    return 0;
  }
  const decided = await withClient(context, 'join', async (client) => {
    if (client === null) throw notKnownHere(context, id);
    await client.status(taskId);
    return await client.decisions(taskId).catch(noneYet);
  });
  if (context.json) terminal.json(decided.map((decision) => ({ kind: 'decision', ...decision })));
  else if (decided.length === 0) terminal.note('Nothing is decided yet.');
  else for (const line of decided.flatMap(decisionLines)) terminal.out(line);
  return 0;
}

/** A task whose worker is away has told nobody else what it decided. */
function noneYet(thrown: unknown): readonly [] {
  if (thrown instanceof WeaverFault && thrown.code === 'temporalUnreachable') return [];
  throw thrown;
}

type Found = { readonly kind: 'job'; readonly view: JobView } | { readonly kind: 'task'; readonly view: TaskView };
type Ask = (client: WeaverClient, id: string) => Promise<Found>;

const jobOrTask: Ask = async (client, id) =>
  (await client.isJobOfMany(id)) ? { kind: 'job', view: await client.jobStatus(id) } : await onlyTask(client, id);
const onlyTask: Ask = async (client, id) => ({ kind: 'task', view: await client.status(idsOf(id).taskId) });

/** The task that an identifier names, also where that is a job of many. */
export async function findView(context: Context, id: string): Promise<TaskView> {
  const found = await find(context, id, onlyTask);
  if (found.kind === 'task') return found.view;
  throw unknownTask(id);
}

/** Asks the worker, then the server, then the records of this host. */
async function find(context: Context, id: string, ask: Ask): Promise<Found> {
  let fault: WeaverFault = notKnownHere(context, id);
  let served: Found | null = null;
  try {
    served = await withClient(context, 'join', async (client) => (client === null ? null : await ask(client, id)));
  } catch (thrown) {
    if (!(thrown instanceof WeaverFault)) throw thrown;
    fault = thrown;
  }
  if (served?.kind === 'job') return { kind: 'job', view: await bestJobView(context, served.view) };
  if (served?.view.source === 'worker') return served;
  const found = await withStored(context, id, served?.view ?? null);
  if (found !== null) return found;
  throw fault;
}

async function withStored(context: Context, id: string, served: TaskView | null): Promise<Found | null> {
  const stored = await storedView(context, id);
  const best = bestView(served, stored);
  if (best !== null) return { kind: 'task', view: { ...best, webUrl: served?.webUrl ?? best.webUrl } };
  const job = await storedJobView(context, id);
  return job === null ? null : { kind: 'job', view: job };
}

/** Of a task that is under way the server knows what it does now, of one that has ended the records know more: but for an end by force. */
function bestView(served: TaskView | null, stored: TaskView | null): TaskView | null {
  if (served === null || stored === null) return served ?? stored;
  if (!isTerminal(served)) return served;
  return isTerminal(stored) ? stored : endedAs(stored, served.state, served.failure);
}

/** Of a job that has ended the records know more than the server. */
async function bestJobView(context: Context, served: JobView): Promise<JobView> {
  if (served.source === 'worker' || !isOver(served)) return served;
  const stored = await storedJobView(context, served.jobId);
  return stored !== null && isOver(stored) ? { ...stored, webUrl: served.webUrl } : served;
}

async function storedJobView({ house, config }: Context, id: string): Promise<JobView | null> {
  if (namesTask(id)) return null;
  const { records } = await house.openStores(config);
  return viewOfStoredJob(await records.recall(`task/${idsOf(id).jobId}`));
}

async function storedView({ house, config }: Context, id: string): Promise<TaskView | null> {
  const { records } = await house.openStores(config);
  const stored = await readStoredTask(records, idsOf(id).taskId);
  return stored === null ? null : viewOfStatus(stored.status, 'store', null);
}

/** The client is null if no server runs here and none is to be started. */
export async function withClient<T>(
  context: Context,
  need: Need,
  ask: (client: WeaverClient | null) => Promise<T>,
): Promise<T> {
  const session = await openTemporal(context.house, context.config, need);
  if (session === null) return await ask(null);
  try {
    const client = await connectClient(session, context.config);
    try {
      return await ask(client);
    } finally {
      await client.close();
    }
  } finally {
    await session.leave();
  }
}
