/** Which handler carries the task out, where its file leaves that to rules or to a model; settled once, with its reason. */
import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { Called, Opened } from '../activities/contract.js';
import type { HandlerChoice } from '../domain/choose-handler.js';
import type { Outcome } from '../domain/outcome.js';
import { FREE_HANDLERS } from '../domain/task.js';
import { askStep, wordsOf } from './modes/ask-step.js';
import { lookAtVerdict, type Looked } from './modes/run-mode.js';
import { open, paidCall } from './steps.js';
import type { TaskRun } from './task-run.js';
import { mayAsk, mayBeRefused, unpaidOutcome } from './wait.js';

type Settled = { readonly opened: Opened } | { readonly outcome: Outcome };

/** The workspace for the handler that was chosen, or what stands in the way of asking for it. */
export async function settleHandler(run: TaskRun, opened: Opened): Promise<Settled> {
  const { handlerChoice } = opened;
  if (handlerChoice === undefined || run.handler !== null) return { opened };
  if (handlerChoice.kind === 'chosen') {
    run.bookHandler(handlerChoice);
    return { opened };
  }
  // The work that is gone on with is that of its handler.
  if (unpaidOutcome(run) !== null) return { opened };
  const refused = mayBeRefused(run) ? await mayAsk(run) : null;
  if (refused !== null) return { outcome: refused };
  const choice = await askModel(run, opened, handlerChoice);
  run.bookHandler(choice);
  // Another handler has another prompt.
  return { opened: choice.handler === opened.handler ? opened : await open(run) };
}

type Question = Extract<NonNullable<Opened['handlerChoice']>, { kind: 'asked' }>;

/** An answer that is none, or no answer at all, leaves the task with the handler that it names. */
async function askModel(run: TaskRun, opened: Opened, { provider, model, prompt }: Question): Promise<HandlerChoice> {
  const { attempt, input } = run;
  const name = `a${attempt}.handler`;
  const several = opened.steps?.choose;
  const who = several === undefined ? model : wordsOf(several);
  const fallback = FREE_HANDLERS.find((known) => known === opened.handler) ?? 'one-shot';
  const otherwise = (why: string): HandlerChoice => ({ handler: fallback, reason: `${who} did not choose: ${why}` });
  run.enter('working', `asking ${who} how to do it`);
  const request = { lineage: input.lineage, prompt, repairs: null, expects: 'handler' } as const;
  if (several !== undefined) {
    const asked = await askStep(run, several, { name, what: 'which handler?', request, look: lookAtHandler });
    if (asked.kind === 'none') return otherwise('failure' in asked.outcome ? asked.outcome.failure.code : 'no answer');
    const { call, of, reason } = asked;
    if (call.verdict.kind !== 'handler') return otherwise('its answer is none');
    const why = several.mode === 'consensus' ? `${who}: ${reason}` : `${of.model}: ${call.verdict.reason}`;
    return { handler: call.verdict.handler, reason: why };
  }
  try {
    const { verdict } = await paidCall(run, `which handler? (${model})`, { ...request, name, provider, model });
    if (verdict.kind === 'handler') return { handler: verdict.handler, reason: `${model}: ${verdict.reason}` };
    return otherwise(verdict.kind === 'unusable' ? verdict.code : 'its answer is none');
  } catch (thrown) {
    if (isCancellation(thrown) || !(thrown instanceof ActivityFailure)) throw thrown;
    return otherwise(thrown.cause?.message ?? thrown.message);
  }
}

/** The same handler is the same choice, whatever the reason. */
async function lookAtHandler(call: Called): Promise<Looked> {
  const { verdict } = call;
  if (verdict.kind !== 'handler') return await lookAtVerdict(call);
  return { kind: 'good', key: verdict.handler, text: verdict.reason.slice(0, 200) };
}
