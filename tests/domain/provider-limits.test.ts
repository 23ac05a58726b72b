/** Limits that all workers share: exact in any window, and nearly all of it is used. */
import {
  EMPTY_BOOK,
  endCall,
  hear,
  isForgotten,
  limitsOf,
  OPEN_MAX,
  remembering,
  troubleLimitsOf,
  reserve,
  sayLimit,
  settle,
  standingOf,
  TICKETS_MAX,
  type LimitSettings,
  type ProviderBook,
  type ProviderLimits,
  type Reserved,
  type Settlement,
} from '../../src/domain/provider-limits.js';
import { HELD_MAX, openAccount } from '../../src/domain/provider-account.js';
import { mostInWindow, simulate } from './limits-simulation.js';

const SETTINGS: LimitSettings = { concurrency: 4, callTimeoutSeconds: 120 };
const limits = (more: Partial<LimitSettings>): ProviderLimits => {
  const found = limitsOf({ ...SETTINGS, ...more });
  if (found === null) throw new Error('no limits');
  return found;
};

/** A keeper to talk to. */
class Keeper {
  book: ProviderBook = EMPTY_BOOK;
  constructor(readonly given: ProviderLimits) {}

  ask(key: string, atMs: number, promptTokens = 10, reservation?: string): Reserved {
    const of = reservation === undefined ? {} : { reservation };
    const request = { key, promptTokens, answerTokensMax: 100, ...of };
    const { book, answer } = reserve(this.book, this.given, request, atMs);
    this.book = book;
    return answer;
  }

  tell(settlement: Partial<Settlement> & { readonly key: string }, atMs: number): void {
    const told = { sentAfterMs: 0, endedAfterMs: 5, tokens: null, code: null, ...settlement };
    this.book = settle(this.book, this.given, told, atMs);
  }

  /** Asks, sends at once and is answered 5 ms later. */
  send(key: string, atMs: number): Reserved {
    const answer = this.ask(key, atMs);
    if (answer.kind === 'granted') this.tell({ key }, atMs + 5);
    return answer;
  }
}

describe('one who asks without limits beside one who has some', () => {
  const own = limits({ requestsPerMinute: 2, windowSeconds: 60 });
  const none = troubleLimitsOf({ ...SETTINGS, callTimeoutSeconds: 1 });

  it('has nothing forgotten that the other still counts', () => {
    const keeper = new Keeper(own);
    expect(keeper.send('a', 0).kind).toBe('granted');
    const request = { key: 'b', promptTokens: 10, answerTokensMax: 100 };
    keeper.book = reserve(keeper.book, remembering(none, own), request, 40_000).book;
    expect(keeper.ask('c', 45_000).kind).not.toBe('granted');
  });

  it('is answered as ever by one that is older than budgets', () => {
    const { budget: _, ...older } = none;
    expect(remembering(older, own)).toBe(older);
  });
});

describe('a provider', () => {
  it('without limits has no keeper', () => {
    expect(limitsOf(SETTINGS)).toBeNull();
    expect(limitsOf({ ...SETTINGS, windowSeconds: 5 })).toBeNull();
  });

  it('has its limits by window', () => {
    expect(limits({ requestsPerMinute: 60, tokensPerMinute: 9_000, windowSeconds: 10 })).toMatchObject({
      windowMs: 10_000,
      requests: 10,
      tokens: 1_500,
      concurrency: null,
    });
  });

  it('LC-46 of one request a minute has a window of a minute, whatever is said', () => {
    expect(limits({ requestsPerMinute: 1, windowSeconds: 5 })).toMatchObject({ windowMs: 60_000, requests: 1 });
  });

  it('that is shared counts those at once over all workers', () => {
    expect(limits({ shared: true })).toMatchObject({ requests: null, tokens: null, concurrency: 4 });
  });
});

