/** Money of a call: whole micro-dollars, never fractions, so that sums over many calls stay exact. */
import type { Tokens } from '../../domain/record.js';
import type { ProviderSettings } from '../../ports.js';

/** Micro-dollars per million tokens, with the date of the list they are from. */
export type Price = NonNullable<ProviderSettings['price']>;

export interface Cost {
  readonly costUsdMicros: number;
  /** True if there were tokens and no price for them. */
  readonly unpriced: boolean;
}

const TOKENS_PER_PRICE = 1_000_000;

/** What the tokens cost; without a price nothing is booked, and said so. */
export function costOf(tokens: Tokens, price: Price | null): Cost {
  if (price === null) return { costUsdMicros: 0, unpriced: tokens.prompt + tokens.completion > 0 };
  const fresh = Math.max(0, tokens.prompt - tokens.cached);
  const total =
    fresh * price.promptUsdMicros +
    tokens.cached * price.cachedUsdMicros +
    tokens.completion * price.completionUsdMicros;
  return { costUsdMicros: Math.round(total / TOKENS_PER_PRICE), unpriced: false };
}

/** Four characters a token: the usual rule of thumb for English and code, used where the endpoint counts nothing. */
export const estimateTokens = (characters: number): number => Math.ceil(characters / 4);
