/** What a task file says of its pull request: `true`, or a map. */
import { z } from 'zod';
import { defined, isMap } from '../domain/plain-object.js';
import type { PullRequestSpec } from '../domain/pull-request.js';
import { sayIssue } from './faults.js';
import { line, passIssues } from './text-shape.js';

const BOUNDS = {
  /** What the forges take. */
  titleCharacters: 200,
  nameCharacters: 100,
  /** Beyond these nobody reads the list, or feels asked. */
  labels: 20,
  reviewers: 15,
} as const;

const shape = {
  draft: z.boolean().default(false),
  title: line(BOUNDS.titleCharacters).optional(),
  labels: z.array(line(BOUNDS.nameCharacters)).max(BOUNDS.labels).default([]),
  reviewers: z
    .array(
      line(BOUNDS.nameCharacters).regex(
        /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)?$/,
        'must be the name of a user, or organisation/team',
      ),
    )
    .max(BOUNDS.reviewers)
    .default([]),
};

const map = z.strictObject(shape).transform(({ draft, labels, reviewers, title }): PullRequestSpec => ({
  draft,
  labels,
  reviewers,
  ...defined({ title }),
}));

export const pullRequest = z.unknown().transform((value, context): PullRequestSpec => {
  if (value !== true && !isMap(value)) {
    context.addIssue({ code: 'custom', message: 'must be true, or a map of draft, title, labels and reviewers' });
    return z.NEVER;
  }
  const parsed = map.safeParse(value === true ? {} : value, { error: sayIssue });
  if (parsed.success) return parsed.data;
  passIssues(context, parsed.error.issues, value);
  return z.NEVER;
});

export const pullRequestFields = Object.keys(shape);
