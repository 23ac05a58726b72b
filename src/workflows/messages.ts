/** What workflows and their callers say to each other: inputs, results, names of signals and queries, search attributes. */
import type { CarriedTask } from './carried-task.js';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Failure } from '../domain/failures.js';
import type { TestCounts } from '../domain/gate.js';
import type { JobSpec, JobState, JobTaskRow, Prerequisite } from '../domain/job.js';
import type { Answered, ArtifactRef, Landing, Question, WaitingOn } from '../domain/outcome.js';
import type { PullRequestEnd } from '../domain/pull-request.js';
import { NOTHING_SPENT, type DecisionRecord, type Spending } from '../domain/record.js';
import type { TaskSpec, TaskState } from '../domain/task.js';

/** Workflow type names, for clients that start them by name. */
export const JOB_WORKFLOW = 'job';
export const DEFAULT_TASK_QUEUE = 'weaver';

/**
 * Start input of `job`: one task (`spec`), or a job (`job`). It may have up to 256 KB. `spec` is a TaskSpec, or the content
 * of a task file as an object; the first step of the task validates it.
 */
export interface JobInput {
  readonly schemaVersion: 1;
  readonly spec?: TaskSpec;
  readonly job?: JobSpec;
  /** Who asked for it, as recorded in decisions; at most 100 characters. */
  readonly requester?: string;
  /** Goes on with the work of an earlier task; with `spec` only. */
  readonly resume?: ResumePoint;
  /** How often the job looks for tasks that were ended from outside; 180 if absent. */
  readonly lookAfterSeconds?: number;
  /** Events of one run after which the job continues as new; 4,000 if absent. */
  readonly eventsMax?: number;
  /** Set by the job itself when it continues as new. */
  readonly carried?: unknown;
}

/** Where a retry, rerun or reset takes up an earlier task's work; answered by the query RESUME_QUERY. */
export interface ResumePoint {
  /** The task whose work it is. */
  readonly of: string;
  /** The ledger of that task, so that its paid calls are found. */
  readonly lineage: string;
  /** Attempts done before; the first new one has the next number unless `steps` go on with the last one. */
  readonly attempts: number;
  /** Steps of the attempt that is gone on with; absent = a fresh attempt. */
  readonly steps?: unknown;
  /** What the last attempt failed of, for the prompt of a fresh one. */
  readonly last?: { readonly failure: Failure; readonly evidence: ArtifactRef | null } | null;
  /** What the task had to wait for in its job, as it was told of it; absent = nothing. */
  readonly prerequisites?: readonly Prerequisite[];
  /** Branches of those that it builds on. */
  readonly stackOn?: readonly string[];
  /** The job whose budget still bounds it. */
  readonly budgetOf?: string;
  /** Why no model may be asked: nothing of that budget is free. What is left to do pays for nothing. */
  readonly unpaid?: Failure;
}

export interface TaskInput {
  readonly schemaVersion: 1;
  /** Whole, or of a proposed child only what the server shows: the rest is in `specRef`. */
  readonly spec: TaskSpec;
  readonly specRef?: ArtifactRef;
  readonly requester: string;
  /** Names the ledger and the workspace; a retry or rerun of the job carries its predecessor's, so that paid calls are found again. */
  readonly lineage: string;
  /** Random part of the default branch name, 8 characters of [a-z0-9]. */
  readonly suffix: string;
  /** Absent in a job of one task. */
  readonly place?: TaskPlace;
  readonly resume?: ResumePoint;
  /** Of the run before, when the task continues as new. */
  readonly carried?: CarriedTask;
  /** Length of the history beyond which the task continues as new between two attempts; 4,000 if absent. */
  readonly eventsMax?: number;
}

