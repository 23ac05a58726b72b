import { loweredLimits, TASK_DEFAULTS, type LimitsSpec } from '../../src/domain/task';

const { attempts, wallTimeSeconds, outageSeconds } = TASK_DEFAULTS;
const limits: LimitsSpec = { attempts, wallTimeSeconds, outageSeconds, tokens: 1_000 };

describe('the limits of work that is gone on with', () => {
  it('are lower where its job has less left than it had', () => {
    const spec = { limits: { ...limits, attempts: 1, tokens: 400, costUsdMicros: 70, whenSpent: 'wait' } };
    expect(loweredLimits(limits, spec)).toEqual({
      ...limits,
      attempts: 1,
      tokens: 400,
      costUsdMicros: 70,
      whenSpent: 'wait',
    });
  });

  it.each([
    ['the same', { limits }],
    ['higher', { limits: { ...limits, tokens: 5_000, whenSpent: 'wait' } }],
    ['no limits', {}],
    ['nonsense', { limits: { attempts: 'one', tokens: -4, costUsdMicros: 0 } }],
  ])('stay as they were where the specification has %s', (_, spec) => {
    expect(loweredLimits(limits, spec)).toBe(limits);
  });
});
