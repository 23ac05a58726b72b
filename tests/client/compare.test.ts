import type { JudgedRow, TrialCall, TrialGate } from '../../src/domain/compare.js';
import { missedThresholds, regressions, summariseRows, wordDiffRate } from '../../src/domain/compare-summary.js';
import { NOTHING_SPENT } from '../../src/domain/record.js';
import { callsAsLines, compareLines, missedLine, stopLine } from '../../src/client/render-compare.js';
import { comparePage } from '../../src/client/report/compare-page.js';

interface Given {
  readonly provider?: string;
  readonly name?: string;
  readonly repeat?: number;
  readonly passed?: boolean;
  readonly says?: string;
  readonly tokens?: number;
  readonly latencyMs?: number;
  readonly costUsdMicros?: number;
  readonly code?: string;
}

let rowsMade = 0;

/** A question to one model alone. */
function row(given: Given): JudgedRow {
  const { provider = 'a', name = 'sum', repeat = 1, passed = true, says = 'yes', tokens = 1, code = null } = given;
  const { latencyMs = 100, costUsdMicros = 10 } = given;
  const spending = {
    ...NOTHING_SPENT,
    callsSent: 1,
    costUsdMicros,
    tokens: { ...NOTHING_SPENT.tokens, completion: tokens },
  };
  const call: TrialCall = {
    name: `t${rowsMade}.m1`,
    provider,
    model: 'm',
    status: code === null ? 'ok' : 'failed',
    code,
    family: code === null ? null : 'model',
    callId: code === null ? `call-${rowsMade}` : null,
    answer: null,
    says,
    key: code === null ? says : null,
    latencyMs,
    spending,
  };
  rowsMade += 1;
  return {
    number: rowsMade,
    case: name,
    mode: 'single',
    asked: `${provider}/m`,
    repeat,
    calls: [call],
    winner: code === null ? 0 : null,
    failure: code === null ? null : { code, detail: '' },
    latencyMs,
    spending,
    passed: passed && code === null,
    why: passed && code === null ? null : (code ?? 'is another text'),
  };
}

const saidBy = ({ calls, winner }: JudgedRow): string | null =>
  winner === null ? null : (calls[winner]?.says ?? null);
const summaryOf = (...given: readonly Given[]) => summariseRows(given.map(row), saidBy);

describe('determinism', () => {
  it.each([
    ['the same words', 'the same  words', 0],
    ['one two three four', 'one two 3 four', 0.25],
    ['one two', 'one two three four', 0.5],
    ['', 'word', 1],
    ['', '', 0],
  ])('of “%s” and “%s” differs by %d', (a, b, rate) => {
    expect(wordDiffRate(a, b)).toBe(rate);
  });

  it('LC-34 is told from answers to the same question, with the rate of words and the deviation of tokens', () => {
    const { contestants } = summaryOf(
      { repeat: 1, says: 'one two three four', tokens: 4 },
      { repeat: 2, says: 'one two three four', tokens: 4 },
      { repeat: 3, says: 'one two three 4', tokens: 10 },
      { name: 'other', repeat: 1, says: 'something else entirely', tokens: 100 },
    );
    expect(contestants).toMatchObject([{ asked: 'a/m', diffRate: 0.25, determinism: 0.75, tokenDeviation: 2.8284 }]);
    const summary = summaryOf({ repeat: 1, says: 'x' }, { repeat: 2, says: 'y' });
    const missed = missedThresholds(summary, { success: 1, determinism: 0.85 });
    expect(missed).toEqual([{ threshold: 'determinism', by: 'single a/m', is: 0, wanted: 0.85 }]);
    expect(missed.map(missedLine)).toEqual(['thresholds.determinism missed by single a/m: 0 %, wanted 85 %']);
  });

  it('is the middle of all pairs, also where there is an even number of them', () => {
    const { contestants } = summaryOf(
      { repeat: 1, says: 'x' },
      { repeat: 2, says: 'x' },
      { name: 'other', repeat: 1, says: 'x' },
      { name: 'other', repeat: 2, says: 'y' },
    );
    expect(contestants[0]?.diffRate).toBe(0.5);
  });

  it('is not known without repeats, and then misses nothing', () => {
    const summary = summaryOf({}, { name: 'other' });
    expect(summary.contestants[0]?.determinism).toBeNull();
    expect(missedThresholds(summary, { success: 1, determinism: 1, agreement: 1 })).toEqual([]);
  });
});

