/** What a job is: tasks with dependencies, one budget, shared defaults. */
import type { ArtifactRef } from './outcome.js';
import type { TaskState } from './task.js';
import { isMap } from './plain-object.js';

/** What becomes of a task when one that it depends on ends badly. */
export type WhenPrerequisiteFails = 'fail' | 'skip' | 'ignore';

/** An edge of the graph: the task waits for `on`, or for all leaves of its subtree if it was decomposed. */
export interface Dependency {
  readonly on: string;
  readonly whenFailed: WhenPrerequisiteFails;
}

/** Fields of a task file; those that a task leaves out come from the job's `defaults`. */
export type TaskContent = Readonly<Record<string, unknown>>;

export interface JobTask {
  /** Unique in the job; last part of the workflow id: `<jobId>/t/<id>`. */
  readonly id: string;
  readonly dependsOn: readonly Dependency[];
  /** A prerequisite whose branch this task starts from, in place of the base branch. */
  readonly stackOn?: string;
  readonly content: TaskContent;
}

/** What the whole job may use. Absent = no limit. */
export interface JobBudget {
  readonly costUsdMicros?: number;
  readonly tokens?: number;
  readonly attempts?: number;
  /** Seconds from the start of the job; what has not ended then is cancelled for lack of time. */
  readonly deadlineSeconds?: number;
  /** `wait`: tasks block on the budget until somebody raises it; `die`: they end. */
  readonly whenSpent: 'wait' | 'die';
}

export interface JobSpec {
  readonly title: string;
  readonly tasks: readonly JobTask[];
  readonly defaults: TaskContent;
  readonly budget: JobBudget;
  /** Tasks that run side by side. */
  readonly concurrency: number;
  /** 1 (first) to 5 (last): which job's steps a busy worker takes up first. */
  readonly priority: number;
  readonly tags: readonly string[];
  readonly key?: string;
}

export const JOB_DEFAULTS = {
  /** Enough to keep four providers' slots and two cores busy; more would only wait for them. */
  concurrency: 16,
  priority: 3,
  whenSpent: 'wait',
  whenFailed: 'fail',
} as const;

/** Bounds of decomposition (design 2): beyond them a plan is no plan any more. */
export const DECOMPOSITION = { childrenMax: 20, depthMax: 4, proposedMax: 200 } as const;

/** What a start input holds of them; a prompt shows fewer. */
export const PREREQUISITES_MAX = 200;

/** The most tasks that a job file holds (design 2). */
export const JOB_TASKS_MAX = 5_000;

/** The content of a task file that the task amounts to: its own fields over the job's. Maps are merged, lists replaced. */
export function contentOf({ defaults }: Pick<JobSpec, 'defaults'>, { content }: Pick<JobTask, 'content'>): TaskContent {
  return merged(defaults, content);
}

function merged(under: TaskContent, over: TaskContent): TaskContent {
  const both = Object.keys(over).filter((key) => isMap(under[key]) && isMap(over[key]));
  const deep = both.map((key) => [key, merged(under[key] as TaskContent, over[key] as TaskContent)] as const);
  return { ...under, ...over, ...Object.fromEntries(deep) };
}

/** Where a task of a job stands; what `weaver tree`, `graph` and `status` show. */
export interface JobTaskRow {
  /** `a`, or `a.2` for the second child of `a`. */
  readonly path: string;
  readonly taskId: string;
  readonly title: string;
  readonly state: TaskState;
  readonly parent: string | null;
  readonly children: readonly string[];
  readonly dependsOn: readonly Dependency[];
  /** What a task waits for that has not begun, or has given its place to others, in words; null if it does not wait. */
  readonly waitsFor: string | null;
  readonly attempts: number;
  readonly tokens: number;
  readonly costUsdMicros: number;
  readonly branch: string | null;
  /** Code of the failure that it is remembered by. */
  readonly failure: string | null;
  /** Epoch milliseconds; null before it starts, while it runs. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

export type JobState = 'running' | 'completed' | 'failed' | 'cancelled' | 'stuck';

/** A finished prerequisite, as its dependents' prompts show it. */
export interface Prerequisite {
  readonly id: string;
  readonly title: string;
  readonly state: TaskState;
  readonly branch: string | null;
  readonly commit: string | null;
  /** First words of what it did, at most 300 characters. */
  readonly summary: string;
  /** Its patch; absent in histories of before there was one. */
  readonly diff?: ArtifactRef | null;
}
