/** What the budget of a job leaves to one of its tasks that is taken up again: a new job must not be a way around it. */
import { exitCodeOf, failure } from '../domain/failures.js';
import { defined } from '../domain/plain-object.js';
import { fieldOf, fieldText, type LimitsSpec, type TaskSpec } from '../domain/task.js';
import { JOB_STATUS_QUERY, SEARCH_ATTRIBUTES, type JobStatus } from '../workflows/messages.js';
import { quoted, TASK_WORKFLOW } from './list-tasks.js';
import { patiently } from './patiently.js';
import { asking } from './temporal-faults.js';
import { describe, type Speaker } from './updates.js';
import { WeaverFault } from './weaver-fault.js';

type Amounts = NonNullable<JobStatus['left']>;
const KINDS = ['costUsdMicros', 'tokens', 'attempts'] as const;

/** `--set` of a limit of money, tokens or attempts. */
export const isSpendingLimit = (set: string): boolean => /^limits\.(costUsd|costUsdMicros|tokens|attempts)=/.test(set);

/** The job whose budget bounded the task: its own, or that of the task which it goes on with. Null of a task alone. */
export function budgetJobOf(input: unknown): string | null {
  const name = fieldText(fieldOf(input, 'place'), 'jobId') || fieldText(fieldOf(input, 'resume'), 'budgetOf');
  return name === '' ? null : name;
}

interface Taken {
  readonly taskId: string;
  readonly budgetOf: string;
  /** Key of the first job; those that go on with its tasks are `<key>~1`, `<key>~2` … */
  readonly baseKey: string;
}

/** The specification with limits no higher than what the job has left. */
export async function withinBudget(speaker: Speaker, spec: TaskSpec, taken: Taken): Promise<TaskSpec> {
  // A server forgets jobs after their time; then the task's own limits are all there is.
  if ((await describe(speaker, taken.budgetOf)) === null) return spec;
  const { left = {}, budget } = await patiently<JobStatus>(speaker, taken.budgetOf, JOB_STATUS_QUERY);
  if (KINDS.every((kind) => left[kind] === undefined)) return spec;
  const limits = bounded(spec.limits, lessOf(left, await usedAfterwards(speaker, taken.baseKey)), taken);
  return { ...spec, limits: { ...limits, whenSpent: spec.limits.whenSpent ?? budget.whenSpent } };
}

function bounded(limits: LimitsSpec, left: Amounts, { taskId, budgetOf }: Taken): LimitsSpec {
  const spent = KINDS.find((kind) => (left[kind] ?? 1) <= 0);
  if (spent !== undefined) throw nothingLeft(taskId, budgetOf, spent);
  const lower = KINDS.map((kind) => [kind, Math.min(limits[kind] ?? Infinity, left[kind] ?? Infinity)] as const);
  return { ...limits, ...Object.fromEntries(lower.filter(([, limit]) => limit !== Infinity)) };
}

const lessOf = (left: Amounts, used: Required<Amounts>): Amounts =>
  defined(Object.fromEntries(KINDS.map((kind) => [kind, less(left[kind], used[kind])])));

const less = (left: number | undefined, used: number): number | undefined =>
  left === undefined ? undefined : left - used;

/** By those that have gone on with tasks of the job, as far as they have ended. */
async function usedAfterwards({ temporal, address }: Speaker, baseKey: string): Promise<Required<Amounts>> {
  const query = `WorkflowType = '${TASK_WORKFLOW}' AND WorkflowId STARTS_WITH ${quoted(`job/${baseKey}~`)}`;
  const { costUsd, tokens, attempt } = SEARCH_ATTRIBUTES;
  return await asking(address, async () => {
    const used = { costUsdMicros: 0, tokens: 0, attempts: 0 };
    for await (const { typedSearchAttributes: found } of temporal.workflow.list({ query })) {
      used.costUsdMicros += Math.round((found.get(costUsd) ?? 0) * 1_000_000);
      used.tokens += found.get(tokens) ?? 0;
      used.attempts += found.get(attempt) ?? 0;
    }
    return used;
  });
}

const SPENT = {
  costUsdMicros: { code: 'budgetCost', what: 'money', field: 'costUsd' },
  tokens: { code: 'budgetTokens', what: 'tokens', field: 'tokens' },
  attempts: { code: 'budgetAttempts', what: 'attempts', field: 'attempts' },
} as const;

function nothingLeft(taskId: string, jobId: string, kind: (typeof KINDS)[number]): WeaverFault {
  const { code, what, field } = SPENT[kind];
  return new WeaverFault(
    {
      code,
      message: `The budget of ${jobId} has no ${what} left for ${taskId}.`,
      next: `Give it some of its own: weaver rerun ${taskId} --set limits.${field}=…; what was paid for is not paid again.`,
    },
    exitCodeOf(failure(code)),
  );
}
