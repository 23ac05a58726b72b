/** Wishes for pull requests. */
import type { PullRequestWish } from '../../../src/ports';

export const aWish = (
  of: Pick<PullRequestWish, 'url' | 'branch' | 'commit'>,
  changes: Partial<PullRequestWish> = {},
): PullRequestWish => ({
  baseBranch: 'main',
  title: 'Make it right',
  setsTitle: false,
  body: () => 'What was done.',
  draft: false,
  labels: [],
  reviewers: [],
  signal: new AbortController().signal,
  ...of,
  ...changes,
});
