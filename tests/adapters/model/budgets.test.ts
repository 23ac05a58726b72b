/** Budgets of providers: what is let through, what is on the disk, and what a new process finds. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBudgets, type Budgets } from '../../../src/adapters/model/budgets';
import { createCosts } from '../../../src/adapters/model/costs';
import { createLedger } from '../../../src/adapters/model/ledger';
import type { BudgetSpec } from '../../../src/domain/costs';
import { answeredRow, callIdOf, intentRow, NOON, writeCall } from './ledger-pages';
import { removeFolder, requestTo, temporaryFolder } from './model-world';

const DAY_MS = 86_400_000;

let home: string;
let now: number;
let budgets: Budgets;
beforeEach(() => {
  home = temporaryFolder();
  now = NOON;
  budgets = freshBudgets();
});
afterEach(() => removeFolder(home));

const ledger = () => createLedger(home, (text) => text);
/** As another request process of the home finds them. */
const freshBudgets = (): Budgets => createBudgets({ home, ledger: ledger(), now: () => now });
const book = (): string => join(home, 'budgets', 'test', '2026-11.jsonl');

const requestOf = (n: number, budget: BudgetSpec | null = { dailyUsdMicros: 1_000 }) =>
  requestTo('http://127.0.0.1:9/v1', callIdOf(n), budget === null ? {} : { budget });

const never = (): AbortSignal => new AbortController().signal;
const reserve = (n: number, mostUsdMicros: number, budget?: BudgetSpec | null, at = budgets, signal = never()) =>
  at.reserve(requestOf(n, budget), { send: 1, mostUsdMicros }, signal);
const settle = (n: number, costUsdMicros: number, at = budgets) =>
  at.settle(requestOf(n), 1, [intentRow({ startedAt: now }), answeredRow({ costUsdMicros })]);
const standings = async (budget: BudgetSpec = { dailyUsdMicros: 1_000, monthlyUsdMicros: 9_000 }) =>
  (await createCosts(home).standings([requestOf(1, budget).provider], now))[0]?.standings.map(
    ({ period, spentUsdMicros, reservedUsdMicros }) => [period, spentUsdMicros, reservedUsdMicros],
  );

describe('a call', () => {
  it('is held back with its most, and booked with what it has cost', async () => {
    expect(await reserve(1, 400)).toEqual({ kind: 'granted' });
    expect(await standings()).toEqual([
      ['day', 0, 400],
      ['month', 0, 400],
    ]);
    await settle(1, 150);
    expect(await standings()).toEqual([
      ['day', 150, 0],
      ['month', 150, 0],
    ]);
  });

  it('is refused when what is left does not hold its most, with the time when it is free again', async () => {
    await reserve(1, 700);
    await settle(1, 700);
    expect(await reserve(2, 301)).toMatchObject({
      kind: 'refused',
      everTooLarge: false,
      standing: { period: 'day', spentUsdMicros: 700, freeAt: Date.parse('2026-11-16T00:00:00Z') },
    });
    expect(await reserve(3, 300)).toEqual({ kind: 'granted' });
  });

  it('that was not sent after all gives back what was held', async () => {
    await reserve(1, 900);
    await budgets.settle(requestOf(1), 1, []);
    expect(await standings()).toEqual([
      ['day', 0, 0],
      ['month', 0, 0],
    ]);
  });

  it('may be sent again on the next day', async () => {
    await reserve(1, 1_000);
    await settle(1, 1_000);
    expect(await reserve(2, 1)).toMatchObject({ kind: 'refused' });
    now += DAY_MS;
    expect(await reserve(2, 1)).toEqual({ kind: 'granted' });
  });

  it('is refused until the next month, and allowed in it', async () => {
    const monthly = { monthlyUsdMicros: 500 };
    await reserve(1, 500, monthly);
    await settle(1, 500);
    now += DAY_MS;
    expect(await reserve(2, 1, monthly)).toMatchObject({
      kind: 'refused',
      standing: { period: 'month', freeAt: Date.parse('2026-12-01T00:00:00Z') },
    });
    now = Date.parse('2026-12-01T00:00:00Z');
    expect(await reserve(2, 1, monthly)).toEqual({ kind: 'granted' });
  });

  it('counts on the day on which it began, also when it ends on the next', async () => {
    now = Date.parse('2026-11-30T23:59:59Z');
    await reserve(1, 900);
    now += 2_000;
    await settle(1, 800);
    expect(await standings()).toEqual([
      ['day', 0, 0],
      ['month', 0, 0],
    ]);
    now -= 2_000;
    expect(await standings()).toEqual([
      ['day', 800, 0],
      ['month', 800, 0],
    ]);
  });
});

