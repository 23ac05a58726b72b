/** A model's question goes to a person; with the answer the conversation goes on. */
import type { Called, CallInput } from '../../activities/contract.js';
import { failure } from '../../domain/failures.js';
import type { Outcome } from '../../domain/outcome.js';
import type { TaskRun } from '../task-run.js';

/** A model that keeps asking does not work. */
const QUESTIONS_MAX = 3;

export type Turned = NonNullable<CallInput['repairs']>;

type TalkedOver =
  { readonly kind: 'none'; readonly outcome: Outcome } | { readonly kind: 'answered'; readonly repairs: Turned };

export function talkOver(run: TaskRun, call: Called, turn: number, text: string): TalkedOver {
  const id = `a${run.attempt}.t${turn}`;
  const known = run.talk.answerTo(id);
  if (known !== null)
    return { kind: 'answered', repairs: { callId: call.callId, complaint: known.answer, answered: true } };
  if (turn > QUESTIONS_MAX) {
    const failed = failure('malformedAnswer', `It only asks: ${text}`);
    return {
      kind: 'none',
      outcome: { kind: 'failed', failure: failed, signature: 'onlyAsks', evidence: call.answer },
    };
  }
  const question = { id, kind: 'text', text, options: [], default: null, about: call.answer } as const;
  return { kind: 'none', outcome: run.talk.ask(question) };
}

/** The turns before the last one that the next must not forget: each question with its answer. */
export const remembered = (turned: readonly Turned[]): Pick<CallInput, 'repairs' | 'earlier'> => {
  const earlier = turned.slice(0, -1).filter(({ answered }) => answered === true);
  return { repairs: turned.at(-1) ?? null, ...(earlier.length === 0 ? {} : { earlier }) };
};