/** Where a task stands in its job. */
export interface TaskPlace {
  /** The job's workflow id; the task reports its end there. */
  readonly jobId: string;
  /** `a`, or `a.2` for the second child of `a`. */
  readonly path: string;
  /** True if the job sees the end of the workflow itself and needs no report. */
  readonly watched: boolean;
  /** True if it waits for the job's word before it begins. */
  readonly gated: boolean;
  readonly prerequisites: readonly Prerequisite[];
  /** What it may use before it has to ask the job for more; null = the job has no budget. */
  readonly allowance: Allowance | null;
  /** True of a gated one that waits for nothing but a place among those that run side by side. */
  readonly queued?: boolean;
  /** Of the job, epoch milliseconds; absent = it has none. */
  readonly deadline?: number;
  /** How long the job may be silent before a task that waits for its word looks whether it is still there; an hour if absent. */
  readonly silenceSeconds?: number;
}

/** Cumulative: what the task may have used in all. Null = no limit of this kind. */
export interface Allowance {
  readonly costUsdMicros: number | null;
  readonly tokens: number | null;
  readonly attempts: number | null;
}

export interface TaskResult {
  readonly taskId: string;
  readonly state: TaskState;
  /** Where its commit is; null if nothing has landed. */
  readonly branch: string | null;
  readonly landing: Landing | null;
  readonly base: string | null;
  readonly attempts: number;
  readonly spending: Spending;
  readonly failure: Failure | null;
  readonly diff: ArtifactRef | null;
  /** Paths of the children that a decomposed task was split into. */
  readonly children?: readonly string[];
  /** First words of what it did, at most 300 characters. */
  readonly summary?: string;
  /** As in TaskStatus. */
  readonly warnings?: readonly string[];
  /** What came of the pull request; absent if none was wanted, or nothing has landed. */
  readonly pullRequest?: PullRequestEnd;
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
  readonly state: Exclude<JobState, 'running'>;
  /** The task of a job of one; of a larger job the one that its state is owed to, or the last one. */
  readonly task: TaskResult;
  /** Of a larger job. */
  readonly summary?: JobSummary;
}

export interface JobSummary {
  readonly total: number;
  /** Tasks by state. */
  readonly counts: Readonly<Partial<Record<TaskState, number>>>;
  readonly spending: Spending;
  /** Tasks that ended badly, at most 20: path, state and failure. */
  readonly failed: readonly { readonly path: string; readonly state: TaskState; readonly failure: string | null }[];
}

/**
 * Asks a job to stop; the reason and the requester are recorded. Follow it with a cancel of the workflow, so that it ends
 * as cancelled for Temporal too; a cancel alone stops it as well.
 */
export const CANCEL_SIGNAL = 'requestCancel';
export interface CancelRequest {
  readonly reason: string;
  readonly requester: string;
  /** What the task is remembered by; `cancelled` if absent. */
  readonly code?: 'cancelled' | 'deadline';
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
  /** Where it is to land, known from its start; the commit is there once it has succeeded. */
  readonly branch: string | null;
  readonly failure: Failure | null;
  /** Epoch milliseconds at which a waiting task goes on by itself. */
  readonly wakesAt: number | null;
  /** What became of the tests since the base, as far as the gate has come. */
  readonly tests?: TestCounts;
  /** What makes its work worth less than it looks, e.g. that no check was found; at most 5, each of 300 characters. */
  readonly warnings?: readonly string[];
  /** What a person is asked now. */
  readonly question?: Question | null;
  /** Questions answered so far, at most 20, oldest first. */
  readonly answered?: readonly Answered[];
  /** Who paused it, and why. */
  readonly paused?: Said | null;
  readonly children?: readonly string[];
  readonly parent?: string | null;
  readonly handler?: string;
  /** What came of the pull request; absent if none was wanted. */
  readonly pullRequest?: PullRequestEnd;
}

/** Of a task: answers with what a retry or reset of it needs, or null if there is nothing. Argument: ResumeRequest. */
export const RESUME_QUERY = 'resumePoint';
export interface ResumeRequest {
  /** `attempt`: a fresh attempt; the others go on with the steps of an attempt up to there. */
  readonly from: 'attempt' | 'checks' | 'land' | 'turn';
  /** Of this attempt; the last one if absent. */
  readonly attempt?: number;
  /** With `turn`: the last turn that is kept. */
  readonly turn?: number;
}

