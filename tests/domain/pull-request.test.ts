import {
  closingWords,
  plainWords,
  pullRequestBody,
  pullRequestTitle,
  pullRequestWords,
  withOwnPart,
  type PullRequestAccount,
} from '../../src/domain/pull-request';
import { failure } from '../../src/domain/failures';
import { NOTHING_SPENT } from '../../src/domain/record';

const account = (changes: Partial<PullRequestAccount> = {}): PullRequestAccount => ({
  taskId: 'job/greet/t/0',
  summary: 'Greet by name',
  landing: {
    branch: 'weaver/greet',
    commit: 'c'.repeat(40),
    base: 'b'.repeat(40),
    filesChanged: 2,
    insertions: 5,
    deletions: 1,
  },
  baseBranch: 'main',
  attempts: 2,
  spending: {
    ...NOTHING_SPENT,
    callsSent: 3,
    tokens: { ...NOTHING_SPENT.tokens, prompt: 900, completion: 100 },
    costUsdMicros: 12_300,
  },
  checks: [{ name: 'tests', passed: true, durationMs: 1_234 }],
  tests: { fixed: 1, fresh: 0, old: 0, flaky: 0, vanished: 0 },
  criteria: { byCheck: { met: [1], unmet: [] }, byJudge: { met: [], unmet: [2] } },
  acceptanceCriteria: ['It greets', 'It is polite', 'It is short'],
  evidence: new Map([[2, 'It says "hey".']]),
  closing: ['Closes #12'],
  webUrl: 'https://temporal.example.org/namespaces/default/workflows/job%2Fgreet%2Ft%2F0',
  ...changes,
});

describe('the text of a pull request', () => {
  it('says what was done, what holds, what was checked, and what it took', () => {
    expect(pullRequestBody(account())).toBe(
      [
        '<!-- weaver -->',
        'Greet by name',
        '2 files, +5 −1 in cccccccccccc, from `weaver/greet` to `main`.',
        'Criteria:',
        '- [x] It greets (met, by its command)\n- [ ] It is polite (not met, by a judge): It says "hey".\n- [ ] It is short (not looked at)',
        '| check | verdict | time |\n| --- | --- | --- |\n| tests | passed | 1.2 s |',
        'Tests: 1 fixed, 0 new, 0 old, 0 vanished.',
        '2 attempts, 1000 tokens, $0.0123.',
        '[The task in the Web UI](https://temporal.example.org/namespaces/default/workflows/job%2Fgreet%2Ft%2F0)',
        'Closes #12',
        'Weaver-Task: `job/greet/t/0`',
        '<!-- /weaver -->',
      ].join('\n\n'),
    );
  });

  it('leaves out what is not known', () => {
    const {
      tests: _,
      criteria: __,
      ...less
    } = account({ acceptanceCriteria: [], closing: [], webUrl: null, checks: [] });
    expect(pullRequestBody(less)).toContain('No check was run.');
    expect(pullRequestBody(less)).not.toMatch(/Criteria|Web UI|Closes|Tests:/);
  });

  it('stays below the limit of the forges, whatever the texts are', () => {
    const long = '&'.repeat(2_000);
    const text = pullRequestBody(
      account({
        summary: long,
        acceptanceCriteria: Array.from({ length: 100 }, () => long),
        evidence: new Map(Array.from({ length: 100 }, (_, n) => [n + 1, long])),
        checks: Array.from({ length: 20 }, () => ({ name: long, passed: false, durationMs: 1 })),
      }),
    );
    expect(text.length).toBeLessThan(65_536);
    expect(text).toContain('- and 80 more');
  });
});

describe('words of a model', () => {
  it.each([
    ['thanks @ada and @house/team', /@(?!\u200b)/],
    ['fixes #12, closes ada/value#3, GH-7 and !4', /[#!](?=\d)|GH-/],
    ['fixes https://github.com/ada/value/issues/12 or www.example.org', /:\/\/|www\./],
    ['<img src=x> <!-- /weaver -->', /[<>]/],
    ['[click](javascript:alert(1)) and `code` and | cells', /(?<!\\)[[\]()`|]/],
    ['line\nof\r\nlines\u0007', /\p{Cc}/u],
  ])('call nobody, close nothing and are no markup: %s', (text, markup) => {
    expect(text).toMatch(markup);
    expect(plainWords(text, 500)).not.toMatch(markup);
  });

  it('close nothing as a title either; words of people stay as they are', () => {
    expect(pullRequestTitle('Fixes #12\nfor @ada', false)).toBe('Fixes #\u200b12 for @\u200bada');
    expect(pullRequestTitle('Fixes #12', true)).toBe('Fixes #12');
  });
});

it('closes what the description of the task asks for, each once', () => {
  expect(closingWords('Fixes #12. It also resolves: ada/value#3, see #4. fixed #12, prefixes #5')).toEqual([
    'Closes #12',
    'Closes ada/value#3',
  ]);
});

describe('the text that is there already', () => {
  const own = pullRequestBody(account());
  it('is kept around its own part', () => {
    const once = withOwnPart('Please look.', own);
    expect(once).toBe(`Please look.\n\n${own}`);
    const next = pullRequestBody(account({ attempts: 3 }));
    expect(withOwnPart(`${once}\n\nThank you.`, next)).toBe(`Please look.\n\n${next}\n\nThank you.`);
  });
  it('is the own part alone where nobody has written anything', () => expect(withOwnPart('', own)).toBe(own));
});

it('says in one line what came of it', () => {
  expect(pullRequestWords({ kind: 'open', url: 'https://f/1', number: 1, notes: ['labels: no'] })).toBe(
    'https://f/1; labels: no',
  );
  expect(pullRequestWords({ kind: 'failed', failure: failure('forgeRefused', 'HTTP 422') })).toMatch(
    /^none \(forgeRefused\): .*HTTP 422/,
  );
});
