import { findReproduction } from '../../src/domain/reproduction';
import { tableOf, type CheckResult, type TestState } from '../../src/domain/test-results';

const ran = (passed: boolean, states?: Readonly<Record<string, TestState>>): readonly CheckResult[] => {
  const cases = Object.entries(states ?? {}).map(([name, state]) => ({ names: [name], state }));
  const tests = tableOf('junit', cases);
  return [{ name: 'test', passed, exitCode: passed ? 0 : 1, timedOut: false, signature: 's', tests }];
};

describe('a reproduction', () => {
  it('is a test that fails without the change and passes with it', () => {
    const [before, without, after] = [
      ran(true, { a: 'passed' }),
      ran(false, { a: 'passed', b: 'failed' }),
      ran(true, { a: 'passed', b: 'passed' }),
    ];
    expect(findReproduction({ before, without, after })).toBe('b');
  });

  it('is none that passes on the base too, or that failed there before it was changed', () => {
    const after = ran(true, { a: 'passed', b: 'passed' });
    expect(findReproduction({ before: ran(true, { a: 'passed' }), without: after, after })).toBeNull();
    const failing = ran(false, { a: 'passed', b: 'failed' });
    expect(findReproduction({ before: failing, without: failing, after })).toBeNull();
  });

  it('is a check that turns red, where tests are not told apart', () => {
    expect(findReproduction({ before: ran(true), without: ran(false), after: ran(true) })).toBe('test');
    expect(findReproduction({ before: ran(false), without: ran(false), after: ran(true) })).toBeNull();
  });
});