describe('requests in a window', () => {
  it('LS-16 go at once until it is full; the next is told when', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 3 }));
    const answers = ['a', 'b', 'c', 'd'].map((key) => keeper.send(key, 0));
    expect(answers.map(({ kind }) => kind)).toEqual(['granted', 'granted', 'granted', 'wait']);
    const [last] = answers.slice(-1);
    // A little early, for the way back takes its time.
    expect(last).toMatchObject({ why: 'requests', at: expect.any(Number) });
    if (last?.kind !== 'wait') throw new Error('granted');
    expect(last.at).toBeGreaterThan(59_000);
    expect(last.at).toBeLessThanOrEqual(60_300);
  });

  it('has the place that was waited for when it is asked for again under the same key', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 1 }));
    keeper.send('a', 0);
    const waits = keeper.ask('b', 10);
    if (waits.kind !== 'wait') throw new Error('granted');
    expect(keeper.ask('c', 20)).toMatchObject({ kind: 'wait' });
    const back = keeper.ask('b', waits.at);
    expect(back).toMatchObject({ kind: 'granted' });
    // Not before the other has left the window.
    expect(waits.at + (back.kind === 'granted' ? back.inMs : 0)).toBeGreaterThanOrEqual(60_000);
  });

  it('does not let a newcomer take the place of one who waits', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 1 }));
    keeper.send('a', 0);
    keeper.ask('b', 10);
    const newcomer = keeper.ask('c', 60_100);
    expect(newcomer).toMatchObject({ kind: 'wait', why: 'requests' });
    expect(newcomer.kind === 'wait' ? newcomer.at : 0).toBeGreaterThan(119_000);
    expect(keeper.ask('b', 60_200)).toMatchObject({ kind: 'granted' });
  });

  it('forgets one who waits and does not come', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 1 }));
    keeper.send('a', 0);
    keeper.ask('gone', 10);
    expect(keeper.ask('c', 75_000)).toMatchObject({ kind: 'granted' });
  });

  it('counts one that was not heard of as sent, at the latest moment', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 1 }));
    expect(keeper.ask('lost', 0)).toMatchObject({ kind: 'granted', inMs: 0, validMs: 2_000 });
    // Two seconds in which it is valid, and what it may have been under way.
    expect(keeper.ask('next', 60_100)).toMatchObject({ kind: 'wait', at: 62_300 - 400 });
    expect(keeper.ask('next', 61_900)).toMatchObject({ kind: 'granted', inMs: 400 });
  });

  it('gives back the place of one that was not sent', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 1 }));
    keeper.ask('a', 0);
    keeper.tell({ key: 'a', sentAfterMs: null }, 50);
    expect(keeper.ask('b', 60)).toMatchObject({ kind: 'granted', inMs: 0 });
  });

  it('LC-12 counts a call that asks again as two: the first may have been sent', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 2 }));
    keeper.ask('a', 0);
    expect(keeper.ask('a', 10)).toMatchObject({ kind: 'granted' });
    expect(keeper.ask('b', 20)).toMatchObject({ kind: 'wait' });
  });

  it('knows a key that was settled before as a new request', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 2 }));
    keeper.send('a', 0);
    expect(keeper.send('a', 10)).toMatchObject({ kind: 'granted' });
    expect(keeper.send('a', 20)).toMatchObject({ kind: 'wait' });
  });
});

describe('MD-19 tokens in a window', () => {
  const tight = { tokensPerMinute: 1_000 };

  it('are booked as estimated, and settled with what was used', () => {
    const keeper = new Keeper(limits(tight));
    expect(keeper.ask('a', 0, 960)).toMatchObject({ kind: 'granted' });
    expect(keeper.ask('b', 10, 960)).toMatchObject({ kind: 'wait', why: 'tokens' });
    keeper.tell({ key: 'a', tokens: { prompt: 10, answer: 5 } }, 20);
    expect(standingOf(keeper.book, keeper.given, 30).tokens).toEqual({ used: 15, limit: 1_000 });
    expect(keeper.ask('b', 30, 960)).toMatchObject({ kind: 'granted' });
  });

  it('learn from the answers how long the next one will be', () => {
    const keeper = new Keeper(limits(tight));
    keeper.ask('a', 0, 10);
    keeper.tell({ key: 'a', tokens: { prompt: 10, answer: 80 } }, 20);
    keeper.ask('b', 30, 10);
    // A quarter more than usual, and no more than is asked for.
    expect(standingOf(keeper.book, keeper.given, 40).tokens?.used).toBe(90 + 10 + 100);
  });

  it('let one through that is larger than all of them, when nothing else has gone', () => {
    const keeper = new Keeper(limits(tight));
    expect(keeper.ask('huge', 0, 5_000)).toMatchObject({ kind: 'granted' });
    expect(keeper.ask('next', 10, 1)).toMatchObject({ kind: 'wait', why: 'tokens' });
  });
});

