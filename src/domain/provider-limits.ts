/**
 * Limits of a provider that all its workers share: so many requests and tokens in any window of time, so many at once, so much
 * money on a day and in a month, and nobody while its endpoint is left alone. The book says what was sent, what may be sent,
 * and who waits; the workflow `providerLimits` keeps it. Pure.
 *
 * Exact, not on average: a request counts from the latest moment at which it can have reached the endpoint, and the next one
 * that needs its place leaves a whole window after that. Times are those of the keeper; workers tell and are told distances
 * only, so that their clocks do not matter.
 */
import {
  afterEnd,
  BREAKER_DEFAULTS,
  CLOSED,
  letPass,
  ofEndpoint,
  refusedUntil,
  stateOf,
  troubledUntil,
  type Breaker,
  type BreakerRule,
} from './circuit-breaker.js';
import type { BudgetSpec, BudgetUse, HomeSpending, Standing } from './costs.js';
import type { FailureCode } from './failures.js';
import {
  accountAt,
  askMoney,
  endOfMonth,
  holdMoney,
  knowsHome,
  openAccount,
  payHeld,
  payLost,
  takeIn,
  useOf,
  type Account,
} from './provider-account.js';

/** Names of the workflow, its update and its query, for the activity that starts it and the client that asks. */
export const PROVIDER_LIMITS_WORKFLOW = 'providerLimits';
export const EXCHANGE_UPDATE = 'exchange';
export const PROVIDER_LIMITS_QUERY = 'providerLimits';

/** One for all workers of a namespace, whatever queue their tasks are on: a provider has one endpoint, and one bill. */
export const providerKeeperOf = (provider: string): string => `provider/${provider}`;
/** Of all keepers. Every worker that asks one serves it, so that whoever needs an answer does not depend on who began the keeper. */
export const KEEPERS_QUEUE = 'weaver-keepers';

export interface ProviderLimits {
  readonly windowMs: number;
  /** In any window; null = as many as one likes. */
  readonly requests: number | null;
  /** In any window, prompt and answer together; null = as many as one likes. */
  readonly tokens: number | null;
  /** At once over all workers; null = every home counts its own. */
  readonly concurrency: number | null;
  /** Longest a call can take: what is not settled by then was lost with its worker. */
  readonly callMs: number;
  readonly breaker: BreakerRule;
  /** Of whoever asks; null = none. Absent from workers that kept budgets and breakers in their homes. */
  readonly budget?: BudgetSpec | null;
}

/**
 * The limits of one who asks, under which nothing is forgotten that the others still count.
 * @param known the limits that the keeper goes by; who keeps no budgets (an older worker) is answered as ever
 */
export function remembering(limits: ProviderLimits, known: ProviderLimits | null): ProviderLimits {
  if (limits.budget === undefined || known === null) return limits;
  const longer = (of: 'windowMs' | 'callMs'): number => Math.max(limits[of], known[of]);
  return { ...limits, windowMs: longer('windowMs'), callMs: longer('callMs') };
}

/** What a provider of the configuration may say of its limits. */
export interface LimitSettings {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  /** Window in which the endpoint counts; 60 if absent. */
  readonly windowSeconds?: number;
  /** `concurrency` holds over all workers, not for each home. */
  readonly shared?: boolean;
  readonly concurrency: number;
  readonly callTimeoutSeconds: number;
  readonly breaker?: { readonly failures: number; readonly pauseSeconds: number };
  readonly budget?: BudgetSpec;
}

export interface ReserveRequest {
  /** Of the call: who comes again finds its place in the queue under it. */
  readonly key: string;
  readonly promptTokens: number;
  /** Longest answer that is asked for. */
  readonly answerTokensMax: number;
  /** Tells this reservation from others of the call, so that the end of one is not taken for that of another. */
  readonly reservation?: string;
  /** What the request may cost, and what its call has cost before; absent = its cost is not known, or nobody counts it. */
  readonly mostUsdMicros?: number;
  readonly spentUsdMicros?: number;
}

