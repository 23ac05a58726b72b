import { compareTests, countsOf, tableOf, type TestState, type TestTable } from '../../src/domain/test-results';

const table = (states: Readonly<Record<string, TestState>>, complete = true): TestTable => {
  const cases = Object.entries(states).map(([name, state]) => ({ names: [name], state }));
  const made = tableOf('junit', cases, complete);
  if (made === null) throw new Error('no cases');
  return made;
};

const NOTHING = { fixed: [], fresh: [], old: [], flaky: [], vanished: [], added: [] };

describe('a table of tests', () => {
  it('names a test by its suites, orders by name, and counts states', () => {
    const made = tableOf('tap', [
      { names: ['suite', ' b  b '], state: 'failed', says: ' why ' },
      { names: ['', 'a'], state: 'passed' },
    ]);
    expect(made?.cases).toEqual([
      { id: 'a', state: 'passed' },
      { id: 'suite › b b', state: 'failed', says: 'why' },
    ]);
    expect(made === null ? null : countsOf(made)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('numbers tests of one name, those that passed first, so that one less is one gone', () => {
    const twice = tableOf('cargo', [
      { names: ['it'], state: 'failed' },
      { names: ['it'], state: 'passed' },
    ]);
    expect(twice?.cases.map(({ id, state }) => `${id} ${state}`)).toEqual(['it passed', 'it #2 failed']);
    expect(compareTests(twice, [table({ it: 'passed' })]).vanished).toEqual(['it #2']);
  });

  it('is none without tests, and bounded with many', () => {
    expect(tableOf('junit', [])).toBeNull();
    const many = Array.from({ length: 50_001 }, (_, n) => ({
      names: [`${n}`],
      state: 'failed' as const,
      says: 'x'.repeat(9_000),
    }));
    const made = tableOf('junit', many);
    expect([made?.cases.length, made?.complete]).toEqual([50_000, false]);
    expect(JSON.stringify(made).length).toBeLessThan(4_000_000);
  });
});

const twice = (first: TestState, second: TestState) =>
  tableOf('tap', [
    { names: ['a'], state: first },
    { names: ['a'], state: second },
  ]);

/** As unittest prints it: how many, and which of them failed. */
const counted = (ran: number, failed: readonly string[] = []): TestTable | null =>
  tableOf('unittest', [...failed.map((name) => ({ names: [name], state: 'failed' as const })), RUN], false, ran);
const RUN = { names: ['unittest'], state: 'passed' as const };

describe('tests that are only counted', () => {
  it('are fixed if they do not fail any more and no fewer are run', () => {
    expect(compareTests(counted(3, ['a']), [counted(4)])).toEqual({ ...NOTHING, fixed: ['a'] });
  });

  it('have gone if fewer are run, or if nothing is said of them any more', () => {
    expect(compareTests(counted(3, ['a']), [counted(2)])).toEqual({ ...NOTHING, vanished: ['1 of 3 tests'] });
    expect(compareTests(counted(3, ['a']), [null]).vanished).toEqual(['a', 'unittest']);
  });
});

describe('tests of two runs', () => {
  it('are told apart as fixed, new, old, gone and added', () => {
    const before = table({ fixed: 'failed', broken: 'passed', old: 'failed', gone: 'passed', same: 'passed' });
    const after = table({ fixed: 'passed', broken: 'failed', old: 'failed', same: 'passed', added: 'passed' });
    expect(compareTests(before, [after])).toEqual({
      fixed: ['fixed'],
      fresh: ['broken'],
      old: ['old'],
      flaky: [],
      vanished: ['gone'],
      added: ['added'],
    });
  });

  it('has a renamed, a skipped and a failing test that was removed as gone', () => {
    const before = table({ 'old name': 'passed', skipped: 'passed', red: 'failed', never: 'skipped' });
    const after = table({ 'new name': 'passed', skipped: 'skipped' });
    expect(compareTests(before, [after]).vanished).toEqual(['old name', 'red', 'skipped']);
  });

  it('lets go what the task is free to change', () => {
    const before = table({ a: 'passed', b: 'passed' });
    expect(compareTests(before, [table({ c: 'passed' })], ({ id }) => id === 'a').vanished).toEqual(['b']);
  });

  it('calls flaky what fails in one run and passes in another', () => {
    const runs = [table({ a: 'failed', b: 'failed' }), table({ a: 'passed', b: 'failed' })];
    expect(compareTests(table({ a: 'passed', b: 'passed' }), runs)).toEqual({ ...NOTHING, fresh: ['b'], flaky: ['a'] });
  });

  it('believes the worst of those of one name where there are more of them than before', () => {
    const before = table({ a: 'passed' });
    expect(compareTests(before, [twice('passed', 'skipped')])).toEqual({
      ...NOTHING,
      vanished: ['a'],
      added: ['a #2'],
    });
    expect(compareTests(before, [twice('passed', 'failed')])).toEqual({ ...NOTHING, fresh: ['a'], added: ['a #2'] });
    expect(compareTests(table({ a: 'failed' }), [twice('passed', 'failed')]).fixed).toEqual([]);
    expect(compareTests(before, [twice('passed', 'passed')])).toEqual({ ...NOTHING, added: ['a #2'] });
  });

  it('takes tests for gone whose report is not there any more', () => {
    expect(compareTests(table({ a: 'passed' }), [null]).vanished).toEqual(['a']);
  });

  it('does not miss what a runner names only when it fails', () => {
    const before = table({ pack: 'failed', 'pack › TestX': 'failed' }, false);
    expect(compareTests(before, [table({ pack: 'passed' }, false)])).toEqual({ ...NOTHING, fixed: ['pack'] });
  });

  it('misses a package that ran and does not any more, also of such a runner', () => {
    expect(compareTests(table({ a: 'passed', b: 'passed' }, false), [table({ a: 'passed' }, false)]).vanished).toEqual([
      'b',
    ]);
  });

  it.each<[string, string, string]>([
    ['a file of node', 'test/a.test.js', 'adds'],
    ['a module of pytest', 'tests.test_a', 'tests.test_a › test_adds'],
    ['a module with classes', 'tests.test_a', 'tests.test_a.Sums › test_adds'],
    ['a class of JUnit', 'a.SumTest › initializationError', 'a.SumTest › adds'],
  ])('has for fixed what could not be loaded once its tests are named: %s', (_what, id, test) => {
    const base = table({ [id]: 'failed', other: 'passed' });
    const then = { ...NOTHING, fixed: [id], added: [test] };
    expect(compareTests(base, [table({ [test]: 'passed', other: 'passed' })])).toEqual(then);
    expect(compareTests(base, [table({ other: 'passed' })]).vanished).toEqual([id]);
    expect(compareTests(base, [table({ [test]: 'skipped', other: 'passed' })]).vanished).toEqual([id]);
  });

  it('knows nothing of gone tests without a base', () => {
    expect(compareTests(null, [table({ a: 'failed', b: 'passed' })])).toEqual({ ...NOTHING, fresh: ['a'] });
  });
});
