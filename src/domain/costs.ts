/**
 * What calls cost: prices with the days from which they hold, budgets of providers, sums over the ledger. Money is whole
 * micro-dollars everywhere; days and months are those of UTC, so that every host means the same.
 */
import { taskIdOf } from './lineage.js';
import { addTokens, type Tokens } from './record.js';

/** Micro-dollars per million tokens. */
export interface Price {
  readonly promptUsdMicros: number;
  readonly cachedUsdMicros: number;
  readonly completionUsdMicros: number;
  /** Of the part of the completion that is reasoning; as the rest of it if absent. */
  readonly reasoningUsdMicros?: number;
  /** ISO date: of the price list it was taken from; in a list of entries, from which it holds. */
  readonly date: string;
}

/** One that always holds, or some in any order, each from its date on. */
export type Prices = Price | readonly Price[];

/** Of several the one with the latest date that is not after the day; null before the first of them: then it is unknown. */
export function priceOn(prices: Prices | undefined, atMs: number): Price | null {
  if (prices === undefined) return null;
  if ('date' in prices) return prices;
  const day = dayOf(atMs);
  const begun = prices.filter(({ date }) => date <= day).toSorted((a, b) => (a.date < b.date ? -1 : 1));
  return begun.at(-1) ?? null;
}

/** `2026-11-21`. */
export const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
/** `2026-11`, of a day. */
export const monthIn = (day: string): string => day.slice(0, 7);
export const monthOf = (atMs: number): string => monthIn(dayOf(atMs));

// ---------------------------------------------------------------- budgets

/** What a provider may cost; absent = no limit. */
export interface BudgetSpec {
  readonly dailyUsdMicros?: number;
  readonly monthlyUsdMicros?: number;
}

/** What was booked, and what calls under way may still cost. */
export interface BudgetUse {
  readonly spentUsdMicros: number;
  readonly reservedUsdMicros: number;
}

/** What a ledger has of a provider, on the day and in its month. */
export interface Spent {
  readonly day: string;
  readonly dayUsdMicros: number;
  readonly monthUsdMicros: number;
}

/** The same, and whose ledger it is. */
export interface HomeSpending extends Spent {
  readonly home: string;
}

export interface Standing extends BudgetUse {
  readonly period: 'day' | 'month';
  readonly limitUsdMicros: number;
  /** When the next day or month begins, epoch milliseconds. */
  readonly freeAt: number;
}

export type Permission =
  | { readonly kind: 'granted' }
  /** What calls under way leave over may be enough. */
  | { readonly kind: 'later' }
  /** `everTooLarge`: not even the whole budget would be enough for the call. */
  | { readonly kind: 'refused'; readonly standing: Standing; readonly everTooLarge: boolean };

