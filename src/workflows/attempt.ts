/** One attempt of a task by its handler: always ends in an outcome, or in the task's cancellation. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { runningMs } from '../domain/decide.js';
import { failure } from '../domain/failures.js';
import type { Outcome } from '../domain/outcome.js';
import { outcomeOfFault } from './faults.js';
import { oneShot } from './handlers/one-shot.js';
import type { TaskRun } from './task-run.js';

export async function attempt(run: TaskRun): Promise<Outcome> {
  const { limits } = run.record;
  const task = CancellationScope.current();
  try {
    return await withinTime(run, () => oneShot(run));
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

/** Cancels the work when the time of the task is up. `CancellationScope.withTimeout`, with a timer that says what it is. */
async function withinTime<T>(run: TaskRun, work: () => Promise<T>): Promise<T> {
  const { limits } = run.record;
  const leftMs = Math.max(1, limits.wallTimeSeconds * 1_000 - runningMs(run.record, Date.now()));
  const working = new CancellationScope();
  const waiting = new CancellationScope();
  const summary = `time limit of the task: ${limits.wallTimeSeconds} s of work`;
  const expired = waiting
    .run(() => sleep(leftMs, { summary }))
    .then(
      () => working.cancel(),
      () => undefined, // the work has ended first, or the task is cancelled, which the work hears itself
    );
  try {
    return await working.run(work);
  } finally {
    waiting.cancel();
    await expired;
  }
}
