/** Submits a task or a job and waits for its end: what `run` and `demo` have in common. */
import { setTimeout as pause } from 'node:timers/promises';
import { ATTENDED_OUTAGE_SECONDS } from '../../domain/task.js';
import type { JobResult } from '../../workflows/messages.js';
import { isOver } from '../job-view.js';
import type { JobHandle } from '../weaver-client.js';
import { catalogueFault, WeaverFault } from '../weaver-fault.js';
import { HAS_ENDED } from './changes.js';
import type { Context } from './context.js';
import { INTERRUPTED, TIMED_OUT } from './goes-on.js';
import { aborted, listenForInterrupts, type Interrupts } from './interrupts.js';
import { setUp, takeDown, type Needs, type Stand } from './stand.js';
import type { Work } from './work.js';

export interface Plan<Report extends Ending> extends Needs {
  readonly work: Work<Report>;
  readonly key: string | undefined;
  readonly timeoutMs: number | null;
  /** Shown the moment the end is known, before the worker and the server are left. */
  readonly show: (report: Report, result: JobResult | null) => void;
}

interface Ending {
  readonly exitCode: number;
}

/** The server comes back in a second or two, or somebody must look after it. */
const RECONNECT_PAUSE_MS = 1_000;

export async function carryOut<Report extends Ending>(context: Context, plan: Plan<Report>): Promise<number> {
  const interrupts = listenForInterrupts(() => context.terminal.clearProgress());
  const stand = await setUp(context, plan);
  try {
    const { report, result } = await untilKnown(stand, plan, interrupts);
    plan.show(report, result);
    return report.exitCode;
  } finally {
    interrupts.stop();
    // From here on a signal ends the process at once: nothing is left that has to be done.
    await takeDown(stand);
  }
}

interface Known<Report> {
  readonly report: Report;
  readonly result: JobResult | null;
}

async function untilKnown<Report extends Ending>(
  stand: Stand,
  plan: Plan<Report>,
  interrupts: Interrupts,
): Promise<Known<Report>> {
  const { context } = stand;
  const { work } = plan;
  if (interrupts.signal.aborted)
    return { report: work.reportWithout(null, { state: 'notSubmitted', exitCode: INTERRUPTED }), result: null };
  const job = await submit(stand, plan);
  context.terminal.note(`${job.started ? 'submitted' : 'there already:'} ${work.idOf(job)}`);
  if (plan.detach) {
    const ended = job.started ? null : await resultOfEnded(stand, job);
    if (ended !== null) return { report: work.reportOf(ended, job), result: ended };
    const exitCode = await leaveToOthers(stand, work.idOf(job));
    return { report: work.reportWithout(job, { state: 'running', exitCode }), result: null };
  }
  const others = sayOthers(stand, job);
  const known = await untilEnded(stand, plan, job, interrupts);
  await sayOthersLeft(stand, await others);
  return known;
}

/** What is there already may have ended long ago; null if it has not. */
const resultOfEnded = async ({ client }: Stand, { jobId }: JobHandle): Promise<JobResult | null> =>
  isOver(await client.jobStatus(jobId)) ? await client.result(jobId) : null;

/** Where weaver is new, the server does not know its search attributes yet. */
async function submit<Report extends Ending>(
  { client, context, session, taskQueue }: Stand,
  { work, key }: Plan<Report>,
): Promise<JobHandle> {
  const options = { taskQueue, ...(key === undefined ? {} : { key }) };
  try {
    return await work.submit(client, options);
  } catch (thrown) {
    if (!(thrown instanceof WeaverFault) || thrown.code !== 'searchAttributesMissing') throw thrown;
    await context.house.registerSearchAttributes(client.temporal, session.where.namespace);
    return await work.submit(client, options);
  }
}

/** Whatever comes first: the result, the end of patience, a signal, the death of our own worker. */
async function untilEnded<Report extends Ending>(
  stand: Stand,
  plan: Plan<Report>,
  job: JobHandle,
  interrupts: Interrupts,
): Promise<Known<Report>> {
  const done = new AbortController();
  const { work } = plan;
  const id = work.idOf(job);
  const following = work.follow(stand.context, stand.client, job, done.signal);
  const without = (state: string, exitCode: number): Known<Report> => ({
    report: work.reportWithout(job, { state, exitCode }),
    result: null,
  });
  try {
    return await Promise.race([
      resultOf(stand, job, done.signal).then((result) => {
        done.abort(HAS_ENDED);
        return { report: work.reportOf(result, job), result };
      }),
      patience(plan.timeoutMs, done.signal).then(async () => {
        await sayHowItGoesOn(stand, id, 'Not waiting any longer', done.signal);
        return without('running', TIMED_OUT);
      }),
      aborted(interrupts.signal).then(async () => {
        await sayHowItGoesOn(stand, id, 'Interrupted', done.signal);
        return without('running', INTERRUPTED);
      }),
      workerFailure(stand),
    ]);
  } finally {
    done.abort();
    await following;
  }
}

async function resultOf({ client, context }: Stand, job: JobHandle, signal: AbortSignal): Promise<JobResult> {
  let silentSince: number | null = null;
  for (;;) {
    try {
      return await client.result(job.jobId, { signal });
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof WeaverFault) || thrown.code !== 'temporalUnreachable') throw thrown;
      if (silentSince === null) context.terminal.note(`${thrown.message} Waiting for it.`);
      silentSince ??= Date.now();
      if (Date.now() - silentSince > ATTENDED_OUTAGE_SECONDS * 1_000) throw thrown;
      await pause(RECONNECT_PAUSE_MS);
    }
  }
}

