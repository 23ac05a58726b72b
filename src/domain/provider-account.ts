/**
 * What a provider costs, over all workers of a namespace: what is spent on this day and in this month, what calls under way
 * may still cost, and who waits for what they leave over. The keeper of the provider's limits has it in its book. Days and
 * months are those of UTC. Pure.
 */
import {
  dayOf,
  monthIn,
  monthOf,
  permissionFor,
  standingsOf,
  type BudgetSpec,
  type BudgetUse,
  type HomeSpending,
  type Permission,
} from './costs.js';

/** What a request may cost at most, while nobody has told what it has cost. */
interface Hold {
  readonly key: string;
  readonly reservation: string;
  readonly at: number;
  readonly mostUsdMicros: number;
  /** What the call had cost before: its cost is told as a whole. */
  readonly beforeUsdMicros: number;
  /** Longest the call can take, as whoever asked has it; absent from books of before. */
  readonly callMs?: number;
}

interface Claim {
  readonly key: string;
  readonly mostUsdMicros: number;
  /** When it was told to come. */
  readonly wakeAt: number;
  readonly rounds: number;
}

export interface Account {
  /** The latest day on which anything was asked. */
  readonly day: string;
  readonly dayUsdMicros: number;
  /** Of the month of that day. */
  readonly monthUsdMicros: number;
  /** Whose ledgers are in the sums; what comes from them later is told call by call. */
  readonly homes: readonly string[];
  readonly held: readonly Hold[];
  /** Of workers that are gone: others may spend it. What a later try of the step tells is booked nevertheless. */
  readonly lapsed: readonly Hold[];
  /** In the order in which they came. */
  readonly waiting: readonly Claim[];
}

/** With everything else in the book of a provider they fit into the start input of its next run. */
export const HELD_MAX = 240;
const LAPSED_MAX = 50;
const WAITING_MAX = 200;
const HOMES_MAX = 200;

/** A reservation is valid for seconds, and its end is told within another: what is older than a call can be belongs to a worker that is gone. */
const LEASE_SLACK_MS = 5_000;
/** A place in the line is kept so long for one who does not come. */
const LATE_MS = 10_000;
/** Who waits for calls under way looks again when one of the usual length has ended, and the longer it waits the less often: a wait is a dozen events of a history. */
const LOOK = { minMs: 1_000, doublings: 5, maxMs: 60_000 } as const;

export const openAccount = (nowMs: number): Account => ({
  day: dayOf(nowMs),
  dayUsdMicros: 0,
  monthUsdMicros: 0,
  homes: [],
  held: [],
  lapsed: [],
  waiting: [],
});

/** As it is now: a new day begins with nothing, and what is held longer than its call can take is free again. */
export function accountAt(account: Account, callMs: number, nowMs: number): Account {
  // Not the limits of whoever asks now: where calls are shorter, those of others are under way nevertheless.
  const isOver = (one: Hold): boolean => nowMs > one.at + (one.callMs ?? callMs) + LEASE_SLACK_MS;
  const isLate = ({ wakeAt }: Claim): boolean => nowMs > wakeAt + LATE_MS;
  const { held, waiting } = account;
  const today = onDay(account, dayOf(nowMs));
  return {
    ...(held.some(isOver) ? lapse(today, isOver) : today),
    ...(waiting.some(isLate) ? { waiting: waiting.filter((one) => !isLate(one)) } : {}),
  };
}

/** Of those that find no room among the lapsed nobody can tell any more what they have cost: they count with their most. */
function lapse(account: Account, isOver: (one: Hold) => boolean): Account {
  const lapsed = [...account.lapsed, ...account.held.filter(isOver)];
  const rest: Account = {
    ...account,
    held: account.held.filter((one) => !isOver(one)),
    lapsed: lapsed.slice(-LAPSED_MAX),
  };
  const unknown = lapsed.slice(0, -LAPSED_MAX);
  return unknown.reduce((before, { mostUsdMicros, at }) => booked(before, mostUsdMicros, at), rest);
}

/** A clock that was set back begins no day again. */
function onDay(account: Account, day: string): Account {
  if (day <= account.day) return account;
  const monthUsdMicros = monthIn(day) === monthIn(account.day) ? account.monthUsdMicros : 0;
  return { ...account, day, dayUsdMicros: 0, monthUsdMicros };
}

/** Whether what the home has paid before is in the sums. Beyond so many homes nobody asks: they may have paid before, unseen. */
export const knowsHome = ({ homes }: Account, home: string): boolean =>
  homes.includes(home) || homes.length >= HOMES_MAX;

/** What the ledger of a home has, once: a home that is known changes nothing. */
export function takeIn(account: Account, { home, day, dayUsdMicros, monthUsdMicros }: HomeSpending): Account {
  if (knowsHome(account, home)) return account;
  const isToday = day === account.day;
  const isThisMonth = monthIn(day) === monthIn(account.day);
  return {
    ...account,
    homes: [...account.homes, home],
    dayUsdMicros: account.dayUsdMicros + (isToday ? dayUsdMicros : 0),
    monthUsdMicros: account.monthUsdMicros + (isThisMonth ? monthUsdMicros : 0),
  };
}

export interface MoneyRequest {
  readonly key: string;
  readonly mostUsdMicros: number;
}

export type MoneyAnswer =
  | Exclude<Permission, { readonly kind: 'later' }>
  /** Calls under way hold the rest: to be asked for again at `at`. */
  | { readonly kind: 'later'; readonly at: number };

