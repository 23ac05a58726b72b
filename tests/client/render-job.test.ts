import { NOTHING_SPENT } from '../../src/domain/record.js';
import { viewOfStoredJob, type JobView } from '../../src/client/job-view.js';
import { endedTaskLine, jobEndLines, jobLine, jobProgressLine, jobStatusLines } from '../../src/client/render-job.js';
import { jobReportOf } from '../../src/client/run-report.js';
import { failure } from '../../src/domain/failures.js';
import { unreported, type JobResult } from '../../src/workflows/messages.js';

const spending = {
  ...NOTHING_SPENT,
  callsSent: 7,
  tokens: { ...NOTHING_SPENT.tokens, prompt: 900, completion: 100 },
  costUsdMicros: 12_300,
};

const view = (changes: Partial<JobView> = {}): JobView => ({
  jobId: 'job/k',
  title: 'Several values',
  state: 'running',
  paused: false,
  total: 12,
  counts: { succeeded: 3, dead: 1, stuck: 1, cancelled: 1, running: 2, retry_wait: 1, blocked: 1, pending: 2 },
  spending,
  budget: { costUsdMicros: 2_500_000, tokens: 1_000_000, whenSpent: 'wait' },
  bottlenecks: [
    { waitsFor: 'dependency a', tasks: 2 },
    { waitsFor: 'budget (tokens)', tasks: 1 },
  ],
  startedAt: 1_000,
  endedAt: null,
  deadline: 1_763_719_579_000,
  concurrency: 4,
  failed: [],
  source: 'worker',
  unanswered: null,
  webUrl: null,
  ...changes,
});

const result = (changes: Partial<JobResult> = {}): JobResult => ({
  jobId: 'job/k',
  state: 'failed',
  task: unreported('job/k/t/b', 'dead', failure('editsRejected')),
  summary: {
    total: 3,
    counts: { succeeded: 1, dead: 2 },
    spending,
    failed: [
      { path: 'a', state: 'dead', failure: 'dependencyFailed' },
      { path: 'b', state: 'dead', failure: 'modelUnreachable' },
    ],
  },
  ...changes,
});

describe('a job under way', () => {
  it('counts what open tasks have spent, and says which sum is whose', () => {
    const open = { tasks: 2, waiting: 1, tokens: 500, costUsdMicros: 1_000_000 };
    expect(jobLine(view({ open }))).toContain(' · $1.0123 · ');
    expect(jobStatusLines(view({ open }), 200)).toContain(
      'spent    7 calls, 1000 tokens, $0.0123 by ended tasks; 500 tokens, $1.0000 by 2 open',
    );
    const none = { tasks: 0, waiting: 0, tokens: 0, costUsdMicros: 0 };
    expect(jobStatusLines(view({ open: none }), 200)).toContain('spent    7 calls, 1000 tokens, $0.0123');
  });

  it('is one line: done, under way, failed, spent, and what most tasks wait for', () => {
    expect(jobLine(view())).toBe(
      'running · 6 of 12 done · 2 running · 1 between attempts · 1 blocked · 2 failed · 1 cancelled · $0.0123 · 2 wait for dependency a',
    );
    expect(jobLine(view({ paused: true, counts: { pending: 12 }, bottlenecks: [] }))).toBe(
      'running, paused · 0 of 12 done · $0.0123',
    );
  });

  it('shows the time on the line of a terminal', () => {
    expect(jobProgressLine(view({ counts: { succeeded: 12 }, bottlenecks: [] }), 65_000, 10)).toBe(
      '⠋ running · 12 of 12 done · $0.0123 · 1 min 5 s',
    );
  });

  it('has all counts, the budget, the deadline and every bottleneck in its status', () => {
    const lines = jobStatusLines(view(), 80);
    expect(lines).toContain(
      'tasks    12: 3 succeeded, 1 dead, 1 stuck, 1 cancelled, 2 running, 1 retry_wait, 1 blocked, 2 pending',
    );
    expect(lines).toContain('budget   $2.50, 1000000 tokens; when spent: wait');
    expect(lines).toContain('deadline 2025-11-21T10:06:19.000Z');
    expect(lines).toContain('waiting  2 wait for dependency a');
    expect(lines).toContain('         1 waits for budget (tokens)');
    expect(lines.join('\n')).not.toMatch(/^source/m);
  });

  it('says where it comes from when no worker answered', () => {
    const lines = jobStatusLines(view({ source: 'server', total: null, counts: {}, budget: null, deadline: null }), 80);
    expect(lines).toContain('tasks    not known how many: none has begun');
    expect(lines).toContain('source   the Temporal server (no worker answers)');
  });
});