describe('calls at once', () => {
  it('are never more than the limit, over all workers', () => {
    const keeper = new Keeper(limits({ shared: true, concurrency: 2 }));
    expect(['a', 'b', 'c'].map((key) => keeper.ask(key, 0).kind)).toEqual(['granted', 'granted', 'wait']);
    keeper.tell({ key: 'a', endedAfterMs: 4_000 }, 4_000);
    expect(keeper.ask('c', 4_010)).toMatchObject({ kind: 'granted' });
  });

  it('guess from the calls before when there is a place', () => {
    const keeper = new Keeper(limits({ shared: true, concurrency: 1 }));
    keeper.ask('a', 0);
    keeper.tell({ key: 'a', endedAfterMs: 8_000 }, 8_000);
    keeper.ask('b', 10_000);
    expect(keeper.ask('c', 11_000)).toMatchObject({ kind: 'wait', why: 'concurrency', at: 18_000 - 400 });
  });

  it('gives back the place of a call whose worker is gone', () => {
    const keeper = new Keeper(limits({ shared: true, concurrency: 1 }));
    keeper.ask('lost', 0);
    expect(keeper.ask('b', 60_000)).toMatchObject({ kind: 'wait' });
    expect(keeper.ask('b', 123_000)).toMatchObject({ kind: 'granted' });
  });
});

describe('an endpoint', () => {
  it('that asks for a pause gets it from all workers', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 60 }));
    keeper.ask('a', 0);
    keeper.tell({ key: 'a', code: 'rateLimited', pauseMs: 20_000 }, 100);
    expect(keeper.ask('b', 200)).toMatchObject({ kind: 'wait', why: 'pause', at: 20_100 - 400 });
    expect(keeper.ask('b', 20_100)).toMatchObject({ kind: 'granted' });
  });

  it('that fails five times in a row is left alone, then tried once', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 600 }));
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      keeper.ask(key, 0);
      keeper.tell({ key, code: 'modelTimeout' }, 10);
    }
    expect(keeper.ask('f', 20)).toEqual({
      kind: 'open',
      key: 'f',
      at: 30_010,
      inMs: 29_990,
      failures: 5,
      code: 'modelTimeout',
    });
    expect(keeper.ask('f', 30_010)).toMatchObject({ kind: 'granted' });
    expect(keeper.ask('g', 30_020)).toMatchObject({ kind: 'open' });
    keeper.tell({ key: 'f' }, 30_100);
    expect(keeper.ask('g', 30_110)).toMatchObject({ kind: 'granted' });
  });
});

describe('what a worker tells again, since it has heard no answer,', () => {
  const given = limits({ requestsPerMinute: 600 });
  const failed = {
    key: 'a',
    reservation: '',
    sentAfterMs: 0,
    endedAfterMs: 5,
    tokens: null,
    code: 'modelServer',
  } as const;
  const tells = (teller: string, number: number) => ({ batch: { teller, number }, settled: [failed] });

  it('is heard once, also when it comes late and others have told something since', () => {
    let book = EMPTY_BOOK;
    for (const [teller, number] of [
      ['x', 1],
      ['y', 1],
      ['x', 1],
      ['x', 2],
      ['x', 1],
      ['y', 1],
    ] as const)
      book = hear(book, given, tells(teller, number), 0);
    expect(book.breaker.failures).toBe(3);
  });

  it('counts each time where the worker is older than its numbers', () => {
    const once = hear(EMPTY_BOOK, given, { settled: [failed] }, 0);
    expect(hear(once, given, { settled: [failed] }, 0).breaker.failures).toBe(2);
  });

  it('is known of the last fifty who have told', () => {
    let book = EMPTY_BOOK;
    for (let n = 0; n < 150; n += 1) book = hear(book, given, tells(String(n), 1), 0);
    expect(book.heard).toHaveLength(50);
    expect(hear(book, given, tells('100', 1), 0).breaker.failures).toBe(150);
  });
});

const keyOf = (n: number): string => String(n).padStart(16, '0');

