/** Workflows of the test: a job with one task, each with one step, as weaver's are nested. */
import { executeChild, proxyActivities, workflowInfo } from '@temporalio/workflow';

const { step } = proxyActivities<{ step(name: string): Promise<void> }>({ startToCloseTimeout: '1m' });

export async function smallJob(name: string): Promise<void> {
  await executeChild('smallTask', { workflowId: `${workflowInfo().workflowId}/t/0`, args: [name] });
}

export const smallTask = (name: string): Promise<void> => step(name);
