/** Sends a request as far as the budget of its provider goes. */
import { priceOn, sayRefusal, type Permission } from '../../domain/costs.js';
import type { CallRequest } from '../../ports.js';
import type { Budgets } from './budgets.js';
import { busyFor, type Refused } from './departure.js';
import type { LedgerRow } from './ledger-rows.js';
import { mostCost } from './price.js';
import { estimatePromptTokens, outputTokensOf } from './request-size.js';

/** Null if nobody wanted it any more; `rows` are read again when the work has ended. */
export async function withinBudget<T>(
  budgets: Budgets,
  sending: {
    readonly request: CallRequest;
    readonly send: number;
    readonly rows: () => readonly LedgerRow[];
    readonly signal: AbortSignal;
  },
  work: () => Promise<T>,
): Promise<T | Refused | null> {
  const { request, send, rows, signal } = sending;
  const mostUsdMicros = mostOf(request);
  const permission = await budgets.reserve(request, { send, mostUsdMicros }, signal);
  if (permission === null) return null;
  if (permission.kind === 'refused') return overBudget(request, mostUsdMicros, permission);
  if (permission.kind === 'away')
    return busyFor(permission, `waits for the budget of ${request.provider.name}: calls under way hold the rest of it`);
  try {
    return await work();
  } finally {
    await budgets.settle(request, send, rows());
  }
}

/** What the request may cost, by the price of today. */
export const mostOf = (request: CallRequest): number =>
  mostCost(estimatePromptTokens(request), outputTokensOf(request), priceOn(request.provider.price, Date.now()));

/** What its budget does not count, in words; null if it counts the call, or there is none. */
export const uncounted = ({ provider: { name, model, price, budget } }: CallRequest): string | null =>
  budget === undefined || priceOn(price, Date.now()) !== null
    ? null
    : `${name} has a budget, and no price for ${model}: the call is not counted.`;

/** A budget that is too small for the call is never free for it: then no time is named. */
function overBudget(
  { provider: { name } }: CallRequest,
  mostUsdMicros: number,
  permission: Extract<Permission, { kind: 'refused' }>,
): Refused {
  const says = sayRefusal(name, mostUsdMicros, permission);
  const failed = { kind: 'failed', code: 'providerBudget', says, retryable: false } as const;
  if (permission.everTooLarge) return { kind: 'refused', result: failed };
  return { kind: 'refused', result: { ...failed, retryAfterMs: Math.max(1, permission.standing.freeAt - Date.now()) } };
}
