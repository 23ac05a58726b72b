/** Every way in which a task waits: a pause before an attempt, a person, a budget, another task. */
import { ActivityFailure, condition, isCancellation, patched } from '@temporalio/workflow';
import { TASK_DEFAULTS } from '../domain/task.js';
import type { Decision } from '../domain/decision.js';
import { isBudget, limitReached } from '../domain/decide.js';
import { minuteText } from '../domain/costs.js';
import { failure, type FailureCode } from '../domain/failures.js';
import type { Used } from '../domain/job-budget.js';
import type { Outcome, Question, WaitingOn } from '../domain/outcome.js';
import { sumSpending, totalTokens } from '../domain/record.js';
import { askBudgetSignal, dependSignal } from './definitions.js';
import { givePlaceBack, takePlace, takePlaceAfterAll } from './place.js';
import { lookAfter } from './proxies.js';
import type { TaskRun } from './task-run.js';
import { isTold } from './tell-job.js';

/** Until nobody holds the task any more. Costs nothing if nobody does. */
export async function unheld(run: TaskRun): Promise<void> {
  if (run.talk.isHeld === null) return;
  const { by, why } = run.talk.isHeld;
  run.bookWait('human');
  run.enter('waiting', `paused by ${by}: ${why}`, 'human');
  await run.writeRecords();
  await condition(() => run.talk.isHeld === null);
  run.bookGoesOn();
  run.enter('working', 'goes on');
}

/** Before an attempt; `retryNow` ends it. */
export async function pause(run: TaskRun, delayMs: number, why: string, on?: WaitingOn): Promise<void> {
  run.enter('waiting', why, on);
  await run.writeRecords();
  const summary = `${why}: ${run.record.lastFailure?.code ?? ''}`.slice(0, 120);
  run.talk.isWoken = false;
  run.isPausing = true;
  await condition(() => run.talk.isWoken, delayMs, { summary });
  run.isPausing = false;
}

/** A wait that the decider has decided: it ends with an answer, or after `probeMs`, when the decider looks again. */
export async function waitFor(run: TaskRun, { on, probeMs }: Extract<Decision, { kind: 'wait' }>): Promise<void> {
  switch (on) {
    case 'human':
      return await forAnswer(run, probeMs);
    case 'budget':
      return await forBudget(run, probeMs);
    default:
      return await pause(run, probeMs, `waiting for ${on}`, on);
  }
}

const CLOCK_OF_OUTAGE_PATCH = 'outage-has-its-own-clock';

/**
 * What was waited for has come: an outage that is met from now on has all of its time, however long the wait was. Where the time
 * was up nothing is booked, for the decider looks at how long it was.
 */
function bookCome(run: TaskRun): void {
  if (run.record.blockedSince !== null && patched(CLOCK_OF_OUTAGE_PATCH)) run.bookGoesOn();
}

async function forAnswer(run: TaskRun, timeoutMs: number): Promise<void> {
  const { talk } = run;
  const { question } = talk;
  if (question === null) return;
  run.book({ kind: 'question', question, until: Date.now() + timeoutMs });
  run.enter('waiting', `asks: ${question.text.slice(0, 200)}`, 'human');
  await run.writeRecords();
  await givePlaceBack(run, 'human');
  if (!(await isAnswered(run, question, timeoutMs)) && question.default !== null) {
    const by = {
      questionId: question.id,
      answer: question.default,
      by: 'nobody',
      why: 'the time was up',
      at: Date.now(),
    };
    talk.answer(by);
    run.book({ kind: 'answered', ...by });
  }
  await takePlace(run);
  if (talk.answerTo(question.id) !== null) bookCome(run);
  run.enter('working', 'goes on');
}

const CLOCK_PATCH = 'question-clock';

/** False if the time is up. While somebody holds the task the clock of its question stands still. */
async function isAnswered(run: TaskRun, question: Question, timeoutMs: number): Promise<boolean> {
  const { talk } = run;
  const summary = `waits for an answer: ${question.text}`.slice(0, 120);
  const isStopped = (): boolean => talk.isHeld !== null && patched(CLOCK_PATCH);
  let leftMs = timeoutMs;
  for (let pauses = 0; ; pauses += 1) {
    const since = Date.now();
    const isNews = await condition(() => talk.question === null || isStopped(), leftMs, { summary });
    if (talk.question === null) return true;
    const openMs = Date.now() - since;
    // Without a pause the record itself knows for how long the task has been blocked.
    if (isNews || pauses > 0) talk.bookOpen(question.id, openMs);
    if (!isNews) return false;
    leftMs = Math.max(1, leftMs - openMs);
    run.bookAsks(null);
    await unheld(run);
    if (run.talk.answerTo(question.id) !== null) return true;
    run.bookAsks(leftMs);
    run.enter('waiting', `asks: ${question.text.slice(0, 200)}`, 'human');
    await run.writeRecords();
  }
}