/** What became of a reservation. All times are distances from the moment at which it was asked for. */
export interface Settlement {
  readonly key: string;
  /** Absent from workers of before reservations had names: whichever is open. */
  readonly reservation?: string;
  /** Null = it was not sent: the place is free again. */
  readonly sentAfterMs: number | null;
  readonly endedAfterMs: number;
  /** Used; null = unknown. */
  readonly tokens: { readonly prompt: number; readonly answer: number } | null;
  /** Of the failure; null = answered. */
  readonly code: FailureCode | null;
  /** What went wrong, in words; of the last failure of a message only, at most SAYS_BYTES_MAX. */
  readonly says?: string;
  /** The endpoint asks for a pause. */
  readonly pauseMs?: number;
  /** What the call has cost, all its requests together; absent = nobody counts it. */
  readonly spentUsdMicros?: number;
}

/** A call is over whose requests an earlier try of its step has sent, of a worker that is gone: nobody knows when. */
export interface EndedCall {
  readonly key: string;
  /** How long ago the try has begun that tells: what was reserved since is not meant. */
  readonly begunMs: number;
  /** As in a settlement. */
  readonly spentUsdMicros?: number;
}

/** What a worker tells in one message, and tells again in the same words when there was no answer. */
export interface Telling {
  /** Who tells, and the how manieth of its tellings that have something to say; absent from older workers. */
  readonly batch?: { readonly teller: string; readonly number: number };
  readonly settled: readonly Settlement[];
  readonly ended?: readonly EndedCall[];
}

/** One message of a worker: what has ended, and what it asks for. At most 15 of each, which is 7 KB. */
export interface LimitsExchange extends Telling {
  readonly limits: ProviderLimits;
  /** Where the worker keeps its ledger, by the id of that home. */
  readonly home?: string;
  /** What that ledger has; told when the keeper has asked for it. */
  readonly spending?: HomeSpending;
  readonly asked: readonly ReserveRequest[];
  /** The address that the worker calls, as a hash: the provider's trouble is that of its endpoint. */
  readonly endpoint?: string;
}
export const EXCHANGE_MAX = 15;
/** A line of a status; with it a message stays within its size. */
export const SAYS_BYTES_MAX = 200;

export type Reserved =
  /** To be sent not before `inMs` from now and not after `validMs` from when it was asked for. */
  | { readonly kind: 'granted'; readonly key: string; readonly inMs: number; readonly validMs: number }
  /** To be asked for again at `at`. */
  | { readonly kind: 'wait'; readonly key: string; readonly at: number; readonly why: WaitsFor }
  /** The endpoint is left alone until `at`, for so long from now; `inMs` is absent from older keepers. */
  | {
      readonly kind: 'open';
      readonly key: string;
      readonly at: number;
      readonly inMs?: number;
      readonly failures: number;
      readonly code: FailureCode;
      /** What it failed with the last time, where that was told. */
      readonly says?: string;
    }
  /** The budget is used up. `everTooLarge`: not even the whole of it would be enough. */
  | {
      readonly kind: 'spent';
      readonly key: string;
      readonly standing: Standing;
      readonly everTooLarge: boolean;
      /** Until it is free again. */
      readonly inMs?: number;
    }
  /** What the home has spent before is to be told first, and the question asked again. */
  | { readonly kind: 'homeUnknown'; readonly key: string };

export type WaitsFor = 'requests' | 'tokens' | 'concurrency' | 'pause' | 'queue' | 'budget';

/** Requests that reached the endpoint at `at` or a little before. */
interface Bucket {
  readonly at: number;
  readonly requests: number;
  readonly tokens: number;
}

interface Grant {
  readonly key: string;
  readonly reservation?: string;
  readonly askedAt: number;
  /** Earliest and latest moment of the request. */
  readonly from: number;
  readonly at: number;
  readonly tokens: number;
}

interface Ticket {
  readonly key: string;
  readonly at: number;
  readonly tokens: number;
  /** When it was told to come. */
  readonly wakeAt: number;
}

export interface ProviderBook {
  /** By time, oldest first. */
  readonly past: readonly Bucket[];
  /** Given and not settled yet. */
  readonly open: readonly Grant[];
  /** In the order of the requests. */
  readonly tickets: readonly Ticket[];
  readonly pausedUntil: number;
  readonly breaker: Breaker;
  /** What answers have taken of late; null before the first. */
  readonly answerTokens: number | null;
  readonly callMs: number | null;
  /** How late those come who were told when. */
  readonly lateMs: number | null;
  /** From the first question with a budget on; whoever asks then is counted, also without one. */
  readonly account?: Account;
  /** The latest batch of each who tells, the last to tell at the end; absent before the first. */
  readonly heard?: readonly NonNullable<Telling['batch']>[];
}

