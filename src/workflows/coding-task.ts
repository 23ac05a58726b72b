/**
 * The life of a task: attempts until the decider ends it. This is the main flow; everything it names is one step away.
 */
import { CancellationScope, isCancellation, setHandler, sleep } from '@temporalio/workflow';
import { decide } from '../domain/decide.js';
import { attempt } from './attempt.js';
import { cancelSignal, decisionsQuery, statusQuery } from './definitions.js';
import { CANCELLED_WITHOUT_REASON, type TaskInput, type TaskResult } from './messages.js';
import { closeWorkspace } from './proxies.js';
import { TaskRun } from './task-run.js';

export async function codingTask(input: TaskInput): Promise<TaskResult> {
  const run = new TaskRun(input);
  setHandler(statusQuery, () => run.status());
  setHandler(decisionsQuery, () => run.decisions);
  // Names the reason; the cancel itself follows from the job (docs/decisions/0008).
  setHandler(cancelSignal, (request) => {
    run.cancel ??= request;
  });
  try {
    await untilDecided(run);
  } catch (thrown) {
    if (!isCancellation(thrown)) throw thrown;
    run.bookCancel(run.cancel ?? CANCELLED_WITHOUT_REASON);
    await CancellationScope.nonCancellable(() => finish(run));
    throw thrown;
  }
  await CancellationScope.nonCancellable(() => finish(run));
  return run.result();
}

async function untilDecided(run: TaskRun): Promise<void> {
  for (;;) {
    const outcome = await attempt(run);
    run.bookOutcome(outcome);
    const decision = decide(run.record, outcome, Date.now());
    run.bookDecision(outcome, decision);
    switch (decision.kind) {
      case 'complete':
      case 'markDead':
      case 'markStuck':
        return;
      case 'retry':
        await pause(run, decision.delayMs, `attempt ${run.attempt} of ${run.record.limits.attempts}`);
        break;
      case 'wait':
        await pause(run, decision.probeMs, `waiting for ${decision.on}`);
        break;
      default:
        throw new TypeError(`unknown decision ${JSON.stringify(decision satisfies never)}`);
    }
  }
}

async function pause(run: TaskRun, delayMs: number, why: string): Promise<void> {
  run.enter('waiting', why);
  await run.writeRecords();
  await sleep(delayMs, { summary: `${why}: ${run.record.lastFailure?.code ?? ''}`.slice(0, 120) });
}

async function finish(run: TaskRun): Promise<void> {
  run.finishAttributes();
  // What the task has reached stands, whatever becomes of its account and its leftovers.
  await Promise.allSettled([run.writeRecords(), closeWorkspace({ lineage: run.input.lineage })]);
}
