import { countWords, isWorthRerun, judge, judgeTests, type GateRules } from '../../src/domain/gate';
import { gateEvidence } from '../../src/domain/gate-evidence';
import { tableOf, type CheckResult, type TestState } from '../../src/domain/test-results';
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

const ran = (
  states: Readonly<Record<string, TestState>> | null,
  more: Partial<CheckResult> & { readonly name?: string } = {},
): CheckResult => {
  const cases = Object.entries(states ?? {}).map(([name, state]) => ({
    names: [name],
    state,
    says: `${name} is wrong`,
  }));
  const passed = !cases.some(({ state }) => state === 'failed');
  const failing = cases.filter(({ state }) => state === 'failed').map(({ names }) => names[0]);
  return {
    name: 'test',
    passed,
    exitCode: passed ? 0 : 1,
    timedOut: false,
    signature: failing.join(),
    tests: tableOf('junit', cases),
    ...more,
  };
};
const red = (printed: string, more: Partial<CheckResult> = {}): CheckResult =>
  ran(null, { passed: false, exitCode: 1, signature: printed, ...more });

const inTap = (run: CheckResult): CheckResult => ({ ...run, tests: run.tests && { ...run.tests, format: 'tap' } });

const STRICT: GateRules = { mayVanish: () => false, oldFailuresMayStay: false };
const judged = (before: CheckResult, after: CheckResult | readonly CheckResult[], rules: Partial<GateRules> = {}) => {
  const runs = Array.isArray(after) ? (after as readonly CheckResult[]) : [after as CheckResult];
  return judgeTests([before], [{ name: 'test', runs }], { ...STRICT, ...rules });
};
const said = (judgement: ReturnType<typeof judged>) => [
  judgement.refused?.failure.code ?? 'passed',
  countWords(judgement.counts),
];

const refusedOver = (gone: string) =>
  judged(ran({ a: 'passed', b: 'passed', [gone]: 'passed' }), ran({ a: 'passed' })).refused?.signature;

