/**
 * The life of a task: attempts until the decider ends it. This is the main flow; everything it names is one step away.
 */
import { allHandlersFinished, CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { Decision } from '../domain/decision.js';
import type { Outcome } from '../domain/outcome.js';
import { branchWishes } from '../domain/permits.js';
import { fieldOf } from '../domain/task.js';
import { attempt } from './attempt.js';
import { heardWithCancel, leaveLastWord } from './cancel-message.js';
import { continueTaskAsNew, mayContinueAsNew } from './carried-task.js';
import { decided } from './decided.js';
import { decompose } from './decompose.js';
import { reportSignal } from './definitions.js';
import { listen } from './listen.js';
import { CANCELLED_WITHOUT_REASON, type TaskInput, type TaskResult } from './messages.js';
import { closeWorkspace } from './proxies.js';
import { openPullRequest } from './pull-request.js';
import { TaskRun } from './task-run.js';
import { isTold } from './tell-job.js';
import { admitted, forDependency, pause, unheld, waitFor } from './wait.js';

export async function codingTask(input: TaskInput): Promise<TaskResult> {
  const run = new TaskRun(input);
  listen(run);
  try {
    if (await admitted(run)) await untilOver(run);
    const landed = run.pullRequestInput();
    if (landed !== null) await openPullRequest(run, landed);
  } catch (thrown) {
    if (!isCancellation(thrown)) throw thrown;
    const told = heardWithCancel();
    run.bookCancel(run.cancel ?? told ?? CANCELLED_WITHOUT_REASON);
    // A workflow that ends as cancelled has no result. A job that cancels in one message asks for the details of the end.
    if (told === null) run.reportsTo ??= input.place?.jobId ?? null;
    await CancellationScope.nonCancellable(() => (told === null ? finish(run) : finishCut(run)));
    leaveLastWord(run.result());
    throw thrown;
  }
  await CancellationScope.nonCancellable(() => finish(run));
  return run.result();
}

/** The permit of the branch is given back before the task continues as new: what is said in that moment still counts. */
async function untilOver(run: TaskRun): Promise<void> {
  const wishes = branchWishes(fieldOf(run.input.spec, 'repo'));
  while (!run.isOver) {
    await run.permits.during(wishes, () => untilDecided(run));
    if (!run.isOver && mayContinueAsNew(run)) await continueTaskAsNew(run);
  }
}

async function untilDecided(run: TaskRun): Promise<void> {
  while (!run.isOver && !mayContinueAsNew(run)) {
    await unheld(run);
    const outcome = await attempt(run);
    run.bookOutcome(outcome);
    let left: Outcome | null = outcome;
    while (left !== null) {
      const decision = decided(run, left);
      left = await carriedOut(run, left, decision instanceof Promise ? await decision : decision);
    }
  }
}

/** Does what was decided. Where that itself comes out badly, the decider is asked again. */
async function carriedOut(run: TaskRun, outcome: Outcome, decision: Decision): Promise<Outcome | null> {
  switch (decision.kind) {
    case 'complete':
    case 'markDead':
    case 'markStuck':
      return null;
    case 'retry':
      await pause(run, decision.delayMs, `attempt ${run.attempt} of ${run.record.limits.attempts}`);
      return null;
    case 'wait':
      await waitFor(run, decision);
      return null;
    case 'addDependency':
      return await forDependency(run, decision.on);
    case 'decompose':
      return outcome.kind === 'proposed' ? await decompose(run, outcome, decision) : null;
    default:
      throw new TypeError(`unknown decision ${JSON.stringify(decision satisfies never)}`);
  }
}

async function finish(run: TaskRun): Promise<void> {
  run.finishAttributes();
  // What the task has reached stands, whatever becomes of its account and its leftovers.
  const [, closed] = await Promise.allSettled([run.writeRecords(), closeWorkspace({ lineage: run.input.lineage })]);
  if (closed.status === 'fulfilled' && closed.value !== undefined && run.bookLedger(closed.value))
    await run.writeRecords();
  await condition(allHandlersFinished);
  await report(run);
}

/** A call that was cut off is in the ledger alone: it is asked first, so that the account is written once. */
async function finishCut(run: TaskRun): Promise<void> {
  const [closed] = await Promise.allSettled([closeWorkspace({ lineage: run.input.lineage })]);
  if (closed.status === 'rejected' || !run.bookLedger(closed.value)) run.finishAttributes();
  await run.writeRecords();
  await condition(allHandlersFinished);
  await report(run);
}

/** A job that has gone is told nothing: it was terminated, and nobody waits. */
async function report(run: TaskRun): Promise<void> {
  const { place } = run.input;
  if (run.reportsTo === null || place === undefined) return;
  const told = { path: place.path, result: run.result() };
  await isTold(run.reportsTo, (job) => job.signal(reportSignal, told));
}