describe('the book', () => {
  it('is forgotten when nothing was sent for a window', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 2 }));
    keeper.send('a', 0);
    expect(isForgotten(keeper.book, keeper.given, 50_000)).toBe(false);
    expect(isForgotten(keeper.book, keeper.given, 61_000)).toBe(true);
  });

  it('fits into a start input, however much is going on', () => {
    const given = limits({ requestsPerMinute: 66_000, windowSeconds: 1 });
    const keeper = new Keeper(given);
    const startMs = 1_795_278_000_000;
    const waiting = { tokens: 100_000, wakeAt: startMs };
    const money = { mostUsdMicros: 100_000, beforeUsdMicros: 100_000 };
    const hold = { reservation: '12345678', at: startMs, ...money, callMs: 120_000 };
    const grant = (n: number) => ({
      reservation: '12345678',
      askedAt: startMs,
      from: startMs,
      at: startMs + n,
      tokens: 100_000 + n,
    });
    keeper.book = {
      ...EMPTY_BOOK,
      past: Array.from({ length: 500 }, (_, n) => ({ at: startMs - n, requests: 1_000, tokens: 1_000_000 })),
      open: Array.from({ length: OPEN_MAX }, (_, n) => ({ key: keyOf(n), ...grant(n) })),
      tickets: Array.from({ length: TICKETS_MAX }, (_, n) => ({ key: keyOf(n), at: startMs + n, ...waiting })),
      account: {
        ...openAccount(startMs),
        homes: Array.from({ length: 200 }, (_, n) => String(n).padStart(8, '0')),
        held: Array.from({ length: HELD_MAX }, (_, n) => ({ key: keyOf(n), ...hold })),
        lapsed: Array.from({ length: 50 }, (_, n) => ({ key: keyOf(n), ...hold })),
        waiting: Array.from({ length: 200 }, (_, n) => ({
          key: keyOf(n),
          mostUsdMicros: 100_000,
          rounds: 1,
          wakeAt: startMs,
        })),
      },
      heard: Array.from({ length: 50 }, () => ({ teller: '12345678', number: 10_000_000 })),
    };
    expect(JSON.stringify(keeper.book).length).toBeLessThan(256 * 1_024);
    expect(keeper.ask('one more', startMs)).toMatchObject({ kind: 'wait', why: 'queue' });
    expect(keeper.book.tickets).toHaveLength(TICKETS_MAX);
    keeper.book = { ...keeper.book, past: [], tickets: [] };
    expect(keeper.ask('one more', startMs)).toMatchObject({ kind: 'granted' });
    expect(keeper.book.open).toHaveLength(OPEN_MAX);
    expect(standingOf(keeper.book, given, startMs).requests?.used).toBe(OPEN_MAX + 1);
  });

  it('stays small at any rate', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 6_000 }));
    for (let n = 0; n < 2_000; n += 1) keeper.send(String(n), 25 * n);
    expect(keeper.book.past.length).toBeLessThanOrEqual(500);
    expect(standingOf(keeper.book, keeper.given, 50_000).requests?.used).toBe(2_000);
  });
});

it('says what a call waits for', () => {
  expect(sayLimit('x', { ...SETTINGS, requestsPerMinute: 60 }, 'requests')).toBe(
    'waits for provider x: 60 requests a minute',
  );
});

describe('many workers', () => {
  const SECOND = 1_000;
  const RUNS: readonly (readonly [string, Partial<LimitSettings> & { readonly answerMs?: number }, number])[] = [
    ['60 a minute', { requestsPerMinute: 60 }, 600 * SECOND],
    ['60 a minute with slow answers', { requestsPerMinute: 60, answerMs: 20_000 }, 600 * SECOND],
    ['120 a minute in windows of 3 seconds', { requestsPerMinute: 120, windowSeconds: 3 }, 60 * SECOND],
    ['7 a minute', { requestsPerMinute: 7 }, 1_800 * SECOND],
    ['1,200 a minute in windows of 6 seconds', { requestsPerMinute: 1_200, windowSeconds: 6 }, 30 * SECOND],
  ];

  it.each(RUNS)(
    '%s: never more in any window, and less than 5 %% of it lost',
    (_, { answerMs = 400, ...settings }, lengthMs) => {
      for (const seed of [1, 2]) {
        const given = limits({ ...settings, callTimeoutSeconds: 120 });
        const { arrivals, waited } = simulate(given, { seed, lengthMs, answerMs });
        const allowed = given.requests ?? 0;
        expect(mostInWindow(arrivals, given.windowMs)).toBeLessThanOrEqual(allowed);
        const possible = allowed * (Math.floor(lengthMs / given.windowMs) + 1);
        expect(arrivals.length).toBeGreaterThanOrEqual(0.95 * (possible - allowed));
        // Almost every call waits once, though the queue is several windows long.
        expect(waited / arrivals.length).toBeLessThan(2);
      }
    },
  );

  it('at random, with workers that die and messages that are late: never more in any window', () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const given = limits({ requestsPerMinute: 30 + 20 * seed, windowSeconds: 5 + 5 * (seed % 4) });
      const { arrivals } = simulate(given, { seed, lengthMs: 120_000, answerMs: 1_000, diesOneIn: 10, lateMs: 3_000 });
      expect(arrivals.length).toBeGreaterThan(40);
      expect(mostInWindow(arrivals, given.windowMs)).toBeLessThanOrEqual(given.requests ?? 0);
    }
  });
});