export const EMPTY_BOOK: ProviderBook = {
  past: [],
  open: [],
  tickets: [],
  pausedUntil: 0,
  breaker: CLOSED,
  answerTokens: null,
  callMs: null,
  lateMs: null,
};

/** With the account both fit into the 256 KB of a start input when the workflow continues as new. */
export const OPEN_MAX = 800;
export const TICKETS_MAX = 800;
/** Workers that tell between a message without an answer and the same message again, and far more. */
const TELLERS_MAX = 50;

/** A reservation is for now: a worker that is slower than this asks anew. Short against the window, for an unused one costs so much. */
const VALID = { ms: 2_000, part: 6 } as const;
/** Requests that leave one after the other may arrive so much apart: a new connection, a busy network. */
const UNDERWAY = { ms: 300, part: 30 } as const;
/** Whoever waits is woken so much before its time, for the way back costs some of it: more where everybody comes late. */
const EARLY = { ms: 400, part: 15 } as const;
const EARLIEST = { ms: 10_000, part: 6 } as const;
/** A place that becomes free so soon is given now, and waited for where the request is. */
const SOON = { ms: 800, part: 6 } as const;
/** A place in the queue is kept so long for one who does not come. */
const LATE = { ms: 10_000, part: 4 } as const;
/** Times are rounded up to such a part of the window, so that the book stays small at any rate. */
const GRAINS = 500;

/** Weight of the latest call in what calls take on average. */
const RECENT = 0.2;
/** Before the first answer: the usual one is far shorter than the longest. */
const FIRST_GUESS = 0.25;
/** A little more than usual: an estimate that is too low lets a burst through. */
const SAFE_GUESS = 1.25;

/** How long a place among those at once is waited for, when nobody can know it. */
const PLACE_WAIT = { minMs: 300, maxMs: 30_000 } as const;

const bound = ({ ms, part }: { readonly ms: number; readonly part: number }, { windowMs }: ProviderLimits): number =>
  Math.min(ms, Math.floor(windowMs / part));

/** Null if the provider has neither limits nor a budget: then there is a keeper while its endpoint is in trouble only (`troubleLimitsOf`). */
export function limitsOf(settings: LimitSettings): ProviderLimits | null {
  const { requestsPerMinute, tokensPerMinute, windowSeconds = 60, shared = false, breaker, budget = null } = settings;
  if (requestsPerMinute === undefined && tokensPerMinute === undefined && !shared && budget === null) return null;
  // One request is the least that fits into a window.
  const windowMs = Math.max(windowSeconds * 1_000, Math.ceil(60_000 / (requestsPerMinute ?? Infinity)));
  const inWindow = (perMinute: number | undefined): number | null =>
    perMinute === undefined ? null : Math.max(1, Math.floor((perMinute * windowMs) / 60_000));
  return {
    windowMs,
    requests: inWindow(requestsPerMinute),
    tokens: inWindow(tokensPerMinute),
    concurrency: shared ? settings.concurrency : null,
    callMs: settings.callTimeoutSeconds * 1_000,
    breaker: breakerRuleOf(breaker),
    budget,
  };
}

/** Nothing is counted in it; a reservation is valid for a part of it. */
const TROUBLE_WINDOW_MS = 12_000;

/** Of a provider without limits, whose endpoint has failed or has asked for a pause: all workers keep to that. */
export const troubleLimitsOf = ({ callTimeoutSeconds, breaker }: LimitSettings): ProviderLimits => ({
  windowMs: TROUBLE_WINDOW_MS,
  requests: null,
  tokens: null,
  concurrency: null,
  callMs: callTimeoutSeconds * 1_000,
  breaker: breakerRuleOf(breaker),
  budget: null,
});

/** Nobody has to be asked while the endpoint is in no trouble. */
export const keepsTroubleOnly = ({ requests, tokens, concurrency, budget = null }: ProviderLimits): boolean =>
  requests === null && tokens === null && concurrency === null && budget === null;

export const breakerRuleOf = ({
  failures,
  pauseSeconds,
}: NonNullable<LimitSettings['breaker']> = BREAKER_DEFAULTS): BreakerRule => ({
  failures,
  pauseMs: pauseSeconds * 1_000,
});

interface Answered {
  readonly book: ProviderBook;
  readonly answer: Reserved;
}

