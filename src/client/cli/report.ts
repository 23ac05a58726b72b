/** `weaver report`: all that is known of a job or a task as one HTML page. */
import type { JobState } from '../../domain/job.js';
import type { TaskState } from '../../domain/task.js';
import { reportPage } from '../report/page.js';
import { readReport } from '../report/read-report.js';
import { idsOf } from '../task-id.js';
import { unknownTask } from '../weaver-fault.js';
import type { Context } from './context.js';
import { jobView } from './graph.js';
import { writeOutput } from './output-file.js';

export async function report(context: Context, id: string, { output }: { readonly output?: string }): Promise<number> {
  const { house, config } = context;
  const { jobId, taskId } = idsOf(id);
  const view = await jobView(context, id);
  const wanted = isTask(id) ? taskId : null;
  const rows = wanted === null ? view.rows : view.rows.filter((row) => row.taskId === wanted);
  const [first] = rows;
  if (first === undefined) throw unknownTask(id);
  const about = { id: wanted ?? jobId, madeAt: Date.now(), version: house.version };
  const whole = wanted === null ? view : { ...view, title: first.title, state: stateOf(first.state), status: null };
  const data = await readReport(await house.openStores(config), whole, rows, about);
  const file = output ?? `report-${(wanted ?? jobId).replace(/^job\//, '').replaceAll(/[^A-Za-z0-9._-]+/g, '-')}.html`;
  await writeOutput(context, file, reportPage(data), { jobId, tasks: rows.length });
  return 0;
}

/** Of a single task, in the words of jobs. */
function stateOf(state: TaskState): JobState {
  switch (state) {
    case 'succeeded':
    case 'decomposed':
      return 'completed';
    case 'dead':
      return 'failed';
    case 'cancelled':
    case 'stuck':
      return state;
    default:
      return 'running';
  }
}

const isTask = (id: string): boolean => id.includes('/t/');
