/** The job's own account in the read model: for readers that find no worker, or no server any more. */
import type { RecordInput } from '../activities/contract.js';
import type { CreatedTask } from '../domain/entries.js';
import { textParts } from '../domain/text-parts.js';
import type { JobRun } from './job-run.js';
import type { JobResult } from './messages.js';
import { record } from './proxies.js';

/** Rows of one write: some 20 KB. */
const ROWS_AT_ONCE = 50;

/** At the beginning: the job, and the tasks of its file. */
export async function writeBeginning(run: JobRun): Promise<void> {
  bookJob(run, 'running');
  const { rows } = allRows(run);
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE)
    run.book({ kind: 'created', tasks: rows.slice(from, from + ROWS_AT_ONCE).map(createdOf) });
  await writeEntries(run, null);
}

/** What people have said and what was noticed; nothing of a job of one, whose task keeps the account. */
export async function writeNews(run: JobRun): Promise<void> {
  if (!run.isOne && run.hasEntries) await writeEntries(run, null);
}

/** At the end: every task as the registry has it, and the state of the whole. */
export async function writeEnd(run: JobRun, result: JobResult): Promise<void> {
  const { rows } = allRows(run);
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE)
    run.book({ kind: 'tasks', from, rows: rows.slice(from, from + ROWS_AT_ONCE) });
  bookJob(run, result.state);
  await writeEntries(run, result);
}

function bookJob(run: JobRun, state: JobResult['state'] | 'running'): void {
  const { title, total, counts, spending, startedAt } = run.status();
  const requester = run.input.requester ?? 'unknown';
  run.book({ kind: 'job', state, title, requester, total, counts, spending, startedAt });
}

/** One entry a write keeps the arguments of a single activity bounded. */
async function writeEntries(run: JobRun, result: JobResult | null): Promise<void> {
  const { jobId: taskId } = run;
  const shown = result === null ? null : { jobId: taskId, state: result.state, summary: result.summary };
  for (const entry of run.takeEntries()) {
    const input: RecordInput = { taskId, status: run.status(), result: shown, entries: [entry] };
    await record(...textParts(input));
  }
}

function allRows(run: JobRun): Pick<ReturnType<JobRun['tasks']>, 'rows'> {
  const first = run.tasks({ from: 0, limit: ROWS_AT_ONCE });
  const rows = [...first.rows];
  while (rows.length < first.total) rows.push(...run.tasks({ from: rows.length, limit: ROWS_AT_ONCE }).rows);
  return { rows };
}

const createdOf = ({ path, title, parent, dependsOn }: ReturnType<JobRun['tasks']>['rows'][number]): CreatedTask => ({
  path,
  title,
  parent,
  dependsOn: dependsOn.map(({ on }) => on),
});