/** A place now, or when to come again: the queue keeps the order in which it was asked. Asking again changes no place in it. */
export function reserve(
  earlier: ProviderBook,
  limits: ProviderLimits,
  request: ReserveRequest,
  nowMs: number,
  home: string | null = null,
): Answered {
  const { key } = request;
  const book = forget(earlier, limits, nowMs);
  const refused = refusedUntil(book.breaker, limits.breaker, nowMs);
  if (refused !== null) {
    const { failures, lastFailure } = book.breaker;
    const answer = { kind: 'open', key, at: refused, inMs: refused - nowMs, failures } as const;
    const { code = 'modelServer', says } = lastFailure ?? {};
    return {
      book: withoutTicket(book, key),
      answer: { ...answer, code, ...(says === undefined ? {} : { says }) },
    };
  }
  const { book: asked, answer } = withinBudget(book, limits, request, { nowMs, home });
  if (answer !== null) return { book: asked, answer };
  const placed = findPlace(asked, limits, request, nowMs);
  return placed.answer.kind === 'granted' ? { ...placed, book: held(placed.book, limits, request, nowMs) } : placed;
}

/** Null = as far as money goes it may be sent. */
function withinBudget(
  book: ProviderBook,
  { budget = null }: ProviderLimits,
  { key, mostUsdMicros = 0 }: ReserveRequest,
  { nowMs, home }: { readonly nowMs: number; readonly home: string | null },
): { readonly book: ProviderBook; readonly answer: Reserved | null } {
  if (budget === null && book.account === undefined) return { book, answer: null };
  const opened = book.account ?? openAccount(nowMs);
  // Also one without a budget, which is counted: where it gets one later, its ledger has what is in the sums already.
  if (home !== null && !knowsHome(opened, home)) return { book, answer: { kind: 'homeUnknown', key } };
  if (budget === null) return { book, answer: null };
  const { account, answer } = askMoney(opened, budget, { key, mostUsdMicros }, { callMs: book.callMs, nowMs });
  const next = { ...book, account };
  if (answer.kind === 'granted') return { book: next, answer: null };
  if (answer.kind === 'later') return { book: next, answer: { kind: 'wait', key, at: answer.at, why: 'budget' } };
  const inMs = answer.standing.freeAt - nowMs;
  return { book: withoutTicket(next, key), answer: { ...answer, kind: 'spent', key, inMs } };
}

function held(book: ProviderBook, { callMs }: ProviderLimits, request: ReserveRequest, nowMs: number): ProviderBook {
  const { key, reservation, mostUsdMicros = 0, spentUsdMicros = 0 } = request;
  if (book.account === undefined || reservation === undefined) return book;
  const asked = { key, reservation, mostUsdMicros, spentUsdMicros, callMs };
  return { ...book, account: holdMoney(book.account, asked, nowMs) };
}

/** What a home has spent before it was known; whoever tells first is heard. */
export function takeHomeIn(book: ProviderBook, spending: HomeSpending, nowMs: number): ProviderBook {
  return { ...book, account: takeIn(accountAt(book.account ?? openAccount(nowMs), Infinity, nowMs), spending) };
}

/** In the windows and among those at once. */
function findPlace(book: ProviderBook, limits: ProviderLimits, request: ReserveRequest, nowMs: number): Answered {
  const { key, reservation } = request;
  const of = reservation === undefined ? {} : { reservation };
  const tokens = estimate(book, limits, request);
  const met = book.tickets.find((ticket) => ticket.key === key);
  const known = met === undefined ? book : { ...book, lateMs: average(book.lateMs, Math.max(0, nowMs - met.wakeAt)) };
  const surely = earliest(known, limits, { key, tokens }, nowMs, 'latest');
  if (surely.at <= nowMs + bound(SOON, limits))
    return grant(known, limits, { ...of, key, tokens, at: surely.at }, nowMs);
  if (delaysNobody(known, limits, { key, tokens }, nowMs))
    return grant(known, limits, { ...of, key, tokens, at: nowMs }, nowMs);
  return queue(known, limits, { key, tokens }, nowMs, surely);
}