/** Whether the call may be sent as far as money goes. Those who wait come first: else small calls would pass a large one by for ever. */
export function askMoney(
  account: Account,
  budget: BudgetSpec,
  request: MoneyRequest,
  usual: { readonly callMs: number | null; readonly nowMs: number },
): { readonly account: Account; readonly answer: MoneyAnswer } {
  const { key, mostUsdMicros } = request;
  const { nowMs } = usual;
  const place = account.waiting.findIndex((one) => one.key === key);
  const before = place < 0 ? account.waiting : account.waiting.slice(0, place);
  const claimed = before.reduce((sum, one) => sum + one.mostUsdMicros, 0);
  const asked = permissionFor(standingsOf(budget, useOf(account, key, claimed), nowMs), mostUsdMicros);
  const isFull = asked.kind === 'granted' && mostUsdMicros > 0 && account.held.length >= HELD_MAX;
  const permission: Permission = isFull ? { kind: 'later' } : asked;
  switch (permission.kind) {
    case 'granted':
      // Its place stays until it is sent: other limits may send it away again.
      return { account, answer: permission };
    case 'refused':
      return { account: withoutClaim(account, key), answer: permission };
    case 'later': {
      const rounds = account.waiting[place]?.rounds ?? 0;
      const leastMs = Math.max(LOOK.minMs, usual.callMs ?? 0) * 2 ** Math.min(rounds, LOOK.doublings);
      const at = nowMs + Math.min(leastMs, LOOK.maxMs);
      const claim = { key, mostUsdMicros, wakeAt: at, rounds: rounds + 1 };
      const others = account.waiting;
      const waiting =
        place >= 0 ? others.map((one) => (one.key === key ? claim : one)) : [...others, claim].slice(0, WAITING_MAX);
      return { account: { ...account, waiting }, answer: { kind: 'later', at } };
    }
    default:
      throw new TypeError(`unknown permission ${JSON.stringify(permission satisfies never)}`);
  }
}

/** Holds what the request may cost. A call that asks again has lost its request before: what that has cost is told with it. */
export function holdMoney(
  account: Account,
  request: MoneyRequest & {
    readonly reservation: string;
    readonly spentUsdMicros: number;
    /** Longest the call can take. */
    readonly callMs: number;
  },
  nowMs: number,
): Account {
  const { key, reservation, mostUsdMicros, spentUsdMicros, callMs } = request;
  const alone = withoutClaim(payLost(account, { key, askedBy: nowMs, spentUsdMicros }), key);
  if (mostUsdMicros === 0) return alone;
  // Of one without a budget of its own, who is never sent away: nobody would know its end, so it counts as spent.
  if (alone.held.length >= HELD_MAX) return booked(alone, mostUsdMicros, nowMs);
  const hold = { key, reservation, at: nowMs, mostUsdMicros, beforeUsdMicros: spentUsdMicros, callMs };
  return { ...alone, held: [...alone.held, hold] };
}

/** Books what the call has cost by now in the place of what was held for its request; nothing if nothing was. */
export function payHeld(
  account: Account,
  {
    key,
    reservation,
    spentUsdMicros,
  }: { readonly key: string; readonly reservation: string; readonly spentUsdMicros: number },
): Account {
  const isMeant = (one: Hold): boolean => one.key === key && one.reservation === reservation;
  return payAll(account, isMeant, spentUsdMicros);
}

/** What an earlier try of the step has held, whose worker is gone. `askedBy`: what was held since is not meant. */
export function payLost(
  account: Account,
  { key, askedBy, spentUsdMicros }: { readonly key: string; readonly askedBy: number; readonly spentUsdMicros: number },
): Account {
  return payAll(account, (one) => one.key === key && one.at <= askedBy, spentUsdMicros);
}

/** Of several, the first has what was told of the call before; each later one has begun with what the one before it cost. */
function payAll(account: Account, isMeant: (one: Hold) => boolean, spentUsdMicros: number): Account {
  const meant = [...account.lapsed, ...account.held].filter(isMeant).toSorted((a, b) => a.at - b.at);
  const [first] = meant;
  if (first === undefined) return account;
  const rest = {
    ...account,
    held: account.held.filter((one) => !isMeant(one)),
    lapsed: account.lapsed.filter((one) => !isMeant(one)),
  };
  return booked(rest, Math.max(0, spentUsdMicros - first.beforeUsdMicros), first.at);
}

/** On the day on which the request began. */
function booked(account: Account, usdMicros: number, atMs: number): Account {
  return {
    ...account,
    dayUsdMicros: account.dayUsdMicros + (dayOf(atMs) === account.day ? usdMicros : 0),
    monthUsdMicros: account.monthUsdMicros + (monthOf(atMs) === monthIn(account.day) ? usdMicros : 0),
  };
}

const withoutClaim = (account: Account, key: string): Account => ({
  ...account,
  waiting: account.waiting.filter((one) => one.key !== key),
});

/** @param key of a call that asks again: what it has held itself does not stand in its way */
export function useOf(
  { day, dayUsdMicros, monthUsdMicros, held }: Account,
  key: string | null = null,
  claimed = 0,
): { readonly day: BudgetUse; readonly month: BudgetUse } {
  const sum = (some: readonly Hold[]): number => some.reduce((total, one) => total + one.mostUsdMicros, claimed);
  const others = held.filter((one) => one.key !== key);
  return {
    day: { spentUsdMicros: dayUsdMicros, reservedUsdMicros: sum(others.filter(({ at }) => dayOf(at) === day)) },
    month: {
      spentUsdMicros: monthUsdMicros,
      reservedUsdMicros: sum(others.filter(({ at }) => monthOf(at) === monthIn(day))),
    },
  };
}

/** When its month is over: until then only the keeper knows what all homes have spent. */
export function endOfMonth({ day }: Account): number {
  const [year = 0, month = 1] = day.split('-').map(Number);
  return Date.UTC(year, month, 1);
}
