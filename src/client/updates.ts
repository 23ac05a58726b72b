/** One thing said to a workflow as a Temporal update: done once however often it is sent, and refused with a reason. */
import {
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { insisting } from './insisting.js';
import { stateOf } from './task-view.js';
import { SEARCH_ATTRIBUTES } from '../workflows/messages.js';
import { isNotFound, temporalFault } from './temporal-faults.js';
import { notBegun, unknownTask, WeaverFault } from './weaver-fault.js';

/** Through whom the functions of this folder speak. */
export interface Speaker {
  readonly temporal: Client;
  /** Who says it, as the records show it. */
  readonly requester: string;
  /** Of the server, for faults. */
  readonly address: string;
  /** Identities of the workers that asked the queue for work a short while ago. */
  readonly pollers: (taskQueue: string) => Promise<readonly string[]>;
}

/** A worker accepts an update in milliseconds; it may have to replay a long history first. */
const UPDATE_TIMEOUT_MS = 10_000;
const DESCRIBE_TIMEOUT_MS = 5_000;

export interface Update {
  readonly workflowId: string;
  readonly name: string;
  readonly request: unknown;
  /** Further arguments, each of them small. */
  readonly parts?: readonly string[];
  /** The same id gives the first answer again; a random one if absent. */
  readonly updateId?: string;
  readonly timeoutMs?: number;
}

export interface Told<Answer> {
  readonly updateId: string;
  readonly answer: Answer;
}

export async function tell<Answer>(speaker: Speaker, update: Update): Promise<Told<Answer>> {
  const { temporal } = speaker;
  const { workflowId, name, request, parts = [], updateId = randomUUID(), timeoutMs = UPDATE_TIMEOUT_MS } = update;
  const send = async (): Promise<Answer> =>
    await temporal.withDeadline(
      Date.now() + timeoutMs,
      async () =>
        await temporal.workflow.getHandle(workflowId).executeUpdate<Answer, [unknown, ...unknown[]]>(name, {
          args: [request, ...parts],
          updateId,
        }),
    );
  try {
    return { updateId, answer: await send() };
  } catch (thrown) {
    // A job that continued as new in this moment is there under the same name.
    if (isNotFound(thrown) && (await describe(speaker, workflowId))?.status.name === 'RUNNING')
      return {
        updateId,
        answer: await send().catch(async (again: unknown) => await fail(speaker, { ...update, updateId }, again)),
      };
    return await fail(speaker, { ...update, updateId }, thrown);
  }
}

async function fail(speaker: Speaker, { workflowId, updateId = '' }: Update, thrown: unknown): Promise<never> {
  if (thrown instanceof WorkflowUpdateFailedError)
    throw refused(thrown.cause?.message ?? thrown.message, workflowId, thrown);
  if (thrown instanceof WorkflowUpdateRPCTimeoutOrCancelledError) throw noWorker(workflowId, updateId, thrown);
  if (isNotFound(thrown)) throw await goneFault(speaker, workflowId);
  throw temporalFault(thrown, speaker.address) ?? thrown;
}

/** Null if the server does not know it. */
export async function describe(
  { temporal, address }: Speaker,
  workflowId: string,
): Promise<WorkflowExecutionDescription | null> {
  try {
    return await insisting(address, () =>
      temporal.withDeadline(Date.now() + DESCRIBE_TIMEOUT_MS, () => temporal.workflow.getHandle(workflowId).describe()),
    );
  } catch (thrown) {
    if (isNotFound(thrown)) return null;
    throw temporalFault(thrown, address) ?? thrown;
  }
}

async function goneFault(speaker: Speaker, workflowId: string): Promise<WeaverFault> {
  const described = await describe(speaker, workflowId);
  if (described !== null) return endedFault(workflowId, endOf(described));
  const job = await describe(speaker, workflowId.replace(/\/t\/.*$/, ''));
  if (job?.status.name !== 'RUNNING') return unknownTask(workflowId);
  return notBegun(workflowId);
}

/** In words, such as `succeeded`. */
function endOf({ status, typedSearchAttributes }: WorkflowExecutionDescription): string {
  if (status.name === 'TERMINATED') return 'terminated';
  return stateOf(status.name, typedSearchAttributes.get(SEARCH_ATTRIBUTES.outcome) ?? null, '');
}

const endedFault = (id: string, how: string): WeaverFault =>
  new WeaverFault(
    {
      code: 'ended',
      message: `${id} has ended already: ${how}.`,
      next: `Take it up again with weaver retry ${id}, or weaver rerun ${id} --set path=value.`,
    },
    2,
  );

const refused = (why: string, id: string, cause: unknown): WeaverFault =>
  new WeaverFault(
    { code: 'refused', message: `Refused: ${why}`, next: `See how it stands with weaver status ${id}.` },
    2,
    {
      cause,
    },
  );

const noWorker = (id: string, updateId: string, cause: unknown): WeaverFault =>
  new WeaverFault(
    {
      code: 'noWorker',
      message: `No worker took it up in time, so ${id} may not have heard it.`,
      next: `Start one (weaver worker, or weaver up), then say it again with --id ${updateId}: it counts once.`,
    },
    4,
    { cause },
  );
