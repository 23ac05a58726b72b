/** How far a conversation with a model and its tools has come: all that is needed to go on with it after an outage. */
import type { Called, Finish } from '../activities/contract.js';
import type { TurnTrace } from '../domain/loop-detector.js';
import type { ArtifactRef } from '../domain/outcome.js';

export interface Conversation {
  /** Turns that have ended. */
  readonly turns: number;
  /** Its last node. */
  readonly last: ArtifactRef;
  /** The files as they are now. */
  readonly tree: string;
  /** An answer whose calls have not been carried out yet. */
  readonly pending: Called | null;
  /** A finish that the checks, or a person, have not spoken about yet. */
  readonly waiting: Finish | null;
  /** What the loop detector looks at, newest last. */
  readonly traces: readonly TurnTrace[];
  readonly wasNudged: boolean;
  readonly malformedInARow: number;
  /** How often the checks have sent it back. */
  readonly gates: number;
  readonly questions: number;
  /** Instructions of people that it has been told of. */
  readonly instructions: number;
  /** How often it was made shorter; absent = never. */
  readonly compactions?: number;
  /** Turns that had ended when it was made shorter last. */
  readonly compactedAfter?: number;
}

export const beginConversation = (prompt: ArtifactRef, tree: string, instructions: number): Conversation => ({
  turns: 0,
  last: prompt,
  tree,
  pending: null,
  waiting: null,
  traces: [],
  wasNudged: false,
  malformedInARow: 0,
  gates: 0,
  questions: 0,
  instructions,
});