function grant(
  book: ProviderBook,
  limits: ProviderLimits,
  { key, tokens, at, ...of }: Omit<Ticket, 'wakeAt'> & Pick<Grant, 'reservation'>,
  nowMs: number,
): Answered {
  const inMs = Math.max(0, at - nowMs);
  const validMs = inMs + bound(VALID, limits);
  const given = {
    key,
    ...of,
    askedAt: nowMs,
    from: nowMs + inMs,
    at: nowMs + validMs + bound(UNDERWAY, limits),
    tokens,
  };
  const kept = withoutTicket(withoutLost(book, limits, key), key);
  const full = kept.open.length >= OPEN_MAX;
  const booked = full ? { ...kept, past: add(kept.past, limits, given) } : { ...kept, open: [...kept.open, given] };
  return {
    book: { ...booked, breaker: letPass(kept.breaker, nowMs) },
    answer: { kind: 'granted', key, inMs, validMs },
  };
}

function queue(
  book: ProviderBook,
  limits: ProviderLimits,
  { key, tokens }: Pick<Ticket, 'key' | 'tokens'>,
  nowMs: number,
  surely: Free,
): Answered {
  // What is under way will most likely have been sent at once, and be settled by then.
  const likely = earliest(book, limits, { key, tokens }, nowMs, 'earliest');
  const { at, why } = likely.at > nowMs + bound(SOON, limits) ? likely : surely;
  const has = book.tickets.some((ticket) => ticket.key === key);
  if (!has && book.tickets.length >= TICKETS_MAX) {
    const last = book.tickets.at(-1)?.at ?? nowMs;
    return { book, answer: { kind: 'wait', key, at: Math.max(last, nowMs + limits.windowMs), why: 'queue' } };
  }
  const early = Math.min(Math.max(bound(EARLY, limits), book.lateMs ?? 0), bound(EARLIEST, limits));
  const wakeAt = Math.max(nowMs + 1, at - early);
  const ticket = { key, at, tokens, wakeAt };
  const tickets = has ? book.tickets.map((one) => (one.key === key ? ticket : one)) : [...book.tickets, ticket];
  return { book: { ...book, tickets }, answer: { kind: 'wait', key, at: wakeAt, why } };
}

/** What is said and asked next is about this endpoint. */
export const aboutEndpoint = (book: ProviderBook, endpoint: string | undefined): ProviderBook => ({
  ...book,
  breaker: ofEndpoint(book.breaker, endpoint),
});

/** Books what a worker tells, once: what comes again, since its answer was lost on the way, changes nothing. */
export function hear(
  book: ProviderBook,
  limits: ProviderLimits,
  { batch, settled, ended = [] }: Telling,
  nowMs: number,
): ProviderBook {
  const { heard = [] } = book;
  const last = heard.find(({ teller }) => teller === batch?.teller);
  if (batch !== undefined && last !== undefined && batch.number <= last.number) return book;
  const told = settled.reduce((before, one) => settle(before, limits, one, nowMs), book);
  const over = ended.reduce((before, one) => endCall(before, limits, one, nowMs), told);
  if (batch === undefined) return over;
  return { ...over, heard: [...heard.filter((one) => one !== last), batch].slice(-TELLERS_MAX) };
}

/** Books what became of a reservation. One that is not known (any more) changes nothing but what it says of the endpoint. */
export function settle(
  earlier: ProviderBook,
  limits: ProviderLimits,
  settlement: Settlement,
  nowMs: number,
): ProviderBook {
  const book = paid(earlier, limits, settlement, nowMs);
  const { key, reservation, sentAfterMs, tokens, code, pauseMs } = settlement;
  const isOf = (one: Grant): boolean =>
    one.key === key && (reservation === undefined || one.reservation === undefined || one.reservation === reservation);
  const found = book.open.find(isOf);
  const open = book.open.filter((one) => one !== found);
  if (sentAfterMs === null)
    return { ...book, open, breaker: afterEnd(book.breaker, limits.breaker, 'cancelled', nowMs) };
  const told = {
    ...book,
    breaker: afterEnd(book.breaker, limits.breaker, code, nowMs, settlement.says),
    pausedUntil: Math.max(book.pausedUntil, pauseMs === undefined ? 0 : nowMs + pauseMs),
    ...(code === null ? { callMs: average(book.callMs, settlement.endedAfterMs - sentAfterMs) } : {}),
    ...(code === null && tokens !== null ? { answerTokens: average(book.answerTokens, tokens.answer) } : {}),
  };
  if (found === undefined) return told;
  // It had arrived when its answer came.
  const arrivedMs = Math.min(sentAfterMs + bound(UNDERWAY, limits), settlement.endedAfterMs);
  const used = tokens === null ? found.tokens : tokens.prompt + tokens.answer;
  const sent = { at: found.askedAt + arrivedMs, tokens: used };
  return { ...told, open, past: add(book.past, limits, sent) };
}

