/** Budgets of a provider that all workers share: what is let through, what is counted, and what workers that die leave behind. */
import {
  EMPTY_BOOK,
  endCall,
  isForgotten,
  limitsOf,
  remembersUntil,
  reserve,
  settle,
  standingOf,
  takeHomeIn,
  type ProviderBook,
  type ProviderLimits,
  type Reserved,
} from '../../src/domain/provider-limits.js';
import { HELD_MAX } from '../../src/domain/provider-account.js';
import type { BudgetSpec, HomeSpending } from '../../src/domain/costs.js';
import { seededRandom } from '../chaos/points.js';

const NOON = Date.parse('2026-11-15T12:00:00Z');
const DAY_MS = 86_400_000;
/** After so long a call is over, whoever has made it. */
const LEASE_MS = 20_000 + 5_000;

/** A keeper with a clock, and the homes that ask it. */
class Keeper {
  book: ProviderBook = EMPTY_BOOK;
  now = NOON;
  constructor(readonly budget: BudgetSpec = { dailyUsdMicros: 1_000 }) {}

  limits(budget: BudgetSpec | null = this.budget): ProviderLimits {
    // One without a budget has other limits, so that it asks too.
    const settings = { concurrency: 1_000, callTimeoutSeconds: 20, shared: budget === null };
    const limits = limitsOf({ ...settings, ...(budget === null ? {} : { budget }) });
    if (limits === null) throw new Error('no limits');
    return limits;
  }

  knows(home: string, spent: Partial<HomeSpending> = {}): void {
    const nothing = { day: '2026-11-15', dayUsdMicros: 0, monthUsdMicros: 0 };
    this.book = takeHomeIn(this.book, { home, ...nothing, ...spent }, this.now);
  }

  ask(
    key: string,
    mostUsdMicros: number,
    more: { home?: string; budget?: BudgetSpec | null; spent?: number; callMs?: number } = {},
  ): Reserved {
    const { home, budget, spent: spentUsdMicros = 0, callMs } = more;
    const request = { key, reservation: key, promptTokens: 1, answerTokensMax: 1, mostUsdMicros, spentUsdMicros };
    const limits = { ...this.limits(budget), ...(callMs === undefined ? {} : { callMs }) };
    const { book, answer } = reserve(this.book, limits, request, this.now, home ?? null);
    this.book = book;
    return answer;
  }

  /** `spentUsdMicros`: of the whole call. */
  end(key: string, spentUsdMicros: number, isSent = true): void {
    const told = { sentAfterMs: isSent ? 0 : null, endedAfterMs: 5, tokens: null, code: null };
    this.book = settle(this.book, this.limits(), { key, reservation: key, ...told, spentUsdMicros }, this.now);
  }

  /** Another try of the step has found out what became of the call. */
  endLost(key: string, spentUsdMicros: number): void {
    this.book = endCall(this.book, this.limits(), { key, begunMs: 0, spentUsdMicros }, this.now);
  }

  /** Spent and held, on the day and in the month. */
  get money(): readonly (readonly [number, number])[] {
    const { money } = standingOf(this.book, this.limits(), this.now);
    if (money === null) return [];
    return [money.day, money.month].map((one) => [one.spentUsdMicros, one.reservedUsdMicros] as const);
  }
}

