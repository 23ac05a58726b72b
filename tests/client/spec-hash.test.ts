import { jobHash, specHash } from '../../src/client/spec-hash.js';
import type { JobSpec } from '../../src/domain/job.js';
import { aSpec } from './specs.js';

describe('the hash of a specification', () => {
  it('does not depend on the order of fields', () => {
    const spec = aSpec({ repo: { url: '/a', branch: 'b' } });
    const turned = aSpec({ repo: { branch: 'b', url: '/a' } });
    expect(specHash(Object.fromEntries(Object.entries(spec).toReversed()) as unknown as typeof spec)).toBe(
      specHash(turned),
    );
  });

  it('does not depend on the key, nor on the patience with outages', () => {
    const patient = aSpec({ key: 'k', limits: { attempts: 3, wallTimeSeconds: 600, outageSeconds: 43_200 } });
    expect(specHash(patient)).toBe(specHash(aSpec()));
  });

  it.each([
    ['title', aSpec({ title: 'Make the value wrong' })],
    ['order of a list', aSpec({ tags: ['b', 'a'] })],
    ['limit', aSpec({ limits: { attempts: 4, wallTimeSeconds: 600, outageSeconds: 600 } })],
    ['nested field', aSpec({ repo: { url: '/srv/git/value.git', branch: 'x' } })],
  ])('depends on the %s', (_what, other) => {
    expect(specHash(other)).not.toBe(specHash(aSpec({ tags: ['a', 'b'] })));
  });
});

describe('the hash of a job', () => {
  const job: JobSpec = {
    title: 'Two',
    tasks: [
      { id: 'a', dependsOn: [], content: { title: 'A' } },
      { id: 'b', dependsOn: [{ on: 'a', whenFailed: 'fail' }], content: { title: 'B' } },
    ],
    defaults: { repo: { url: '/srv/x.git' } },
    budget: { whenSpent: 'wait' },
    concurrency: 16,
    priority: 3,
    tags: [],
  };

  it('does not depend on the key, nor on the patience with outages', () => {
    expect(jobHash({ ...job, key: 'k' })).toBe(jobHash(job));
    expect(jobHash({ ...job, defaults: { ...job.defaults, limits: { outageSeconds: 600 } } })).toBe(jobHash(job));
  });

  it.each([
    ['an edge', { ...job, tasks: job.tasks.map((task) => ({ ...task, dependsOn: [] })) }],
    ['a shared limit', { ...job, defaults: { ...job.defaults, limits: { attempts: 1 } } }],
    ['the budget', { ...job, budget: { whenSpent: 'wait', tokens: 5 } as const }],
    ['a task', { ...job, tasks: job.tasks.slice(0, 1) }],
  ])('depends on %s', (_what, other) => {
    expect(jobHash(other)).not.toBe(jobHash(job));
  });
});
