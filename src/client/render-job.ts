/** Words for a person about a job of many tasks; pure. */
import type { ShownFailure } from '../domain/failures.js';
import type { JobTaskRow } from '../domain/job.js';
import { totalTokens } from '../domain/record.js';
import { usd } from '../domain/report.js';
import type { TaskState } from '../domain/task.js';
import type { JobResult } from '../workflows/messages.js';
import { endedOf, isOver, type JobView } from './job-view.js';
import { table } from './render-list.js';
import { duration, fields, FRAMES, oneLine, sourceWords } from './render-task.js';
import type { JobReport } from './run-report.js';

/** The line that is drawn again and again on a terminal. */
export function jobProgressLine(view: JobView, elapsedMs: number, frame: number): string {
  return [FRAMES[frame % FRAMES.length], jobLine(view), '·', duration(elapsedMs)].join(' ');
}

/** `running · 3 of 10 done · 2 running · 1 failed · $0.0123 · 4 wait for dependency a` */
export function jobLine(view: JobView): string {
  const { state, paused, total, counts, bottlenecks, spending, open } = view;
  const [first] = bottlenecks;
  const under = OPEN.flatMap((name) => (counts[name] === undefined ? [] : [`${counts[name]} ${WORDS[name] ?? name}`]));
  return [
    paused ? `${state}, paused` : state,
    `${endedOf(counts)} of ${total ?? 'some'} done`,
    ...(isOver(view) ? [] : under),
    ...badOf(counts),
    usd({ ...spending, costUsdMicros: spending.costUsdMicros + (open?.costUsdMicros ?? 0) }),
    ...(first === undefined || isOver(view) ? [] : [`${first.tasks} ${waits(first)}`]),
  ].join(' · ');
}

const OPEN: readonly TaskState[] = ['running', 'retry_wait', 'blocked'];
const WORDS: Readonly<Partial<Record<TaskState, string>>> = { retry_wait: 'between attempts' };

function badOf(counts: JobView['counts']): readonly string[] {
  const failed = (counts.dead ?? 0) + (counts.stuck ?? 0);
  const cancelled = counts.cancelled ?? 0;
  return [...(failed === 0 ? [] : [`${failed} failed`]), ...(cancelled === 0 ? [] : [`${cancelled} cancelled`])];
}

const waits = ({ waitsFor, tasks }: JobView['bottlenecks'][number]): string =>
  `${tasks === 1 ? 'waits' : 'wait'} for ${oneLine(waitsFor)}`;

/** One line for a task that has ended: `names succeeded · weaver/greet-by-name-1x2y · 2 attempts`. */
export function endedTaskLine({ path, state, branch, attempts, failure }: JobTaskRow): string {
  const tries = attempts === 0 ? [] : [attempts === 1 ? '1 attempt' : `${attempts} attempts`];
  return [
    `${path} ${state}`,
    ...(branch === null ? [] : [branch]),
    ...(failure === null ? [] : [failure]),
    ...tries,
  ].join(' · ');
}

/** The whole of a job's status, several lines. */
export function jobStatusLines(view: JobView, width: number): readonly string[] {
  const { jobId, title, counts, total, spending, budget, deadline, bottlenecks, webUrl } = view;
  return [
    ...fields([
      ['job', jobId],
      ['title', oneLine(title)],
      ['state', jobLine(view)],
      ['tasks', `${total ?? 'not known how many'}: ${countWords(counts)}`],
      ['spent', `${spending.callsSent} calls, ${totalTokens(spending)} tokens, ${usd(spending)}${openWords(view)}`],
      ['budget', budget === null ? '' : budgetWords(budget)],
      ['deadline', deadline === null ? '' : new Date(deadline).toISOString()],
      ...bottlenecks.map((each, index) => [index === 0 ? 'waiting' : ' ', `${each.tasks} ${waits(each)}`] as const),
      ['web ui', webUrl ?? ''],
      ['source', sourceWords(view)],
    ]),
    ...failedLines(
      view.failed.map(({ path, state, failure }) => [path, state, failure ?? ''] as const),
      width,
    ),
  ];
}

/** The sum before it is that of ended tasks. */
function openWords({ open, spending: { unpriced } }: JobView): string {
  if (open === undefined || open.tasks === 0) return '';
  const { tasks, tokens, costUsdMicros } = open;
  return ` by ended tasks; ${tokens} tokens, ${usd({ costUsdMicros, unpriced })} by ${tasks} open`;
}

function countWords(counts: JobView['counts']): string {
  const words = Object.entries(counts).flatMap(([state, count]) => (count === 0 ? [] : [`${count} ${state}`]));
  return words.length === 0 ? 'none has begun' : words.join(', ');
}

function budgetWords({ costUsdMicros, tokens, attempts, whenSpent }: NonNullable<JobView['budget']>): string {
  const limits = [
    ...(costUsdMicros === undefined ? [] : [`$${(costUsdMicros / 1_000_000).toFixed(2)}`]),
    ...(tokens === undefined ? [] : [`${tokens} tokens`]),
    ...(attempts === undefined ? [] : [`${attempts} attempts`]),
  ];
  return limits.length === 0 ? '' : `${limits.join(', ')}; when spent: ${whenSpent}`;
}

/** How a job ended: what it has cost, and a table of the tasks that ended badly. */
export function jobEndLines(report: JobReport, result: JobResult | null, width: number): readonly string[] {
  const unpriced = result?.summary?.spending.unpriced ?? false;
  const first = report.failure ?? report.failed.find(({ failure }) => failure !== null)?.failure ?? null;
  return [
    ...fields([
      ['job', report.jobId ?? ''],
      ['tasks', report.total === null ? '' : `${report.total}: ${countWords(report.counts)}`],
      ['spent', `${report.tokens} tokens, ${usd({ costUsdMicros: report.costUsdMicros, unpriced })}`],
      ['failure', report.failure === null ? '' : failureWords(report.failure)],
      ['next', first?.next ?? ''],
      ['web ui', report.webUrl ?? ''],
    ]),
    ...failedLines(
      report.failed.map(({ path, state, failure }) => [path, state, failureWords(failure)] as const),
      width,
    ),
  ];
}

const failureWords = (failure: ShownFailure | null): string =>
  failure === null ? '' : `${failure.code}: ${oneLine(failure.message)}`;

function failedLines(rows: readonly (readonly [string, string, string])[], width: number): readonly string[] {
  return rows.length === 0 ? [] : ['', ...table(['TASK', 'STATE', 'FAILURE'], rows, width)];
}
