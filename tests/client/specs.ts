/** Specifications for tests of the client. */
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