describe('a call that is tried again while its first try is not settled', () => {
  it('is not taken for sent nor for unsent by what its first try tells late', () => {
    const keeper = new Keeper(limits({ requestsPerMinute: 2 }));
    expect(keeper.ask('a', 0, 10, 'first').kind).toBe('granted');
    expect(keeper.ask('a', 1_000, 10, 'second').kind).toBe('granted');
    // The first one was not sent after all, but nobody knew when its place was booked as used.
    keeper.tell({ key: 'a', reservation: 'first', sentAfterMs: null }, 1_500);
    expect(standingOf(keeper.book, keeper.given, 2_000).requests).toEqual({ used: 2, limit: 2 });
    expect(keeper.ask('b', 2_000).kind).toBe('wait');
  });

  it('frees the place among those at once when a later try tells that the call is over', () => {
    const keeper = new Keeper(limits({ shared: true, concurrency: 1 }));
    keeper.ask('a', 0, 10, 'first');
    expect(keeper.ask('b', 5_000).kind).toBe('wait');
    // What was reserved since the telling try began is not meant.
    keeper.book = endCall(keeper.book, keeper.given, { key: 'a', begunMs: 5_500 }, 5_000);
    expect(standingOf(keeper.book, keeper.given, 5_000).concurrency).toEqual({ used: 1, limit: 1 });
    keeper.book = endCall(keeper.book, keeper.given, { key: 'a', begunMs: 3_000 }, 5_000);
    expect(standingOf(keeper.book, keeper.given, 5_000).concurrency).toEqual({ used: 0, limit: 1 });
  });
});

describe('a provider without limits', () => {
  const given = troubleLimitsOf(SETTINGS);

  it('is asked as often as one likes, until its endpoint asks for a pause: then nobody goes before it is over', () => {
    const keeper = new Keeper(given);
    for (let n = 0; n < 50; n += 1) expect(keeper.send(`call ${n}`, n).kind).toBe('granted');
    keeper.tell({ key: 'somewhere', reservation: '', code: 'rateLimited', pauseMs: 30_000 }, 1_000);
    const told = keeper.ask('a', 2_000);
    expect(told).toMatchObject({ kind: 'wait', why: 'pause' });
    if (told.kind !== 'wait') throw new Error('granted');
    expect(31_000 - told.at).toBeGreaterThanOrEqual(0);
    expect(31_000 - told.at).toBeLessThan(1_000);
    const granted = keeper.ask('a', told.at);
    expect(granted).toMatchObject({ kind: 'granted', inMs: 31_000 - told.at });
    expect(keeper.ask('b', 31_000)).toMatchObject({ kind: 'granted', inMs: 0 });
  });

  it('needs no keeper any more when the pause is over, however much is under way', () => {
    const keeper = new Keeper(given);
    keeper.tell({ key: 'a', reservation: '', code: 'rateLimited', pauseMs: 5_000 }, 0);
    expect(isForgotten(keeper.book, given, 4_999)).toBe(false);
    keeper.ask('b', 5_000);
    expect(isForgotten(keeper.book, given, 5_001)).toBe(true);
  });

  it('needs one while failures of its endpoint say anything, and none after an answer', () => {
    const keeper = new Keeper(given);
    keeper.tell({ key: 'a', reservation: '', code: 'modelServer' }, 0);
    expect(isForgotten(keeper.book, given, 599_999)).toBe(false);
    expect(isForgotten(keeper.book, given, 600_000)).toBe(true);
    for (const key of ['b', 'c', 'd', 'e']) keeper.tell({ key, reservation: '', code: 'modelServer' }, 1_000);
    expect(keeper.ask('f', 2_000)).toMatchObject({ kind: 'open', at: 31_000, failures: 5 });
    expect(keeper.ask('f', 31_000)).toMatchObject({ kind: 'granted' });
    expect(keeper.ask('g', 31_001)).toMatchObject({ kind: 'open' });
    keeper.tell({ key: 'f' }, 31_500);
    expect(isForgotten(keeper.book, given, 31_500)).toBe(true);
  });
});
