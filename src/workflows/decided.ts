/** The decision on an outcome: at once, or after the activities that decide have been asked. */
import { ActivityFailure, isCancellation, TemporalFailure } from '@temporalio/workflow';
import type { Decision } from '../domain/decision.js';
import type { Outcome } from '../domain/outcome.js';
import { briefRecord, type Advice, type Pending } from './deciders.js';
import { deciderActivities } from './proxies.js';
import type { TaskRun } from './task-run.js';

/** No promise where nobody has to be asked: then the decision is not put off by as much as a tick. */
export function decided(run: TaskRun, outcome: Outcome): Decision | Promise<Decision> {
  const first = run.decide(outcome, new Map());
  return first.kind === 'pending' ? afterAsking(run, outcome, first.asked) : first;
}

async function afterAsking(run: TaskRun, outcome: Outcome, first: readonly Pending[]): Promise<Decision> {
  const advice = new Map<string, Advice>();
  let asked = first;
  for (;;) {
    const answers = await Promise.all(asked.map((one) => answerOf(run, outcome, one)));
    asked.forEach(({ name }, index) => advice.set(name, answers[index] ?? NO_ANSWER));
    const next = run.decide(outcome, advice);
    if (next.kind !== 'pending') return next;
    asked = next.asked;
  }
}

const NO_ANSWER: Advice = { kind: 'failed', why: 'it gave no answer' };

/** A decider that cannot be asked is passed over; the task goes on without it. */
async function answerOf(run: TaskRun, outcome: Outcome, { name, activity }: Pending): Promise<Advice> {
  const { record } = run;
  run.enter('working', `asking ${name} what to do`);
  const decide = deciderActivities[activity];
  if (decide === undefined) return { kind: 'failed', why: `${activity} is no name of an activity` };
  const options = {
    activityId: `decide.${record.sequence}.${name}`,
    summary: `after attempt ${record.attempts}: ${name} decides`,
  };
  try {
    return {
      kind: 'answered',
      answer: await decide.executeWithOptions(options, [briefRecord(record), outcome, Date.now()]),
    };
  } catch (thrown) {
    if (isCancellation(thrown) || !(thrown instanceof TemporalFailure)) throw thrown;
    const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
    return { kind: 'failed', why: `${activity}: ${cause?.message ?? thrown.message}` };
  }
}
