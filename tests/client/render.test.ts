import { NOTHING_SPENT, type AttemptRecord } from '../../src/domain/record.js';
import { table } from '../../src/client/render-list.js';
import { entryLines } from '../../src/client/render-record.js';
import { duration, endLines, oneLine, phaseLine, progressLine, statusLines } from '../../src/client/render-task.js';
import type { RunReport } from '../../src/client/run-report.js';
import type { TaskView } from '../../src/client/task-view.js';

const view = (changes: Partial<TaskView> = {}): TaskView => ({
  taskId: 'job/k/t/0',
  jobId: 'job/k',
  title: 'Make the value right',
  state: 'running',
  phase: 'asking gpt-x',
  attempt: 2,
  attemptsMax: 5,
  waitingOn: null,
  spending: {
    ...NOTHING_SPENT,
    callsSent: 3,
    tokens: { ...NOTHING_SPENT.tokens, prompt: 900, completion: 100 },
    costUsdMicros: 1_200,
  },
  branch: 'weaver/x',
  failure: null,
  wakesAt: null,
  source: 'worker',
  retrying: null,
  unanswered: null,
  webUrl: null,
  ...changes,
});

describe('a task under way', () => {
  it('is one line', () => {
    expect(phaseLine(view())).toBe('running · attempt 2 of 5 · asking gpt-x');
    expect(phaseLine(view({ phase: 'attempt 2: asking gpt-x' }))).toBe('running · attempt 2 of 5 · asking gpt-x');
    expect(phaseLine(view({ state: 'succeeded', phase: 'the checks passed' }))).toBe('succeeded · the checks passed');
  });

  it('says when a waiting task goes on by itself', () => {
    expect(phaseLine(view({ state: 'retry_wait', phase: 'attempt 3 of 5', wakesAt: 9_000 }), 1_000)).toBe(
      'retry_wait · attempt 2 of 5 · goes on in 8.0 s',
    );
    expect(phaseLine(view({ wakesAt: 9_000 }), 10_000)).toBe('running · attempt 2 of 5 · asking gpt-x');
  });

  it('shows a step that is tried again, which no phase does', () => {
    expect(phaseLine(view({ retrying: 'openWorkspace, try 2: no route to host' }))).toContain(
      'openWorkspace, try 2: no route to host',
    );
  });

  it('shows tokens, cost and time on the line of a terminal', () => {
    expect(progressLine(view(), 65_000, 10)).toBe(
      '⠋ running · attempt 2 of 5 · asking gpt-x · 1000 tokens · $0.0012 · 1 min 5 s',
    );
  });

  it('says where its status comes from when no worker answered', () => {
    expect(statusLines(view({ source: 'server', attemptsMax: null }))).toContain(
      'source   the Temporal server (no worker answers)',
    );
    expect(statusLines(view({ source: 'server', unanswered: 'workerFails' }))).toContain(
      'source   the Temporal server (the worker cannot carry it on)',
    );
    expect(statusLines(view()).join('\n')).not.toContain('source');
  });

  it('says of a branch whether there is anything on it', () => {
    const states = ['running', 'succeeded', 'dead'] as const;
    const shown = states.map((state) => statusLines(view({ state })).find((line) => line.startsWith('branch')));
    expect(shown).toEqual(['branch   weaver/x', 'branch   weaver/x', 'branch   weaver/x (nothing has landed)']);
  });

  it('names code, sentence and next step of its failure', () => {
    const text = statusLines(view({ state: 'blocked', failure: { code: 'rateLimited', detail: 'HTTP 429' } })).join(
      '\n',
    );
    expect(text).toContain('failure  rateLimited: The model endpoint limits the rate of requests. HTTP 429');
    expect(text).toContain('next     Wait, or lower the concurrency of the provider.');
  });
});

describe('the end of a run', () => {
  const report: RunReport = {
    jobId: 'job/k',
    taskId: 'job/k/t/0',
    state: 'succeeded',
    exitCode: 0,
    branch: 'weaver/x',
    commit: 'c'.repeat(40),
    base: 'b'.repeat(40),
    attempts: 1,
    calls: { sent: 1, inDoubt: 0 },
    tokens: 120,
    costUsdMicros: 1_200,
    failure: null,
    webUrl: 'http://ui/x',
  };

  it('shows branch, commit, what was spent and where to look', () => {
    expect(endLines(report, null)).toEqual([
      'task     job/k/t/0',
      'branch   weaver/x',
      `commit   ${'c'.repeat(40)} on ${'b'.repeat(12)}`,
      'spent    1 attempt, 1 call, 120 tokens, $0.0012',
      'web ui   http://ui/x',
    ]);
  });

  it('shows what makes the work worth less than it looks', () => {
    const warned = endLines({ ...report, warnings: ['no checks were found: so.', 'two\nlines'] }, null);
    expect(warned).toEqual(expect.arrayContaining(['warning  no checks were found: so.', 'warning  two lines']));
    expect(statusLines(view({ warnings: ['no checks were found'] }))).toContain('warning  no checks were found');
  });

  it('shows calls in doubt, which were paid perhaps twice', () => {
    expect(endLines({ ...report, calls: { sent: 3, inDoubt: 1 } }, null).join('\n')).toContain('3 calls (1 in doubt)');
  });
});

