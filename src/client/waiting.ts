/** Everything that waits for something other than its turn, with the command that lets it go on. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { Question, WaitingOn } from '../domain/outcome.js';
import { totalTokens } from '../domain/record.js';
import {
  JOB_STATUS_QUERY,
  JOB_WORKFLOW,
  SEARCH_ATTRIBUTES,
  STATUS_QUERY,
  type JobStatus,
  type Said,
  type TaskStatus,
} from '../workflows/messages.js';
import { answersTo } from './answer-commands.js';
import { TASK_WORKFLOW } from './list-tasks.js';
import { askedOnce, type Pollers } from './silence.js';
import { idsOf } from './task-id.js';
import { isNotFound, isUnanswered } from './temporal-faults.js';

export interface Waiting {
  /** Of the task, or of the job if `taskId` is null. */
  readonly jobId: string;
  readonly taskId: string | null;
  readonly title: string;
  readonly waitingOn: WaitingOn;
  /** What it waits for, in words. */
  readonly says: string;
  readonly question: Question | null;
  readonly paused: Said | null;
  /** Epoch milliseconds at which it goes on, or ends, by itself; null if it does not or nobody knows. */
  readonly until: number | null;
  /** Command lines, the likeliest first; none where only time or another task helps. */
  readonly commands: readonly string[];
  /** False if no worker answered: then only the server's word is known. */
  readonly answered: boolean;
}

/** Nobody reads on beyond. */
const TASKS_MAX = 200;
const JOBS_MAX = 100;
/** Questions at the same time. */
const ASKED_AT_ONCE = 20;
const QUERY_TIMEOUT_MS = 3_000;

/** Those that wait for a person first. */
export async function listWaiting(client: Client, pollers: Pollers): Promise<readonly Waiting[]> {
  const jobs = await jobsByPressure(client);
  const tasks = await waitingTasks(client);
  const pollersOnce = askedOnce(pollers);
  const found = [
    ...(await inTurns(tasks, (task) => taskWaiting(client, task, jobs, pollersOnce))),
    ...[...jobs.values()].flatMap((status) => jobWaiting(status)),
  ];
  return found.filter((each) => each !== null).toSorted((a, b) => RANK[a.waitingOn] - RANK[b.waitingOn]);
}

const RANK: Readonly<Record<WaitingOn, number>> = { human: 0, budget: 1, resource: 2, dependency: 3 };

const { phase, waitingOn: waitingAttribute } = SEARCH_ATTRIBUTES;
const OPEN_TASKS = `WorkflowType = '${TASK_WORKFLOW}' AND ExecutionStatus = 'Running'`;
/** What a person can help with comes first: thousands may wait for other tasks, or for their next attempt. */
const TASK_QUERIES = [
  `${OPEN_TASKS} AND ${waitingAttribute.name} IN ('human', 'budget')`,
  `${OPEN_TASKS} AND ${waitingAttribute.name} IN ('resource', 'dependency')`,
  // An outage that is waited out shows in the phase alone.
  `${OPEN_TASKS} AND ${waitingAttribute.name} IS NULL AND ${phase.name} = 'waiting'`,
];
const JOBS_QUERY = `WorkflowType = '${JOB_WORKFLOW}' AND ExecutionStatus = 'Running'`;

async function waitingTasks(client: Client): Promise<readonly WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  for (const query of TASK_QUERIES)
    if (found.length < TASKS_MAX) found.push(...(await everyOf(client, query, TASKS_MAX - found.length)));
  return found;
}

async function everyOf(client: Client, query: string, most: number): Promise<readonly WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  for await (const info of client.workflow.list({ query, pageSize: most })) {
    found.push(info);
    if (found.length >= most) break;
  }
  return found;
}

async function inTurns<From, To>(all: readonly From[], ask: (one: From) => Promise<To>): Promise<readonly To[]> {
  const answers: To[] = [];
  for (let at = 0; at < all.length; at += ASKED_AT_ONCE)
    answers.push(...(await Promise.all(all.slice(at, at + ASKED_AT_ONCE).map(ask))));
  return answers;
}

/** Status of each open job of many tasks, by its id; the memo tells them from the many jobs of one. */
async function jobsByPressure(client: Client): Promise<ReadonlyMap<string, JobStatus>> {
  const open = await everyOf(client, JOBS_QUERY, TASKS_MAX * 5);
  const many = open.filter(({ memo }) => memo?.['tasks'] !== undefined).slice(0, JOBS_MAX);
  const statuses = await inTurns(many, ({ workflowId }) => askedFor<JobStatus>(client, workflowId, JOB_STATUS_QUERY));
  return new Map(statuses.flatMap((status) => (status === null ? [] : [[status.jobId, status] as const])));
}

/** Null if nobody answers. */
async function askedFor<Answer>(client: Client, workflowId: string, name: string): Promise<Answer | null> {
  try {
    return await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
      client.workflow.getHandle(workflowId).query<Answer>(name),
    );
  } catch (thrown) {
    if (isUnanswered(thrown) || isNotFound(thrown)) return null;
    throw thrown;
  }
}

