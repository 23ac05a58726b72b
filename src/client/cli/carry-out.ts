/** Submits one task and waits for its end: what `run` and `demo` have in common. */
import { setTimeout as pause } from 'node:timers/promises';
import { ATTENDED_OUTAGE_SECONDS, type TaskSpec } from '../../domain/task.js';
import type { JobResult } from '../../workflows/messages.js';
import { reportOf, reportWithout, type RunReport } from '../run-report.js';
import type { JobHandle } from '../weaver-client.js';
import { catalogueFault, WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import { followTask } from './follow-task.js';
import { aborted, listenForInterrupts, type Interrupts } from './interrupts.js';
import { setUp, takeDown, type Needs, type Stand } from './stand.js';

export interface Plan extends Needs {
  readonly spec: TaskSpec;
  readonly key: string | undefined;
  readonly timeoutMs: number | null;
  /** Shown the moment the end is known, before the worker and the server are left. */
  readonly show: (report: RunReport, result: JobResult | null) => void;
}

const TIMED_OUT = 124;
const INTERRUPTED = 130;
/** The server comes back in a second or two, or somebody must look after it. */
const RECONNECT_PAUSE_MS = 1_000;

export async function carryOut(context: Context, plan: Plan): Promise<number> {
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

interface Known {
  readonly report: RunReport;
  readonly result: JobResult | null;
}

async function untilKnown(stand: Stand, plan: Plan, interrupts: Interrupts): Promise<Known> {
  const { context } = stand;
  if (interrupts.signal.aborted)
    return { report: reportWithout(null, { state: 'notSubmitted', exitCode: INTERRUPTED }), result: null };
  const job = await submit(stand, plan);
  context.terminal.note(`${job.started ? 'submitted' : 'there already:'} ${job.taskId}`);
  if (plan.detach) {
    await sayWhoWorks(stand);
    return { report: reportWithout(job, { state: 'running', exitCode: 0, webUrl: job.webUrl }), result: null };
  }
  const others = sayOthers(stand, job);
  const known = await untilEnded(stand, plan, job, interrupts);
  await sayOthersLeft(stand, await others);
  return known;
}

/** Where weaver is new, the server does not know its search attributes yet. */
async function submit({ client, context, session, taskQueue }: Stand, { spec, key }: Plan): Promise<JobHandle> {
  const options = { taskQueue, ...(key === undefined ? {} : { key }) };
  try {
    return await client.submit(spec, options);
  } catch (thrown) {
    if (!(thrown instanceof WeaverFault) || thrown.code !== 'searchAttributesMissing') throw thrown;
    await context.house.registerSearchAttributes(client.temporal, session.where.namespace);
    return await client.submit(spec, options);
  }
}

/** Whatever comes first: the result, the end of patience, a signal, the death of our own worker. */
async function untilEnded(stand: Stand, plan: Plan, job: JobHandle, interrupts: Interrupts): Promise<Known> {
  const done = new AbortController();
  const { client, context } = stand;
  const following = followTask(context, client, job.taskId, done.signal);
  const without = (state: string, exitCode: number): Known => ({
    report: reportWithout(job, { state, exitCode, webUrl: job.webUrl }),
    result: null,
  });
  try {
    return await Promise.race([
      resultOf(stand, job, done.signal),
      patience(plan.timeoutMs, done.signal).then(() => {
        context.terminal.note(`Not waiting any longer: ${howItGoesOn(stand, job)}`);
        return without('running', TIMED_OUT);
      }),
      aborted(interrupts.signal).then(() => {
        context.terminal.note(`Interrupted: ${howItGoesOn(stand, job)}`);
        return without('running', INTERRUPTED);
      }),
      workerFailure(stand),
    ]);
  } finally {
    done.abort();
    await following;
  }
}

async function resultOf({ client, context }: Stand, job: JobHandle, signal: AbortSignal): Promise<Known> {
  let silentSince: number | null = null;
  for (;;) {
    try {
      const result = await client.result(job.jobId, { signal });
      return { report: reportOf(result, job.webUrl), result };
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
async function workerFailure({ worker }: Stand): Promise<never> {
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

function howItGoesOn({ session, worker }: Stand, { taskId }: JobHandle): string {
  if (worker === null) return `${taskId} goes on; see it with \`weaver status ${taskId}\`.`;
  return session.embedded === null
    ? `${taskId} goes on as soon as a worker runs (\`weaver worker\`).`
    : `${taskId} is kept and goes on with the next \`weaver up\` or \`weaver run\`.`;
}

/** Without a worker of our own, one must be elsewhere. */
async function sayWhoWorks({ client, context, session, taskQueue }: Stand): Promise<void> {
  if ((await client.pollers(taskQueue)).length > 0) return;
  const next = session.embedded === null ? 'weaver worker' : 'weaver up';
  context.terminal.note(
    `${context.terminal.paintNote('yellow', 'warning')} No worker polls ${taskQueue}: the task waits until one does (\`${next}\`).`,
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

async function sayOthersLeft({ client, context, session }: Stand, before: number): Promise<void> {
  if (before === 0 || session.embedded === null) return;
  const left = await client.countOthersOpen('').catch(() => 0);
  if (left > 0)
    context.terminal.note(`${count(left)} still open: carried on by the next \`weaver up\` or \`weaver run\`.`);
}

const count = (tasks: number): string => (tasks === 1 ? '1 other task is' : `${tasks} other tasks are`);
