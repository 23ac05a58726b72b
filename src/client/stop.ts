/** Stopping a task with all that came of it, or a whole job; and looking at what is still stopping. */
import type { WorkflowExecutionInfo } from '@temporalio/client';
import {
  CANCEL_SIGNAL,
  UPDATES,
  type CancelRequest,
  type StopAnswer,
  type StopRequest,
} from '../workflows/messages.js';
import { quoted, TASK_WORKFLOW } from './list-tasks.js';
import { namesTask } from './people.js';
import { idsOf } from './task-id.js';
import { asking, isNotFound } from './temporal-faults.js';
import { describe, tell, type Speaker } from './updates.js';
import { unknownTask, WeaverFault } from './weaver-fault.js';

export interface StopOptions {
  readonly reason: string;
  /** Whether branches that were pushed are deleted. */
  readonly deleteBranches?: boolean;
  readonly updateId?: string;
}

export interface Stopped extends StopAnswer {
  readonly jobId: string;
  /** Path of the task; null = the whole job. */
  readonly path: string | null;
  /** False if everything had ended already. */
  readonly asked: boolean;
  /** `job`: the job knows and lists all; `server`: it could not be asked, and what runs was asked to stop one by one. */
  readonly by: 'job' | 'server';
}

/** A worker that is there answers at once; without one the server keeps the request, which needs no answer. */
const JOB_ANSWER_TIMEOUT_MS = 4_000;
const ANSWER_TIMEOUT_MS = 5_000;
const REASON_CHARACTERS_MAX = 500;
/** Workflows asked to stop without their job's help. */
const DIRECT_MAX = 5_000;

const NONE: StopAnswer = { stopping: [], ended: [], neverBegun: [], counts: { stopping: 0, ended: 0, neverBegun: 0 } };

export async function stop(speaker: Speaker, id: string, options: StopOptions): Promise<Stopped> {
  const { jobId, taskId } = idsOf(id);
  const path = namesTask(id) ? taskId.slice(`${jobId}/t/`.length) : null;
  const job = await describe(speaker, jobId);
  const isOpen = job?.status.name === 'RUNNING';
  const isManned = isOpen && (await speaker.pollers(job.taskQueue)).length > 0;
  const answer = isManned ? await askJob(speaker, jobId, path, options) : null;
  // The job ends as cancelled for Temporal too; this also reaches one that no worker carries on.
  const isWhole = isOpen && (path === null || (path === '0' && (await isJobOfOne(speaker, jobId))));
  if (isWhole) await cancelWorkflow(speaker, jobId, requestOf(speaker, options));
  if (answer !== null)
    return { jobId, path, ...answer, asked: answer.counts.stopping + answer.counts.neverBegun > 0, by: 'job' };
  const stopping = await stopDirectly(speaker, jobId, path, requestOf(speaker, options));
  if (stopping.length === 0 && job === null && (await describe(speaker, taskId)) === null) throw unknownTask(id);
  const counts = { ...NONE.counts, stopping: stopping.length };
  return { jobId, path, ...NONE, stopping, counts, asked: isWhole || stopping.length > 0, by: 'server' };
}

const requestOf = ({ requester }: Speaker, { reason }: StopOptions): CancelRequest => ({
  reason: reason.slice(0, REASON_CHARACTERS_MAX),
  requester,
});

/** Null if the job does not answer. */
async function askJob(
  speaker: Speaker,
  jobId: string,
  path: string | null,
  options: StopOptions,
): Promise<StopAnswer | null> {
  const request: StopRequest = {
    ...requestOf(speaker, options),
    ...(path === null ? {} : { path }),
    ...(options.deleteBranches === true ? { deleteBranches: true } : {}),
  };
  try {
    const { answer } = await tell<StopAnswer>(speaker, {
      workflowId: jobId,
      name: UPDATES.stop,
      request,
      timeoutMs: JOB_ANSWER_TIMEOUT_MS,
      ...(options.updateId === undefined ? {} : { updateId: options.updateId }),
    });
    return answer;
  } catch (thrown) {
    // It may have ended in this moment, or nobody carries it on.
    if (thrown instanceof WeaverFault && ['noWorker', 'ended'].includes(thrown.code)) return null;
    throw thrown;
  }
}

async function isJobOfOne(speaker: Speaker, jobId: string): Promise<boolean> {
  const others = await runningOf(speaker, jobId, null, 2);
  const job = await describe(speaker, jobId);
  return job?.memo?.['tasks'] === undefined && others.every(({ workflowId }) => workflowId === `${jobId}/t/0`);
}

/** A job that was terminated, or that no worker carries on, leaves its tasks running. */
async function stopDirectly(
  speaker: Speaker,
  jobId: string,
  path: string | null,
  request: CancelRequest,
): Promise<readonly string[]> {
  const running = await runningOf(speaker, jobId, path, DIRECT_MAX);
  const asked: string[] = [];
  for (const { workflowId } of running)
    if (await cancelWorkflow(speaker, workflowId, request)) asked.push(workflowId.slice(`${jobId}/t/`.length));
  return asked;
}

/** The reason first: the cancel that follows does not carry one. False if it has ended. */
async function cancelWorkflow(speaker: Speaker, workflowId: string, request: CancelRequest): Promise<boolean> {
  const { temporal, address } = speaker;
  const handle = temporal.workflow.getHandle(workflowId);
  const within = <T>(ask: () => Promise<T>): Promise<T> =>
    asking(address, () => temporal.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, ask));
  try {
    await within(() => handle.signal(CANCEL_SIGNAL, request));
    await within(() => handle.cancel());
    return true;
  } catch (thrown) {
    if (isNotFound(thrown)) return false;
    throw thrown;
  }
}

/** Paths of what still runs, at most as many as there can be. */
export async function stillRunning(speaker: Speaker, { jobId, path }: Pick<Stopped, 'jobId' | 'path'>) {
  const running = await runningOf(speaker, jobId, path, DIRECT_MAX);
  return running.map(({ workflowId }) => workflowId.slice(`${jobId}/t/`.length)).toSorted();
}

async function runningOf(
  { temporal, address }: Speaker,
  jobId: string,
  path: string | null,
  most: number,
): Promise<readonly WorkflowExecutionInfo[]> {
  const prefix = `${jobId}/t/${path ?? ''}`;
  const which =
    path === null
      ? `WorkflowId STARTS_WITH ${quoted(prefix)}`
      : `(WorkflowId = ${quoted(prefix)} OR WorkflowId STARTS_WITH ${quoted(`${prefix}.`)})`;
  const query = `WorkflowType = '${TASK_WORKFLOW}' AND ExecutionStatus = 'Running' AND ${which}`;
  return await asking(address, async () => {
    const found: WorkflowExecutionInfo[] = [];
    for await (const info of temporal.workflow.list({ query, pageSize: Math.min(most, 1_000) })) {
      found.push(info);
      if (found.length >= most) break;
    }
    return found;
  });
}
