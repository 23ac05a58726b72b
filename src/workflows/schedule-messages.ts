/** What schedules say to the workflows that they start. */
import type { JobSpec } from '../domain/job.js';
import type { TaskSpec } from '../domain/task.js';
import type { ZoneOffsets } from '../domain/template.js';
import type { JobResult } from './messages.js';

/** Workflow type names. */
export const SCHEDULED_JOB_WORKFLOW = 'scheduledJob';
export const JANITOR_WORKFLOW = 'janitor';

/** What becomes of a run whose predecessor has not ended, in Temporal's words. */
export type Overlap = 'SKIP' | 'BUFFER_ONE' | 'BUFFER_ALL' | 'CANCEL_OTHER' | 'TERMINATE_OTHER' | 'ALLOW_ALL';

/** Valid but for the times in it, such as `${date}`. Parameters have been put in already. */
export type ScheduledContent =
  { readonly kind: 'task'; readonly spec: TaskSpec } | { readonly kind: 'job'; readonly job: JobSpec };

/** Start input of `scheduledJob`; at most 256 KB, as the input of the job that it starts. */
export interface ScheduledJobInput {
  readonly schemaVersion: 1;
  readonly schedule: string;
  readonly content: ScheduledContent;
  /** As they were given, for people. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The job's key, with times in it. */
  readonly key: string;
  /** So many failed jobs in a row pause the schedule; null = it goes on. */
  readonly failuresMax: number | null;
  readonly overlap: Overlap;
  readonly requester: string;
  /** Of the schedule's zone, where its local date or time is named. */
  readonly offsets?: ZoneOffsets;
}

export interface ScheduledJobResult {
  readonly jobId: string;
  /** Epoch milliseconds. */
  readonly scheduledAt: number;
  /** False if an earlier trigger of the same time had started the job. */
  readonly started: boolean;
  /** Null if nobody waited for its end. */
  readonly state: JobResult['state'] | null;
  /** Code of the failure that the job is remembered by. */
  readonly failure: string | null;
  /** Failed jobs in a row, this one included; null where they are not counted. */
  readonly failuresInARow: number | null;
  /** True if this failure has paused the schedule. */
  readonly paused: boolean;
}

/** Start input of `janitor`. */
export interface JanitorInput {
  readonly schemaVersion: 1;
  /** Host whose weaver home is tidied. */
  readonly hostId: string;
  readonly dryRun?: boolean;
}

/** What runs on one host only: its worker polls this queue beside its own. */
export const hostQueue = (hostId: string): string => `weaver-host-${hostId}`;

/** Schedule that starts a host's janitor. */
export const janitorSchedule = (hostId: string): string => `weaver-janitor-${hostId}`;
