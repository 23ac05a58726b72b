import { costOf, mostCost } from '../../../src/adapters/model/price';
import type { Price } from '../../../src/domain/costs';

const PRICE: Price = {
  promptUsdMicros: 400_000,
  cachedUsdMicros: 100_000,
  completionUsdMicros: 1_600_000,
  date: '2026-11-01',
};
const tokens = (prompt: number, cached: number, completion: number, reasoning = 0) => ({
  prompt,
  cached,
  completion,
  reasoning,
});

describe('what tokens cost', () => {
  it('counts cached tokens by their own price', () => {
    expect(costOf(tokens(1_000_000, 250_000, 0), PRICE)).toEqual({ costUsdMicros: 325_000, unpriced: false });
  });

  it('counts reasoning as completion unless the list says otherwise', () => {
    expect(costOf(tokens(0, 0, 1_000_000, 400_000), PRICE).costUsdMicros).toBe(1_600_000);
    const dear = { ...PRICE, reasoningUsdMicros: 3_000_000 };
    expect(costOf(tokens(0, 0, 1_000_000, 400_000), dear).costUsdMicros).toBe(960_000 + 1_200_000);
  });

  it.each([
    // One token of a price of one is a millionth of a micro-dollar.
    [499_999, 0],
    [500_000, 1],
    [1_499_999, 1],
    [1_500_000, 2],
  ])('is rounded once, to the nearest micro-dollar, a half upwards: %i tokens', (prompt, expected) => {
    expect(costOf(tokens(prompt, 0, 0), { ...PRICE, promptUsdMicros: 1 }).costUsdMicros).toBe(expected);
  });

  it('is rounded after the parts are added: three thirds are one', () => {
    const thirds = { ...PRICE, promptUsdMicros: 333_333, cachedUsdMicros: 333_333, completionUsdMicros: 333_334 };
    expect(costOf(tokens(2, 1, 1), thirds).costUsdMicros).toBe(1);
  });

  it('is exact where the products are larger than a double counts', () => {
    // 9,007,200,000,499,999 millionths: the next double ends in 500,000 and would be rounded up.
    const odd = { ...PRICE, promptUsdMicros: 1_000_000_000, completionUsdMicros: 1 };
    expect(costOf(tokens(9_007_200, 0, 499_999), odd).costUsdMicros).toBe(9_007_200_000);
  });

  it('stays a whole number whatever an endpoint reports', () => {
    const { costUsdMicros } = costOf(tokens(1e300, 0, 1e300), PRICE);
    expect(Number.isSafeInteger(costUsdMicros)).toBe(true);
  });

  it('without a price is nothing, and said so', () => {
    expect(costOf(tokens(1, 0, 0), null)).toEqual({ costUsdMicros: 0, unpriced: true });
    expect(costOf(tokens(0, 0, 0), null)).toEqual({ costUsdMicros: 0, unpriced: false });
  });
});

describe('what a call may cost', () => {
  it('is a prompt that is not in the cache and the longest answer', () => {
    expect(mostCost(1_000, 2_000, PRICE)).toBe(400 + 3_200);
  });

  it('is an answer of reasoning alone where that is dearer', () => {
    expect(mostCost(0, 2_000, { ...PRICE, reasoningUsdMicros: 3_000_000 })).toBe(6_000);
  });

  it('LC-35 is never less than what it costs within its limits', () => {
    const most = mostCost(1_000, 500, PRICE);
    for (const used of [tokens(1_000, 0, 500), tokens(1_000, 1_000, 500, 500), tokens(1, 1, 1)])
      expect(costOf(used, PRICE).costUsdMicros).toBeLessThanOrEqual(most);
  });

  it('is nothing without a price', () => {
    expect(mostCost(1_000, 1_000, null)).toBe(0);
  });
});
