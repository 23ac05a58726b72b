/** Whether a conversation goes in circles. Pure: what was called and what came of it, newest last. */

/** One turn by the hashes of what it called, what came of it, and its error. */
export interface TurnTrace {
  readonly call: string;
  readonly result: string;
  /** Null if no call of the turn failed. */
  readonly error: string | null;
}

/** Four times the same with the same end is no polling: a command's time is inside its one call. */
const SAME_TURNS = 4;
/** The third try at the same error is the last one that a person would make. */
const SAME_ERRORS = 3;
/** Two rounds of the same two turns. */
const ALTERNATING_TURNS = 4;

/** No rule looks further back. */
export const TRACES_KEPT = Math.max(SAME_TURNS, SAME_ERRORS, ALTERNATING_TURNS);

/** What goes round, in words for the model; null if nothing does. */
export function loopIn(traces: readonly TurnTrace[]): string | null {
  const sames = traces.slice(-SAME_TURNS);
  if (sames.length === SAME_TURNS && sames.every((trace) => isSame(trace, sames[0])))
    return `the same calls gave the same results ${SAME_TURNS} times in a row`;
  const errors = traces.slice(-SAME_ERRORS).map(({ error }) => error);
  if (errors.length === SAME_ERRORS && errors[0] != null && errors.every((error) => error === errors[0]))
    return `the same error came ${SAME_ERRORS} times in a row`;
  const [a, b, c, d] = traces.slice(-ALTERNATING_TURNS);
  if (d !== undefined && isSame(a, c) && isSame(b, d) && !isSame(a, b))
    return 'the same two turns were repeated with the same results';
  return null;
}

const isSame = (one: TurnTrace | undefined, other: TurnTrace | undefined): boolean =>
  one !== undefined && one.call === other?.call && one.result === other.result;