describe('calls side by side', () => {
  it('wait for what those under way leave over, and are let through in turn', async () => {
    await reserve(1, 900);
    const ends: number[] = [];
    const waiting = [2, 3, 4].map(async (n) => {
      const permission = await reserve(n, 300);
      ends.push(n);
      return permission?.kind;
    });
    await settle(1, 300);
    expect(await Promise.all(waiting.slice(0, 2))).toEqual(['granted', 'granted']);
    await settle(2, 300);
    await settle(3, 300);
    // 900 of 1,000 are spent now.
    expect(await waiting[2]).toBe('refused');
    expect(ends).toEqual([2, 3, 4]);
  });

  it('never hold more than the budget, however many ask', async () => {
    const granted: number[] = [];
    let most = 0;
    let under = 0;
    const carry = async (n: number): Promise<void> => {
      const permission = await reserve(n, 100);
      if (permission?.kind !== 'granted') return;
      granted.push(n);
      under += 100;
      most = Math.max(most, under);
      await new Promise((wake) => setImmediate(wake));
      under -= 100;
      await settle(n, 90);
    };
    await Promise.all(Array.from({ length: 40 }, (_, n) => carry(n + 1)));
    expect(most).toBeLessThanOrEqual(1_000);
    // 10 × 90 = 900 and one more of at most 100 fits; after 11 × 90 = 990 none does.
    expect(granted.length).toBe(11);
    expect((await standings())?.[0]).toEqual(['day', 990, 0]);
  });

  it('do not wait for one whose end could not be written down: it counts as spent', async () => {
    await reserve(1, 900);
    const waiting = reserve(2, 300);
    await budgets.settle(requestOf(1), 1, [intentRow()]);
    expect(await waiting).toMatchObject({ kind: 'refused', standing: { spentUsdMicros: 900 } });
  });

  it('that nobody wants any more leave the queue', async () => {
    await reserve(1, 900);
    const controller = new AbortController();
    const unwanted = reserve(2, 900, undefined, budgets, controller.signal);
    const next = reserve(3, 100);
    controller.abort();
    expect(await unwanted).toBeNull();
    expect(await next).toEqual({ kind: 'granted' });
    expect(await reserve(4, 100, undefined, budgets, AbortSignal.abort())).toBeNull();
  });
});

