/**
 * Keeper of the limits of one provider: gives places in its windows to the workers, first come first served. It begins with
 * the first call and ends when nothing was sent for a window; the next call begins it again. Of a provider without limits
 * there is one while its endpoint wants to be left alone.
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
  EMPTY_BOOK,
  endCall,
  EXCHANGE_UPDATE,
  isForgotten,
  keepsPauseOnly,
  PROVIDER_LIMITS_QUERY,
  reserve,
  settle,
  standingOf,
  type LimitsExchange,
  type ProviderBook,
  type ProviderLimits,
  type LimitsStanding,
  type Reserved,
} from '../domain/provider-limits.js';

const exchangeUpdate = defineUpdate<readonly Reserved[], [LimitsExchange]>(EXCHANGE_UPDATE);
/** A workflow's clock stands still between its messages: who asks brings the time along. */
const providerLimitsQuery = defineQuery<LimitsStanding | null, [nowMs: number]>(PROVIDER_LIMITS_QUERY);

/** The server takes 2,000 updates of a run, and refuses the next ones. */
const EXCHANGES_MAX = 1_500;
/** Far below the server's limit of 51,200, and replayed within a second. */
const EVENTS_MAX = 8_000;
/** Nothing is in the way for so long beside the window: what is asked for meanwhile finds the keeper there. */
const LINGER_MS = 5_000;

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
    const mustGoOn = await condition(isLong, desk.lingerMs, { summary: 'is the provider still used?' });
    // The handlers await nothing, so none of them is cut off.
    if (mustGoOn) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof providerLimits>({ book: desk.book, limits: desk.limits });
    }
    if (desk.isUnused) return;
  }
}

class Desk {
  exchanges = 0;
  private usedAt = Date.now();

  constructor(
    public book: ProviderBook,
    public limits: ProviderLimits | null,
  ) {}

  exchange({ limits, settled, ended = [], asked }: LimitsExchange): readonly Reserved[] {
    const nowMs = Date.now();
    this.exchanges += 1;
    this.usedAt = nowMs;
    this.limits = limits;
    for (const one of settled) this.book = settle(this.book, limits, one, nowMs);
    for (const one of ended) this.book = endCall(this.book, limits, one, nowMs);
    const answers = asked.map((request) => {
      const { book, answer } = reserve(this.book, limits, request, nowMs);
      this.book = book;
      return answer;
    });
    this.show(limits, nowMs);
    return answers;
  }

  standing(nowMs: number): LimitsStanding | null {
    return this.limits === null ? null : standingOf(this.book, this.limits, nowMs);
  }

  /** Until what is sent now has left the window; of a provider without limits, until its pause is over. */
  get lingerMs(): number {
    const { limits, book } = this;
    if (limits !== null && keepsPauseOnly(limits)) return Math.max(1, book.pausedUntil + LINGER_MS - Date.now());
    const windowMs = limits?.windowMs ?? 0;
    return Math.max(LINGER_MS, this.usedAt + windowMs + LINGER_MS - Date.now());
  }

  get isUnused(): boolean {
    const { limits, book } = this;
    return limits === null || isForgotten(book, limits, Date.now());
  }

  private show(limits: ProviderLimits, nowMs: number): void {
    const { requests, tokens, waiting, state } = standingOf(this.book, limits, nowMs);
    const used = [
      ...(requests === null ? [] : [`${requests.used} of ${requests.limit} requests`]),
      ...(tokens === null ? [] : [`${tokens.used} of ${tokens.limit} tokens`]),
    ];
    const within = used.length === 0 ? '' : `${used.join(', ')} in ${limits.windowMs / 1_000} s; `;
    setCurrentDetails(`${within}${waiting} wait; breaker ${state}.`);
  }
}
