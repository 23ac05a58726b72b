/** Which handler carries the task out, where its file leaves that to rules or to a model; settled once, with its reason. */
import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { CallInput, Opened } from '../activities/contract.js';
import type { HandlerChoice } from '../domain/choose-handler.js';
import type { Outcome } from '../domain/outcome.js';
import { FREE_HANDLERS } from '../domain/task.js';
import { open, paidCall } from './steps.js';
import type { TaskRun } from './task-run.js';
import { mayAsk, mayBeRefused } from './wait.js';

type Settled = { readonly opened: Opened } | { readonly outcome: Outcome };

/** The workspace for the handler that was chosen, or what stands in the way of asking for it. */
export async function settleHandler(run: TaskRun, opened: Opened): Promise<Settled> {
  const { handlerChoice } = opened;
  if (handlerChoice === undefined || run.handler !== null) return { opened };
  if (handlerChoice.kind === 'chosen') {
    run.bookHandler(handlerChoice);
    return { opened };
  }
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
  const fallback = FREE_HANDLERS.find((known) => known === opened.handler) ?? 'one-shot';
  const otherwise = (why: string): HandlerChoice => ({ handler: fallback, reason: `${model} did not choose: ${why}` });
  run.enter('working', `asking ${model} how to do it`);
  const request: CallInput = {
    lineage: input.lineage,
    name,
    prompt,
    provider,
    model,
    repairs: null,
    expects: 'handler',
  };
  try {
    const { verdict } = await paidCall(run, `which handler? (${model})`, request);
    if (verdict.kind === 'handler') return { handler: verdict.handler, reason: `${model}: ${verdict.reason}` };
    return otherwise(verdict.kind === 'unusable' ? verdict.code : 'its answer is none');
  } catch (thrown) {
    if (isCancellation(thrown) || !(thrown instanceof ActivityFailure)) throw thrown;
    return otherwise(thrown.cause?.message ?? thrown.message);
  }
}
