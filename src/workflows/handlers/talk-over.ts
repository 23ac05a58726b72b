/** A model's question goes to a person; with the answer the conversation goes on. */
import type { Called, CallInput } from '../../activities/contract.js';
import { limitReached } from '../../domain/decide.js';
import { failure } from '../../domain/failures.js';
import type { ArtifactRef, Outcome } from '../../domain/outcome.js';
import type { TaskRun } from '../task-run.js';

/** A model that keeps asking does not work. */
export const QUESTIONS_MAX = 3;
/** One precise repair of an answer that cannot be used; a second one rarely helps and always costs. */
const REPAIR_TURNS_MAX = 1;

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
  return { kind: 'none', outcome: askInWords(run, id, text, call.answer) };
}

/** Without a default: what a model cannot do without, nobody can guess for it. */
export const askInWords = (run: TaskRun, id: string, text: string, about: ArtifactRef | null): Outcome =>
  run.talk.ask({ id, kind: 'text', text, options: [], default: null, about });

/** Whether the model may mend its answer once more; a person's answer is no repair. */
export const mayRepair = (run: TaskRun, turned: readonly Turned[]): boolean =>
  turned.filter(({ answered }) => answered !== true).length < REPAIR_TURNS_MAX &&
  limitReached(run.record, Date.now()) === null;

/** The turns before the last one that the next must not forget: each question with its answer. */
export const remembered = (turned: readonly Turned[]): Pick<CallInput, 'repairs' | 'earlier'> => {
  const earlier = turned.slice(0, -1).filter(({ answered }) => answered === true);
  return { repairs: turned.at(-1) ?? null, ...(earlier.length === 0 ? {} : { earlier }) };
};
