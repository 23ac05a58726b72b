/** What a task says to its job. */
import { getExternalWorkflowHandle, isCancellation, TemporalFailure } from '@temporalio/workflow';

/** False if the job is gone: somebody has terminated it. */
export async function isTold(
  jobId: string,
  say: (job: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
): Promise<boolean> {
  try {
    await say(getExternalWorkflowHandle(jobId));
    return true;
  } catch (thrown) {
    if (isCancellation(thrown) || !(thrown instanceof TemporalFailure)) throw thrown;
    return false;
  }
}
