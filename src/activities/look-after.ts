/**
 * Which of these tasks are gone without having told their job.
 * Harmless twice: it only looks.
 */
import { Context } from '@temporalio/activity';
import type { Gone, LookInput } from './contract.js';

/** Open ones, and those that have completed (their report is on its way), are not named. */
export const createLookAfter =
  () =>
  async ({ taskIds }: LookInput): Promise<readonly Gone[]> => {
    const { workflow } = Context.current().client;
    const looked = await Promise.all(taskIds.map(async (taskId) => await lookAt(workflow, taskId)));
    return looked.filter((each) => each !== null);
  };

type WorkflowClient = Context['client']['workflow'];

async function lookAt(client: WorkflowClient, taskId: string): Promise<Gone | null> {
  try {
    const { status } = await client.getHandle(taskId).describe();
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
