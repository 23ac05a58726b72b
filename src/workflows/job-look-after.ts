/** Tasks that a job does not see the end of report it themselves; one that was terminated from outside never does. */
import { ActivityFailure } from '@temporalio/workflow';
import type { Gone } from '../activities/contract.js';
import { failure } from '../domain/failures.js';
import type { JobRun } from './job-run.js';
import { unreported, type TaskResult } from './messages.js';
import { lastWords, lookAfter } from './proxies.js';

/** A few minutes: nobody waits for it but the job's end. */
const LOOK_AFTER_SECONDS = 180;
export const lookAfterMs = ({ input }: JobRun): number => (input.lookAfterSeconds ?? LOOK_AFTER_SECONDS) * 1_000;
/** Ids in one question; their answers stay below 8 KB. */
const ASKED_AT_ONCE = 20;

export async function lookAfterSilent(run: JobRun): Promise<void> {
  run.lookAt = Date.now();
  const paths = [...run.unwatched];
  for (let at = 0; at < paths.length; at += ASKED_AT_ONCE) {
    const asked = paths.slice(at, at + ASKED_AT_ONCE);
    const gone = await askAfter(asked.map((path) => run.taskId(path)));
    for (const { taskId, how, result } of gone) {
      const path = taskId.slice(run.jobId.length + '/t/'.length);
      if (how === 'completed') {
        run.ended(path, result as TaskResult);
        continue;
      }
      const state = how === 'cancelled' ? 'cancelled' : how === 'timedOut' ? 'stuck' : 'dead';
      const code = how === 'cancelled' ? 'cancelled' : 'terminated';
      // Its parent has announced it, and may be about to start it.
      if (how === 'missing' && !run.isParentOver(path)) continue;
      // One that has reported since is left as it is.
      if (run.unwatched.has(path)) run.ended(path, unreported(taskId, state, failure(code, how)));
    }
  }
}

/** Of tasks that this run has seen end as cancelled. Those that end meanwhile are heard in the same go. */
export async function hearLastWords(run: JobRun): Promise<void> {
  while (run.cut.size > 0) {
    const taskIds = [...run.cut].slice(0, ASKED_AT_ONCE).map((path) => run.taskId(path));
    for (const { taskId, result } of await lastWords({ taskIds })) {
      const path = taskId.slice(run.taskId('').length);
      run.cut.delete(path);
      run.ended(path, (result as TaskResult | null) ?? unreported(taskId, 'cancelled', failure('cancelled')));
    }
  }
}

/** A server that does not answer is asked again the next time. */
async function askAfter(taskIds: readonly string[]): Promise<readonly Gone[]> {
  try {
    return await lookAfter({ taskIds });
  } catch (thrown) {
    if (!(thrown instanceof ActivityFailure)) throw thrown;
    return [];
  }
}
