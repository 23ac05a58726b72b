/** What was answered to updates, by their ids: the server forgets them when a workflow continues as new. */
import type { UpdateDefinition } from '@temporalio/common';
import { currentUpdateInfo, setHandler } from '@temporalio/workflow';
import { utf8Bytes } from '../domain/payload-limit.js';
import { refuse } from './refusals.js';

export type CarriedAnswers = readonly (readonly [updateId: string, answer: unknown])[];

/** Whoever did not hear the answer says it again within minutes; in these no more is said to one job. */
const ANSWERS_MAX = 20;
/** The answer to a stop names up to 300 tasks, some 15 KB; what is carried along has to stay small. */
const BYTES_MAX = 64 * 1_024;

/** An update that counts once: said again under its id, also to a later run, it is accepted and gets its first answer. */
export function onUpdate<Answer, Given extends unknown[]>(
  heard: Heard,
  update: UpdateDefinition<Answer, Given>,
  does: (...given: Given) => Answer,
  { refusal, description }: { readonly refusal: (...given: Given) => string | null; readonly description: string },
): void {
  setHandler(update, (...given: Given) => heard.once(() => does(...given)), {
    validator: (...given: Given) => refuse(heard.isRepeated ? null : refusal(...given)),
    description,
  });
}

export class Heard {
  private readonly answers: Map<string, unknown>;

  constructor(carried: CarriedAnswers = []) {
    this.answers = new Map(carried);
  }

  /** Whether the update that is being looked at was accepted before. */
  get isRepeated(): boolean {
    return this.answers.has(currentUpdateInfo()?.id ?? '');
  }

  /** Does what the update says, or answers as it did the first time. */
  once<Answer>(does: () => Answer): Answer {
    const { id = '' } = currentUpdateInfo() ?? {};
    // Under the same id the same was said, so it was answered in the same shape.
    if (this.answers.has(id)) return this.answers.get(id) as Answer;
    const answer = does();
    this.answers.set(id, answer);
    const [oldest] = this.answers.keys();
    if (this.answers.size > ANSWERS_MAX && oldest !== undefined) this.answers.delete(oldest);
    return answer;
  }

  /** The newest that fit; one that is too large stands in no other's way. */
  carry(): CarriedAnswers {
    let left = BYTES_MAX;
    const kept = [...this.answers].toReversed().filter((each) => {
      const bytes = utf8Bytes(JSON.stringify(each));
      if (bytes > left) return false;
      left -= bytes;
      return true;
    });
    return kept.toReversed();
  }
}