function paid(
  book: ProviderBook,
  { callMs }: ProviderLimits,
  { key, reservation, spentUsdMicros }: Settlement,
  nowMs: number,
): ProviderBook {
  if (book.account === undefined || reservation === undefined || spentUsdMicros === undefined) return book;
  const account = accountAt(book.account, callMs, nowMs);
  return { ...book, account: payHeld(account, { key, reservation, spentUsdMicros }) };
}

/** What was given to the call counts as sent at the latest moment; its places among those at once are free. */
export function endCall(
  earlier: ProviderBook,
  limits: ProviderLimits,
  { key, begunMs, spentUsdMicros }: EndedCall,
  nowMs: number,
): ProviderBook {
  const askedBy = nowMs - begunMs;
  const book = withoutLost(earlier, limits, key, askedBy);
  if (book.account === undefined || spentUsdMicros === undefined) return book;
  const account = accountAt(book.account, limits.callMs, nowMs);
  return { ...book, account: payLost(account, { key, askedBy, spentUsdMicros }) };
}

/** Nothing was sent of late, and nobody waits: the next one can begin with an empty book. */
export function isForgotten(book: ProviderBook, limits: ProviderLimits, nowMs: number): boolean {
  if (remembersUntil(book, limits) > nowMs) return false;
  if (keepsTroubleOnly(limits)) return true;
  const { past, open, tickets, pausedUntil, breaker } = forget(book, limits, nowMs);
  const isClosed = breaker.openUntil === null || limits.budget !== undefined;
  return past.length + open.length + tickets.length === 0 && pausedUntil <= nowMs && isClosed;
}

/** Until when the book says something beside what its windows hold: of a pause, of failures, of what the month has cost. */
export function remembersUntil({ pausedUntil, breaker, account }: ProviderBook, limits: ProviderLimits): number {
  // Of workers that kept the rest in their homes.
  if (limits.budget === undefined) return keepsTroubleOnly(limits) ? pausedUntil : 0;
  return Math.max(pausedUntil, troubledUntil(breaker, limits.breaker), account === undefined ? 0 : endOfMonth(account));
}

/** What people are shown. */
export interface LimitsStanding {
  readonly requests: { readonly used: number; readonly limit: number } | null;
  readonly tokens: { readonly used: number; readonly limit: number } | null;
  readonly concurrency: { readonly used: number; readonly limit: number } | null;
  readonly windowMs: number;
  readonly waiting: number;
  /** Epoch milliseconds; null = the endpoint has asked for no pause. */
  readonly pausedUntil: number | null;
  readonly breaker: Breaker;
  readonly state: ReturnType<typeof stateOf>;
  /** What is spent and held; null where nobody has a budget. */
  readonly money: { readonly day: BudgetUse; readonly month: BudgetUse } | null;
}

export function standingOf(earlier: ProviderBook, limits: ProviderLimits, nowMs: number): LimitsStanding {
  const book = forget(earlier, limits, nowMs);
  const { past, open, tickets, pausedUntil, breaker } = book;
  const sum = (what: 'requests' | 'tokens'): number =>
    past.reduce((all, one) => all + one[what], 0) +
    open
      .filter(({ at }) => at + limits.windowMs > nowMs)
      .reduce((all, one) => all + (what === 'requests' ? 1 : one.tokens), 0);
  return {
    requests: part(sum('requests'), limits.requests),
    tokens: part(sum('tokens'), limits.tokens),
    concurrency: part(open.length, limits.concurrency),
    windowMs: limits.windowMs,
    waiting: new Set([...tickets, ...(book.account?.waiting ?? [])].map(({ key }) => key)).size,
    pausedUntil: pausedUntil > nowMs ? pausedUntil : null,
    breaker,
    state: stateOf(breaker, nowMs),
    money: book.account === undefined ? null : useOf(book.account),
  };
}

const part = (used: number, limit: number | null): LimitsStanding['requests'] =>
  limit === null ? null : { used, limit };

