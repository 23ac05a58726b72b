import {
  addCosts,
  COST_GROUPS,
  costsOf,
  dollarText,
  groupOf,
  leftOf,
  NO_COSTS,
  orderRows,
  permissionFor,
  priceOn,
  sayRefusal,
  standingsOf,
  type BudgetUse,
  type PaidRequest,
  type Price,
} from '../../src/domain/costs';
import { lineageOf, taskIdOf } from '../../src/domain/lineage';

const price = (date: string, promptUsdMicros = 1): Price => ({
  promptUsdMicros,
  cachedUsdMicros: 1,
  completionUsdMicros: 1,
  date,
});
const at = (text: string): number => Date.parse(text);

const use = (spentUsdMicros: number, reservedUsdMicros = 0): BudgetUse => ({ spentUsdMicros, reservedUsdMicros });

const request = (more: Partial<PaidRequest> = {}): PaidRequest => ({
  lineage: lineageOf('job/greet/t/a.1'),
  callId: '00',
  send: 1,
  provider: 'p',
  model: 'm',
  purpose: 'real',
  startedAt: at('2026-11-21T23:59:59Z'),
  state: 'answered',
  tokens: { prompt: 10, cached: 4, completion: 3, reasoning: 2 },
  costUsdMicros: 7,
  unpriced: false,
  ...more,
});

const row = (key: string, costUsdMicros: number) => ({ key, ...NO_COSTS, costUsdMicros });

describe('the price of a day', () => {
  const prices = [price('2026-11-01', 3), price('2026-01-01', 1), price('2026-06-01', 2)];

  it.each([
    ['2026-01-01T00:00:00Z', 1],
    ['2026-05-31T23:59:59Z', 1],
    ['2026-06-01T00:00:00Z', 2],
    ['2026-11-01T00:00:00Z', 3],
    ['2027-01-01T12:00:00Z', 3],
  ])('at %s is the one whose date is the latest not after it', (time, expected) => {
    expect(priceOn(prices, at(time))?.promptUsdMicros).toBe(expected);
  });

  it('is that of UTC, whatever the host calls the day', () => {
    expect(priceOn(prices, at('2026-06-01T01:00:00+02:00'))?.promptUsdMicros).toBe(1);
  });

  it('is unknown before the first entry, and where there is none', () => {
    expect(priceOn(prices, at('2025-12-31T23:59:59Z'))).toBeNull();
    expect(priceOn(undefined, at('2026-11-01T00:00:00Z'))).toBeNull();
  });

  it('is that of a single entry whatever its date: it says when somebody looked it up', () => {
    expect(priceOn(price('2026-11-01', 7), at('2026-10-31T00:00:00Z'))?.promptUsdMicros).toBe(7);
  });
});

