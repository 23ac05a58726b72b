/** Points where the task file wants a person to agree first. */
import type { Opened } from '../../activities/contract.js';
import { failure } from '../../domain/failures.js';
import type { ArtifactRef, Outcome } from '../../domain/outcome.js';
import type { TaskRun } from '../task-run.js';

const ASKS = {
  plan: 'May the task be split as planned?',
  push: 'May this change be pushed?',
} as const;

/** Null if nobody wants to be asked, or if the answer was yes. */
export function approval(
  run: TaskRun,
  { people, alternatives }: Opened,
  what: 'plan' | 'push',
  about: ArtifactRef,
): Outcome | null {
  if (people === undefined || !people.approve.includes(what)) return null;
  const id = `a${run.attempt}.${what}`;
  const answered = run.talk.answerTo(id);
  const fallback = people.unanswered === 'stuck' ? null : people.unanswered;
  if (answered === null)
    return run.talk.ask({ id, kind: 'approval', text: ASKS[what], options: [], default: fallback, about });
  if (answered.answer === 'approve') return null;
  return {
    kind: 'failed',
    failure: failure('rejectedByPerson', `${answered.by}: ${answered.why}`),
    signature: `rejected ${answered.why}`.slice(0, 500),
    evidence: about,
    ...(alternatives === undefined ? {} : { alternatives }),
  };
}
