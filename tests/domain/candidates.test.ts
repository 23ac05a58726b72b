import { rank, type Rated } from '../../src/domain/candidates';

const rated = (...all: readonly Partial<Rated>[]): readonly Rated[] =>
  all.map((one, index) => {
    const of = { gate: 'passed', changedLines: 10, costUsdMicros: 100, unpriced: false, tokens: 50 } as const;
    return { index, tree: `tree ${index}`, ...of, ...one };
  });
const order = (all: readonly Rated[]): readonly number[] => rank(all).map(({ index }) => index);
const whys = (all: readonly Rated[]): Readonly<Record<number, string>> =>
  Object.fromEntries(rank(all).map(({ index, why }) => [index, why]));

it('puts the gate before the size, the size before the cost, the cost before the order', () => {
  const all = rated(
    { gate: 'failed', changedLines: 1 },
    { changedLines: 12, costUsdMicros: 1 },
    { costUsdMicros: 90 },
    { costUsdMicros: 100 },
    { gate: 'none', changedLines: 0, costUsdMicros: 0, tree: null },
  );
  expect(order(all)).toEqual([2, 3, 1, 0, 4]);
  expect(whys(all)).toEqual({
    0: 'failed the gate',
    1: '12 changed lines against 10',
    2: 'passed the gate, as large, 90 micro-dollars against 100',
    3: 'as large, 100 micro-dollars against 90',
    4: 'there is no change to check',
  });
});

it('is the same in whatever order they come', () => {
  const all = rated({ changedLines: 3 }, {}, { changedLines: 3, costUsdMicros: 4 });
  expect(order(all.toReversed())).toEqual(order(all));
});

it('says that two made the same change', () => {
  const all = rated({ tree: 'same' }, { tree: 'same', costUsdMicros: 200 });
  expect(whys(all)[1]).toBe('the same change as candidate 1');
});

it('counts tokens for all where one has no price', () => {
  expect(order(rated({ costUsdMicros: 0, unpriced: true, tokens: 80 }, { costUsdMicros: 500, tokens: 70 }))).toEqual([
    1, 0,
  ]);
});

it('names the only one that passed, and says when none has', () => {
  expect(whys(rated({ gate: 'failed' }, {}))[1]).toBe('the only one that passed the gate');
  expect(whys(rated({ gate: 'failed' }, { gate: 'none' }))[0]).toBe('none has passed the gate');
  expect(rank([])).toEqual([]);
});

it('prefers the earlier one of equals', () => {
  expect(whys(rated({}, {}))).toEqual({
    0: 'passed the gate, as large and as dear, asked earlier',
    1: 'as large and as dear, asked later',
  });
});
