/**
 * Keeper of the limits of one provider: gives places in its windows, and money of its budget, to the workers, first come first
 * served. It begins with the first call and ends when nothing was sent for a window, with a budget when the month is over;
 * the next call begins it again. Of a provider with neither there is one while its endpoint wants to be left alone.
 */
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  aboutEndpoint,
  EMPTY_BOOK,
  EXCHANGE_UPDATE,
  hear,
  isForgotten,
  keepsTroubleOnly,
  PROVIDER_LIMITS_QUERY,
  remembering,
  remembersUntil,
  reserve,
  standingOf,
  takeHomeIn,
  type LimitsExchange,
  type ProviderBook,
  type ProviderLimits,
  type LimitsStanding,
  type Reserved,
} from '../domain/provider-limits.js';
import { dollarText } from '../domain/costs.js';

const exchangeUpdate = defineUpdate<readonly Reserved[], [LimitsExchange]>(EXCHANGE_UPDATE);
/** A workflow's clock stands still between its messages: who asks brings the time along. */
const providerLimitsQuery = defineQuery<LimitsStanding | null, [nowMs: number]>(PROVIDER_LIMITS_QUERY);

/** The server takes 2,000 updates of a run, and refuses the next ones. */
const EXCHANGES_MAX = 1_500;
/** Far below the server's limit of 51,200, and replayed within a second. */
const EVENTS_MAX = 8_000;
/** Nothing is in the way for so long beside the window: what is asked for meanwhile finds the keeper there. */
const LINGER_MS = 5_000;
/** Trouble that is over keeps nobody for longer than workers take to notice: till then each call is a message. */
const RECOVERED_MS = 500;

/** What a run hands on to the next. */
export interface Carried {
  readonly book: ProviderBook;
  readonly limits: ProviderLimits | null;
}

export async function providerLimits({ book, limits }: Carried = { book: EMPTY_BOOK, limits: null }): Promise<void> {
  const desk = new Desk(book, limits);
  // Before anything is awaited: nothing that has arrived is missed.
  setHandler(exchangeUpdate, (exchange) => desk.exchange(exchange));
  setHandler(providerLimitsQuery, (nowMs) => desk.standing(nowMs));
  const isLong = (): boolean => desk.exchanges >= EXCHANGES_MAX || workflowInfo().historyLength > EVENTS_MAX;
  for (;;) {
    const isNews = (): boolean => isLong() || desk.hasRecovered();
    const mustLook = await condition(isNews, desk.lingerMs, { summary: 'is the provider still used?' });
    // The handlers await nothing, so none of them is cut off.
    if (mustLook && isLong()) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof providerLimits>({ book: desk.book, limits: desk.limits });
    }
    // What is asked for while it is on its way back finds the keeper there, once more.
    if (!mustLook && desk.isUnused) return;
  }
}

class Desk {
  exchanges = 0;
  private usedAt = Date.now();
  /** Until when the book was needed since that was last looked at. */
  private neededUntil = 0;

  constructor(
    public book: ProviderBook,
    public limits: ProviderLimits | null,
  ) {}

  exchange({ limits, home, spending, asked, endpoint, ...telling }: LimitsExchange): readonly Reserved[] {
    const nowMs = Date.now();
    this.exchanges += 1;
    this.usedAt = nowMs;
    // One who knows of no limits leaves those of the others as they are.
    if (this.limits === null || limits.budget === undefined || !keepsTroubleOnly(limits)) this.limits = limits;
    if (spending !== undefined) this.book = takeHomeIn(this.book, spending, nowMs);
    const rules = remembering(limits, this.limits);
    this.book = hear(aboutEndpoint(this.book, endpoint), rules, telling, nowMs);
    const answers = asked.map((request) => {
      const { book, answer } = reserve(this.book, rules, request, nowMs, home ?? null);
      this.book = book;
      return answer;
    });
    this.neededUntil = Math.max(this.neededUntil, remembersUntil(this.book, this.limits));
    this.show(limits, nowMs);
    return answers;
  }

  standing(nowMs: number): LimitsStanding | null {
    return this.limits === null ? null : standingOf(this.book, this.limits, nowMs);
  }

  /** Until what is sent now has left the window, and the rest of the book is of no use any more. */
  get lingerMs(): number {
    const { limits, book } = this;
    this.neededUntil = limits === null ? 0 : remembersUntil(book, limits);
    if (limits !== null && keepsTroubleOnly(limits)) {
      if (limits.budget !== undefined && this.neededUntil <= Date.now()) return RECOVERED_MS;
      return Math.max(1, this.neededUntil + LINGER_MS - Date.now());
    }
    const windowMs = limits?.windowMs ?? 0;
    return Math.max(LINGER_MS, Math.max(this.usedAt + windowMs, this.neededUntil) + LINGER_MS - Date.now());
  }

  /** Sooner than it was thought: an answer has ended the trouble. */
  hasRecovered(): boolean {
    const { limits, book, neededUntil } = this;
    if (limits === null || limits.budget === undefined || neededUntil === 0) return false;
    return remembersUntil(book, limits) < neededUntil && isForgotten(book, limits, Date.now());
  }

  get isUnused(): boolean {
    const { limits, book } = this;
    return limits === null || isForgotten(book, limits, Date.now());
  }

  private show(limits: ProviderLimits, nowMs: number): void {
    const { requests, tokens, waiting, state, money } = standingOf(this.book, limits, nowMs);
    const used = [
      ...(requests === null ? [] : [`${requests.used} of ${requests.limit} requests`]),
      ...(tokens === null ? [] : [`${tokens.used} of ${tokens.limit} tokens`]),
    ];
    const within = used.length === 0 ? '' : `${used.join(', ')} in ${limits.windowMs / 1_000} s; `;
    const paid =
      money === null
        ? ''
        : `$${dollarText(money.day.spentUsdMicros)} spent today, $${dollarText(money.month.spentUsdMicros)} this month; `;
    setCurrentDetails(`${within}${paid}${waiting} wait; breaker ${state}.`);
  }
}