describe('MD-16, LC-17 a call of a provider with a budget', () => {
  it('is held back with its most, and booked with what it has cost', () => {
    const keeper = new Keeper();
    expect(keeper.ask('a', 400)).toMatchObject({ kind: 'granted' });
    expect(keeper.money).toEqual([
      [0, 400],
      [0, 400],
    ]);
    keeper.end('a', 150);
    expect(keeper.money).toEqual([
      [150, 0],
      [150, 0],
    ]);
  });

  it('is refused when what is left does not hold its most, with the time when the budget is free again', () => {
    const keeper = new Keeper();
    keeper.ask('a', 700);
    keeper.end('a', 700);
    const standing = { period: 'day', spentUsdMicros: 700, freeAt: Date.parse('2026-11-16T00:00:00Z') };
    expect(keeper.ask('b', 301)).toMatchObject({ kind: 'spent', everTooLarge: false, standing });
    expect(keeper.ask('c', 1_001)).toMatchObject({ kind: 'spent', everTooLarge: true });
    expect(keeper.ask('d', 300)).toMatchObject({ kind: 'granted' });
  });

  it('that was not sent gives back what was held', () => {
    const keeper = new Keeper();
    keeper.ask('a', 900);
    keeper.end('a', 0, false);
    expect(keeper.ask('b', 1_000)).toMatchObject({ kind: 'granted' });
  });

  it('may be sent on the next day, and where the month is spent in the next month, at midnight UTC', () => {
    const keeper = new Keeper({ dailyUsdMicros: 1_000, monthlyUsdMicros: 1_500 });
    keeper.ask('a', 1_000);
    keeper.end('a', 1_000);
    keeper.now = Date.parse('2026-11-15T23:59:59.999Z');
    expect(keeper.ask('b', 500)).toMatchObject({ kind: 'spent', standing: { period: 'day' } });
    keeper.now += 1;
    expect(keeper.ask('b', 500)).toMatchObject({ kind: 'granted' });
    keeper.end('b', 500);
    const standing = { period: 'month', freeAt: Date.parse('2026-12-01T00:00:00Z') };
    expect(keeper.ask('c', 1)).toMatchObject({ kind: 'spent', standing });
    keeper.now = standing.freeAt;
    expect(keeper.ask('c', 1)).toMatchObject({ kind: 'granted' });
  });

  it('counts on the day on which it began, also when it ends on the next', () => {
    const keeper = new Keeper();
    keeper.now = Date.parse('2026-11-15T23:59:59Z');
    keeper.ask('a', 900);
    keeper.now += 2_000;
    expect(keeper.ask('b', 1_000)).toMatchObject({ kind: 'granted' });
    keeper.end('a', 800);
    expect(keeper.money).toEqual([
      [0, 1_000],
      [800, 1_000],
    ]);
  });

  it('pays for its request before when it asks again, and then for what came since', () => {
    const keeper = new Keeper();
    keeper.ask('a', 400);
    // The request process has died; what it sent is estimated at 30.
    keeper.ask('a', 400, { spent: 30 });
    expect(keeper.money[0]).toEqual([30, 400]);
    keeper.end('a', 200);
    expect(keeper.money[0]).toEqual([200, 0]);
  });

  it('is counted also where its worker knows of no budget, and never refused there', () => {
    const keeper = new Keeper();
    keeper.ask('a', 100);
    expect(keeper.ask('b', 5_000, { budget: null })).toMatchObject({ kind: 'granted' });
    expect(keeper.money[0]).toEqual([0, 5_100]);
  });

  it('without a price is let through, and not counted', () => {
    const keeper = new Keeper();
    keeper.ask('a', 1_000);
    expect(keeper.ask('b', 0)).toMatchObject({ kind: 'granted' });
  });
});

