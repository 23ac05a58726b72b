import { judge } from '../../src/domain/gate';
import type { CheckVerdict } from '../../src/domain/record';

const log = { kind: 'log', sha256: 'x', sizeBytes: 1 } as const;
const check = (name: string, passed: boolean, signature = 's', timedOut = false): CheckVerdict => ({
  name,
  passed,
  exitCode: timedOut ? null : passed ? 0 : 1,
  timedOut,
  durationMs: 10,
  signature,
  log,
});

describe('the gate', () => {
  it('passes when every check passes, whatever the base did', () => {
    expect(judge([check('test', false)], [check('test', true)])).toEqual({ kind: 'passed' });
  });

  it('passes without checks', () => {
    expect(judge([], [])).toEqual({ kind: 'passed' });
  });

  it('names a failure that was not there before', () => {
    const verdict = judge([check('test', true)], [check('test', false)]);
    expect(verdict).toMatchObject({
      kind: 'failed',
      failure: { code: 'checksFailed', detail: 'Failed: test (exit 1).' },
    });
  });

  it('takes the same failure as before for a broken base, not for a success', () => {
    expect(judge([check('test', false, 'a')], [check('test', false, 'a')])).toMatchObject({
      failure: { code: 'baselineBroken' },
    });
  });

  it('takes another failure than before for a new one', () => {
    expect(judge([check('test', false, 'a')], [check('test', false, 'b')])).toMatchObject({
      failure: { code: 'checksFailed' },
    });
  });

  it('names both when one is old and one is new', () => {
    const verdict = judge(
      [check('lint', false, 'a'), check('test', true)],
      [check('lint', false, 'a'), check('test', false)],
    );
    expect(verdict).toMatchObject({
      failure: { detail: 'Failed: test (exit 1). Failing since the base: lint (exit 1).' },
    });
  });

  it('says when a check was stopped at its time limit', () => {
    expect(judge([check('test', true)], [check('test', false, 's', true)])).toMatchObject({
      failure: { code: 'checkTimedOut' },
    });
  });

  it('gives two equal failures the same signature and two different ones not', () => {
    expect(signature('a')).toBe(signature('a'));
    expect(signature('a')).not.toBe(signature('b'));
  });
});

const signature = (s: string) => {
  const verdict = judge([check('test', true)], [check('test', false, s)]);
  return verdict.kind === 'failed' ? verdict.signature : '';
};