/** What is said to a task by whom and why; recorded. */
export interface Said {
  readonly by: string;
  readonly why: string;
}

/** Updates of a task. Each answers with the task's status after it; refused ones leave no event. */
export const UPDATES = {
  /** AnswerRequest: answers the open question. */
  answer: 'answer',
  /** ApproveRequest: the same for an approval. */
  approve: 'approve',
  /**
   * Said, whose `why` is the commit message: a person has done the work that the task asks for. In its place a plan that splits
   * the task, as JSON cut into further arguments.
   */
  done: 'done',
  /** InstructionRequest: one more thing for the model to heed, from the next attempt or turn on. */
  addInstruction: 'addInstruction',
  /** Said: nothing new is begun until `resume`. Also of a job, for all its tasks. */
  pause: 'pause',
  resume: 'resume',
  /** Said: ends the pause before an attempt or a probe now. */
  retryNow: 'retryNow',
  /** BudgetRequest: new limits. Also of a job, for its budget. */
  setBudget: 'setBudget',
  /** Of a job. StopRequest → StopAnswer: cancels a task with all that came of it. */
  stop: 'stop',
} as const;

export interface AnswerRequest extends Said {
  /** Absent = the one that is open. */
  readonly questionId?: string;
  readonly answer: string;
}
export interface ApproveRequest extends Said {
  readonly questionId?: string;
  readonly approved: boolean;
}
export interface InstructionRequest extends Said {
  /** At most 4,000 characters. */
  readonly text: string;
}
/** The new value of each limit that is named. */
export interface BudgetRequest extends Said {
  readonly costUsdMicros?: number;
  readonly tokens?: number;
  readonly attempts?: number;
  /** Of a task. */
  readonly wallTimeSeconds?: number;
  /** Of a job, from its start. */
  readonly deadlineSeconds?: number;
}
export interface StopRequest {
  readonly reason: string;
  readonly requester: string;
  /** Absent = the whole job. */
  readonly path?: string;
  /** Whether branches that were pushed are deleted; they stay if absent. */
  readonly deleteBranches?: boolean;
}
/** Paths, at most 100 each; the counts are whole. */
export interface StopAnswer {
  readonly stopping: readonly string[];
  readonly ended: readonly string[];
  /** Had not begun, and is cancelled with that. */
  readonly neverBegun: readonly string[];
  readonly counts: { readonly stopping: number; readonly ended: number; readonly neverBegun: number };
}