/** The limit that a call waits for, in words. */
export function sayLimit(name: string, settings: LimitSettings, why: WaitsFor): string {
  const { requestsPerMinute = 0, tokensPerMinute = 0, concurrency } = settings;
  switch (why) {
    case 'requests':
      return `waits for provider ${name}: ${requestsPerMinute} request${requestsPerMinute === 1 ? '' : 's'} a minute`;
    case 'tokens':
      return `waits for provider ${name}: ${tokensPerMinute} tokens a minute`;
    case 'concurrency':
      return `waits for provider ${name}: ${concurrency} at once`;
    case 'pause':
      return `waits for provider ${name}: it has asked for a pause`;
    case 'queue':
      return `waits for provider ${name}: ${TICKETS_MAX} calls wait already`;
    case 'budget':
      return `waits for the budget of ${name}: calls under way hold the rest of it`;
    default:
      throw new TypeError(`unknown limit ${JSON.stringify(why satisfies never)}`);
  }
}

/** One answer cannot be larger than all that may be had: it goes when nothing else has gone. */
function estimate(
  { answerTokens }: ProviderBook,
  { tokens }: ProviderLimits,
  { promptTokens, answerTokensMax }: ReserveRequest,
): number {
  const usual = answerTokens === null ? answerTokensMax * FIRST_GUESS : answerTokens * SAFE_GUESS;
  const guess = promptTokens + Math.min(answerTokensMax, usual);
  return Math.ceil(Math.min(guess, tokens ?? guess));
}

const average = (before: number | null, latest: number): number =>
  Math.round(before === null ? latest : before + RECENT * (latest - before));

interface Weight {
  readonly at: number;
  readonly requests: number;
  readonly tokens: number;
}

interface Free {
  readonly at: number;
  readonly why: WaitsFor;
}

/**
 * When there is room for one more after all that was given and all that wait before it. `counted`: reservations that are not
 * settled count from the latest or from the earliest moment at which they can have been sent.
 */
function earliest(
  book: ProviderBook,
  limits: ProviderLimits,
  { key, tokens }: Pick<Ticket, 'key' | 'tokens'>,
  nowMs: number,
  counted: 'latest' | 'earliest',
  before: readonly Ticket[] = ahead(book, key),
): Free {
  const usual = Math.min(bound(UNDERWAY, limits), book.callMs ?? 0) + grainOf(limits);
  const weights = byTime([
    ...book.past,
    ...book.open.map(({ at, from, tokens: used }) => ({
      at: counted === 'latest' ? at : from + usual,
      requests: 1,
      tokens: used,
    })),
    // Whoever is late may come at any moment.
    ...before.map((one) => ({ at: Math.max(one.at, nowMs) + usual, requests: 1, tokens: one.tokens })),
  ]);
  const { windowMs } = limits;
  const turn = Math.max(nowMs, book.pausedUntil, ...before.slice(-1).map(({ at }) => at));
  const free: readonly Free[] = [
    { at: turn, why: book.pausedUntil >= turn && book.pausedUntil > nowMs ? 'pause' : 'requests' },
    { at: roomAt(weights, 'requests', limits.requests, 1, windowMs), why: 'requests' },
    { at: roomAt(weights, 'tokens', limits.tokens, tokens, windowMs), why: 'tokens' },
    { at: placeAt(book, limits, before.length, nowMs), why: 'concurrency' },
  ];
  return free.reduce((last, one) => (one.at > last.at ? one : last));
}

/**
 * Whether there is room for it now, and it may go before others, since all of them find their places as if it had not: somebody
 * has not come, or comes late. In no window with it there are too many, those who wait included.
 */
function delaysNobody(
  book: ProviderBook,
  limits: ProviderLimits,
  wish: Pick<Ticket, 'key' | 'tokens'>,
  nowMs: number,
): boolean {
  const { windowMs, concurrency } = limits;
  const others = book.tickets.filter(({ key }) => key !== wish.key);
  if (earliest(book, limits, wish, nowMs, 'latest', []).at > nowMs) return false;
  if (concurrency !== null && book.open.length + others.length >= concurrency) return false;
  // It may arrive from now until so long after.
  const lastAt = nowMs + bound(VALID, limits) + bound(UNDERWAY, limits);
  const near = byTime([
    ...book.past,
    ...book.open.map((one) => ({ at: one.at, requests: 1, tokens: one.tokens })),
    ...others.map((one) => ({ at: Math.max(one.at, nowMs), requests: 1, tokens: one.tokens })),
  ]).filter(({ at }) => at > nowMs - windowMs && at < lastAt + windowMs);
  let [first, requests, used] = [0, 1, wish.tokens];
  for (const last of near) {
    requests += last.requests;
    used += last.tokens;
    for (let gone = near[first]; gone !== undefined && gone.at + windowMs <= last.at; gone = near[++first]) {
      requests -= gone.requests;
      used -= gone.tokens;
    }
    if (requests > (limits.requests ?? Infinity) || used > (limits.tokens ?? Infinity)) return false;
  }
  return true;
}

