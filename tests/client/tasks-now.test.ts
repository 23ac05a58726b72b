import { rowsNow, withOpenTasks, type TaskNow } from '../../src/client/tasks-now';
import { aRow } from './specs';

const task = (path: string, changes: Partial<TaskNow> = {}): TaskNow => ({
  path,
  state: 'running',
  waitsFor: null,
  attempts: null,
  tokens: null,
  costUsdMicros: null,
  startedAt: 5,
  endedAt: null,
  ...changes,
});
const blocked = (path: string, changes: Partial<TaskNow> = {}): TaskNow =>
  task(path, { state: 'blocked', waitsFor: 'resource (a provider)', tokens: 10, costUsdMicros: 1_000, ...changes });

describe('a job', () => {
  const status = {
    counts: { running: 4, succeeded: 1, pending: 2 },
    bottlenecks: [{ waitsFor: 'human (it has asked)', tasks: 1 }],
  };
  const live = ['a', 'b', 'c', 'd'].map((path) => ({ path, waits: path === 'd' }));

  it('says what its open tasks wait for, and what they have spent', () => {
    const retries = { state: 'retry_wait', waitsFor: 'its next attempt', tokens: 5, costUsdMicros: 7 } as const;
    const now = [blocked('a'), blocked('b', { tokens: null }), task('c', retries), blocked('d')];
    expect(withOpenTasks(status, live, now)).toEqual({
      counts: { blocked: 3, retry_wait: 1, succeeded: 1, pending: 2 },
      // Of a wait that it was told of its own words stand, once.
      bottlenecks: [
        { waitsFor: 'resource (a provider)', tasks: 2 },
        { waitsFor: 'human (it has asked)', tasks: 1 },
        { waitsFor: 'its next attempt', tasks: 1 },
      ],
      open: { tasks: 4, waiting: 4, tokens: 25, costUsdMicros: 3_007 },
    });
  });

  it('is as it says itself where nobody waits, and where the server knows of none of them yet', () => {
    const none = { tasks: 4, waiting: 0, tokens: 0, costUsdMicros: 0 };
    expect(withOpenTasks(status, live, [])).toEqual({ ...status, open: none });
    // A child that waits for the word of its job is open, and has not begun.
    expect(withOpenTasks(status, live, [task('a'), blocked('e')])).toEqual({ ...status, open: none });
  });
});

const row = (path: string, changes: Parameters<typeof aRow>[2]) => aRow('job/k', path, changes);

describe('the rows of a job', () => {
  const rows = [
    row('a', { state: 'running', startedAt: 1, endedAt: null }),
    row('b', { state: 'pending', startedAt: null, endedAt: null }),
    row('c', { state: 'succeeded', startedAt: 1, endedAt: 2, costUsdMicros: 3 }),
  ];
  const waiting = { state: 'blocked', waitsFor: 'resource (a provider)', tokens: 10, costUsdMicros: 1_000 };

  it('say what a task waits for that has begun; what has not, or has ended, stays as it is', () => {
    const now = [blocked('a'), blocked('b'), blocked('c')];
    expect(rowsNow(rows, now, false)).toEqual([{ ...rows[0], ...waiting }, rows[1], rows[2]]);
  });

  it('tell the ends of tasks that their job has not seen, since it was ended by force', () => {
    const now = [task('a', { state: 'succeeded', endedAt: 9 }), task('b', { state: 'dead', endedAt: 10 })];
    expect(rowsNow(rows, now, true)).toEqual([
      { ...rows[0], state: 'succeeded', endedAt: 9 },
      { ...rows[1], state: 'dead', startedAt: 5, endedAt: 10 },
      rows[2],
    ]);
  });
});
