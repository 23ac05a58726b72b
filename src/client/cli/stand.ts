/** What a run builds up around itself, the slow things side by side, and takes down at the end. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../../config.js';
import type { WeaverClient } from '../weaver-client.js';
import type { Context } from './context.js';
import type { RunningWorker, Scripted } from './house.js';
import { connectClient, noServerHere, openTemporal, type TemporalSession } from './temporal-session.js';

export interface Needs {
  /** A worker of this process, also with a configured Temporal. */
  readonly worker: boolean;
  readonly detach: boolean;
  /** A task queue that no other run uses. */
  readonly ownQueue: string | null;
}

export interface Stand {
  readonly context: Context;
  readonly session: TemporalSession;
  readonly client: WeaverClient;
  /** Null where other processes do the work. */
  readonly worker: Promise<RunningWorker> | null;
  readonly scripted: Scripted | null;
  readonly taskQueue: string;
  /** Our worker takes up other tasks too. */
  readonly shared: boolean;
}

/** Everything is safe where a worker dies, so nobody waits long for it to put down what belongs to other tasks. */
const DRAIN_MS_MAX = 5_000;

export async function setUp(context: Context, needs: Needs): Promise<Stand> {
  const { house, config } = context;
  const mayWork = !needs.detach && (needs.worker || !config.temporal.configured);
  const opening = openTemporal(house, config, 'start');
  opening.catch(() => {}); // awaited below, after the loading that goes on beside it
  if (mayWork) await house.preloadWorker(config, opening);
  const session = await opening;
  if (session === null) throw noServerHere(context);
  try {
    return await standOn(context, session, needs, mayWork);
  } catch (thrown) {
    await session.leave();
    throw thrown;
  }
}

async function standOn(context: Context, session: TemporalSession, needs: Needs, mayWork: boolean): Promise<Stand> {
  const { config } = context;
  const stand = { context, session, shared: needs.ownQueue === null && !config.scripted };
  if (needs.ownQueue === null && config.scripted) {
    const client = await connectClient(session, config);
    // A worker that is there may have a model, ours has none.
    const manned = (await client.pollers(config.taskQueue)).length > 0;
    const works = mayWork && !manned;
    const taskQueue = works ? scriptedQueue(config) : config.taskQueue;
    if (manned) context.terminal.note(`The worker that polls ${taskQueue} carries it out.`);
    return { ...stand, client, taskQueue, ...(await workersFor(context, session, taskQueue, works)) };
  }
  const taskQueue = needs.ownQueue ?? config.taskQueue;
  const [client, working] = await Promise.all([
    connectClient(session, config),
    workersFor(context, session, taskQueue, mayWork),
  ]);
  return { ...stand, client, taskQueue, ...working };
}

/**
 * A worker without a model must not take up what was submitted for one: the scripted endpoint has no answer to it, and the
 * task would die of that.
 */
export const scriptedQueue = ({ taskQueue }: Config): string => `${taskQueue}-scripted`;

export const NO_MODEL =
  'No model is configured (OPENAI_API_KEY, OPENAI_BASE_URL): a scripted endpoint answers, which knows only the demo task.';

async function workersFor(
  { house, config, terminal }: Context,
  session: TemporalSession,
  taskQueue: string,
  works: boolean,
): Promise<Pick<Stand, 'worker' | 'scripted'>> {
  if (!works) return { worker: null, scripted: null };
  if (config.scripted) terminal.note(NO_MODEL);
  const scripted = config.scripted ? await house.startScripted(config) : null;
  const starting = startWorker({ house, terminal }, { ...(scripted?.config ?? config), taskQueue }, session);
  starting.catch(() => {}); // looked at while the result is awaited
  return { worker: starting, scripted };
}

async function startWorker(
  { house, terminal }: Pick<Context, 'house' | 'terminal'>,
  config: Config,
  { where }: TemporalSession,
): Promise<RunningWorker> {
  const logs = join(config.home, 'logs');
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const worker = await house.startWorker(config, where, { logDestination: join(logs, 'worker.log') });
  for (const warning of worker.warnings) terminal.note(`${terminal.paintNote('yellow', 'warning')} ${warning}`);
  return worker;
}

export async function takeDown({ worker, client, session, scripted }: Stand): Promise<void> {
  const drained = worker === null ? null : worker.then((running) => running.shutdown()).catch(() => {}); // why it failed has been said
  await Promise.race([drained, pause(DRAIN_MS_MAX, undefined, { ref: false })]);
  await client.close();
  await Promise.all([session.leave(), scripted?.stop()]);
}