const forProvider = (untilMs: number): string =>
  `waits for the budget of its provider, at most until ${minuteText(untilMs)}`;

async function forBudget(run: TaskRun, timeoutMs: number): Promise<void> {
  if (run.record.lastFailure?.code === 'providerBudget')
    return await pause(run, timeoutMs, forProvider(Date.now() + timeoutMs), 'budget');
  run.enter('waiting', `waits for budget: ${shortOf(run) ?? ''}`, 'budget');
  await run.writeRecords();
  await givePlaceBack(run, 'budget');
  const { talk } = run;
  // What was asked for may be attempts; money and tokens may be short on the task's own account.
  const isEnough = (): boolean => shortOf(run) === null && talk.covers(talk.wants, usedBy(run));
  const isOver = (): boolean => isEnough() || talk.allowanceLeft === 'never' || talk.isRecalled;
  await condition(isOver, timeoutMs, { summary: 'waits for budget' });
  const hasCome = isEnough();
  await takePlace(run);
  if (hasCome) bookCome(run);
  run.enter('working', 'goes on');
}

/** Which limit forbids the next call; null if none does. */
function shortOf(run: TaskRun): FailureCode | null {
  const own = limitReached(run.record, Date.now());
  if (own !== null && isBudget(own) && run.record.waitsOnBudget === true) return own;
  if (run.talk.covers(['costUsdMicros', 'tokens'], usedBy(run))) return null;
  return run.talk.covers(['costUsdMicros'], usedBy(run)) ? 'budgetTokens' : 'budgetCost';
}

function usedBy({ record }: TaskRun): Used {
  const { spending, attempts } = record;
  return { costUsdMicros: spending.costUsdMicros, tokens: totalTokens(spending), attempts };
}

/** Whether anything stands in the way of the next step. Asked first: without it no step is put off by as much as a tick. */
export const isFree = ({ talk }: TaskRun): boolean => talk.isHeld === null;

/** Whether the next call must be looked at more closely. */
export const mayBeRefused = (run: TaskRun): boolean =>
  unpaidOutcome(run) !== null ||
  run.record.limits.attempt !== undefined ||
  run.record.waitsOnBudget === true ||
  run.talk.allowance !== null;

/** Before a call. Null if it may be made; else the outcome that stands in its place. */
export async function mayAsk(run: TaskRun): Promise<Outcome | null> {
  const beyond = unpaidOutcome(run) ?? beyondAttempt(run);
  if (beyond !== null) return beyond;
  const own = run.record.waitsOnBudget === true ? shortOf(run) : null;
  if (own !== null && run.talk.covers(['costUsdMicros', 'tokens'], usedBy(run))) return blockedOn(own);
  return await covered(run, ['costUsdMicros', 'tokens'], 'budgetCost');
}

/** Before an attempt. */
export function mayBegin(run: TaskRun): Promise<Outcome | null> {
  const unpaid = unpaidOutcome(run);
  return unpaid === null ? covered(run, ['attempts'], 'budgetAttempts') : Promise.resolve(unpaid);
}

/** Only what is done already is checked and pushed, since nobody could pay for more. Null otherwise. */
export function unpaidOutcome({ input }: TaskRun): Extract<Outcome, { kind: 'failed' }> | null {
  const { unpaid } = input.resume ?? {};
  return unpaid === undefined ? null : { kind: 'failed', failure: unpaid, signature: unpaid.code };
}

/** Asks the job for another slice when this one is used up. */
async function covered(run: TaskRun, kinds: readonly (keyof Used)[], code: FailureCode): Promise<Outcome | null> {
  const { talk, input } = run;
  const { place } = input;
  if (place === undefined || talk.covers(kinds, usedBy(run))) return null;
  const failed = failure(code, 'The budget of the job is spent.');
  if (talk.allowanceLeft === 'never') return { kind: 'failed', failure: failed, signature: code };
  talk.wants = kinds;
  do {
    talk.allowanceLeft = null;
    talk.isRecalled = false;
    const question = { path: place.path, used: usedBy(run) };
    if (!(await isTold(place.jobId, (job) => job.signal(askBudgetSignal, question)))) return jobGone();
    await heardOrSilent(run, () => talk.allowanceLeft !== null || talk.isRecalled, 'waits for a slice of the budget');
    if (talk.covers(kinds, usedBy(run))) return null;
    // Nobody has answered, or what was answered was taken back at once.
  } while (talk.allowanceLeft === null || talk.isRecalled);
  if (talk.allowanceLeft !== 'later') return { kind: 'failed', failure: failed, signature: code };
  return { kind: 'blocked', waitingOn: 'budget', failure: failed };
}

const JOB_SILENT_MS = 60 * 60_000;
/** Tasks of before waited for their job's word whether it was still there or not. */
const SILENT_PATCH = 'job-may-be-gone';