describe('the gate with verdicts for each test', () => {
  it('passes when all is green, and says what was fixed', () => {
    expect(said(judged(ran({ a: 'failed', b: 'passed' }), ran({ a: 'passed', b: 'passed', c: 'passed' })))).toEqual([
      'passed',
      '1 fixed, 0 new, 0 old, 0 vanished',
    ]);
  });

  it('names new failures before old ones', () => {
    const judgement = judged(ran({ a: 'failed', b: 'passed' }), ran({ a: 'failed', b: 'failed' }));
    expect(said(judgement)).toEqual(['checksFailed', '0 fixed, 1 new, 1 old, 0 vanished']);
    expect(judgement.refused?.failure.detail).toBe('Failed: test (exit 1): b.');
    expect(gateEvidence(judgement.checks, () => '$ npm test')).toBe(
      'test: new failures, caused by the change (1):\n- b\n    b is wrong\n\ntest: failing since the base (1):\n- a\n\n$ npm test',
    );
  });

  it('refuses a green run from which tests have gone', () => {
    const judgement = judged(ran({ a: 'failed', b: 'passed' }), ran({ b: 'passed' }));
    expect(said(judgement)).toEqual(['testsVanished', '0 fixed, 0 new, 0 old, 1 vanished']);
    expect(gateEvidence(judgement.checks, () => 'output')).toContain(
      'not run any more (gone, renamed or skipped) (1):\n- a',
    );
  });

  it('refuses a run whose exit code has become green and whose failures have not', () => {
    const lying = { ...ran({ a: 'failed', b: 'passed' }), passed: true, exitCode: 0 };
    const judgement = judged(ran({ a: 'failed', b: 'passed' }), lying, { oldFailuresMayStay: true });
    expect(said(judgement)).toEqual(['checksFailed', '0 fixed, 1 new, 1 old, 0 vanished']);
    expect(said(judged(lying, lying))[0]).toBe('passed');
  });

  it('refuses a green run that says nothing of its tests any more', () => {
    expect(said(judged(ran({ a: 'passed' }), ran(null)))[0]).toBe('testsVanished');
  });

  it('takes the base for broken only where something was mended, and says that all is still red where nothing was', () => {
    const before = ran({ a: 'failed', b: 'failed' });
    expect(said(judged(before, before))).toEqual(['stillFailing', '0 fixed, 0 new, 2 old, 0 vanished']);
    const hangs = { ...ran(null), passed: false, exitCode: null, timedOut: true };
    expect(said(judged(hangs, hangs))[0]).toBe('baselineBroken');
    expect(said(judged(before, ran({ a: 'passed', b: 'failed' })))).toEqual([
      'baselineBroken',
      '1 fixed, 0 new, 1 old, 0 vanished',
    ]);
  });

  it('lets old failures stay where the task says so, if something is fixed', () => {
    const rules = { oldFailuresMayStay: true };
    const before = ran({ a: 'failed', b: 'failed' });
    expect(said(judged(before, ran({ a: 'passed', b: 'failed' }), rules))[0]).toBe('passed');
    expect(said(judged(before, before, rules))[0]).toBe('stillFailing');
    expect(said(judged(before, ran({ a: 'failed', b: 'passed', c: 'failed' }), rules))[0]).toBe('checksFailed');
    // Red in another way than by its tests: the exit code says so.
    expect(said(judged(before, { ...ran({ a: 'passed', b: 'failed' }), exitCode: 2 }, rules))[0]).toBe('checksFailed');
  });

  it('takes a failure that another run does not show for flaky', () => {
    const runs = [ran({ a: 'failed', b: 'passed' }), ran({ a: 'passed', b: 'passed' })];
    expect(said(judged(ran({ a: 'passed', b: 'passed' }), runs))).toEqual([
      'passed',
      '0 fixed, 0 new, 0 old, 0 vanished, 1 flaky',
    ]);
  });

  it('does not take a check for flaky that has never passed, although each of its tests has', () => {
    const runs = [ran({ a: 'failed', b: 'passed' }), ran({ a: 'passed', b: 'failed' })];
    const green = ran({ a: 'passed', b: 'passed' });
    expect(said(judged(green, runs))[0]).toBe('checksFailed');
    expect(said(judged(ran({ a: 'failed' }), runs, { oldFailuresMayStay: true }))[0]).toBe('checksFailed');
    expect(said(judged(green, [...runs, green]))[0]).toBe('passed');
  });

  it('takes a failure for flaky beside an old one that stays', () => {
    const runs = [ran({ a: 'failed', b: 'failed', c: 'passed' }), ran({ a: 'failed', b: 'passed', c: 'passed' })];
    const before = ran({ a: 'failed', b: 'passed', c: 'failed' });
    expect(said(judged(before, runs, { oldFailuresMayStay: true }))[0]).toBe('passed');
  });

  it('does not believe a table of another format than at the base', () => {
    const before = ran({ a: 'failed', b: 'passed' });
    const judgement = judged(before, inTap(ran({ a: 'passed', b: 'passed' })));
    expect(said(judgement)).toEqual(['testsVanished', '0 fixed, 0 new, 0 old, 2 vanished']);
    expect(gateEvidence(judgement.checks, () => '')).toContain('its table is of another format (tap) than at the base');
    expect(said(judged(before, inTap(ran({ a: 'failed' })), { oldFailuresMayStay: true }))[0]).toBe('stillFailing');
  });

  it('does not take for flaky what is red for another reason in the other run', () => {
    const runs = [ran({ a: 'failed' }), { ...ran({ a: 'passed' }), passed: false, exitCode: 1 }];
    expect(said(judged(ran({ a: 'passed' }), runs))[0]).toBe('checksFailed');
  });

  it('judges a check without tests by exit code and output', () => {
    expect(said(judged(red('x'), red('x')))).toEqual(['stillFailing', '0 fixed, 0 new, 1 old, 0 vanished']);
    expect(said(judged(red('x'), red('y')))).toEqual(['checksFailed', '0 fixed, 1 new, 0 old, 0 vanished']);
    expect(said(judged(red('x'), ran(null)))).toEqual(['passed', '1 fixed, 0 new, 0 old, 0 vanished']);
  });

  it('counts a failing test of a check that exits with 0', () => {
    expect(said(judged(ran({ a: 'passed' }), { ...ran({ a: 'failed' }), passed: true, exitCode: 0 }))[0]).toBe(
      'checksFailed',
    );
  });

  it('says of a broken down check only that it is red', () => {
    expect(said(judged(ran({ a: 'passed' }), red('it does not compile')))).toEqual([
      'checksFailed',
      '0 fixed, 1 new, 0 old, 0 vanished',
    ]);
  });

  it('runs only what may be flaky again', () => {
    const worth = (after: CheckResult) => judged(ran({ a: 'passed' }), after).checks.map(isWorthRerun);
    expect(worth(ran({ a: 'failed' }))).toEqual([true]);
    expect(worth(red('x', { timedOut: true, exitCode: null }))).toEqual([false]);
    expect(worth(ran({}))).toEqual([false]);
  });

  it('gives two equal refusals the same signature', () => {
    expect(refusedOver('b')).toBe(refusedOver('b'));
    expect(refusedOver('b')).not.toBe(refusedOver('c'));
  });
});
