/** `weaver up` and `weaver worker`: the processes that stay. */
import type { Context } from './context.js';
import type { RunningWorker, Scripted } from './house.js';
import { aborted, listenForInterrupts } from './interrupts.js';
import { NO_MODEL, scriptedQueue } from './stand.js';
import {
  connectClient,
  noServerHere,
  openTemporal,
  type Need,
  type Ports,
  type TemporalSession,
} from './temporal-session.js';
import { catalogueFault } from '../weaver-fault.js';

/** The server of this home with its Web UI, and a worker, until a signal. */
export const up = (context: Context, ports: Ports): Promise<number> => serve(context, 'start', ports);

/** A worker for the Temporal that is configured, or for the server that runs on this home. */
export const worker = (context: Context): Promise<number> => serve(context, 'join', {});

async function serve(context: Context, need: Need, ports: Ports): Promise<number> {
  const { house, config, terminal } = context;
  const interrupts = listenForInterrupts(() =>
    terminal.note('Stopping when the steps under way have ended; once more ends it at once.'),
  );
  const opening = openTemporal(house, config, need, { ...ports, stays: true });
  opening.catch(() => {}); // awaited below
  await house.preloadWorker(config, opening);
  const session = await opening;
  if (session === null) throw noServerHere(context);
  let scripted: Scripted | null = null;
  try {
    if (config.scripted) scripted = await house.startScripted(config);
    if (scripted !== null) terminal.note(NO_MODEL);
    const working = scripted === null ? config : { ...scripted.config, taskQueue: scriptedQueue(config) };
    const running = await house.startWorker(working, session.where, { logDestination: 'stderr', operated: true });
    announce(context, session, running);
    const tidied = keepTidy(context, session, running);
    await Promise.race([aborted(interrupts.signal), endedEarly(running)]);
    await running.shutdown();
    await tidied;
    return 0;
  } finally {
    await Promise.all([session.leave(), scripted?.stop()]);
    interrupts.stop();
  }
}

function announce({ terminal, json, config }: Context, session: TemporalSession, running: RunningWorker): void {
  for (const warning of running.warnings) terminal.note(`${terminal.paintNote('yellow', 'warning')} ${warning}`);
  if (json) {
    const { address, uiUrl } = session;
    terminal.json({
      address,
      namespace: session.where.namespace,
      uiUrl,
      taskQueue: running.taskQueue,
      identity: running.identity,
      operationsUrl: running.operationsUrl,
    });
  }
  if (running.operationsUrl !== null) terminal.note(`metrics and health ${running.operationsUrl}`);
  if (session.uiUrl !== null) terminal.note(`Web UI ${session.uiUrl}`);
  if (session.embedded !== null) terminal.note(`Temporal ${session.address}, kept in ${config.home}`);
  terminal.note(`worker ${running.identity} polls ${running.taskQueue} on ${session.address}`);
}

/** The janitor's schedule, if it is missing. Nobody's work depends on it. */
async function keepTidy(
  { terminal, config }: Context,
  session: TemporalSession,
  running: RunningWorker,
): Promise<void> {
  if (running.hostId === null) return;
  try {
    const client = await connectClient(session, { ...config, taskQueue: running.taskQueue });
    try {
      await client.schedules.ensureJanitor(running.hostId);
    } finally {
      await client.close();
    }
  } catch (thrown) {
    const says = thrown instanceof Error ? thrown.message : String(thrown);
    terminal.note(`${terminal.paintNote('yellow', 'warning')} The schedule of the janitor could not be made: ${says}`);
  }
}

async function endedEarly(running: RunningWorker): Promise<never> {
  await running.ended;
  throw catalogueFault('infrastructure', 'The worker has ended by itself.');
}
