/** One attempt of a task by its handler: always ends in an outcome, or in the task's cancellation. */
import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { Opened } from '../activities/contract.js';
import { DECIDER, runningMs } from '../domain/decide.js';
import { failure, type FailureCode } from '../domain/failures.js';
import type { Outcome } from '../domain/outcome.js';
import { repositoryWishes } from '../domain/permits.js';
import type { Handler } from '../domain/task.js';
import { settleHandler } from './choose-handler.js';
import { knownDeciders, unknownDeciders } from './deciders.js';
import { outcomeOfFault } from './faults.js';
import { agent } from './handlers/agent.js';
import { human } from './handlers/human.js';
import { join } from './handlers/join.js';
import { oneShot } from './handlers/one-shot.js';
import { plan } from './handlers/plan.js';
import { playbook } from './handlers/playbook.js';
import { resolve } from './handlers/resolve.js';
import { script } from './handlers/script.js';
import { open, succeeded } from './steps.js';
import type { TaskRun } from './task-run.js';
import { mayBegin } from './wait.js';

const handlers: Readonly<Record<Handler, (run: TaskRun, opened: Opened) => Promise<Outcome>>> = {
  'one-shot': oneShot,
  agent,
  plan,
  join,
  resolve,
  script,
  human,
  playbook,
};

export async function attempt(run: TaskRun): Promise<Outcome> {
  const task = CancellationScope.current();
  try {
    return withAlternatives(await withinTime(run, () => handled(run)), run);
  } catch (thrown) {
    if (isCancellation(thrown)) {
      if (task.consideredCancelled) throw thrown;
      return timeOutcome(run);
    }
    const outcome = outcomeOfFault(thrown, run.record.limits.whenSpent ?? 'wait');
    if (outcome === null) throw thrown;
    return withAlternatives(outcome, run);
  }
}

async function handled(run: TaskRun): Promise<Outcome> {
  if (run.steps.opened === undefined) {
    const refused = await mayBegin(run);
    if (refused !== null) return refused;
  }
  const opened = run.steps.opened ?? (await open(run));
  // Before anything is paid for. Later the task waits, visibly, for a worker that has them.
  const missing = run.record.attempts === 0 ? missingDeciders(opened) : [];
  if (missing.length > 0) return unknownOutcome(missing);
  const settled = opened.handlerChoice === undefined ? { opened } : await settleHandler(run, opened);
  if ('outcome' in settled) return settled.outcome;
  const { handler = 'one-shot', url, repositoryPlaces } = settled.opened;
  const landed = landedBefore(run, settled.opened);
  const work = (): Promise<Outcome> =>
    landed === null ? handlers[handler](run, settled.opened) : Promise.resolve(landed);
  const outcome = await run.permits.during(repositoryWishes(url, repositoryPlaces), work);
  return passesOver(run, outcome) ? await handled(run) : outcome;
}

/** What is on its branch has been judged and agreed to: a retry does not ask again. Histories from before this have. */
function landedBefore({ steps: { landed } }: TaskRun, opened: Opened): Outcome | null {
  return landed?.kind === 'landed' && patched(LANDED_FIRST_PATCH) ? succeeded(landed.landing, opened) : null;
}

const LANDED_FIRST_PATCH = 'landed-first';

/** An agent whose program is not on the host has done nothing: the next of its chain takes the attempt over. */
function passesOver(run: TaskRun, outcome: Outcome): boolean {
  const chosen = run.steps.opened?.agent;
  if (chosen?.hasNext !== true || outcome.kind !== 'failed' || outcome.failure.code !== 'programMissing') return false;
  run.passOver({ agent: chosen.name, reason: outcome.failure.detail });
  return true;
}

const missingDeciders = ({ decider = DECIDER, shadowDecider = DECIDER }: Opened): readonly string[] => [
  ...new Set([...unknownDeciders(decider), ...unknownDeciders(shadowDecider)]),
];

function unknownOutcome(missing: readonly string[]): Outcome {
  const detail = `${missing.join(', ')}; this worker has ${knownDeciders().join(', ')}.`;
  return { kind: 'failed', failure: failure('unknownDecider', detail), signature: 'unknownDecider' };
}

/** What the file offers for the case that this handler does not get on: each is taken once, in their order. */
function withAlternatives(outcome: Outcome, { handler, steps }: TaskRun): Outcome {
  if (outcome.kind !== 'failed') return outcome;
  const offered = outcome.alternatives ?? steps.opened?.alternatives ?? [];
  const left = handler === null ? offered : offered.slice(offered.indexOf(handler) + 1);
  const { alternatives: _all, ...rest } = outcome;
  return left.length === 0 ? rest : { ...rest, alternatives: left };
}

function timeOutcome(run: TaskRun): Outcome {
  const { wallTimeSeconds } = run.record.limits;
  const isTask = taskLeftMs(run) <= 0;
  const code: FailureCode = isTask ? 'wallTime' : 'attemptLimit';
  const limit = isTask ? wallTimeSeconds : (run.record.limits.attempt?.wallTimeSeconds ?? 0);
  return {
    kind: 'failed',
    failure: failure(code, `Limit ${limit} s${isTask ? '' : ' (limits.attempt.wallTimeSeconds)'}.`),
    signature: code,
  };
}

const taskLeftMs = ({ record }: TaskRun): number =>
  record.limits.wallTimeSeconds * 1_000 - runningMs(record, Date.now());

/** Cancels the work when the time of the task or of the attempt is up; time spent waiting does not count. */
async function withinTime<T>(run: TaskRun, work: () => Promise<T>): Promise<T> {
  const working = new CancellationScope();
  const waiting = new CancellationScope();
  const begunMs = runningMs(run.record, Date.now());
  const expired = waiting
    .run(() => untilExpired(run, begunMs))
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

/** Looks again when the time is up: some of it may have been spent waiting, or somebody has raised the limit. */
async function untilExpired(run: TaskRun, begunMs: number): Promise<void> {
  for (;;) {
    const leftMs = Math.max(1, Math.min(taskLeftMs(run), attemptLeftMs(run, begunMs)));
    const summary = `time limit of the task: ${run.record.limits.wallTimeSeconds} s of work`;
    await sleep(leftMs, { summary });
    if (Math.min(taskLeftMs(run), attemptLeftMs(run, begunMs)) <= 0) return;
  }
}

function attemptLeftMs({ record }: TaskRun, begunMs: number): number {
  const seconds = record.limits.attempt?.wallTimeSeconds;
  return seconds === undefined ? Infinity : seconds * 1_000 - (runningMs(record, Date.now()) - begunMs);
}
