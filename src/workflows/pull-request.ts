/** The pull request of what has landed: after the decision, so that no forge can undo or hide the commit. */
import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { PullRequestInput } from '../activities/contract.js';
import { failure } from '../domain/failures.js';
import type { PullRequestEnd } from '../domain/pull-request.js';
import { failureOf } from './faults.js';
import { openPullRequest as askForge } from './proxies.js';
import type { TaskRun } from './task-run.js';

/** Never throws for what the forge does: the task has succeeded. */
export async function openPullRequest(run: TaskRun, landed: PullRequestInput): Promise<void> {
  const { branch } = landed.landing;
  run.beginPullRequest();
  run.enter('landing', `opening the pull request of ${branch}`);
  run.bookPullRequest(
    await ended(async () => {
      // What was decided is told now; the forge may take its time.
      await run.writeRecords();
      const options = { activityId: 'pull-request', summary: `pull request of ${branch}`.slice(0, 120) };
      return await askForge.executeWithOptions(options, [landed]);
    }),
  );
}

async function ended(open: () => Promise<PullRequestEnd>): Promise<PullRequestEnd> {
  try {
    return await open();
  } catch (thrown) {
    // Success wins over a cancel, as with a push: the commit is on its branch.
    if (isCancellation(thrown)) return { kind: 'failed', failure: failure('cancelled', 'The commit had landed.') };
    if (!(thrown instanceof ActivityFailure)) throw thrown;
    return { kind: 'failed', failure: failureOf(thrown) };
  }
}