describe('the overview', () => {
  it('LC-36 has success, time and cost', () => {
    const { overview } = summaryOf(
      { latencyMs: 100, costUsdMicros: 200_000 },
      { name: 'other', latencyMs: 300, costUsdMicros: 400_000, passed: false },
    );
    expect(overview).toEqual({
      questions: 2,
      passed: 1,
      success: 0.5,
      calls: 2,
      latencyMs: { mean: 200, median: 100 },
      costUsdMicros: 600_000,
      meanCostUsdMicros: 300_000,
      unpriced: false,
      agreement: null,
    });
    expect(compareLines(summaryOf({ latencyMs: 100 }, { repeat: 2, passed: false }), 200)).toEqual([
      'MODE    ASKED  SUCCESS        MEDIAN  P95     COST     A QUESTION  DETERMINISM  TOKENS ±',
      'single  a/m    50 % (1 of 2)  100 ms  100 ms  $0.0000  $0.0000     100 %        0.0',
      '',
      '1 of 2 questions as expected, 2 calls, $0.0000, 100 ms on average',
      '✗ sum, single a/m, repeat 2: is another text',
    ]);
  });

  it('tells how often models that were asked alone say the same', () => {
    const { overview } = summaryOf(
      { provider: 'a', says: 'x' },
      { provider: 'b', says: 'x' },
      { provider: 'c', says: 'y' },
      { provider: 'd', code: 'modelServerError' },
    );
    expect(overview.agreement).toBe(0.3333);
  });
});

describe('failures', () => {
  const summary = summaryOf(
    { provider: 'a', code: 'rateLimited' },
    { provider: 'a', code: 'modelTimeout' },
    { provider: 'b', code: 'modelTimeout' },
    { provider: 'b' },
  );

  it('LC-37 are counted by kind, the most frequent first', () => {
    expect(summary.failures.map(({ code, count }) => [code, count])).toEqual([
      ['modelTimeout', 2],
      ['rateLimited', 1],
    ]);
  });

  it('LC-39 of each endpoint are counted by their kind', () => {
    expect(summary.failures.map(({ providers }) => providers)).toEqual([{ a: 1, b: 1 }, { a: 1 }]);
    expect(compareLines(summary, 200)).toContain('2 × modelTimeout (a 1, b 1)');
  });
});

it('LC-38 beside an earlier comparison each passes, fails, is new or missing, and why', () => {
  const { contestants } = summaryOf(
    { provider: 'same' },
    { provider: 'worse', passed: false },
    { provider: 'young' },
    { provider: 'loose', repeat: 1, says: 'x' },
    { provider: 'loose', repeat: 2, says: 'y' },
  );
  const earlier = ['same', 'worse', 'gone', 'loose'].map((name) => ({
    mode: 'single' as const,
    asked: `${name}/m`,
    success: 1,
    determinism: name === 'loose' ? 0.9 : null,
  }));
  expect(regressions(contestants, earlier).map(({ by, verdict, why }) => `${verdict} ${by} ${why}`.trim())).toEqual([
    'pass single same/m',
    'fail single worse/m success 0, was 1',
    'new single young/m is not in the earlier comparison',
    'fail single loose/m determinism 0, was 0.9',
    'missing single gone/m is in the earlier comparison only',
  ]);
});

describe('thresholds', () => {
  it('LC-40 a failed case is named, and misses the success that is wanted unless the file says otherwise', () => {
    const summary = summaryOf({ name: 'sum', passed: false }, { name: 'other' });
    expect(summary.failed).toEqual([{ case: 'sum', mode: 'single', asked: 'a/m', repeat: 1, why: 'is another text' }]);
    expect(missedThresholds(summary, { success: 1 })).toEqual([
      { threshold: 'success', by: 'single a/m', is: 0.5, wanted: 1 },
    ]);
    expect(missedThresholds(summary, { success: 0.5 })).toEqual([]);
  });

  it('of cost and time are those of each contestant, that of agreement is of all', () => {
    const summary = summaryOf(
      { provider: 'a', says: 'x', latencyMs: 900, costUsdMicros: 30 },
      { provider: 'b', says: 'y', latencyMs: 100, costUsdMicros: 10 },
    );
    const missed = missedThresholds(summary, { success: 1, costUsdMicros: 20, latencyMs: 500, agreement: 0.5 });
    expect(missed.map(({ threshold, by }) => `${threshold} ${by}`)).toEqual([
      'costUsdMicros single a/m',
      'latencyMs single a/m',
      'agreement all models',
    ]);
  });
});

