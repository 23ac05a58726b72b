/** Shows the progress of a job of many tasks on stderr: one line redrawn on a terminal, else a line for each task that ends. */
import type { JobTaskRow } from '../../domain/job.js';
import { endedOf, isOver, type JobView } from '../job-view.js';
import { endedTaskLine, jobLine, jobProgressLine } from '../render-job.js';
import { isTerminal } from '../task-view.js';
import type { WeaverClient } from '../weaver-client.js';
import { WeaverFault } from '../weaver-fault.js';
import { changes, HAS_ENDED } from './changes.js';
import type { Context } from './context.js';

const REDRAW_MS = 100;
/** The tasks of a larger job are asked for seldom: each time is several answers of 500 rows from its worker. */
const SMALL_JOB_TASKS = 500;
const LARGE_JOB_PAUSE_MS = 5_000;

/**
 * Resolves when the job has ended or the signal aborts. A server that is away is waited for: others report it.
 * @param redraws whether one line is drawn again and again
 */
export async function followJob(
  { terminal }: Pick<Context, 'terminal'>,
  client: WeaverClient,
  jobId: string,
  signal: AbortSignal,
  redraws = terminal.live,
): Promise<JobView | null> {
  const startedAt = Date.now();
  let latest: JobView | null = null;
  let frame = 0;
  const redraw = (): void => {
    if (latest !== null) terminal.progress(jobProgressLine(latest, Date.now() - startedAt, (frame += 1)));
  };
  const timer = redraws ? setInterval(redraw, REDRAW_MS) : null;
  const told = createTeller(client, jobId);
  try {
    for await (const view of changes(() => client.watchJob(jobId, { signal }), signal)) {
      latest = view;
      if (!redraws) for (const line of await told(view)) terminal.note(line);
    }
    if (signal.reason === HAS_ENDED && !redraws)
      for (const line of await lastLines(client, jobId, told)) terminal.note(line);
  } finally {
    if (timer !== null) clearInterval(timer);
    terminal.clearProgress();
  }
  return latest;
}

/** The end was known before the last change was seen. */
async function lastLines(client: WeaverClient, jobId: string, told: Teller): Promise<readonly string[]> {
  try {
    return await told(await client.jobStatus(jobId));
  } catch (thrown) {
    if (thrown instanceof WeaverFault) return []; // the report follows
    throw thrown;
  }
}

type Teller = (view: JobView) => Promise<readonly string[]>;

/** Gives the lines that a change is worth: the tasks that have ended since, and where the job stands. */
function createTeller(client: WeaverClient, jobId: string): Teller {
  const said = new Set<string>();
  let line = '';
  let askedAt = 0;
  return async (view) => {
    const lines: string[] = [];
    const isDue = (view.total ?? 0) <= SMALL_JOB_TASKS || isOver(view) || Date.now() - askedAt >= LARGE_JOB_PAUSE_MS;
    if (endedOf(view.counts) > said.size && isDue) {
      for (const row of await rowsOf(client, jobId)) {
        if (!isTerminal(row) || said.has(row.path)) continue;
        said.add(row.path);
        lines.push(endedTaskLine(row));
      }
      askedAt = Date.now();
    }
    if (jobLine(view) !== line) lines.push((line = jobLine(view)));
    return lines;
  };
}

/** Nothing if no worker answers, or the server is away: the end tells what ended badly all the same. */
async function rowsOf(client: WeaverClient, jobId: string): Promise<readonly JobTaskRow[]> {
  try {
    return (await client.jobTasks(jobId)) ?? [];
  } catch (thrown) {
    if (thrown instanceof WeaverFault && thrown.code === 'temporalUnreachable') return [];
    throw thrown;
  }
}
