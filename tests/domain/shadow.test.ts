import { NOTHING_SPENT } from '../../src/domain/record';
import { compare, isSampled, shadowSequence, summarise, type ShadowRecord, type Side } from '../../src/domain/shadow';

const side = (more: Partial<Side> = {}): Side => ({
  provider: 'p',
  model: 'm',
  tree: 'tree',
  failure: null,
  passed: null,
  latencyMs: 100,
  spending: { ...NOTHING_SPENT, costUsdMicros: 10 },
  ...more,
});

describe('sampling', () => {
  const calls = Array.from({ length: 20_000 }, (_, n) => `call ${n}`);

  it('takes no call at rate 0 and every call at rate 1', () => {
    expect(calls.filter((call) => isSampled({ rate: 0 }, call))).toEqual([]);
    expect(calls.filter((call) => !isSampled({ rate: 1 }, call))).toEqual([]);
  });

  it('takes the share that was asked for, the same calls each time', () => {
    const taken = calls.filter((call) => isSampled({ rate: 0.1 }, call));
    expect(taken.length).toBeGreaterThan(1_800);
    expect(taken.length).toBeLessThan(2_200);
    expect(calls.filter((call) => isSampled({ rate: 0.1 }, call))).toEqual(taken);
    expect(taken.every((call) => isSampled({ rate: 0.2 }, call))).toBe(true);
  });
});

describe('a shadow beside its call', () => {
  it('LS-64, MD-09 is the same if it makes the same content, whatever the lengths of the answers', () => {
    const long = { spending: { ...NOTHING_SPENT, tokens: { prompt: 9, cached: 0, completion: 900, reasoning: 0 } } };
    expect(compare(side(), side(long)).agreement).toBe('same');
    expect(compare(side(), side({ tree: 'other' })).agreement).toBe('different');
  });

  it('LS-63, LS-64 may have failed, or be the only one that did not', () => {
    const none = { tree: null, failure: 'modelTimeout' };
    expect(compare(side(), side(none)).agreement).toBe('shadowFailed');
    expect(compare(side(none), side()).agreement).toBe('primaryFailed');
    expect(compare(side(none), side(none)).agreement).toBe('bothFailed');
  });

  it('has the difference of time and money', () => {
    const slower = side({ latencyMs: 350, spending: { ...NOTHING_SPENT, costUsdMicros: 4 } });
    expect(compare(side(), slower)).toMatchObject({ latencyGapMs: 250, costGapUsdMicros: -6 });
  });

  it('agrees at the gate only where both went through it', () => {
    expect(compare(side({ passed: true }), side({ passed: true })).sameGate).toBe(true);
    expect(compare(side({ passed: true }), side({ passed: false })).sameGate).toBe(false);
    expect(compare(side({ passed: true }), side()).sameGate).toBeNull();
  });
});

const record = (primary: Partial<Side>, shadow: Partial<Side>): ShadowRecord => {
  const sides = { primary: side(primary), shadow: side(shadow) };
  return {
    kind: 'shadow',
    taskId: 't',
    name: 'a1.t1',
    at: 0,
    ...sides,
    compared: compare(sides.primary, sides.shadow),
  };
};

it('sums up each shadow model by itself', () => {
  const all = [
    record({ passed: true }, { latencyMs: 200, passed: true }),
    record({ passed: true }, { latencyMs: 400, tree: 'other', passed: false }),
    record({}, { latencyMs: 300, tree: null, failure: 'rateLimited' }),
    record({}, { provider: 'other' }),
  ];
  expect(summarise(all)).toEqual([
    expect.objectContaining({ provider: 'other', calls: 1 }),
    {
      provider: 'p',
      model: 'm',
      calls: 3,
      agreements: { same: 1, different: 1, shadowFailed: 1, primaryFailed: 0, bothFailed: 0 },
      gated: 2,
      sameGate: 1,
      costUsdMicros: 30,
      unpriced: false,
      primaryCostUsdMicros: 30,
      latencyMs: { median: 300, p95: 400 },
      latencyGapMs: { median: 200 },
    },
  ]);
  expect(summarise([])).toEqual([]);
});

it('names each call of a task by another number', () => {
  const names = ['a1.t1', 'a1.t2', 'a2.t1', 'a11.t1', 'a1.t11'];
  expect(new Set(names.map(shadowSequence)).size).toBe(names.length);
});
