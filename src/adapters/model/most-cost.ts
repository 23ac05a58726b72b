/** What a request may cost, and whether anybody counts it. */
import { priceOn } from '../../domain/costs.js';
import type { CallRequest } from '../../ports.js';
import { mostCost } from './price.js';
import { estimatePromptTokens, outputTokensOf } from './request-size.js';

/** What the request may cost, by the price of today. */
export const mostOf = (request: CallRequest): number =>
  mostCost(estimatePromptTokens(request), outputTokensOf(request), priceOn(request.provider.price, Date.now()));

/** What its budget does not count, in words; null if it counts the call, or there is none. */
export const uncounted = ({ provider: { name, model, price, budget } }: CallRequest): string | null =>
  budget === undefined || priceOn(price, Date.now()) !== null
    ? null
    : `${name} has a budget, and no price for ${model}: the call is not counted.`;
