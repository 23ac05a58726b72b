/** One attempt of a task by its handler: always ends in an outcome, or in the task's cancellation. */
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { runningMs } from '../domain/decide.js';
import { failure } from '../domain/failures.js';
import type { Outcome } from '../domain/outcome.js';
import { outcomeOfFault } from './faults.js';
import { oneShot } from './handlers/one-shot.js';
import type { TaskRun } from './task-run.js';

export async function attempt(run: TaskRun): Promise<Outcome> {
  const { limits } = run.record;
  const leftMs = Math.max(1, limits.wallTimeSeconds * 1_000 - runningMs(run.record, Date.now()));
  const task = CancellationScope.current();
  try {
    return await CancellationScope.withTimeout(leftMs, () => oneShot(run));
  } catch (thrown) {
    if (isCancellation(thrown)) {
      if (task.consideredCancelled) throw thrown;
      return {
        kind: 'failed',
        failure: failure('wallTime', `Limit ${limits.wallTimeSeconds} s.`),
        signature: 'wallTime',
      };
    }
    const outcome = outcomeOfFault(thrown);
    if (outcome === null) throw thrown;
    return outcome;
  }
}
