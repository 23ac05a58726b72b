import { storyLines, storyOf, type ExplainParts } from '../../src/client/explain.js';
import { jobStoryLines, jobStoryOf } from '../../src/client/explain-job.js';
import { failure } from '../../src/domain/failures.js';
import { NOTHING_SPENT } from '../../src/domain/record.js';
import type { TaskStatus } from '../../src/workflows/messages.js';
import { EXAMPLE } from './report-example.js';

const status = (changes: Partial<TaskStatus> = {}): TaskStatus => ({
  taskId: 'job/sessions/t/store',
  title: 'Sessions end after an hour',
  state: 'succeeded',
  phase: 'done',
  attempt: 3,
  attemptsMax: 5,
  waitingOn: null,
  spending: NOTHING_SPENT,
  branch: 'weaver/store',
  failure: null,
  wakesAt: null,
  ...changes,
});

function storyFor(path: string, changes: Partial<TaskStatus> = {}, more: Partial<ExplainParts> = {}) {
  const entries = EXAMPLE.tasks.find(({ row }) => row.path === path)?.entries ?? [];
  const taskId = `job/sessions/t/${path}`;
  return storyOf({ taskId, status: status({ taskId, ...changes }), entries, asked: null, changed: new Map(), ...more });
}

describe('the story of a task', () => {
  it('tells each attempt, what failed, what changed next, what it cost and how it ended', () => {
    const [diff] = EXAMPLE.tasks
      .flatMap(({ entries }) => entries)
      .flatMap((entry) => (entry.kind === 'attempt' ? entry.artifacts.filter(({ kind }) => kind === 'diff') : []));
    const asked = { description: 'They must\nend.', acceptanceCriteria: ['null after an hour'], checks: ['tests'] };
    const story = storyFor('store', {}, { asked, changed: new Map([[diff?.sha256 ?? '', ['src/session.ts']]]) });
    expect(storyLines(story)).toEqual([
      'Sessions end after an hour (job/sessions/t/store)',
      '',
      'What was asked',
      '  They must end.',
      '  1. null after an hour',
      '  checked by tests',
      '',
      'What happened',
      '  09:30:53  Attempt 1 with gpt-5-mini (1 call, 4900 tokens, $0.0098, 19.0 s) failed.',
      '             changed src/session.ts',
      '             ✗ tests: exit 1, 2.4 s',
      '             checksFailed: The checks failed after the edits. tests: 1 of 14 failed: ends after an hour',
      '  09:30:53  It decided to try again after 2.0 s: the checks failed; the evidence goes into the prompt',
      '             the next attempt is shown what failed',
      '  09:31:18  Attempt 2 with gpt-5 (1 call, 5600 tokens, $0.0112, 23.0 s) failed.',
      '             changed src/session.ts',
      '             ✗ tests: exit 1, 2.4 s',
      '             checksFailed: The checks failed after the edits. tests: 1 of 14 failed: ends after an hour',
      '  09:31:18  It decided to try again after 4.0 s: the same failure twice; the next model of the ladder',
      '             the next attempt asks the next model',
      '  09:31:21  ana@desk said addInstruction: clock.now() answers in milliseconds',
      '             because the clock is in seconds',
      '  09:32:00  Attempt 3 with gpt-5 (1 call, 6300 tokens, $0.0126, 37.0 s) succeeded.',
      '             changed src/session.ts',
      '             ✓ tests: passed, 2.4 s',
      '  09:32:00  That settled it: the checks passed',
      '',
      'It succeeded: commit 9be2d1700000 on weaver/store (1 file, +6 −3).',
      'It took 3 attempts, 3 calls, 16800 tokens, $0.0336 in 1 min 26 s.',
      'Next: look at weaver/store (weaver diff job/sessions/t/store) and merge it.',
    ]);
  });

  it('says what to do next when it has failed', () => {
    const failed = failure('checksFailed', 'tests: no such module smtp');
    const story = storyFor('mail', { state: 'dead', failure: failed, branch: 'weaver/mail' });
    expect(story.chapters.at(-1)?.says).toBe('It gave up: attempt 2/2 failed');
    expect(story.end).toBe(
      'It ended dead, checksFailed: The checks failed after the edits. tests: no such module smtp. Nothing was landed on weaver/mail.',
    );
    expect(story.next).toEqual([expect.stringContaining('weaver logs ID')]);
  });

  it('tells of plans, questions and answers', () => {
    const story = storyFor('login', { state: 'decomposed' });
    expect(story.chapters.map(({ says }) => says)).toEqual([
      'Attempt 1 with gpt-5-mini (1 call, 4900 tokens, $0.0098, 12.0 s) proposed 3 tasks.',
      'It asked a person: Start 3 tasks in place of this one?',
      'ana@desk answered: approve',
      'It was split into 3 tasks: 3 tasks proposed and approved',
    ]);
    expect(story.next).toEqual(['weaver tree job/sessions']);
  });

  it('names the commands that answer an open question', () => {
    const question = { id: 'a1.t1', kind: 'text', text: 'Which?', options: [], default: null, about: null } as const;
    const story = storyFor('audit', { state: 'blocked', phase: 'asks', question });
    expect(story.end).toBe('It has not ended: blocked, asks.');
    expect(story.next).toEqual(["weaver answer job/sessions/t/audit 'your answer' --question a1.t1"]);
  });
});

describe('the story of a job', () => {
  const view = { jobId: 'job/sessions', title: 'Sessions that end', source: 'store', status: null } as const;

  it('tells how its tasks ended, in the order in which they did', () => {
    const lines = jobStoryLines(jobStoryOf({ ...view, state: 'failed', rows: EXAMPLE.rows }));
    expect(lines.slice(0, 5)).toEqual([
      'Sessions that end (job/sessions)',
      '',
      'What became of its tasks',
      '  types (Strict types for users and sessions), succeeded after 1 attempt, $0.0098, on weaver/types',
      '  clock (Take the time from a clock that tests can set), succeeded after 1 attempt, $0.0098, on weaver/clock',
    ]);
    expect(lines).toContain(
      '  mail (Mail the user before the session ends), failed after 2 attempts, $0.0210: The checks failed after the edits.',
    );
    expect(lines).toContain(
      '  login (The login page says when a session has ended), was split into login.1, login.2, login.3',
    );
    expect(lines.slice(-3)).toEqual([
      'It ended failed: 6 succeeded, 1 decomposed, 1 dead, 1 cancelled.',
      'It took 11 attempts, $0.1150 in 2 min 19 s.',
      expect.stringMatching(/^Next: weaver explain job\/sessions\/t\/mail: Read the check log/),
    ]);
  });

  it('says how far it is while it runs', () => {
    const rows = EXAMPLE.rows.map((row) => (row.path === 'audit' ? { ...row, state: 'running' as const } : row));
    expect(jobStoryOf({ ...view, state: 'running', rows })).toMatchObject({
      end: 'It has not ended: 8 of 9 tasks have.',
    });
  });
});
