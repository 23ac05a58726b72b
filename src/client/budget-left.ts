/** What the budget of a job leaves to one of its tasks that is taken up again: a new job must not be a way around it. */
import { exitCodeOf, failure, type Failure } from '../domain/failures.js';
import { defined } from '../domain/plain-object.js';
import { fieldOf, fieldText, type LimitsSpec, type TaskSpec } from '../domain/task.js';
import {
  JOB_STATUS_QUERY,
  JOB_TASKS_QUERY,
  SEARCH_ATTRIBUTES,
  type JobStatus,
  type JobTasksPage,
} from '../workflows/messages.js';
import type { Follower } from './followers.js';
import { patiently } from './patiently.js';
import { startInputOf } from './start-input.js';
import { describe, type Speaker } from './updates.js';
import { WeaverFault } from './weaver-fault.js';

type Amounts = NonNullable<JobStatus['left']>;
type Used = Required<Amounts>;
const KINDS = ['costUsdMicros', 'tokens', 'attempts'] as const;
type Kind = (typeof KINDS)[number];

/** `--set` of a limit of money, tokens or attempts. */
export const isSpendingLimit = (set: string): boolean => /^limits\.(costUsd|costUsdMicros|tokens|attempts)=/.test(set);

/** The job whose budget bounded the task: its own, or that of the task which it goes on with. Null of a task alone. */
export async function budgetJobOf(speaker: Speaker, input: unknown): Promise<string | null> {
  const jobId = fieldText(fieldOf(input, 'place'), 'jobId');
  if (jobId === '') return budgetOf(input);
  // Only a job that goes on with another one's task has a number; what that task was split into has the same budget.
  const isFollower = /~\d+$/.test(jobId) && (await describe(speaker, jobId)) !== null;
  return (isFollower ? budgetOf(await startInputOf(speaker, jobId)) : null) ?? jobId;
}

const budgetOf = (input: unknown): string | null => fieldText(fieldOf(input, 'resume'), 'budgetOf') || null;

interface Taken {
  readonly taskId: string;
  readonly budgetOf: string;
  /** All that go on with tasks of that job, or have done so. */
  readonly followers: readonly Follower[];
  /** What is left to do pays for nothing, unless it goes amiss. */
  readonly isDone: boolean;
}

export interface Bounded {
  readonly spec: TaskSpec;
  /** Why no model may be asked. */
  readonly unpaid?: Failure;
}

/**
 * The specification with limits no higher than what the job has left. What is left has one owner at a time: while the job runs
 * it is the job's, and then that of one task that is taken up after the other, so that two never count on the same.
 */
export async function withinBudget(speaker: Speaker, spec: TaskSpec, taken: Taken): Promise<Bounded> {
  const job = await describe(speaker, taken.budgetOf);
  // A server forgets jobs after their time; then the task's own limits are all there is.
  if (job === null) return { spec };
  const { left = {}, budget } = await patiently<JobStatus>(speaker, taken.budgetOf, JOB_STATUS_QUERY);
  const limited = KINDS.find((kind) => left[kind] !== undefined);
  if (limited === undefined) return { spec };
  const used = job.status.name === 'RUNNING' ? taken.budgetOf : await usedByOthers(speaker, taken);
  if (typeof used === 'string') return withoutMoney(spec, taken, limited, stillNeeded(taken, limited, used));
  const free = lessOf(left, used);
  const spent = KINDS.find((kind) => (free[kind] ?? 1) <= 0);
  if (spent !== undefined) return withoutMoney(spec, taken, spent, nothingLeft(taken, spent));
  const limits = { ...lowered(spec.limits, free), whenSpent: spec.limits.whenSpent ?? budget.whenSpent };
  return { spec: { ...spec, limits } };
}

/** What is done already may be checked and pushed, in one attempt, as long as nobody has to be paid for it. */
function withoutMoney(spec: TaskSpec, { isDone }: Taken, kind: Kind, refused: WeaverFault): Bounded {
  if (!isDone) throw refused;
  const limits = { ...spec.limits, attempts: 1 };
  return { spec: { ...spec, limits }, unpaid: failure(SPENT[kind].code, refused.message) };
}

