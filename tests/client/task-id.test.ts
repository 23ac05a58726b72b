import { idsOf, jobIdOfKey, randomKey } from '../../src/client/task-id.js';
import { WeaverFault } from '../../src/client/weaver-fault.js';

describe('an identifier', () => {
  it.each(['login-fix', 'job/login-fix', 'job/login-fix/t/0', ' login-fix '])('%j names the job and its task', (id) => {
    expect(idsOf(id)).toEqual({ jobId: 'job/login-fix', taskId: 'job/login-fix/t/0' });
  });

  it('of a child task keeps its path', () => {
    expect(idsOf('job/big/t/api.2')).toEqual({ jobId: 'job/big', taskId: 'job/big/t/api.2' });
    expect(idsOf('big/t/api.2.1')).toEqual({ jobId: 'job/big', taskId: 'job/big/t/api.2.1' });
  });

  it('of a scheduled job may hold its time', () => {
    expect(idsOf('nightly-2026-11-21T02:00:00Z').jobId).toBe('job/nightly-2026-11-21T02:00:00Z');
  });

  it.each(['', ' ', 'job/', 'a b', 'job/a/t/', 'job/a/b/c', '../../etc'])('%j is refused with the fix', (id) => {
    expect(() => idsOf(id)).toThrow(expect.objectContaining({ code: 'usage', exitCode: 2, next: expect.any(String) }));
  });

  it('is none of a comparison, which says where it is shown', () => {
    expect(() => idsOf('compare/spring')).toThrow(
      expect.objectContaining({ code: 'usage', next: expect.stringContaining('weaver compare FILE --key') }),
    );
  });
});

it('WT-51, WT-67 and WT-69 shows by itself whether it is of a job or of a task, and stays the same in JSON', () => {
  const ids = idsOf('big/t/api.2');
  expect(ids.jobId).toMatch(/^job\/[^/]+$/);
  expect(ids.taskId).toMatch(/^job\/[^/]+\/t\/[^/]+$/);
  expect(JSON.parse(JSON.stringify(ids))).toEqual(ids);
  expect([idsOf(ids.taskId), idsOf(ids.jobId).jobId]).toEqual([ids, ids.jobId]);
});

describe('a key', () => {
  it('WT-70 becomes the id of the job', () => {
    expect(jobIdOfKey('nightly~2')).toBe('job/nightly~2');
  });

  it.each(['', 'a/b', 'a b', 'a\nb', 'x'.repeat(101)])('%j is refused', (key) => {
    expect(() => jobIdOfKey(key)).toThrow(WeaverFault);
  });

  it('WT-68 made by chance sorts by time, is short and is an identifier', () => {
    const keys = [1_763_719_579_000, 1_763_719_579_001, 1_900_000_000_000].map(randomKey);
    expect(keys.toSorted()).toEqual(keys);
    for (const key of keys) expect(idsOf(jobIdOfKey(key)).jobId).toMatch(/^job\/[a-z0-9]{12}$/);
  });

  it('WT-49, WT-50 and MD-10 made by chance begins with its time, and differs in the same millisecond', () => {
    const keys = Array.from({ length: 50 }, () => randomKey(1_763_719_579_000));
    expect(new Set(keys).size).toBeGreaterThan(45);
    expect(new Set(keys.map((key) => key.slice(0, 8)))).toEqual(new Set([(1_763_719_579_000).toString(36)]));
  });
});