describe('calls side by side', () => {
  it('wait for what those under way leave over; a small one does not pass a large one by', () => {
    const keeper = new Keeper();
    keeper.ask('a', 600);
    expect(keeper.ask('large', 500)).toEqual({ kind: 'wait', key: 'large', at: NOON + 1_000, why: 'budget' });
    expect(keeper.ask('small', 100)).toMatchObject({ kind: 'wait', why: 'budget' });
    expect(standingOf(keeper.book, keeper.limits(), NOON).waiting).toBe(2);
    keeper.end('a', 300);
    keeper.now += 1_000;
    expect(keeper.ask('large', 500)).toMatchObject({ kind: 'granted' });
    expect(keeper.ask('small', 100)).toMatchObject({ kind: 'granted' });
  });

  it('come again less and less often, and lose their place when they do not come', () => {
    const keeper = new Keeper();
    keeper.ask('a', 1_000);
    const waits = Array.from({ length: 8 }, () => {
      const answer = keeper.ask('b', 10);
      if (answer.kind !== 'wait') throw new Error(answer.kind);
      // Its call goes on for long.
      keeper.book = {
        ...keeper.book,
        account: { ...accountOf(keeper), held: accountOf(keeper).held.map((one) => ({ ...one, at: answer.at })) },
      };
      const waitMs = answer.at - keeper.now;
      keeper.now = answer.at;
      return waitMs;
    });
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000]);
    keeper.now += 60_000;
    expect(standingOf(keeper.book, keeper.limits(), keeper.now).waiting).toBe(0);
  });

  it('never hold more than the budget, however many ask and whenever they end', () => {
    const random = seededRandom(7);
    const keeper = new Keeper({ monthlyUsdMicros: 10_000 });
    const underWay = new Map<string, number>();
    const waiting = new Map<string, { readonly most: number; readonly at: number }>();
    let paid = 0;
    for (let n = 0; n < 2_000; n += 1) {
      keeper.now += Math.floor(random() * 20);
      const due = [...waiting].find(([, { at }]) => at <= keeper.now);
      const [asks, most] = due === undefined ? [String(n), 1 + Math.floor(random() * 200)] : [due[0], due[1].most];
      const answer = keeper.ask(asks, most);
      waiting.delete(asks);
      if (answer.kind === 'wait') waiting.set(asks, { most, at: answer.at });
      if (answer.kind === 'granted') underWay.set(asks, most);
      const held = [...underWay.values()].reduce((sum, one) => sum + one, 0);
      expect(paid + held).toBeLessThanOrEqual(10_000);
      const [key, mostOfIt = 0] = [...underWay][Math.floor(random() * underWay.size)] ?? [];
      if (key === undefined || random() < 0.3) continue;
      const cost = Math.floor(random() * mostOfIt);
      keeper.end(key, cost);
      paid += cost;
      underWay.delete(key);
    }
    expect(paid).toBeGreaterThan(8_000);
  });

  it('are so many at most that the book stays small', () => {
    const keeper = new Keeper({ monthlyUsdMicros: 1_000_000 });
    for (let n = 0; n < HELD_MAX; n += 1) keeper.ask(String(n), 1);
    expect(keeper.ask('one more', 1)).toMatchObject({ kind: 'wait', why: 'budget' });
  });
});

const accountOf = ({ book }: Keeper) => {
  if (book.account === undefined) throw new Error('no account');
  return book.account;
};

describe('a worker that is killed', () => {
  it('gives back what it has held when its call must be over', () => {
    const keeper = new Keeper();
    keeper.ask('a', 1_000);
    keeper.now += LEASE_MS;
    expect(keeper.ask('b', 1_000)).toMatchObject({ kind: 'wait' });
    keeper.now += 1_000;
    expect(keeper.ask('b', 1_000)).toMatchObject({ kind: 'granted' });
  });

  it('has spent what a later try of its step tells, once, before that time and after it', () => {
    const keeper = new Keeper();
    keeper.ask('a', 400);
    keeper.ask('b', 400);
    keeper.endLost('a', 100);
    keeper.now += LEASE_MS + 1_000;
    expect(keeper.money[0]).toEqual([100, 0]);
    keeper.endLost('b', 200);
    keeper.endLost('b', 200);
    keeper.endLost('a', 100);
    expect(keeper.money[0]).toEqual([300, 0]);
  });
});

describe('many workers that are killed', () => {
  it('have spent the most of every call that no later try can tell of any more, and nothing of the latest', () => {
    const keeper = new Keeper({ dailyUsdMicros: 100_000 });
    for (let n = 0; n < 60; n += 1) {
      keeper.ask(String(n), 10);
      keeper.now += 1;
    }
    keeper.now += LEASE_MS + 1;
    // What the book has room for may be told yet.
    expect(keeper.money[0]).toEqual([100, 0]);
    keeper.endLost('59', 3);
    keeper.endLost('0', 3);
    expect(keeper.money[0]).toEqual([103, 0]);
  });
});

