/** What a report is made from: all that was read, so that the page is a pure function of it. */
import type { Entry } from '../../domain/entries.js';
import type { JobState, JobTaskRow } from '../../domain/job.js';
import type { Spending } from '../../domain/record.js';
import type { JobTotals } from '../job-rows.js';

export interface ReportData {
  /** Id that was asked for: of a job or of one task. */
  readonly id: string;
  readonly title: string;
  readonly state: JobState;
  readonly rows: readonly JobTaskRow[];
  readonly status: JobTotals | null;
  readonly tasks: readonly ReportTask[];
  /** What happened to the job itself: questions, budgets, people. */
  readonly jobEntries: readonly Entry[];
  /** Epoch milliseconds. */
  readonly madeAt: number;
  readonly version: string;
  /** What is not on the page and where it is, in sentences. */
  readonly leftOut: readonly string[];
}

export interface ReportTask {
  readonly row: JobTaskRow;
  readonly entries: readonly Entry[];
  /** By SHA-256: diffs and logs. */
  readonly texts: ReadonlyMap<string, ReportText>;
}

export interface ReportText {
  readonly text: string;
  /** Whole size; larger than the text if it was cut. */
  readonly sizeBytes: number;
  /** Why there is no text, or less of it. */
  readonly note: string | null;
}

/** What was spent in all, by the attempts that are known. */
export function spentOf({
  tasks,
  status,
}: ReportData): Pick<Spending, 'costUsdMicros' | 'unpriced'> & { tokens: number } {
  if (status !== null) {
    const { tokens, costUsdMicros, unpriced } = status.spending;
    return { costUsdMicros, unpriced, tokens: tokens.prompt + tokens.completion };
  }
  const spendings = tasks.flatMap(({ entries }) => entries.filter((entry) => entry.kind === 'attempt'));
  return {
    costUsdMicros: tasks.reduce((sum, { row }) => sum + row.costUsdMicros, 0),
    tokens: tasks.reduce((sum, { row }) => sum + row.tokens, 0),
    unpriced: spendings.some(({ spending }) => spending.unpriced),
  };
}