/** The budget as it stands at a time. */
export function standingsOf(
  { dailyUsdMicros, monthlyUsdMicros }: BudgetSpec,
  use: { readonly day: BudgetUse; readonly month: BudgetUse },
  nowMs: number,
): readonly Standing[] {
  const now = new Date(nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const ofDay = { period: 'day', freeAt: Date.UTC(year, month, day + 1), ...use.day } as const;
  const ofMonth = { period: 'month', freeAt: Date.UTC(year, month + 1, 1), ...use.month } as const;
  return [
    ...(dailyUsdMicros === undefined ? [] : [{ ...ofDay, limitUsdMicros: dailyUsdMicros }]),
    ...(monthlyUsdMicros === undefined ? [] : [{ ...ofMonth, limitUsdMicros: monthlyUsdMicros }]),
  ];
}

export const leftOf = ({ limitUsdMicros, spentUsdMicros, reservedUsdMicros }: Standing): number =>
  Math.max(0, limitUsdMicros - spentUsdMicros - reservedUsdMicros);

/** Whether a call that may cost so much may be sent. Of two budgets that refuse it, the one that is free later counts. */
export function permissionFor(standings: readonly Standing[], mostUsdMicros: number): Permission {
  if (mostUsdMicros === 0) return { kind: 'granted' };
  const tooSmall = standings.find(({ limitUsdMicros }) => mostUsdMicros > limitUsdMicros);
  if (tooSmall !== undefined) return { kind: 'refused', standing: tooSmall, everTooLarge: true };
  const spent = standings.filter((each) => each.spentUsdMicros + mostUsdMicros > each.limitUsdMicros);
  const standing = spent.toSorted((a, b) => b.freeAt - a.freeAt)[0];
  if (standing !== undefined) return { kind: 'refused', standing, everTooLarge: false };
  const isEnough = standings.every(
    (each) => each.limitUsdMicros - each.spentUsdMicros - each.reservedUsdMicros >= mostUsdMicros,
  );
  return { kind: isEnough ? 'granted' : 'later' };
}

/** Why a call was not sent, and what helps. */
export function sayRefusal(
  provider: string,
  mostUsdMicros: number,
  { standing, everTooLarge }: Omit<Extract<Permission, { kind: 'refused' }>, 'kind'>,
): string {
  const { period, limitUsdMicros, spentUsdMicros, freeAt } = standing;
  const budget = `The ${period === 'day' ? 'daily' : 'monthly'} budget of ${provider} is $${dollarText(limitUsdMicros)}`;
  const most = `may cost up to $${dollarText(mostUsdMicros)}`;
  if (everTooLarge) return `${budget}, and this call alone ${most}: it was not sent.`;
  return `${budget}, of which $${dollarText(spentUsdMicros)} is spent, and this call ${most}: it was not sent. The budget is free again at ${minuteText(freeAt)}.`;
}

/** Dollars as exact text: `0.000042`, without the zeros that say nothing beyond cents. */
export function dollarText(micros: number): string {
  const whole = Math.trunc(micros / MICROS);
  const fraction = String(Math.abs(micros % MICROS)).padStart(6, '0');
  return `${micros < 0 && whole === 0 ? '-' : ''}${whole}.${fraction.replace(/0{1,4}$/, '')}`;
}

const MICROS = 1_000_000;

/** `2026-12-01 00:00 UTC`. */
export const minuteText = (atMs: number): string =>
  `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

// ---------------------------------------------------------------- sums

/** One request of the ledger, with what it is booked at. */
export interface PaidRequest {
  readonly lineage: string;
  readonly callId: string;
  /** Number of the request among those of its call, from 1. */
  readonly send: number;
  readonly provider: string;
  readonly model: string;
  /** `real`, `shadow`, `judge` or `candidate`. */
  readonly purpose: string;
  readonly startedAt: number;
  /** `open`: nobody has seen its end; it is under way, or its process has died. */
  readonly state: 'answered' | 'failed' | 'inDoubt' | 'open';
  readonly tokens: Tokens;
  readonly costUsdMicros: number;
  /** True if it used tokens that have no price: its cost is not known. */
  readonly unpriced: boolean;
  /** What it could cost at most; noted where the provider has a budget. */
  readonly mostUsdMicros?: number;
}

export const COST_GROUPS = ['job', 'task', 'model', 'provider', 'day', 'purpose'] as const;
export type CostGroup = (typeof COST_GROUPS)[number];

export interface CostSums {
  readonly calls: number;
  readonly failed: number;
  readonly inDoubt: number;
  /** Calls whose cost is not known, and not in the sum. */
  readonly unpriced: number;
  readonly tokens: Tokens;
  readonly costUsdMicros: number;
}

export interface CostRow extends CostSums {
  readonly key: string;
}

export const NO_COSTS: CostSums = {
  calls: 0,
  failed: 0,
  inDoubt: 0,
  unpriced: 0,
  tokens: { prompt: 0, cached: 0, completion: 0, reasoning: 0 },
  costUsdMicros: 0,
};

export const addCosts = (a: CostSums, b: CostSums): CostSums => ({
  calls: a.calls + b.calls,
  failed: a.failed + b.failed,
  inDoubt: a.inDoubt + b.inDoubt,
  unpriced: a.unpriced + b.unpriced,
  tokens: addTokens(a.tokens, b.tokens),
  costUsdMicros: a.costUsdMicros + b.costUsdMicros,
});

export const costsOf = ({ state, tokens, costUsdMicros, unpriced }: PaidRequest): CostSums => ({
  calls: 1,
  failed: state === 'failed' ? 1 : 0,
  inDoubt: state === 'inDoubt' ? 1 : 0,
  unpriced: unpriced ? 1 : 0,
  tokens,
  costUsdMicros,
});

/** What a request is summed up under. */
export function groupOf({ lineage, provider, model, startedAt, purpose }: PaidRequest, by: CostGroup): string {
  switch (by) {
    case 'job':
      return taskIdOf(lineage)?.replace(/\/t\/[^/]*$/, '') ?? lineage;
    case 'task':
      return taskIdOf(lineage) ?? lineage;
    case 'model':
      // The same model may cost something else elsewhere.
      return `${provider}/${model}`;
    case 'provider':
      return provider;
    case 'day':
      return dayOf(startedAt);
    case 'purpose':
      return purpose;
    default:
      throw new TypeError(`unknown group ${JSON.stringify(by satisfies never)}`);
  }
}

/** Days in their order, all else by what it has cost, the dearest first. */
export function orderRows(rows: readonly CostRow[], by: CostGroup): readonly CostRow[] {
  const byKey = (a: CostRow, b: CostRow): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
  return rows.toSorted(
    by === 'day' ? byKey : (a, b) => b.costUsdMicros - a.costUsdMicros || b.calls - a.calls || byKey(a, b),
  );
}
