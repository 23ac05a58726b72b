/** What the Web UI shows of a job: Markdown without images or HTML. */
import type { JobBudget, JobState } from './job.js';
import { totalTokens, type Spending } from './record.js';
import { usd } from './report.js';

interface ShownJob {
  readonly title: string;
  readonly state: JobState;
  readonly paused: boolean;
  readonly total: number;
  readonly counts: Readonly<Partial<Record<string, number>>>;
  readonly spending: Spending;
  readonly budget: JobBudget;
  readonly bottlenecks: readonly { readonly waitsFor: string; readonly tasks: number }[];
}

export function describeJob(job: ShownJob): string {
  const { title, state, paused, total, counts, spending, bottlenecks } = job;
  const by = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return [
    `**${title.replaceAll(/[|`*_<>[\]\r\n]/g, ' ')}**`,
    `${state}${paused ? ', paused' : ''}: ${total} tasks (${by.join(', ')})`,
    `${totalTokens(spending)} tokens, ${usd(spending)}${limitsOf(job.budget)}`,
    ...(bottlenecks.length === 0
      ? []
      : ['Waiting:', ...bottlenecks.map((each) => `- ${each.tasks} for ${each.waitsFor}`)]),
  ].join('\n\n');
}

function limitsOf({ costUsdMicros, tokens, attempts, deadlineSeconds }: JobBudget): string {
  const named = [
    ...(costUsdMicros === undefined ? [] : [`$${(costUsdMicros / 1_000_000).toFixed(2)}`]),
    ...(tokens === undefined ? [] : [`${tokens} tokens`]),
    ...(attempts === undefined ? [] : [`${attempts} attempts`]),
    ...(deadlineSeconds === undefined ? [] : [`${deadlineSeconds} s`]),
  ];
  return named.length === 0 ? '' : `; budget ${named.join(', ')}`;
}