describe('text from outside', () => {
  it('cannot move the cursor or fake a line', () => {
    expect(oneLine('a\u001b[2K\rb\n  succeeded\u009b1A')).toBe('a [2K b succeeded 1A');
    expect(phaseLine(view({ phase: 'x\nsucceeded' }))).toBe('running · attempt 2 of 5 · x succeeded');
  });
});

describe('the account of a task', () => {
  const ref = { kind: 'log', sha256: 'f'.repeat(64), sizeBytes: 1 } as const;
  const attempt: AttemptRecord = {
    sequence: 0,
    attempt: 1,
    startedAt: 0,
    endedAt: 2_500,
    workers: ['1@host'],
    provider: 'p',
    model: 'gpt-x',
    promptVersion: '1',
    spending: NOTHING_SPENT,
    commitBefore: '',
    treeBefore: '',
    treeAfter: null,
    commitAfter: null,
    outcome: { kind: 'failed', failure: { code: 'checksFailed', detail: 'unit' }, signature: 's' },
    artifacts: [],
    sandbox: 'plain',
    checks: [
      { name: 'unit', passed: false, exitCode: 1, timedOut: false, durationMs: 100, signature: '', log: ref },
      { name: 'slow', passed: false, exitCode: null, timedOut: true, durationMs: 60_000, signature: '', log: ref },
    ],
  };

  it('has what each attempt was, and how each check ended', () => {
    expect(entryLines({ kind: 'attempt', ...attempt })).toEqual([
      '1970-01-01 00:00:00  attempt 1: failed, checksFailed: unit',
      '  gpt-x · 0 tokens · $0.0000 · 2.5 s · 1@host'.replace(' tokens · $', ' tokens, $'),
      '  ✗ unit: exit 1, 100 ms',
      '  ✗ slow: ran out of time, 1 min 0 s',
      '  checked in: plain',
    ]);
  });

  it('has what was overlooked to find the edits', () => {
    const notes = ['edit 1, a.txt: matched at line 1 without regard to trailing spaces'];
    expect(entryLines({ kind: 'attempt', ...attempt, notes })).toContain(
      '  edit 1, a.txt: matched at line 1 without regard to trailing spaces',
    );
  });

  it('has what became of the tests, and of the criteria that were looked at', () => {
    const tests = { fixed: 3, fresh: 0, old: 1, flaky: 2, vanished: 0 };
    const criteria = { byCheck: { met: [1, 3], unmet: [] }, byJudge: { met: [], unmet: [2] } };
    expect(entryLines({ kind: 'attempt', ...attempt, tests, criteria }).slice(-2)).toEqual([
      '  tests: 3 fixed, 0 new, 1 old, 0 vanished, 2 flaky',
      '  criteria: 1, 3 met (check); 2 unmet (judge)',
    ]);
    expect(statusLines(view({ tests }))).toContain('tests    3 fixed, 0 new, 1 old, 0 vanished, 2 flaky');
  });

  it('has the reason of each decision and how long it waits', () => {
    const decision = { kind: 'retry', reason: 'the checks failed', delayMs: 2_000, changes: 'evidence' } as const;
    const entry = {
      kind: 'decision',
      sequence: 1,
      attempt: 1,
      decidedAt: 1_000,
      decider: 'standard@1',
      decision,
      outcome: attempt.outcome,
    } as const;
    expect(entryLines(entry)).toEqual(['1970-01-01 00:00:01  retry in 2.0 s: the checks failed (standard@1)']);
  });

  it('has under it what was not taken over, and what the shadow would have done', () => {
    const entry = {
      kind: 'decision',
      sequence: 1,
      attempt: 1,
      decidedAt: 1_000,
      decider: 'default@1',
      decision: { kind: 'markDead', reason: 'attempts 1/1', failure: { code: 'checksFailed', detail: '' } },
      outcome: attempt.outcome,
      notes: ['frugal@1 was passed over: no idea'],
      shadow: {
        decider: 'bold@1',
        decision: { kind: 'retry', reason: 'again', delayMs: 1, changes: 'evidence' },
        notes: ['bold@1: delayMs 0 became 1'],
      },
    } as const;
    expect(entryLines(entry).slice(1)).toEqual([
      '  frugal@1 was passed over: no idea',
      '  bold@1 would: retry, again',
      '    bold@1: delayMs 0 became 1',
    ]);
  });

  it('has who cancelled it and why', () => {
    expect(entryLines({ kind: 'cancelled', sequence: 2, at: 0, reason: 'not wanted', requester: 'ana' })).toEqual([
      '1970-01-01 00:00:00  cancelled by ana: not wanted',
    ]);
  });
});

describe('a table', () => {
  it('has columns as wide as their widest value, and lines no wider than the terminal', () => {
    expect(
      table(
        ['A', 'B'],
        [
          ['long value', 'x'],
          ['y', 'z'.repeat(90)],
        ],
        50,
      ),
    ).toEqual(['A           B', 'long value  x', `y           ${'z'.repeat(38)}`]);
  });
});

it.each([
  [850, '850 ms'],
  [12_340, '12.3 s'],
  [250_000, '4 min 10 s'],
  [11_100_000, '3 h 5 min'],
])('%d ms are %s', (ms, words) => {
  expect(duration(ms)).toBe(words);
});