async function patience(timeoutMs: number | null, signal: AbortSignal): Promise<void> {
  if (timeoutMs === null) return await new Promise<never>(() => {});
  await pause(timeoutMs, undefined, { signal, ref: false }).catch(() => new Promise<never>(() => {})); // the end came first
}

/** Never resolves: a worker that cannot start, or ends before its time, is what the run fails of. */
export async function workerFailure({ worker }: Pick<Stand, 'worker'>): Promise<never> {
  if (worker !== null) {
    await (
      await worker
    ).ended;
    throw catalogueFault(
      'infrastructure',
      'The worker of this process has ended; its log is in logs/worker.log below the weaver home.',
    );
  }
  return await new Promise<never>(() => {});
}

async function sayHowItGoesOn(stand: Stand, id: string, why: string, known: AbortSignal): Promise<void> {
  const words = await howItGoesOn(stand, id);
  // The end may have come while the others were looked for.
  if (!known.aborted) stand.context.terminal.note(`${why}: ${words}`);
}

async function howItGoesOn(stand: Stand, id: string): Promise<string> {
  const { session, worker } = stand;
  if (worker === null) return `${id} goes on; see it with \`weaver status ${id}\`.`;
  const others = await otherWorkers(stand);
  if (others.length > 0) return `${id} goes on with ${workersHere(others)}; see it with \`weaver status ${id}\`.`;
  return session.embedded === null
    ? `${id} goes on as soon as a worker runs (\`weaver worker\`).`
    : `${id} is kept and goes on with the next \`weaver up\` or \`weaver run\`.`;
}

/**
 * Workers of other processes on the server of this home, such as that of `weaver up`. The server remembers pollers for a
 * minute after they have gone; the home knows who is alive.
 */
async function otherWorkers({ client, context, session, taskQueue }: Stand): Promise<readonly string[]> {
  if (session.embedded === null) return [];
  try {
    const pollers = await client.pollers(taskQueue);
    const alive = await context.house.serverUsers(context.config);
    // A worker's identity is <pid>@<host>, and this server is reached from this host alone.
    return [...new Set(pollers)].filter((identity) => alive.includes(Number.parseInt(identity, 10)));
  } catch (thrown) {
    if (thrown instanceof WeaverFault) return []; // the words are more careful then
    throw thrown;
  }
}

const workersHere = (identities: readonly string[]): string =>
  `${identities.length === 1 ? 'the worker that runs' : 'the workers that run'} here (${identities.slice(0, 3).join(', ')})`;

/**
 * Whoever detaches walks away: where nobody stays with the server of this home, a `weaver up` is left behind. Without a model it
 * would not take this up. The exit code says whether it goes on.
 */
async function leaveToOthers(stand: Stand, id: string): Promise<number> {
  const { context, session } = stand;
  const { house, config, terminal } = context;
  if (session.embedded === null || config.scripted) {
    await sayWhoWorks(stand);
    return 0;
  }
  const left = await house.keepServed(config);
  if (left === null) return 0;
  const { pid, joined, logFile } = left;
  if (!joined) {
    const { shown, exitCode } = catalogueFault('temporalUnreachable', `${id} is kept, but nobody carries it on.`);
    terminal.note(`${terminal.paintNote('red', shown.code)} ${shown.message}`);
    terminal.note(`  \`weaver up\` has not started; ${logFile} says why.`);
    return exitCode;
  }
  terminal.note(`\`weaver up\` carries it on in the background: process ${pid}, log ${logFile}.`);
  terminal.note(`Look with \`weaver status ${id}\`. \`kill ${pid}\` ends it; what is open is kept for the next one.`);
  return 0;
}

/** Without a worker of our own, one must be elsewhere. */
async function sayWhoWorks({ client, context, session, taskQueue }: Stand): Promise<void> {
  if ((await client.pollers(taskQueue)).length > 0) return;
  const next = session.embedded === null ? 'weaver worker' : 'weaver up';
  // Without a model both would take up nothing of this queue.
  const model = context.config.scripted ? ', with a model configured (OPENAI_API_KEY, OPENAI_BASE_URL)' : '';
  context.terminal.note(
    `${context.terminal.paintNote('yellow', 'warning')} No worker polls ${taskQueue}: it waits until one does (\`${next}\`${model}).`,
  );
}

/** How many other tasks our worker carries on beside ours. */
async function sayOthers(stand: Stand, { jobId }: JobHandle): Promise<number> {
  const { client, context, worker, shared } = stand;
  try {
    if (worker === null) {
      await sayWhoWorks(stand);
      return 0;
    }
    if (!shared) return 0;
    const others = await client.countOthersOpen(jobId);
    if (others > 0) context.terminal.note(`${count(others)} open from before: carried on meanwhile.`);
    return others;
  } catch (thrown) {
    if (thrown instanceof WeaverFault) return 0; // a remark is no reason to fail; the wait for the result says what is wrong
    throw thrown;
  }
}

async function sayOthersLeft(stand: Stand, before: number): Promise<void> {
  const { client, context, session } = stand;
  if (before === 0 || session.embedded === null) return;
  const left = await client.countOthersOpen('').catch(() => 0);
  if (left === 0) return;
  const others = await otherWorkers(stand);
  const by = others.length > 0 ? workersHere(others) : 'the next `weaver up` or `weaver run`';
  context.terminal.note(`${count(left)} still open: carried on by ${by}.`);
}

const count = (tasks: number): string => (tasks === 1 ? '1 other task is' : `${tasks} other tasks are`);