/** Signals from task to job and back. Idempotent by path and sequence. */
export const JOB_SIGNALS = {
  report: 'report',
  announce: 'announce',
  askBudget: 'askBudget',
  depend: 'depend',
  rest: 'rest',
} as const;
export interface Report {
  readonly path: string;
  readonly result: TaskResult;
}
export interface Announcement {
  readonly path: string;
  readonly sequence: number;
  readonly children: readonly { readonly id: string; readonly title: string; readonly dependsOn: readonly string[] }[];
  /** True if the last child merges the branches of the others. */
  readonly joins: boolean;
}
export interface BudgetQuestion {
  readonly path: string;
  /** What it has used in all. */
  readonly used: { readonly costUsdMicros: number; readonly tokens: number; readonly attempts: number };
}
export interface DependencyRequest {
  readonly path: string;
  readonly sequence: number;
  readonly on: string;
}
/** A task that waits for somebody gives its place among those that run side by side back, or wants one again. */
export interface RestRequest {
  readonly path: string;
  /** Which of the task's waits it is, from 1. */
  readonly number: number;
  /** What it waits for; null = it could go on. */
  readonly on: WaitingOn | null;
}
export const TASK_SIGNALS = {
  grant: 'grant',
  go: 'go',
  place: 'place',
  allowance: 'allowance',
  reportTo: 'reportTo',
  hold: 'hold',
  deadline: 'deadline',
} as const;
/** Answer to an Announcement. */
export interface Grant {
  readonly sequence: number;
  /** Why not; null = granted. */
  readonly refused: string | null;
  /** Slice of the budget of each child; null = the job has none. */
  readonly allowance: Allowance | null;
  /** Ids of children that no other comes before and that have to wait for the word to go: there is no place for them yet. */
  readonly queued?: readonly string[];
  /** True if children that have to wait have no slice yet: they ask for one when they begin. */
  readonly gatedAsk?: boolean;
}
/** What a gated task, or one that has added a dependency, waits for. */
export interface Go {
  readonly prerequisites: readonly Prerequisite[];
  /** Why it must not begin, or why the dependency is refused; null = it may. */
  readonly refused: string | null;
  /** Prerequisites that ended badly make it `dead`, or `cancelled` where the edge says skip. */
  readonly state?: 'dead' | 'cancelled';
  /** More prerequisites follow in a signal of their own: one payload does not hold them all. */
  readonly more?: boolean;
  /** Prerequisites of all its signals together; absent if there is only one, and in histories of before it was told. */
  readonly total?: number;
}
export interface AllowanceAnswer {
  readonly allowance: Allowance;
  /**
   * Whether there is more: now, when others have ended or somebody raises the budget, or never, as the job file says. `ask`:
   * a limit is lower than it was, and what is left is to be asked for before the next call.
   */
  readonly left: 'now' | 'later' | 'never' | 'ask';
  /** As of a Hold. */
  readonly order?: number;
}
/** All tasks of a job that is paused, or goes on. */
export interface Hold extends Said {
  readonly held: boolean;
  /** Grows with each thing that the job says: of two that overtake each other the later one counts. Absent in old histories. */
  readonly order?: number;
}
/** The place that a task has asked for again. */
export interface Place {
  readonly number: number;
}

/** Of a job: answers with JobStatus. */
export const JOB_STATUS_QUERY = 'jobStatus';
export interface JobStatus {
  readonly jobId: string;
  readonly title: string;
  readonly state: JobState;
  readonly paused: boolean;
  readonly total: number;
  readonly counts: Readonly<Partial<Record<TaskState, number>>>;
  readonly spending: Spending;
  readonly budget: JobSpec['budget'];
  /** What tasks wait for that have not begun, or have given their place to others; most of them first, at most 20. */
  readonly bottlenecks: readonly { readonly waitsFor: string; readonly tasks: number }[];
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Epoch milliseconds. */
  readonly deadline: number | null;
  readonly concurrency: number;
  /** What of each limit no task has used or been given; absent without limits, and from workers of before. */
  readonly left?: Partial<BudgetQuestion['used']>;
  /** Tasks that have begun and not ended, at most 1,000; in answers to the query only, and absent from workers of before. */
  readonly live?: readonly LiveTask[];
}
export interface LiveTask {
  readonly path: string;
  /** It has told its job that it waits. */
  readonly waits: boolean;
}
/** Of a job: answers with JobTasksPage. Arguments: JobTasksRequest. */
export const JOB_TASKS_QUERY = 'jobTasks';
export interface JobTasksRequest {
  readonly from: number;
  /** At most 500. */
  readonly limit: number;
}
export interface JobTasksPage {
  readonly total: number;
  readonly rows: readonly JobTaskRow[];
}

/** Answers with the last 20 DecisionRecords; all of them are in the records store. */
export const DECISIONS_QUERY = 'decisions';
export type Decisions = readonly DecisionRecord[];

export type Phase = 'opening' | 'working' | 'verifying' | 'landing' | 'waiting' | 'done';

/** Value of WeaverHandler and WeaverDecider where the specification names what nobody knows; its first step refuses it. */
export const UNKNOWN_NAME = 'unknown';

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
  decider: keyword('WeaverDecider'),
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
