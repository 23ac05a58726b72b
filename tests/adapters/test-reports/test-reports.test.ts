/** Samples are what the runners have printed and written, of suites with a test of each kind (tests/fixtures/reports). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestReports } from '../../../src/adapters/test-reports/create-test-reports';
import { compareTests } from '../../../src/domain/test-results';
import type { ReadReport } from '../../../src/ports';

const reader = createTestReports();
const sample = (name: string): string => readFileSync(join(__dirname, '../../fixtures/reports', name), 'utf8');

const casesOf = (report: ReadReport): readonly string[] =>
  report.kind === 'read' ? report.table.cases.map(({ id, state }) => `${state} ${id}`) : [report.kind];
const printed = (text: string) => reader.readOutput(text, '/tree');
const written = (...names: readonly string[]) =>
  reader.readFiles(
    names.map((path) => ({ path, text: sample(path) })),
    '/tree',
  );

const NODE = [
  'passed adds',
  'passed alone (with braces)',
  'passed sum › adds',
  'skipped sum › later',
  'failed sum › of none › is 0',
  'skipped sum › some day',
];

describe('what node prints', () => {
  it('is read as TAP, with what a failure says', () => {
    const report = printed(sample('node-tap.txt'));
    expect(casesOf(report)).toEqual(NODE);
    const failing = report.kind === 'read' ? report.table.cases.find(({ state }) => state === 'failed') : undefined;
    expect(failing?.says).toContain('one is not zero');
  });

  it('is read as its own list for people, with the same names', () => {
    expect(casesOf(printed(sample('node-spec.txt')))).toEqual(NODE);
  });

  it('is read to its last summary: one that a test prints hides nothing', () => {
    const text = sample('node-spec.txt');
    expect(casesOf(printed(`ℹ tests 1\n${text}`))).toEqual(NODE);
    const two = casesOf(printed(`${text}\n${text.replaceAll('alone', 'other')}`));
    expect(two).toContain('passed other (with braces)');
    expect(two.filter((each) => each.startsWith('failed'))).toEqual([
      'failed sum › of none › is 0',
      'failed sum › of none › is 0 #2',
    ]);
  });

  it('is no table where another stands beside it: which one is forged cannot be told', () => {
    const forged = 'running 1 test\ntest adds ... ok\n';
    expect(printed(`${forged}${sample('node-spec.txt')}`)).toEqual({
      kind: 'corrupt',
      says: 'the output has tables of cargo and spec',
    });
    expect(printed(`${sample('node-tap.txt')}${forged}`).kind).toBe('corrupt');
  });

  it('is read among the lines of npm', () => {
    expect(
      casesOf(printed(`\n> pkg@1.0.0 test\n> node --test\n\n${sample('node-tap.txt')}\nnpm error code 1\n`)),
    ).toEqual(NODE);
  });
});

const suite = (name: string, body: string) => ({
  path: `target/surefire-reports/TEST-${name}.xml`,
  text: `<testsuite name="${name}" file="/tree/src/${name}.java"><testcase classname="${name}" name="it">${body}</testcase></testsuite>`,
});

describe("JUnit's XML", () => {
  it('of node has the names that node prints', () => {
    expect(casesOf(written('node-junit.xml'))).toEqual(NODE);
  });

  it('of pytest has classes and parameters; what is expected to fail counts as skipped', () => {
    const report = written('pytest.xml');
    expect(casesOf(report)).toEqual([
      'skipped test_sum › test_known',
      'skipped test_sum › test_later',
      'passed test_sum.TestSum › test_adds',
      'passed test_sum.TestSum › test_each[1]',
      'failed test_sum.TestSum › test_each[2]',
    ]);
    const failing = report.kind === 'read' ? report.table.cases.find(({ state }) => state === 'failed') : undefined;
    expect(failing?.says).toMatch(/^assert 2 == 1\n/);
  });

  it('of several files is one table, with the files that it names', () => {
    const report = reader.readFiles([suite('org.A', '<error message="broke"/>'), suite('org.B', '')], '/tree');
    expect(report.kind === 'read' ? report.table.cases : []).toEqual([
      { id: 'org.A › it', state: 'failed', file: 'src/org.A.java', says: 'broke' },
      { id: 'org.B › it', state: 'passed', file: 'src/org.B.java' },
    ]);
  });

  it.each([
    ['cut off', '<testsuites><testsuite name="a"><testcase name="b"'],
    ['no XML', 'all is well'],
    ['something else', '<html><body/></html>'],
    ['empty', ''],
    ['an entity of its own', '<!DOCTYPE x [<!ENTITY e "eee">]><testsuite name="&e;"/>'],
    ['nested without end', '<testsuite>'.repeat(5_000)],
  ])('that is %s is corrupt, not empty', (_what, text) => {
    expect(reader.readFiles([{ path: 'junit.xml', text }], '/tree').kind).toBe('corrupt');
  });

  it('makes a whole report corrupt that is broken in one of its files', () => {
    const good = { path: 'a.xml', text: sample('pytest.xml') };
    expect(reader.readFiles([good, { path: 'b.xml', text: '<' }], '/tree')).toEqual({
      kind: 'corrupt',
      says: expect.stringContaining('b.xml'),
    });
  });
});

const goLine = (action: string): string => `{"Action":"${action}","Package":"p","Test":"TestX"}\n`;

describe('what unittest prints', () => {
  const FAILING = [
    'failed test_a.T › test_five',
    'failed test_a.T › test_one',
    'failed test_a.T › test_seven',
    'failed test_a.T › test_six',
    'failed test_c.S › setUpClass',
    'failed unittest.loader._FailedTest › test_b',
  ];

  it('is read with -v: each test, with its docstring and with what it prints itself', () => {
    const others = [
      'passed test_a.T › test_four',
      'passed test_a.T › test_two',
      'skipped test_a.T › test_three',
      'skipped unittest.loader.ModuleSkipped › test_d',
      'passed unittest',
    ];
    const report = printed(sample('unittest-verbose.txt'));
    expect([...casesOf(report)].toSorted()).toEqual([...FAILING, ...others].toSorted());
    expect(report).toMatchObject({ table: { complete: false, ran: 7 } });
  });

  it('is read without it as far as it goes: what fails, and how many have run', () => {
    const report = printed(sample('unittest-dots.txt'));
    expect([...casesOf(report)].toSorted()).toEqual([...FAILING, 'passed unittest'].toSorted());
    expect(report).toMatchObject({ table: { ran: 7 } });
  });

  it('is nothing without its summary, and adds up over several', () => {
    expect(printed('..\n').kind).toBe('none');
    const two = 'Ran 2 tests in 0.000s\n\nOK\n..\nRan 3 tests in 0.000s\n\nOK (skipped=1)\n';
    expect(printed(two)).toMatchObject({ table: { ran: 4 } });
  });

  it('stands back behind the table of another runner', () => {
    expect(printed(`${sample('go-verbose.txt')}${sample('unittest-dots.txt')}`)).toMatchObject({
      table: { format: 'go' },
    });
  });
});

describe('what go prints', () => {
  it('is read whole with -json, packages among the tests', () => {
    expect(casesOf(printed(sample('go-json.txt')))).toEqual([
      'failed example.org/sum',
      'passed example.org/sum › TestAdds',
      'failed example.org/sum › TestEach',
      'passed example.org/sum › TestEach/one',
      'failed example.org/sum › TestEach/two',
      'skipped example.org/sum › TestLater',
      'passed example.org/sum/broken',
      'passed example.org/sum/broken › TestOk',
      'skipped example.org/sum/empty',
    ]);
  });

  it('is read with -v, and without it as far as it goes', () => {
    const verbose = printed(sample('go-verbose.txt'));
    expect(casesOf(verbose)).toEqual(casesOf(printed(sample('go-json.txt'))));
    const plain = printed(sample('go-plain.txt'));
    expect(casesOf(plain)).toEqual([
      'failed example.org/sum',
      'failed example.org/sum › TestEach',
      'failed example.org/sum › TestEach/two',
      'passed example.org/sum/broken',
      'skipped example.org/sum/empty',
    ]);
    expect([verbose, plain].map((report) => (report.kind === 'read' ? report.table.complete : null))).toEqual([
      true,
      false,
    ]);
  });

  it('names all with -v, also where all of them fail: of one that is not named any more nothing is left', () => {
    const red = printed('=== RUN   TestX\n--- FAIL: TestX (0.00s)\nFAIL\nFAIL\tp\t0.01s\n');
    expect(red).toMatchObject({ table: { complete: true } });
    const early = printed('ok  \tp\t0.01s\n');
    const [before, after] = [red, early].map((report) => (report.kind === 'read' ? report.table : null));
    expect(compareTests(before ?? null, [after ?? null]).vanished).toEqual(['p › TestX']);
  });

  it('knows a package that was not built, and is green without a test, for one that has ended before them', () => {
    const tables = ['FAIL\tp [build failed]\n', 'ok  \tp\t0.01s\n', '--- PASS: TestX (0.00s)\nok  \tp\t0.01s\n'];
    const [red = null, early = null, mended = null] = tables
      .map(printed)
      .map((report) => (report.kind === 'read' ? report.table : null));
    expect(compareTests(red, [early]).vanished).toEqual(['p (no test of it is named)']);
    expect(compareTests(red, [mended]).vanished).toEqual([]);
  });

  it('has a test that failed as failed, whatever is printed of it later', () => {
    expect(casesOf(printed(['run', 'fail', 'pass', 'skip'].map(goLine).join('')))).toEqual(['failed p › TestX']);
  });

  it('has a test that began and did not end as failed', () => {
    const text =
      '{"Action":"run","Package":"p","Test":"TestX"}\n{"Action":"output","Package":"p","Test":"TestX","Output":"panic"}\n';
    expect(casesOf(printed(text))).toEqual(['failed p › TestX']);
  });
});

it('reads what cargo prints', () => {
  expect(casesOf(printed(sample('cargo.txt')))).toEqual([
    'passed tests::adds',
    'failed tests::fails',
    'skipped tests::later',
    'passed tests::panics',
  ]);
});

it('has a failing test more where a binary of cargo has begun and not ended', () => {
  const text = 'running 2 tests\n\nrunning 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed\n';
  expect(casesOf(printed(text))).toEqual(['passed a', 'failed a test binary without result']);
  // One that was aborted at the base (a stack that overflows) and comes to its end is mended.
  const [before, after] = [text, `${text}test result: ok. 2 passed; 0 failed\n`]
    .map(printed)
    .map((report) => (report.kind === 'read' ? report.table : null));
  expect(compareTests(before ?? null, [after ?? null])).toMatchObject({
    fixed: ['a test binary without result'],
    vanished: [],
  });
});

const counted = (text: string) => {
  const report = printed(text);
  return report.kind === 'read' ? [report.table.cases.map(({ id }) => id).join(), report.table.ran] : report.kind;
};

describe('what runners print that name no test which passes', () => {
  it.each([
    ['jest', 'Tests:       1 failed, 1 skipped, 1 todo, 2 passed, 5 total', 3],
    ['jest', '\u001B[1mTests:       \u001B[22m\u001B[1m\u001B[32m2 passed\u001B[39m\u001B[22m, 2 total', 2],
    ['jest', 'Tests:       0 total', 0],
    ['vitest', '      Tests  1 failed | 2 passed | 1 skipped (4)', 3],
    ['mocha', '  3 passing (12ms)\n  1 pending\n  2 failing', 5],
    ['specs', '5 examples, 1 failure, 2 pending', 3],
    ['specs', '1 spec, 0 failures', 1],
    ['minitest', '4 runs, 9 assertions, 1 failures, 0 errors, 1 skips', 3],
    ['phpunit', 'OK (3 tests, 5 assertions)', 3],
    ['phpunit', 'Tests: 4, Assertions: 5, Failures: 1, Skipped: 1.', 3],
  ])('has how many have run: %s', (runner, line, ran) => {
    expect(counted(`words\n${line}\nmore\n`)).toEqual([runner, ran]);
  });

  it('is added up over several runs, and nothing without its last lines', () => {
    expect(counted('Tests:       2 passed, 2 total\nTests:       1 failed, 1 total\n')).toEqual(['jest', 3]);
    expect(counted('PASS test/a.test.js\n')).toBe('none');
  });
});

it('reads the JSON of jest, from its output or a file, without the path of the work tree', () => {
  const expected = [
    'passed j.test.js › sum › adds',
    'failed j.test.js › sum › is 0',
    'skipped j.test.js › sum › later',
    'skipped j.test.js › sum › some day',
  ];
  expect(casesOf(printed(`some words\n${sample('jest.txt')}\n`))).toEqual(expected);
  const file = { path: 'results.json', text: sample('jest.txt') };
  expect(casesOf(reader.readFiles([file], '/tree'))).toEqual(expected);
});

const jestReport = (status: string): string =>
  JSON.stringify({ testResults: [{ name: '/tree/a.test.js', assertionResults: [{ title: 'adds', status }] }] });

it('reads every report of jest in an output: one of them may have been printed by what is tested', () => {
  expect(casesOf(printed(`${jestReport('passed')}\n${jestReport('failed')}\n`))).toEqual([
    'passed a.test.js › adds',
    'failed a.test.js › adds #2',
  ]);
});

it('has a file that jest could not load as a failing test', () => {
  const text = JSON.stringify({
    testResults: [{ name: '/tree/a.test.js', status: 'failed', message: 'no', assertionResults: [] }],
  });
  expect(casesOf(printed(text))).toEqual(['failed a.test.js']);
});

const test = (title: string) => ({ title, fullTitle: `sum ${title}`, file: '/tree/t.js', err: {} });

it('reads the JSON of mocha, over several lines', () => {
  const value = { stats: {}, tests: [test('a'), test('b'), test('c')], failures: [test('b')], pending: [test('c')] };
  expect(casesOf(printed(`words\n${JSON.stringify(value, null, 2)}\nmore`))).toEqual([
    'passed t.js › sum a',
    'failed t.js › sum b',
    'skipped t.js › sum c',
  ]);
});

it('reads the TAP of several runs, one after the other', () => {
  const twice = `${sample('node-tap.txt')}\n> other\n\nTAP version 13\nok 1 - more\n1..1\n`;
  expect(casesOf(printed(twice))).toEqual([...NODE.slice(0, 2), 'passed more', ...NODE.slice(2)]);
});

it('reads other TAP', () => {
  expect(casesOf(printed('1..3\nok 1 - one\nnoise\nnot ok 2 - two\nok 3 - three # SKIP later\n'))).toEqual([
    'passed one',
    'skipped three',
    'failed two',
  ]);
});

it.each(['', 'all is well\n', '3 ok\n', '1..\n', '{"a":1}\n', 'ok, done\n'])(
  'has no tests where nothing tells of any: %j',
  (text) => {
    expect(printed(text)).toEqual({ kind: 'none' });
  },
);

it('says so when a file is no report that it knows', () => {
  expect(reader.readFiles([{ path: 'x.json', text: '{"a":1}' }], '/tree').kind).toBe('corrupt');
  expect(reader.readFiles([{ path: 'x.txt', text: 'words' }], '/tree').kind).toBe('corrupt');
});
