/** What workflows and their callers say to each other: inputs, results, names of signals and queries, search attributes. */
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Failure } from '../domain/failures.js';
import type { ArtifactRef, Landing, WaitingOn } from '../domain/outcome.js';
import { NOTHING_SPENT, type DecisionRecord, type Spending } from '../domain/record.js';
import type { TaskSpec, TaskState } from '../domain/task.js';

/** Workflow type names, for clients that start them by name. */
export const JOB_WORKFLOW = 'job';
export const DEFAULT_TASK_QUEUE = 'weaver';

/**
 * Start input of `job`. The specification may be up to 256 KB: a TaskSpec, or the content of a task file as an object;
 * the first step of the task validates it.
 */
export interface JobInput {
  readonly schemaVersion: 1;
  readonly spec: TaskSpec;
  /** Who asked for it, as recorded in decisions; at most 100 characters. */
  readonly requester?: string;
}

export interface TaskInput {
  readonly schemaVersion: 1;
  readonly spec: TaskSpec;
  readonly requester: string;
  /** Names the ledger and the workspace; a retry or rerun of the job carries its predecessor's, so that paid calls are found again. */
  readonly lineage: string;
  /** Random part of the default branch name, 8 characters of [a-z0-9]. */
  readonly suffix: string;
}

export interface TaskResult {
  readonly taskId: string;
  readonly state: TaskState;
  readonly branch: string | null;
  readonly landing: Landing | null;
  readonly base: string | null;
  readonly attempts: number;
  readonly spending: Spending;
  readonly failure: Failure | null;
  readonly diff: ArtifactRef | null;
}

/** What is known of a task that could not report itself. */
export const unreported = (taskId: string, state: 'dead' | 'cancelled' | 'stuck', failed: Failure): TaskResult => ({
  taskId,
  state,
  branch: null,
  landing: null,
  base: null,
  attempts: 0,
  spending: NOTHING_SPENT,
  failure: failed,
  diff: null,
});

export interface JobResult {
  readonly jobId: string;
  readonly state: 'completed' | 'failed' | 'cancelled' | 'stuck';
  readonly task: TaskResult;
}

/**
 * Asks a job to stop; the reason and the requester are recorded. Follow it with a cancel of the workflow, so that it ends
 * as cancelled for Temporal too; a cancel alone stops it as well.
 */
export const CANCEL_SIGNAL = 'requestCancel';
export interface CancelRequest {
  readonly reason: string;
  readonly requester: string;
}
export const CANCELLED_WITHOUT_REASON: CancelRequest = { reason: 'cancelled through Temporal', requester: 'unknown' };

/** Answers with TaskStatus. */
export const STATUS_QUERY = 'status';
export interface TaskStatus {
  readonly taskId: string;
  readonly title: string;
  readonly state: TaskState;
  /** What is being done now, in a few words. */
  readonly phase: string;
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly waitingOn: WaitingOn | null;
  readonly spending: Spending;
  readonly branch: string | null;
  readonly failure: Failure | null;
  /** Epoch milliseconds at which a waiting task goes on by itself. */
  readonly wakesAt: number | null;
}

/** Answers with the last 20 DecisionRecords; all of them are in the records store. */
export const DECISIONS_QUERY = 'decisions';
export type Decisions = readonly DecisionRecord[];

export type Phase = 'opening' | 'working' | 'verifying' | 'landing' | 'waiting' | 'done';

const keyword = (name: string) => defineSearchAttributeKey(name, 'KEYWORD');
export const SEARCH_ATTRIBUTES = {
  phase: keyword('WeaverPhase'),
  outcome: keyword('WeaverOutcome'),
  waitingOn: keyword('WeaverWaitingOn'),
  repo: keyword('WeaverRepo'),
  branch: keyword('WeaverBranch'),
  requester: keyword('WeaverRequester'),
  model: keyword('WeaverModel'),
  handler: keyword('WeaverHandler'),
  attempt: defineSearchAttributeKey('WeaverAttempt', 'INT'),
  tokens: defineSearchAttributeKey('WeaverTokens', 'INT'),
  costUsd: defineSearchAttributeKey('WeaverCostUsd', 'DOUBLE'),
  deadline: defineSearchAttributeKey('WeaverDeadline', 'DATETIME'),
  tags: defineSearchAttributeKey('WeaverTags', 'KEYWORD_LIST'),
} as const;

/** As the server's command line names the types. */
export type SearchAttributeTypeName = 'Keyword' | 'Int' | 'Double' | 'Datetime' | 'KeywordList';

const TYPE_NAMES = {
  KEYWORD: 'Keyword',
  INT: 'Int',
  DOUBLE: 'Double',
  DATETIME: 'Datetime',
  KEYWORD_LIST: 'KeywordList',
} as const;

/** Name and type of each search attribute, as the server registers them. */
export const searchAttributeTypes = (): Readonly<Record<string, SearchAttributeTypeName>> =>
  Object.fromEntries(Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => [name, TYPE_NAMES[type]]));