describe('a new request process', () => {
  it('finds what the one before has spent', async () => {
    await reserve(1, 700);
    await settle(1, 600);
    const next = freshBudgets();
    expect(await reserve(2, 401, undefined, next)).toMatchObject({
      kind: 'refused',
      standing: { spentUsdMicros: 600 },
    });
    expect(await reserve(3, 400, undefined, next)).toEqual({ kind: 'granted' });
  });

  it('books from the ledger what the one before had held when it was killed after the answer', async () => {
    await reserve(1, 700);
    writeCall(home, 'task-1', 1, [intentRow(), answeredRow({ costUsdMicros: 123 })]);
    await reserve(2, 1, undefined, freshBudgets());
    expect((await standings())?.[0]).toEqual(['day', 123, 1]);
  });

  it('forgets what was never sent, and keeps what may have been', async () => {
    await reserve(1, 300);
    await reserve(2, 400);
    writeCall(home, 'task-1', 2, [intentRow()]);
    const next = freshBudgets();
    // 400 are in doubt and count as spent: nobody will settle them now.
    expect(await reserve(3, 601, undefined, next)).toMatchObject({
      kind: 'refused',
      standing: { spentUsdMicros: 400 },
    });
    await next.settle(requestOf(2), 2, [
      intentRow(),
      { kind: 'inDoubt', send: 1, foundAt: now },
      intentRow({ send: 2 }),
      answeredRow({ send: 2, costUsdMicros: 120 }),
    ]);
    expect((await standings())?.[0]).toEqual(['day', 120, 0]);
  });

  it('makes the book from the ledger where it is missing, without calls of other providers and months', async () => {
    writeCall(home, 'a', 1, [intentRow(), answeredRow({ costUsdMicros: 200 })]);
    writeCall(home, 'b', 2, [intentRow({ startedAt: NOON - DAY_MS }), answeredRow({ costUsdMicros: 300 })]);
    writeCall(home, 'b', 3, [intentRow({ provider: 'other' }), answeredRow({ costUsdMicros: 999 })]);
    writeCall(home, 'b', 4, [intentRow({ startedAt: NOON - 30 * DAY_MS }), answeredRow({ costUsdMicros: 999 })]);
    writeCall(home, 'b', 5, [intentRow({ mostUsdMicros: 50 })]);
    const expected = [
      ['day', 200, 50],
      ['month', 500, 50],
    ];
    expect(await standings()).toEqual(expected);
    expect(existsSync(book())).toBe(false);
    expect(await reserve(9, 751)).toMatchObject({ kind: 'refused', standing: { spentUsdMicros: 250 } });
    expect(await standings()).toEqual(expected);
    expect(existsSync(book())).toBe(true);
  });

  it.each([
    ['empty', ''],
    ['no JSON', '{"kind":"month","month":"2026-11"}\nxx\n{"kind":"day","day":"2026-11-15","usdMicros":1}\n'],
    ['of another month', '{"kind":"month","month":"2026-10"}\n'],
  ])('makes it anew where it is %s', async (_what, text) => {
    writeCall(home, 'a', 1, [intentRow(), answeredRow({ costUsdMicros: 200 })]);
    mkdirSync(join(home, 'budgets', 'test'), { recursive: true });
    writeFileSync(book(), text);
    await reserve(2, 1);
    expect((await standings())?.[0]).toEqual(['day', 200, 1]);
  });

  it('passes over half a line at the end', async () => {
    await reserve(1, 700);
    await settle(1, 600);
    appendFileSync(book(), '{"kind":"settled","lin');
    const next = freshBudgets();
    await reserve(2, 100, undefined, next);
    expect((await standings())?.[0]).toEqual(['day', 600, 100]);
  });

  it('writes the book anew with one line a day, and keeps no old months', async () => {
    for (const month of ['2026-08', '2026-09', '2026-10'])
      await createBudgets({ home, ledger: ledger(), now: () => Date.parse(`${month}-15T00:00:00Z`) }).reserve(
        requestOf(1),
        { send: 1, mostUsdMicros: 1 },
        never(),
      );
    for (let n = 1; n <= 20; n += 1) {
      await reserve(n, 10);
      await settle(n, 10);
    }
    await reserve(21, 10, undefined, freshBudgets());
    expect(readFileSync(book(), 'utf8').split('\n').slice(0, 2)).toEqual([
      '{"kind":"month","month":"2026-11"}',
      '{"kind":"day","day":"2026-11-15","usdMicros":200}',
    ]);
    expect(readFileSync(book(), 'utf8').trim().split('\n').length).toBe(3);
    expect(readdirSync(join(home, 'budgets', 'test')).toSorted()).toEqual(['2026-10.jsonl', '2026-11.jsonl']);
  });
});

describe('a provider without a budget', () => {
  it('is not held up, and leaves no book', async () => {
    expect(await reserve(1, 1e12, null)).toEqual({ kind: 'granted' });
    expect(existsSync(join(home, 'budgets'))).toBe(false);
  });

  it('makes the book of its time with a budget incomplete, so that it is made anew', async () => {
    await reserve(1, 100);
    await settle(1, 100);
    await reserve(2, 0, null);
    expect(existsSync(book())).toBe(false);
    writeCall(home, 'task-1', 1, [intentRow(), answeredRow({ costUsdMicros: 100 })]);
    writeCall(home, 'task-1', 2, [intentRow(), answeredRow({ costUsdMicros: 500 })]);
    expect(await reserve(3, 401)).toMatchObject({ kind: 'refused', standing: { spentUsdMicros: 600 } });
  });
});

it('lets nothing through that it cannot write down', async () => {
  rmSync(join(home, 'budgets'), { recursive: true, force: true });
  writeFileSync(join(home, 'budgets'), 'a file where the folder belongs');
  await expect(reserve(1, 10)).rejects.toMatchObject({ code: 'infrastructure', retryable: true });
});

it('takes no provider whose name leads out of the folder', async () => {
  const request = requestOf(1);
  const provider = { ...request.provider, name: '../x' };
  await expect(budgets.reserve({ ...request, provider }, { send: 1, mostUsdMicros: 1 }, never())).rejects.toMatchObject(
    {
      retryable: false,
    },
  );
});

it('lets who waits at the end of a month begin the next one', async () => {
  const monthly = { monthlyUsdMicros: 1_000 };
  now = Date.parse('2026-11-30T23:59:59Z');
  await reserve(1, 900, monthly);
  const waiting = reserve(2, 300, monthly);
  now += 2_000;
  await settle(1, 900);
  expect(await waiting).toEqual({ kind: 'granted' });
  expect(await standings(monthly)).toEqual([['month', 0, 300]]);
});
