import { aggregate, familiar, modeNamed, spentOn, type ModelResult } from '../../src/domain/ask-mode';
import { failure, type FailureCode } from '../../src/domain/failures';
import { NOTHING_SPENT } from '../../src/domain/record';

const failed = (index: number, code: FailureCode, detail = 'why'): ModelResult<string> => ({
  index,
  provider: `p${index + 1}`,
  model: 'm',
  status: 'failed',
  failure: familiar(failure(code, detail)),
  call: null,
  latencyMs: 5,
  spending: null,
});

const codeOf = (...codes: readonly FailureCode[]): FailureCode =>
  aggregate(codes.map((each, index) => failed(index, each))).failure.code;

describe('the failure of several models', () => {
  it('LS-24, LS-59, LC-03 lists that of each in their order, with its family', () => {
    const all = aggregate([
      failed(0, 'rateLimited', 'too many'),
      { index: 1, provider: 'p2', model: 'm', status: 'skipped', why: 'at most 1 calls' },
      failed(2, 'modelCredentials', 'no key'),
    ]);
    expect(all.failures).toEqual([
      expect.objectContaining({
        index: 0,
        provider: 'p1',
        code: 'rateLimited',
        family: 'rateLimit',
        detail: 'too many',
      }),
      expect.objectContaining({ index: 2, provider: 'p3', code: 'modelCredentials', family: 'configuration' }),
    ]);
    expect(all.failure.detail).toBe(
      '1 p1/m: rateLimited (rateLimit) too many; 3 p3/m: modelCredentials (configuration) no key',
    );
  });

  it('LS-12 is that of the model which is most likely to answer later', () => {
    expect(codeOf('modelCredentials', 'contextOverflow', 'modelTimeout')).toBe('modelTimeout');
    expect(codeOf('modelCredentials', 'truncatedAnswer')).toBe('truncatedAnswer');
    expect(codeOf('modelCredentials', 'unknownProvider')).toBe('modelCredentials');
  });

  it('LS-17, LS-20 of one is its own', () => {
    expect(aggregate([failed(0, 'modelTimeout', 'no answer')]).failure).toEqual(failure('modelTimeout', 'no answer'));
  });

  it('LS-11, LC-08 has an empty list where nobody was asked', () => {
    expect(aggregate([])).toEqual({ failure: failure('noConsensus', 'No model was asked.'), failures: [] });
  });

  it('LS-08 gives every kind of trouble its family', () => {
    const families = (
      ['rateLimited', 'modelTimeout', 'modelServer', 'modelCredentials', 'contextOverflow'] as const
    ).map((code) => familiar(failure(code)).family);
    expect(families).toEqual(['rateLimit', 'model', 'model', 'configuration', 'model']);
  });

  it('names who was left behind as cancelled', () => {
    const left = {
      index: 0,
      provider: 'p',
      model: 'm',
      status: 'cancelled',
      why: 'late',
      latencyMs: 1,
      spending: null,
    };
    expect(aggregate([left as ModelResult<string>]).failures).toMatchObject([
      { code: 'cancelled', status: 'cancelled' },
    ]);
  });
});

it('LC-07 knows the modes by the names that others have for them', () => {
  const names = ['parallel-any', 'parallel_all', 'Sequential', 'serial', 'parallel', 'consensus', 'single'];
  expect(names.map(modeNamed)).toEqual(['any', 'all', 'fallback', 'fallback', 'any', 'consensus', 'single']);
  expect(modeNamed('roulette')).toBeNull();
});

it('sums what is known to be spent', () => {
  const ok = { index: 1, provider: 'p', model: 'm', status: 'ok', call: 'c', latencyMs: 1 } as const;
  const spending = { ...NOTHING_SPENT, callsSent: 2, costUsdMicros: 7 };
  expect(spentOn([failed(0, 'modelTimeout'), { ...ok, spending }, { ...ok, spending }])).toMatchObject({
    callsSent: 4,
    costUsdMicros: 14,
  });
});
