/** Money of a call: whole micro-dollars, never fractions, so that sums over many calls stay exact. */
import type { Price } from '../../domain/costs.js';
import type { Tokens } from '../../domain/record.js';

export interface Cost {
  readonly costUsdMicros: number;
  /** True if there were tokens and no price for them. */
  readonly unpriced: boolean;
}

const TOKENS_PER_PRICE = 1_000_000n;

/**
 * What the tokens cost; without a price nothing is booked, and said so. The parts are added up exactly and rounded once, to
 * the nearest micro-dollar, a half upwards.
 */
export function costOf(tokens: Tokens, price: Price | null): Cost {
  if (price === null) return { costUsdMicros: 0, unpriced: tokens.prompt + tokens.completion > 0 };
  const { promptUsdMicros, cachedUsdMicros, completionUsdMicros, reasoningUsdMicros = completionUsdMicros } = price;
  const reasoning = Math.min(tokens.reasoning, tokens.completion);
  const total =
    product(Math.max(0, tokens.prompt - tokens.cached), promptUsdMicros) +
    product(tokens.cached, cachedUsdMicros) +
    product(tokens.completion - reasoning, completionUsdMicros) +
    product(reasoning, reasoningUsdMicros);
  return { costUsdMicros: rounded(total), unpriced: false };
}

/** As much as a call may cost: nothing of its prompt is in the cache, and its answer is as long as it may be, or all reasoning. */
export function mostCost(promptTokens: number, outputTokensMax: number, price: Price | null): number {
  if (price === null) return 0;
  const { promptUsdMicros, cachedUsdMicros, completionUsdMicros, reasoningUsdMicros = completionUsdMicros } = price;
  return rounded(
    product(promptTokens, Math.max(promptUsdMicros, cachedUsdMicros)) +
      product(outputTokensMax, Math.max(completionUsdMicros, reasoningUsdMicros)),
  );
}

/** Above 2^53 the products would lose their last digits: an endpoint may report any number of tokens. */
const product = (tokens: number, price: number): bigint => BigInt(Math.round(tokens)) * BigInt(Math.round(price));

/** Nine billion dollars are a slip of somebody; beyond, sums would not be exact any more. */
const MICROS_MAX = 2 ** 53 - 1;

const rounded = (total: bigint): number =>
  Math.min(MICROS_MAX, Number((total + TOKENS_PER_PRICE / 2n) / TOKENS_PER_PRICE));
