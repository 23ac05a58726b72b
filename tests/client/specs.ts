/** Specifications for tests of the client. */
import type { JobTaskRow } from '../../src/domain/job.js';
import type { TaskSpec } from '../../src/domain/task.js';

export const aSpec = (changes: Partial<TaskSpec> = {}): TaskSpec => ({
  title: 'Make the value right',
  description: 'It is wrong.',
  acceptanceCriteria: [],
  repo: { url: '/srv/git/value.git' },
  handler: 'one-shot',
  checks: [{ name: 'value', run: 'sh check.sh', timeoutSeconds: 20 }],
  relatedFiles: [],
  protect: [],
  limits: { attempts: 3, wallTimeSeconds: 600, outageSeconds: 600 },
  models: [],
  setup: [],
  commit: { trailers: [] },
  tags: ['nightly'],
  ...changes,
});

/** A task of which nothing is known but its place. */
export const aRow = (jobId: string, path: string, changes: Partial<JobTaskRow> = {}): JobTaskRow => ({
  path,
  taskId: `${jobId}/t/${path}`,
  title: '',
  state: 'running',
  parent: null,
  children: [],
  dependsOn: [],
  waitsFor: null,
  attempts: 0,
  tokens: 0,
  costUsdMicros: 0,
  branch: null,
  failure: null,
  startedAt: null,
  endedAt: null,
  ...changes,
});
