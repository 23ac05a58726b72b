/** What people say to tasks and jobs that run: answers, instructions, pauses, limits. */
import {
  UPDATES,
  type AnswerRequest,
  type ApproveRequest,
  type BudgetRequest,
  type InstructionRequest,
  type JobStatus,
  type Said,
  type TaskStatus,
} from '../workflows/messages.js';
import type { Plan } from '../domain/proposal.js';
import { textParts } from '../domain/text-parts.js';
import { readChildren } from '../schemas.js';
import { invalidTask } from './task-faults.js';
import { idsOf } from './task-id.js';
import { describe, tell, type Speaker, type Told } from './updates.js';
import { usageFault } from './weaver-fault.js';

export interface SayOptions {
  /** Why; recorded. */
  readonly why?: string;
  /** Names this one saying: sent again under the same id, it counts once and gives the first answer. */
  readonly updateId?: string;
}

export interface AnswerOptions extends SayOptions {
  /** The open question if absent. */
  readonly questionId?: string;
}

export interface Limits {
  readonly costUsdMicros?: number;
  readonly tokens?: number;
  readonly attempts?: number;
  /** Of a task. */
  readonly wallTimeSeconds?: number;
  /** Of a job, from its start. */
  readonly deadlineSeconds?: number;
}

export const answer = (
  speaker: Speaker,
  id: string,
  text: string,
  { questionId, ...options }: AnswerOptions,
): Promise<Told<TaskStatus>> => {
  const request: AnswerRequest = {
    ...said(speaker, options),
    answer: text,
    ...(questionId === undefined ? {} : { questionId }),
  };
  return toTask(speaker, id, UPDATES.answer, request, options);
};

export const approve = (
  speaker: Speaker,
  id: string,
  approved: boolean,
  { questionId, ...options }: AnswerOptions,
): Promise<Told<TaskStatus>> => {
  const request: ApproveRequest = {
    ...said(speaker, options),
    approved,
    ...(questionId === undefined ? {} : { questionId }),
  };
  return toTask(speaker, id, UPDATES.approve, request, options);
};

export interface DoneOptions extends SayOptions {
  /** In place of work, tasks to split the task into: a list as in a job file, or a map of `children`, `join` and `notes`. */
  readonly children?: unknown;
}

/** The work that the task asks a person for is done; `why` becomes the commit message. */
export const done = async (
  speaker: Speaker,
  id: string,
  { children, ...options }: DoneOptions,
): Promise<Told<TaskStatus>> => {
  const parts = children === undefined ? [] : textParts(planOf(children));
  return await toTask(speaker, id, UPDATES.done, said(speaker, options), options, parts);
};

function planOf(children: unknown): Plan {
  const read = readChildren(children);
  if (read.kind === 'faults') throw invalidTask(read.faults, undefined, 'the proposal');
  return read.plan;
}

export const addInstruction = (
  speaker: Speaker,
  id: string,
  text: string,
  options: SayOptions,
): Promise<Told<TaskStatus>> => {
  const request: InstructionRequest = { ...said(speaker, options), text };
  return toTask(speaker, id, UPDATES.addInstruction, request, options);
};

export const retryNow = (speaker: Speaker, id: string, options: SayOptions): Promise<Told<TaskStatus>> =>
  toTask(speaker, id, UPDATES.retryNow, said(speaker, options), options);

/** `isJob`: the identifier names a whole job. */
export const pause = (
  speaker: Speaker,
  id: string,
  isJob: boolean,
  options: SayOptions,
): Promise<Told<TaskStatus | JobStatus>> =>
  toEither(speaker, id, isJob, UPDATES.pause, said(speaker, options), options);

export const resume = (
  speaker: Speaker,
  id: string,
  isJob: boolean,
  options: SayOptions,
): Promise<Told<TaskStatus | JobStatus>> =>
  toEither(speaker, id, isJob, UPDATES.resume, said(speaker, options), options);

export const setBudget = (
  speaker: Speaker,
  id: string,
  isJob: boolean,
  limits: Limits,
  options: SayOptions,
): Promise<Told<TaskStatus | JobStatus>> => {
  const request: BudgetRequest = { ...limits, ...said(speaker, options) };
  const ofJob = isJob || (limits.deadlineSeconds !== undefined && !namesTask(id));
  if (ofJob && limits.wallTimeSeconds !== undefined)
    throw usageFault(
      'The time of work is a limit of a task.',
      'Name the task (job/<key>/t/<path>), or limit the job by --deadline.',
    );
  return toEither(speaker, id, ofJob, UPDATES.setBudget, request, options);
};

/** True of `job/<key>/t/<path>`. */
export const namesTask = (id: string): boolean => /\/t\//.test(id);

const said = ({ requester }: Speaker, { why = '' }: SayOptions): Said => ({ by: requester, why });

const named = ({ updateId }: SayOptions): { readonly updateId?: string } =>
  updateId === undefined ? {} : { updateId };

async function toTask(
  speaker: Speaker,
  id: string,
  name: string,
  request: Said,
  options: SayOptions,
  parts: readonly string[] = [],
): Promise<Told<TaskStatus>> {
  const workflowId = await taskOf(speaker, id);
  return await tell<TaskStatus>(speaker, { workflowId, name, request, parts, ...named(options) });
}

const toEither = (
  speaker: Speaker,
  id: string,
  isJob: boolean,
  name: string,
  request: Said,
  options: SayOptions,
): Promise<Told<TaskStatus | JobStatus>> =>
  isJob
    ? tell<JobStatus>(speaker, { workflowId: idsOf(id).jobId, name, request, ...named(options) })
    : toTask(speaker, id, name, request, options);

/** A key alone is enough where the job has one task. */
async function taskOf(speaker: Speaker, id: string): Promise<string> {
  const { jobId, taskId } = idsOf(id);
  if (namesTask(id)) return taskId;
  const job = await describe(speaker, jobId);
  if (job?.memo?.['tasks'] === undefined) return taskId;
  throw usageFault(
    `${jobId} has several tasks.`,
    `Name one of them, such as ${jobId}/t/<path>; weaver tree ${jobId} shows them, weaver waiting those that wait.`,
  );
}