it('holds what a call may cost for as long as that call can take, whoever asks meanwhile', () => {
  const keeper = new Keeper();
  keeper.ask('long', 900, { callMs: 600_000 });
  keeper.now += 60_000;
  expect(keeper.ask('short', 500)).toMatchObject({ kind: 'wait', why: 'budget' });
  keeper.now += 546_000;
  expect(keeper.ask('short', 500)).toMatchObject({ kind: 'granted' });
});

it('says how long until the budget is free again, for hosts whose clocks are others', () => {
  const keeper = new Keeper();
  keeper.ask('a', 1_000);
  keeper.end('a', 1_000);
  expect(keeper.ask('b', 1)).toMatchObject({ kind: 'spent', inMs: DAY_MS / 2 });
});

describe('a home', () => {
  it('without a budget is asked once what it has spent too, so that nothing is counted twice when it gets one', () => {
    const keeper = new Keeper();
    // While nobody has a budget, nobody is asked.
    expect(keeper.ask('a', 100, { home: 'h1', budget: null })).toMatchObject({ kind: 'granted' });
    expect(keeper.ask('b', 100)).toMatchObject({ kind: 'granted' });
    expect(keeper.ask('c', 100, { home: 'h1', budget: null })).toEqual({ kind: 'homeUnknown', key: 'c' });
    keeper.knows('h1', { dayUsdMicros: 70, monthUsdMicros: 70 });
    expect(keeper.ask('c', 100, { home: 'h1', budget: null })).toMatchObject({ kind: 'granted' });
    keeper.end('c', 50);
    // Now it has one: its ledger has all of it.
    expect(keeper.ask('d', 100, { home: 'h1' })).toMatchObject({ kind: 'granted' });
    expect(keeper.money[0]).toEqual([120, 200]);
  });

  it('that is not known tells what it has spent first; who tells it again changes nothing', () => {
    const keeper = new Keeper({ dailyUsdMicros: 1_000, monthlyUsdMicros: 9_000 });
    expect(keeper.ask('a', 1, { home: 'h1' })).toEqual({ kind: 'homeUnknown', key: 'a' });
    keeper.knows('h1', { dayUsdMicros: 300, monthUsdMicros: 500 });
    keeper.knows('h1', { dayUsdMicros: 300, monthUsdMicros: 500 });
    expect(keeper.ask('a', 100, { home: 'h1' })).toMatchObject({ kind: 'granted' });
    keeper.knows('h2', { dayUsdMicros: 600, monthUsdMicros: 600 });
    expect(keeper.ask('b', 1, { home: 'h2' })).toMatchObject({ kind: 'wait' });
    keeper.end('a', 100);
    expect(keeper.money).toEqual([
      [1_000, 0],
      [1_200, 0],
    ]);
  });

  it('whose ledger was read before midnight has spent nothing of the new day', () => {
    const keeper = new Keeper();
    keeper.now += DAY_MS;
    keeper.knows('h1', { dayUsdMicros: 300, monthUsdMicros: 500 });
    expect(keeper.money).toEqual([
      [0, 0],
      [500, 0],
    ]);
  });
});

it('needs its keeper until the month is over', () => {
  const keeper = new Keeper();
  keeper.ask('a', 100);
  keeper.end('a', 100);
  const end = Date.parse('2026-12-01T00:00:00Z');
  expect(remembersUntil(keeper.book, keeper.limits())).toBe(end);
  expect(isForgotten(keeper.book, keeper.limits(), end - 1)).toBe(false);
  expect(isForgotten(keeper.book, keeper.limits(), end)).toBe(true);
});