/** From the newest back: the first that the limit has no room for must have left the window. */
function roomAt(
  weights: readonly Weight[],
  what: 'requests' | 'tokens',
  limit: number | null,
  wanted: number,
  windowMs: number,
): number {
  if (limit === null) return 0;
  let used = wanted;
  for (let index = weights.length - 1; index >= 0; index -= 1) {
    const weight = weights[index];
    if (weight === undefined) break;
    used += weight[what];
    if (used > limit) return weight.at + windowMs;
  }
  return 0;
}

/** A guess: those at work have begun so long ago, and take as long as calls have taken of late. */
function placeAt({ open, callMs }: ProviderBook, limits: ProviderLimits, before: number, nowMs: number): number {
  const { concurrency } = limits;
  if (concurrency === null || open.length + before < concurrency) return 0;
  const ends = open.map(({ from }) => from + (callMs ?? PLACE_WAIT.minMs)).toSorted((a, b) => a - b);
  const round = Math.floor((open.length + before - concurrency) / concurrency);
  const end = ends[(open.length + before - concurrency) % Math.max(1, ends.length)] ?? nowMs;
  const wait = end + round * (callMs ?? PLACE_WAIT.minMs) - nowMs;
  // Never so soon that it would be given at once: there is no place yet.
  const soonest = bound(SOON, limits) + PLACE_WAIT.minMs;
  return nowMs + Math.min(Math.max(wait, soonest), PLACE_WAIT.maxMs);
}

const ahead = ({ tickets }: ProviderBook, key: string): readonly Ticket[] => {
  const place = tickets.findIndex((one) => one.key === key);
  return place < 0 ? tickets : tickets.slice(0, place);
};

/** Without what no window holds any more, without those who did not come, and without places of calls that were lost. */
function forget(book: ProviderBook, limits: ProviderLimits, nowMs: number): ProviderBook {
  const { windowMs, callMs } = limits;
  const isLost = ({ at }: Grant): boolean => nowMs > at + Math.max(callMs, windowMs);
  const isLate = ({ at }: Ticket): boolean => nowMs > at + Math.max(bound(LATE, limits), bound(SOON, limits));
  return {
    ...book,
    past: book.past.filter(({ at }) => at + windowMs > nowMs),
    open: book.open.some(isLost) ? book.open.filter((one) => !isLost(one)) : book.open,
    tickets: book.tickets.some(isLate) ? book.tickets.filter((one) => !isLate(one)) : book.tickets,
    ...(book.account === undefined ? {} : { account: accountAt(book.account, callMs, nowMs) }),
  };
}

/** Who asks again under the same key has lost what it was given before: perhaps it was sent, but it is under way no more. */
function withoutLost(book: ProviderBook, limits: ProviderLimits, key: string, askedBy = Infinity): ProviderBook {
  const isLost = (one: Grant): boolean => one.key === key && one.askedAt <= askedBy;
  const lost = book.open.filter(isLost);
  if (lost.length === 0) return book;
  const past = lost.reduce((all, one) => add(all, limits, one), book.past);
  return { ...book, past, open: book.open.filter((one) => !isLost(one)) };
}

const withoutTicket = (book: ProviderBook, key: string): ProviderBook => ({
  ...book,
  tickets: book.tickets.filter((one) => one.key !== key),
});

function add(
  past: readonly Bucket[],
  limits: ProviderLimits,
  { at, tokens }: { readonly at: number; readonly tokens: number },
): readonly Bucket[] {
  const grain = grainOf(limits);
  const rounded = Math.ceil(at / grain) * grain;
  const same = past.find((one) => one.at === rounded);
  if (same === undefined) return byTime([...past, { at: rounded, requests: 1, tokens }]);
  const more = { at: rounded, requests: same.requests + 1, tokens: same.tokens + tokens };
  return past.map((one) => (one === same ? more : one));
}

const grainOf = ({ windowMs }: ProviderLimits): number => Math.max(1, Math.floor(windowMs / GRAINS));

const byTime = <T extends { readonly at: number }>(all: readonly T[]): readonly T[] =>
  all.toSorted((a, b) => a.at - b.at);
