/** `weaver status`, `watch`, `list` and `decisions`: looking at tasks without changing them. */
import { exitCodeOf } from '../../domain/failures.js';
import type { ListFilters } from '../list-tasks.js';
import { taskTable } from '../render-list.js';
import { decisionLines, entryLines } from '../render-record.js';
import { phaseLine, statusLines } from '../render-task.js';
import { readEntries, readStoredTask } from '../stored-task.js';
import { idsOf } from '../task-id.js';
import { isTerminal, viewOfStatus, type TaskView } from '../task-view.js';
import { unknownTask, WeaverFault } from '../weaver-fault.js';
import type { WeaverClient } from '../weaver-client.js';
import type { Context } from './context.js';
import { followTask } from './follow-task.js';
import { listenForInterrupts } from './interrupts.js';
import { connectClient, noServerHere, openTemporal, type Need } from './temporal-session.js';

const INTERRUPTED = 130;

export async function status(context: Context, id: string): Promise<number> {
  const view = await findView(context, id);
  if (context.json) context.terminal.json(view);
  else for (const line of statusLines(view)) context.terminal.out(line);
  return 0;
}

/** Ends with the exit code that `weaver run` would have ended with. */
export async function watch(context: Context, id: string): Promise<number> {
  const { taskId } = idsOf(id);
  const interrupts = listenForInterrupts(() => context.terminal.clearProgress());
  const last = await withClient(context, 'join', async (client) => {
    if (client === null) return await onlyIfEnded(context, id);
    await client.status(taskId); // says at once if there is no such task
    if (!context.json) return await followTask(context, client, taskId, interrupts.signal);
    let latest: TaskView | null = null;
    for await (const view of client.watch(taskId, { signal: interrupts.signal }))
      context.terminal.json((latest = view));
    return latest;
  });
  interrupts.stop();
  if (last === null || !isTerminal(last)) return INTERRUPTED;
  // The server alone does not know why; the records do.
  const known = last.source === 'worker' ? last : await findView(context, id);
  if (!context.json) for (const line of statusLines(known)) context.terminal.out(line);
  return known.state === 'succeeded' || known.state === 'decomposed' ? 0 : exitCodeOf(known.failure) || 1;
}

async function onlyIfEnded(context: Context, id: string): Promise<TaskView> {
  const view = await storedView(context, id);
  if (view === null || !isTerminal(view)) throw noServerHere();
  context.terminal.note(phaseLine(view));
  return view;
}

export async function list(context: Context, filters: ListFilters): Promise<number> {
  const { terminal } = context;
  // Shown before the server is left, which takes a second.
  await withClient(context, 'startIfUsed', async (client) => {
    const rows = client === null ? [] : await client.list(filters);
    if (context.json) terminal.json(rows);
    else if (rows.length === 0) terminal.note('No tasks.');
    else for (const line of taskTable(rows, terminal.columns)) terminal.out(line);
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
    if (client === null) throw unknownTask(id);
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

/** Asks the worker, then the server, then the records of this host. */
export async function findView(context: Context, id: string): Promise<TaskView> {
  const { taskId } = idsOf(id);
  let fault: WeaverFault = unknownTask(id);
  let served: TaskView | null = null;
  try {
    served = await withClient(context, 'join', async (client) =>
      client === null ? null : await client.status(taskId),
    );
  } catch (thrown) {
    if (!(thrown instanceof WeaverFault)) throw thrown;
    fault = thrown;
  }
  if (served?.source === 'worker') return served;
  const stored = await storedView(context, id);
  // Of a task that is under way the server knows what it does now, of one that has ended the records know more.
  const best = served !== null && !isTerminal(served) ? served : (stored ?? served);
  if (best !== null) return { ...best, webUrl: served?.webUrl ?? best.webUrl };
  throw fault;
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