describe('a budget', () => {
  const NOW = at('2026-12-31T18:00:00Z');
  const BUDGET = { dailyUsdMicros: 1_000, monthlyUsdMicros: 5_000 };
  const standings = (day: BudgetUse, month: BudgetUse) => standingsOf(BUDGET, { day, month }, NOW);

  it('is free again when the next day and the next month begin, also at the end of a year', () => {
    expect(standings(use(0), use(0)).map(({ period, freeAt }) => [period, new Date(freeAt).toISOString()])).toEqual([
      ['day', '2027-01-01T00:00:00.000Z'],
      ['month', '2027-01-01T00:00:00.000Z'],
    ]);
    expect(standingsOf(BUDGET, { day: use(0), month: use(0) }, at('2026-02-27T00:00:00Z'))[0]?.freeAt).toBe(
      at('2026-02-28T00:00:00Z'),
    );
  });

  it('names only the limits that there are', () => {
    const all = { day: use(1), month: use(2) };
    expect(standingsOf({ monthlyUsdMicros: 5 }, all, NOW)).toMatchObject([{ period: 'month', spentUsdMicros: 2 }]);
    expect(standingsOf({}, all, NOW)).toEqual([]);
  });

  it.each([
    ['the last micro-dollar', use(0), use(0), 1_000, 'granted'],
    ['what is just left', use(600), use(600), 400, 'granted'],
    ['a micro-dollar more than is left', use(600), use(600), 401, 'refused'],
    ['what calls under way may leave over', use(0, 800), use(0, 800), 400, 'later'],
    ['what the month has not', use(0), use(4_900), 200, 'refused'],
    ['nothing, when more than all is spent', use(9_000), use(9_000), 0, 'granted'],
  ] as const)('asked for %s', (_what, day, month, most, expected) => {
    expect(permissionFor(standings(day, month), most).kind).toBe(expected);
  });

  it('names the limit that is free later, where both are spent', () => {
    const both = standingsOf(BUDGET, { day: use(1_000), month: use(5_000) }, at('2026-11-10T00:00:00Z'));
    expect(permissionFor(both, 1)).toMatchObject({
      kind: 'refused',
      standing: { period: 'month' },
      everTooLarge: false,
    });
  });

  it('that is too small for the call says so instead of naming a time', () => {
    const permission = permissionFor(standings(use(0), use(0)), 1_001);
    if (permission.kind !== 'refused') throw new Error(permission.kind);
    expect(permission).toMatchObject({ everTooLarge: true, standing: { period: 'day' } });
    expect(sayRefusal('openai', 1_001, permission)).toBe(
      'The daily budget of openai is $0.001, and this call alone may cost up to $0.001001: it was not sent.',
    );
  });

  it('that is spent says when it is free again', () => {
    const permission = permissionFor(standings(use(900), use(900)), 200);
    if (permission.kind !== 'refused') throw new Error(permission.kind);
    expect(sayRefusal('openai', 200, permission)).toBe(
      'The daily budget of openai is $0.001, of which $0.0009 is spent, and this call may cost up to $0.0002: it was not sent. The budget is free again at 2027-01-01 00:00 UTC.',
    );
  });

  it('has nothing left below zero', () => {
    expect(standings(use(1_500, 200), use(0)).map(leftOf)).toEqual([0, 5_000]);
  });
});

it.each([
  [0, '0.00'],
  [42, '0.000042'],
  [10_000, '0.01'],
  [1_500_000, '1.50'],
  [1_234_567, '1.234567'],
  [-500_000, '-0.50'],
  [2 ** 53 - 1, '9007199254.740991'],
])('%i micro-dollars are %s dollars', (micros, text) => {
  expect(dollarText(micros)).toBe(text);
});

describe('sums', () => {
  it('count every request, and apart those that failed, are in doubt or have no price', () => {
    const all = [request(), request({ state: 'failed' }), request({ state: 'inDoubt' }), request({ unpriced: true })];
    expect(all.map(costsOf).reduce(addCosts, NO_COSTS)).toEqual({
      calls: 4,
      failed: 1,
      inDoubt: 1,
      unpriced: 1,
      tokens: { prompt: 40, cached: 16, completion: 12, reasoning: 8 },
      costUsdMicros: 28,
    });
  });

  it('are made by job, task, model, provider, day and purpose', () => {
    const groups = COST_GROUPS.map((by) => groupOf(request({ purpose: 'shadow' }), by));
    expect(groups).toEqual(['job/greet', 'job/greet/t/a.1', 'p/m', 'p', '2026-11-21', 'shadow']);
    expect(groupOf(request({ lineage: 'elsewhere' }), 'job')).toBe('elsewhere');
  });

  it('stand in the order of days, else the dearest first', () => {
    const rows = [row('b', 1), row('c', 5), row('a', 1)];
    expect(orderRows(rows, 'model').map(({ key }) => key)).toEqual(['c', 'a', 'b']);
    expect(orderRows(rows, 'day').map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });
});

describe('the task of a lineage', () => {
  it.each(['job/k/t/0', 'job/k~2/t/a.1.2', 'job/7e/t/0', 'job/a:b+c~~d/t/x-1', 'job/~t~/t/t', 'job/a.b_c-d/t/0'])(
    'is read back: %s',
    (taskId) => {
      expect(taskIdOf(lineageOf(taskId))).toBe(taskId);
    },
  );

  it.each([lineageOf(`job/${'~'.repeat(90)}/t/0`), 'job~k', 'other~k~t~0', 'x', 'job~~110000~~t~0'])(
    'is not guessed: %s',
    (lineage) => {
      expect(taskIdOf(lineage)).toBeNull();
    },
  );
});
