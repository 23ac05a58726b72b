/** The fields of a job file that are not those of its tasks: their types, their bounds and their defaults. */
import { z } from 'zod';
import { JOB_DEFAULTS, JOB_TASKS_MAX, type Dependency, type JobBudget } from '../domain/job.js';
import type { FieldNames } from './faults.js';
import { inMicroDollars, key, priority, spendingShape, tags, TASK_BOUNDS, taskFields, title } from './task-shape.js';

/** Every bound of a job, with its reason. */
const JOB_BOUNDS = {
  tasks: JOB_TASKS_MAX,
  /** Temporal lets a workflow have 2,000 open children. */
  concurrency: 1_000,
  /** A task that waits for more is a join of joins. */
  dependsOn: 1_000,
  attempts: JOB_TASKS_MAX * TASK_BOUNDS.attempts,
} as const;

/** What all tasks of a job have unless they say otherwise. */
export const SHARED_FIELDS = [
  'repo',
  'limits',
  'models',
  'checks',
  'setup',
  'protect',
  'guards',
  'judge',
  'reproduceFirst',
  'allowOldFailures',
  'commit',
  'handler',
  'alternatives',
  'chooseHandler',
  'people',
  'decider',
  'shadowDecider',
] as const;

/** Part of a workflow id and of paths, where a dot leads to children. */
/** `0` is the task of a job of one. */
const ID = /^(?!0$)[a-z0-9-]{1,40}$/;
const id = z.string().regex(ID, 'must be 1 to 40 small letters, digits and -');

const budgetShape = {
  ...spendingShape,
  attempts: z.number().int('must be a whole number').min(1).max(JOB_BOUNDS.attempts).optional(),
  deadlineSeconds: z.number().int('must be a whole number').min(1).max(TASK_BOUNDS.limitSeconds).optional(),
  whenSpent: z.enum(['wait', 'die']).default(JOB_DEFAULTS.whenSpent),
};

const jobShape = {
  title: title.optional(),
  key,
  tags,
  concurrency: z
    .number()
    .int('must be a whole number')
    .min(1)
    .max(JOB_BOUNDS.concurrency)
    .default(JOB_DEFAULTS.concurrency),
  priority: priority.default(JOB_DEFAULTS.priority),
  budget: z
    .strictObject(budgetShape)
    .transform(({ whenSpent, ...limits }): JobBudget => ({ ...inMicroDollars(limits), whenSpent }))
    .prefault({}),
};

/** What is shared is looked at where it ends up: in the tasks. */
const sharedShape = Object.fromEntries(SHARED_FIELDS.map((name) => [name, z.unknown().optional()]));

/** A job without a look into its tasks. */
export const jobSchema = z.strictObject({
  ...jobShape,
  ...sharedShape,
  tasks: z.array(z.unknown()).min(1).max(JOB_BOUNDS.tasks),
});

const edgeShape = { task: id, whenFailed: z.enum(['fail', 'skip', 'ignore']).default(JOB_DEFAULTS.whenFailed) };

const edge = z
  .preprocess((value) => (typeof value === 'string' ? { task: value } : value), z.strictObject(edgeShape))
  .transform(({ task, whenFailed }): Dependency => ({ on: task, whenFailed }));

const placeShape = { id, dependsOn: z.array(edge).max(JOB_BOUNDS.dependsOn).default([]), stackOn: id.optional() };

/** Where a task stands in its job; the rest of it is the content of a task file. */
export const placeSchema = z.object(placeShape);
export type Place = z.infer<typeof placeSchema>;

export const PLACE_FIELDS: readonly string[] = Object.keys(placeShape);

/** Of a task in a job, as its own faults see them: the key belongs to the job. */
export const jobTaskFields: FieldNames = {
  ...taskFields,
  '': [...PLACE_FIELDS, ...(taskFields[''] ?? []).filter((name) => name !== 'key')],
  'dependsOn[]': Object.keys(edgeShape),
};

export const jobFields: FieldNames = {
  '': [...Object.keys(jobShape), 'tasks', ...SHARED_FIELDS],
  budget: Object.keys(budgetShape),
  'tasks[]': jobTaskFields[''] ?? [],
};