describe('a task of a job that ended', () => {
  const row = {
    path: 'a.2',
    taskId: 'job/k/t/a.2',
    title: 'A',
    state: 'succeeded',
    parent: 'a',
    children: [],
    dependsOn: [],
    waitsFor: null,
    attempts: 2,
    tokens: 5,
    costUsdMicros: 1,
    branch: 'weaver/a-1x2y3z4w',
    failure: null,
    startedAt: 1,
    endedAt: 2,
  } as const;

  it('is one line', () => {
    expect(endedTaskLine(row)).toBe('a.2 succeeded · weaver/a-1x2y3z4w · 2 attempts');
    expect(endedTaskLine({ ...row, state: 'dead', branch: null, failure: 'checksFailed', attempts: 1 })).toBe(
      'a.2 dead · checksFailed · 1 attempt',
    );
    expect(endedTaskLine({ ...row, state: 'cancelled', branch: null, attempts: 0 })).toBe('a.2 cancelled');
  });
});

describe('the end of a job', () => {
  it('has the exit code of the first failure that is no consequence of another', () => {
    const report = jobReportOf(result(), null);
    expect(report).toMatchObject({ state: 'failed', exitCode: 5, total: 3, tokens: 1_000, failure: null });
    expect(report.failed.map(({ taskId, failure: failed }) => [taskId, failed?.code])).toEqual([
      ['job/k/t/a', 'dependencyFailed'],
      ['job/k/t/b', 'modelUnreachable'],
    ]);
  });

  it.each([
    ['completed', 0],
    ['cancelled', 10],
    ['stuck', 9],
  ] as const)('%s has %i', (state, exitCode) => {
    expect(jobReportOf(result({ state }), null).exitCode).toBe(exitCode);
  });

  it('by force has the failure of the job itself', () => {
    const { summary: _summary, ...forced } = result({
      task: unreported('job/k/t/0', 'dead', failure('terminated', 'by hand')),
    });
    expect(jobReportOf(forced, null)).toMatchObject({ exitCode: 10, total: null, failure: { code: 'terminated' } });
    expect(jobEndLines(jobReportOf(forced, null), forced, 80).join('\n')).toMatch(/^failure {2}terminated: .*by hand/m);
  });

  it('is shown with a table of the tasks that ended badly', () => {
    const lines = jobEndLines(jobReportOf(result(), 'http://ui/job'), result(), 200);
    expect(lines).toContain('tasks    3: 1 succeeded, 2 dead');
    expect(lines).toContain('spent    1000 tokens, $0.0123');
    expect(lines).toContain('TASK  STATE  FAILURE');
    expect(lines.at(-1)).toMatch(/^b {5}dead {3}modelUnreachable: /);
  });
});

describe('a job in the records of this host', () => {
  it('is one that has ended', () => {
    const { failed: _failed, source: _source, unanswered: _unanswered, webUrl: _webUrl, ...status } = view();
    const stored = { status: { ...status, state: 'failed' }, result: result() };
    expect(viewOfStoredJob(stored)).toMatchObject({
      state: 'failed',
      source: 'store',
      failed: [{ path: 'a' }, { path: 'b' }],
    });
  });

  it.each([null, undefined, {}, { status: { taskId: 'job/k/t/0' }, result: {} }])('%j is none', (stored) => {
    expect(viewOfStoredJob(stored)).toBeNull();
  });
});