/** Null if it does not wait any more, or only between two attempts. */
async function taskWaiting(
  client: Client,
  info: WorkflowExecutionInfo,
  jobs: ReadonlyMap<string, JobStatus>,
  pollers: Pollers,
): Promise<Waiting | null> {
  const { jobId, taskId } = idsOf(info.workflowId);
  const status = await askedFor<TaskStatus>(client, taskId, STATUS_QUERY);
  if (status === null) return unansweredWaiting(info, (await pollers(info.taskQueue)).length > 0);
  const waitingOn = onWhat(status);
  if (waitingOn === null) return null;
  return {
    jobId,
    taskId,
    title: status.title,
    waitingOn,
    says: status.question?.text ?? status.phase,
    question: status.question ?? null,
    paused: status.paused ?? null,
    until: status.wakesAt,
    commands: commandsFor(status, waitingOn, jobs.get(jobId) ?? null),
    answered: true,
  };
}

function onWhat({ waitingOn, question, paused, state }: TaskStatus): WaitingOn | null {
  if (waitingOn !== null) return waitingOn;
  if ((question ?? null) !== null || (paused ?? null) !== null) return 'human';
  return state === 'pending' ? 'dependency' : null;
}

/**
 * Of which only the server's word is known.
 * @param isServed a worker asks for its work, and had no time for a question
 */
export const unansweredWaiting = (
  { workflowId, typedSearchAttributes }: Pick<WorkflowExecutionInfo, 'workflowId' | 'typedSearchAttributes'>,
  isServed: boolean,
): Waiting => {
  const on = typedSearchAttributes.get(waitingAttribute);
  return {
    ...idsOf(workflowId),
    title: '',
    waitingOn: isWaitingOn(on) ? on : 'resource',
    says: isServed ? 'its worker is busy, and has not answered in time' : 'no worker answers for it',
    question: null,
    paused: null,
    until: null,
    commands: isServed ? [] : ['weaver worker'],
    answered: false,
  };
};

const isWaitingOn = (value: unknown): value is WaitingOn => typeof value === 'string' && Object.hasOwn(RANK, value);

/** The exact command lines that let a task go on. */
export function commandsFor(status: TaskStatus, waitingOn: WaitingOn, job: JobStatus | null): readonly string[] {
  const { taskId, question, paused } = status;
  if ((question ?? null) === null && (paused ?? null) !== null) return [`weaver resume ${taskId}`];
  switch (waitingOn) {
    case 'human':
      return question === undefined || question === null
        ? [`weaver resume ${job === null ? taskId : job.jobId}`]
        : answersTo(taskId, question);
    case 'budget':
      // Nothing of the task is to be raised: the configuration is.
      return status.failure?.code === 'providerBudget' ? [`weaver retry-now ${taskId}`] : [raise(status, job)];
    case 'resource':
      // A permit comes by itself; only a pause can be cut short.
      return status.wakesAt === null ? [] : [`weaver retry-now ${taskId}`];
    case 'dependency':
      return [];
    default:
      throw new TypeError(`unknown wait ${JSON.stringify(waitingOn satisfies never)}`);
  }
}

/** Twice of what was spent is a start; whoever types it knows better. */
function raise({ taskId, failure, spending }: TaskStatus, job: JobStatus | null): string {
  const { costUsdMicros, tokens, attempts } = job?.budget ?? {};
  if (job !== null && (costUsdMicros !== undefined || tokens !== undefined || attempts !== undefined))
    return raiseJob(job);
  if (failure?.code === 'budgetTokens') return `weaver set-budget ${taskId} --tokens ${2 * totalTokens(spending)}`;
  return `weaver set-budget ${taskId} --cost ${dollars(2 * spending.costUsdMicros)}`;
}

/** A limit that was lowered may be below what is used. */
const twice = (limit: number, unused = 0): number => 2 * Math.max(limit, limit - unused);

function raiseJob({ jobId, budget, left = {} }: JobStatus): string {
  const { costUsdMicros, tokens, attempts } = budget;
  return [
    `weaver set-budget ${jobId}`,
    ...(costUsdMicros === undefined ? [] : [`--cost ${dollars(twice(costUsdMicros, left.costUsdMicros))}`]),
    ...(tokens === undefined ? [] : [`--tokens ${twice(tokens, left.tokens)}`]),
    ...(attempts === undefined ? [] : [`--attempts ${twice(attempts, left.attempts)}`]),
  ].join(' ');
}

/** Cents, and never so few that nothing is left to spend. */
const dollars = (micros: number): string => Math.max(0.01, Math.ceil(micros / 10_000) / 100).toFixed(2);

/** A job whose tasks cannot begin because of its budget, or because somebody holds it. */
function jobWaiting(job: JobStatus): readonly Waiting[] {
  const about = {
    jobId: job.jobId,
    taskId: null,
    title: job.title,
    question: null,
    paused: null,
    until: null,
    answered: true,
  };
  const held = job.bottlenecks.filter(({ waitsFor }) => waitsFor.startsWith('budget'));
  const tasks = held.reduce((all, each) => all + each.tasks, 0);
  return [
    ...(job.paused
      ? [
          {
            ...about,
            waitingOn: 'human' as const,
            says: 'the job is paused',
            commands: [`weaver resume ${job.jobId}`],
          },
        ]
      : []),
    ...(tasks > 0
      ? [
          {
            ...about,
            waitingOn: 'budget' as const,
            says: `${tasks === 1 ? '1 task waits' : `${tasks} tasks wait`} to begin: ${held.map(({ waitsFor }) => waitsFor).join(', ')}`,
            commands: [raiseJob(job)],
          },
        ]
      : []),
  ];
}
