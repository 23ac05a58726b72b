/** Best of several: every candidate has passed through the gate; what is small and cheap is better. Pure. */

/** More than these are asked in vain: the first few answers of a model differ most. */
export const CANDIDATES_MAX = 5;

/** What a candidate has come to. */
export interface Rated {
  /** Its place in the order of asking. */
  readonly index: number;
  /** `none`: there is no change to check. */
  readonly gate: 'passed' | 'failed' | 'none';
  /** Lines added and removed. */
  readonly changedLines: number;
  readonly costUsdMicros: number;
  /** Compared in place of the cost where a price is unknown. */
  readonly unpriced: boolean;
  readonly tokens: number;
  /** Names the content: equal ones are the same work. */
  readonly tree: string | null;
}

export interface Ranked {
  readonly index: number;
  /** 1 for the best. */
  readonly place: number;
  /** Of the best, why it is taken; of the others, what they lost by. */
  readonly why: string;
}

/** The best first: the gate, then the size of the change, then the cost, then the order of asking. */
export function rank(candidates: readonly Rated[]): readonly Ranked[] {
  const inTokens = candidates.some(({ unpriced }) => unpriced);
  const price = ({ tokens, costUsdMicros }: Rated): number => (inTokens ? tokens : costUsdMicros);
  const sorted = candidates.toSorted(
    (a, b) =>
      GATES.indexOf(a.gate) - GATES.indexOf(b.gate) ||
      a.changedLines - b.changedLines ||
      price(a) - price(b) ||
      a.index - b.index,
  );
  const [best] = sorted;
  if (best === undefined) return [];
  const [, second] = sorted;
  return sorted.map((candidate, at) => ({
    index: candidate.index,
    place: at + 1,
    why: at === 0 ? whyBest(best, second, price, inTokens) : whyLost(candidate, best, price, inTokens),
  }));
}

const GATES: readonly Rated['gate'][] = ['passed', 'failed', 'none'];

type Price = (candidate: Rated) => number;

function whyBest(best: Rated, second: Rated | undefined, price: Price, inTokens: boolean): string {
  if (best.gate !== 'passed') return 'none has passed the gate';
  if (second === undefined || second.gate !== 'passed') return 'the only one that passed the gate';
  return `passed the gate, ${differs(best, second, price, inTokens)}`;
}

function whyLost(candidate: Rated, best: Rated, price: Price, inTokens: boolean): string {
  if (candidate.gate === 'none') return 'there is no change to check';
  if (candidate.gate === 'failed' && best.gate === 'passed') return 'failed the gate';
  if (candidate.tree !== null && candidate.tree === best.tree) return `the same change as candidate ${best.index + 1}`;
  return differs(candidate, best, price, inTokens);
}

/** In which way one is larger or smaller than the other. */
function differs(one: Rated, other: Rated, price: Price, inTokens: boolean): string {
  if (one.changedLines !== other.changedLines) return `${one.changedLines} changed lines against ${other.changedLines}`;
  const unit = inTokens ? 'tokens' : 'micro-dollars';
  if (price(one) !== price(other)) return `as large, ${price(one)} ${unit} against ${price(other)}`;
  return `as large and as dear, asked ${one.index < other.index ? 'earlier' : 'later'}`;
}