/** Until the job's word has come; false if it was silent for so long that perhaps nobody is there to give it. */
async function heardOrSilent({ input }: TaskRun, isHeard: () => boolean, summary: string): Promise<boolean> {
  const { silenceSeconds } = input.place ?? {};
  const silentMs = silenceSeconds === undefined ? JOB_SILENT_MS : silenceSeconds * 1_000;
  if (patched(SILENT_PATCH)) return await condition(isHeard, silentMs, { summary });
  await condition(isHeard);
  return true;
}

const blockedOn = (code: FailureCode): Outcome => ({ kind: 'blocked', waitingOn: 'budget', failure: failure(code) });

/** Limits of the single attempt. */
function beyondAttempt(run: TaskRun): Outcome | null {
  const limits = run.record.limits.attempt;
  if (limits === undefined) return null;
  const prefix = `a${run.attempt}.`;
  const calls = Object.entries(run.record.calls).filter(([name]) => name.startsWith(prefix));
  const spent = sumSpending(calls.map(([, spending]) => spending));
  const { costUsdMicros = Infinity, tokens = Infinity } = limits;
  if (spent.costUsdMicros < costUsdMicros && totalTokens(spent) < tokens) return null;
  const which = spent.costUsdMicros < costUsdMicros ? 'tokens' : 'costUsd';
  const used = `${spent.costUsdMicros} micro-dollars, ${totalTokens(spent)} tokens (limits.attempt.${which}).`;
  const failed = failure('attemptLimit', used);
  return { kind: 'failed', failure: failed, signature: 'attemptLimit' };
}

/** The job is asked whether the task may wait for another one, and says when that one has ended. */
export async function forDependency(run: TaskRun, on: string): Promise<Outcome | null> {
  const { talk, input } = run;
  const { place } = input;
  if (place === undefined) return refusedDependency(run, 'the task is the only one of its job');
  talk.go = null;
  const request = { path: place.path, sequence: run.record.sequence, on };
  if (!(await isTold(place.jobId, (job) => job.signal(dependSignal, request)))) return refusedDependency(run, JOB_GONE);
  run.enter('waiting', `waits for ${on}`, 'dependency');
  await run.writeRecords();
  const limitMs = run.record.waitMs ?? TASK_DEFAULTS.waitSeconds * 1_000;
  const hasCome = await condition(() => run.talk.go !== null, limitMs, { summary: `waits for ${on}`.slice(0, 120) });
  const { go } = run.talk;
  if (!hasCome) await takePlaceAfterAll(run);
  else if (go?.refused == null) bookCome(run);
  run.enter('working', 'goes on');
  if (!hasCome) return refusedDependency(run, `${on} has not ended in ${Math.round(limitMs / 1_000)} s`);
  return go?.refused == null ? null : refusedDependency(run, go.refused);
}

/** Counts as an attempt: a handler that asks for the impossible again and again comes to an end. */
function refusedDependency(run: TaskRun, why: string): Outcome {
  const outcome = {
    kind: 'failed',
    failure: failure('refusedDependency', why),
    signature: 'refusedDependency',
  } as const;
  run.bookOutcome(outcome);
  return outcome;
}

const JOB_GONE = 'The job has ended: nobody answers the task any more.';
const jobGone = (): Outcome => ({ kind: 'failed', failure: failure('terminated', JOB_GONE), signature: 'terminated' });

/** A child whose siblings come first. False if it must not begin. */
export async function admitted(run: TaskRun): Promise<boolean> {
  // A run that continues another one has been let in already.
  if (run.input.place?.gated !== true || run.input.carried !== undefined) return true;
  if (run.input.place.queued === true) run.enter('waiting', 'waits for a place', 'resource');
  else run.enter('waiting', 'waits for its siblings', 'dependency');
  if (!(await hasWord(run))) {
    run.bookRefused('dead', JOB_GONE, 'terminated');
    return false;
  }
  const { go } = run.talk;
  if (go?.refused != null) {
    run.bookRefused(go.state ?? 'dead', go.refused);
    return false;
  }
  run.bookBegins();
  return true;
}

/** False if there is nobody any more who could say the word. */
async function hasWord(run: TaskRun): Promise<boolean> {
  const isHeard = (): boolean => run.talk.go !== null;
  while (!(await heardOrSilent(run, isHeard, 'waits for the word of the job'))) {
    const jobId = run.input.place?.jobId ?? '';
    if (await isGone(jobId)) return isHeard();
  }
  return true;
}

/** A server that does not answer says nothing of the job: it is asked after the next time. */
async function isGone(jobId: string): Promise<boolean> {
  try {
    return (await lookAfter({ taskIds: [jobId] })).length > 0;
  } catch (thrown) {
    if (!(thrown instanceof ActivityFailure) || isCancellation(thrown)) throw thrown;
    return false;
  }
}