describe('coding tasks', () => {
  const refused = { code: 'checksFailed', detail: 'Failed: value.', evidence: null };
  const coding = (provider: string, gate: TrialGate | null): JudgedRow => ({
    ...row({ provider, passed: gate?.refused === null }),
    gate,
  });
  const rows = [
    coding('a', { tree: 'f00', refused: null }),
    coding('a', { tree: 'ba5', refused }),
    coding('b', null),
    row({ provider: 'c' }),
  ];
  const summary = summariseRows(rows, saidBy);

  it('are counted by the gate, beside questions in words', () => {
    expect(summary.contestants.map(({ asked, gate }) => [asked, gate])).toEqual([
      ['a/m', { questions: 2, passed: 1 }],
      ['b/m', { questions: 1, passed: 0 }],
      ['c/m', null],
    ]);
    const table = compareLines(summary, 200).slice(0, 4);
    expect(table.map((line) => line.split(/ {2,}/)[3])).toEqual(['GATE', '1 of 2', '0 of 1', '-']);
  });

  it('have a plot of their own on the page', () => {
    const of = { id: 'compare/k', madeAt: 0, version: '1.0.0', rows, missed: [], regressions: null };
    expect(comparePage({ ...of, summary })).toContain('Success by gate: single a/m 50 %, single b/m 0 %');
  });

  it('tell for each call what the gate said of the change that was taken', () => {
    const lines = callsAsLines(rows).trimEnd().split('\n');
    const said = lines.map((line) => JSON.parse(line) as { readonly tree?: string; readonly gate?: string });
    expect(said.map(({ tree, gate }) => [tree, gate])).toEqual([
      ['f00', 'passed'],
      ['ba5', 'checksFailed'],
      [null, null],
      [undefined, undefined],
    ]);
  });
});

it('gives a line of JSON for each call', () => {
  const rows = [row({ says: 'x' }), row({ code: 'modelTimeout' })];
  const lines = callsAsLines(rows).trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { readonly status: string }).status)).toEqual(['ok', 'failed']);
});

it('tells how often each pair of models says the same, and draws it', () => {
  const rows = ['x', 'y'].flatMap((says, at) => [
    row({ provider: 'a', repeat: at, says }),
    row({ provider: 'b', repeat: at, says }),
    row({ provider: 'c', repeat: at, says: 'x' }),
  ]);
  const summary = summariseRows(rows, saidBy);
  expect(summary.agreements).toEqual([
    { models: ['a/m', 'b/m'], share: 1, questions: 2 },
    { models: ['a/m', 'c/m'], share: 0.5, questions: 2 },
    { models: ['b/m', 'c/m'], share: 0.5, questions: 2 },
  ]);
  expect(summary.overview.agreement).toBe(0.6667);
  const of = { id: 'compare/k', madeAt: 0, version: '1.0.0', rows, missed: [], regressions: null };
  const page = comparePage({ ...of, summary });
  expect(page).toContain('Agreement: a/m, b/m 100 %, a/m, c/m 50 %, b/m, c/m 50 %');
});

it('shows the page with plots, and nothing of a name becomes markup', () => {
  const rows = [row({ provider: '<b>', says: 'x' }), row({ provider: 'b', passed: false })];
  const summary = summariseRows(rows, saidBy);
  const missed = missedThresholds(summary, { success: 1 });
  const page = comparePage({ id: 'compare/k', madeAt: 0, version: '1.0.0', rows, summary, missed, regressions: null });
  expect(page.match(/<svg class="plot"/g)).toHaveLength(6);
  expect(page).toContain('thresholds.success missed by single b/m: 0 %, wanted 100 %');
  expect(page).not.toMatch(/<b>|<script|https?:|NaN|Infinity/);
});

it('says why not everything was asked', () => {
  const progress = { questions: 10, done: 4, passed: 4, failed: 0, spending: NOTHING_SPENT };
  expect(stopLine({ kind: 'cancelled' }, progress)).toBe('It was cancelled: 4 of 10 questions were asked.');
  expect(stopLine({ kind: 'spent', costUsdMicros: 1_200_000, limit: 1_000_000 }, progress)).toBe(
    'limits.costUsd is reached ($1.2000 of $1.0000): 4 of 10 questions were asked.',
  );
});