function lowered(limits: LimitsSpec, left: Amounts): LimitsSpec {
  const lower = KINDS.map((kind) => [kind, Math.min(limits[kind] ?? Infinity, left[kind] ?? Infinity)] as const);
  return { ...limits, ...Object.fromEntries(lower.filter(([, limit]) => limit !== Infinity)) };
}

const lessOf = (left: Amounts, used: Used): Amounts =>
  defined(Object.fromEntries(KINDS.map((kind) => [kind, less(left[kind], used[kind])])));

const less = (left: number | undefined, used: number): number | undefined =>
  left === undefined ? undefined : left - used;

/** By those that have gone on with tasks of the job; the name of one that may need more. */
async function usedByOthers(speaker: Speaker, { followers, budgetOf: jobId }: Taken): Promise<Used | string> {
  // Those of a client of before do not say whose budget it is.
  const others = followers.filter((each) => each.budgetOf === undefined || each.budgetOf === jobId);
  const running = others.find(({ runs }) => runs);
  if (running !== undefined) return running.jobId;
  let sum: Used = { costUsdMicros: 0, tokens: 0, attempts: 0 };
  for (const { jobId: each } of others) {
    const used = await usedBy(speaker, each);
    if (used === null) return each;
    sum = added(sum, used);
  }
  return sum;
}

/** What was proposed in it counts too: 201 tasks at most. */
const ROWS_MAX = 500;

/** Null while a task of it runs, whose job was ended by force. */
async function usedBy(speaker: Speaker, jobId: string): Promise<Used | null> {
  const { rows } = await patiently<JobTasksPage>(speaker, jobId, JOB_TASKS_QUERY, { from: 0, limit: ROWS_MAX });
  let sum: Used = { costUsdMicros: 0, tokens: 0, attempts: 0 };
  for (const row of rows) {
    const used = row.endedAt === null ? await toldByServer(speaker, row.taskId) : row;
    if (used === null) return null;
    sum = added(sum, used);
  }
  return sum;
}

async function toldByServer(speaker: Speaker, taskId: string): Promise<Used | null> {
  const task = await describe(speaker, taskId);
  if (task?.status.name === 'RUNNING') return null;
  const { costUsd, tokens, attempt } = SEARCH_ATTRIBUTES;
  const told = task?.typedSearchAttributes;
  return {
    costUsdMicros: Math.round((told?.get(costUsd) ?? 0) * 1_000_000),
    tokens: told?.get(tokens) ?? 0,
    attempts: told?.get(attempt) ?? 0,
  };
}

const added = (a: Used, b: Used): Used => ({
  costUsdMicros: a.costUsdMicros + b.costUsdMicros,
  tokens: a.tokens + b.tokens,
  attempts: a.attempts + b.attempts,
});

const SPENT = {
  costUsdMicros: { code: 'budgetCost', what: 'money', field: 'costUsd' },
  tokens: { code: 'budgetTokens', what: 'tokens', field: 'tokens' },
  attempts: { code: 'budgetAttempts', what: 'attempts', field: 'attempts' },
} as const;

const withItsOwn = (taskId: string, kind: Kind): string =>
  `weaver rerun ${taskId} --set limits.${SPENT[kind].field}=…; what was paid for is not paid again.`;

function nothingLeft({ taskId, budgetOf: jobId }: Taken, kind: Kind): WeaverFault {
  const { code, what } = SPENT[kind];
  const message = `The budget of ${jobId} has no ${what} left for ${taskId}.`;
  const next = `Give it some of its own: ${withItsOwn(taskId, kind)}`;
  return new WeaverFault({ code, message, next }, exitCodeOf(failure(code)));
}

/** @param by the job that may need it */
function stillNeeded({ taskId, budgetOf: jobId }: Taken, kind: Kind, by: string): WeaverFault {
  const whose = by === jobId ? `its budget` : `the budget of ${jobId}`;
  const message = `${by} still runs and may need the ${SPENT[kind].what} that ${whose} has left.`;
  const next = `Let it end first (weaver watch ${by}), or give the task some of its own: ${withItsOwn(taskId, kind)}`;
  return new WeaverFault({ code: 'stillRuns', message, next }, 2);
}
