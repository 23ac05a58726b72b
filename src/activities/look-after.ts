/**
 * Which of these tasks are gone without having told their job.
 * Harmless twice: it only looks.
 */
import { Context } from '@temporalio/activity';
import type { Gone, LookInput } from './contract.js';

/** A report takes milliseconds; after this it will not come any more. */
const REPORT_MS_MAX = 30_000;
/** Results in one answer: each has a kilobyte or two. The others are asked for the next time. */
const RESULTS_MAX = 3;

/** Open ones, and those that have completed just now (their report is on its way), are not named. */
export const createLookAfter =
  () =>
  async ({ taskIds }: LookInput): Promise<readonly Gone[]> => {
    const { workflow } = Context.current().client;
    const looked = await Promise.all(taskIds.map(async (taskId) => await lookAt(workflow, taskId)));
    const gone = looked.filter((each) => each !== null);
    const completed = gone.filter(({ how }) => how === 'completed').slice(0, RESULTS_MAX);
    return [...gone.filter(({ how }) => how !== 'completed'), ...completed];
  };

type WorkflowClient = Context['client']['workflow'];

async function lookAt(client: WorkflowClient, taskId: string): Promise<Gone | null> {
  try {
    const handle = client.getHandle(taskId);
    const { status, closeTime } = await handle.describe();
    if (status.name === 'COMPLETED') {
      const isLate = Date.now() - (closeTime?.getTime() ?? Date.now()) > REPORT_MS_MAX;
      return isLate ? { taskId, how: 'completed', result: await handle.result() } : null;
    }
    const how = HOW[status.name];
    return how === undefined ? null : { taskId, how };
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'WorkflowNotFoundError') return { taskId, how: 'missing' };
    throw thrown;
  }
}

/** Ends that a task cannot report itself. A cancelled one reports before it ends, unless its clean-up failed. */
const HOW: Readonly<Record<string, Gone['how'] | undefined>> = {
  TERMINATED: 'terminated',
  FAILED: 'failed',
  TIMED_OUT: 'timedOut',
  CANCELLED: 'cancelled',
};
