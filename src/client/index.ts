/** The library: `import { WeaverClient } from 'weaver'`. */
export {
  WeaverClient,
  type AgainOptions,
  type ConnectOptions,
  type JobHandle,
  type SubmitOptions,
  type WeaverClientOptions,
} from './weaver-client.js';
export type { AnswerOptions, DoneOptions, Limits, SayOptions } from './people.js';
export type { Again, ReadSpec } from './again.js';
export type { Stopped, StopOptions } from './stop.js';
export type { Told } from './updates.js';
export type { Waiting } from './waiting.js';
export {
  Schedules,
  type Backfill,
  type CreateSchedule,
  type OverlapName,
  type ScheduleRow,
  type ScheduleRun,
  type ScheduleView,
  type Triggered,
} from './schedules.js';
export { Comparisons, type BeginOptions, type ComparisonHandle } from './comparisons.js';
export { WeaverFault, type ShownFault } from './weaver-fault.js';
export { idsOf, type TaskIds } from './task-id.js';
export type { ListFilters, TaskRow } from './list-tasks.js';
export type { TaskView } from './task-view.js';
export type { JobView } from './job-view.js';
export { jobReportOf, reportOf, type FailedTask, type JobReport, type RunReport } from './run-report.js';
export type { Unanswered } from './silence.js';
export {
  EXIT_CODES,
  exitCodeOf,
  showFailure,
  type Failure,
  type FailureCode,
  type ShownFailure,
} from '../domain/failures.js';
export type { ArtifactRef, Landing, Outcome, WaitingOn } from '../domain/outcome.js';
export type { Decision } from '../domain/decision.js';
export type { AttemptRecord, CheckVerdict, DecisionRecord, Spending, Tokens } from '../domain/record.js';
export type {
  CheckSpec,
  CommitSpec,
  LimitsSpec,
  ModelChoice,
  ProtectSpec,
  RepoSpec,
  SetupSpec,
  TaskSpec,
  TaskState,
} from '../domain/task.js';
export type { Dependency, JobBudget, JobSpec, JobState, JobTask, JobTaskRow } from '../domain/job.js';
export type { CompareSpec } from '../domain/compare.js';
export type { CompareResult } from '../workflows/compare-messages.js';
export {
  parseCompare,
  parseFile,
  parseJob,
  parseTask,
  type ParsedCompare,
  type ParsedFile,
  type ParsedJob,
  type ParsedTask,
  type TaskFault,
} from '../schemas.js';
export {
  CANCEL_SIGNAL,
  DECISIONS_QUERY,
  DEFAULT_TASK_QUEUE,
  JOB_STATUS_QUERY,
  JOB_TASKS_QUERY,
  JOB_WORKFLOW,
  SEARCH_ATTRIBUTES,
  searchAttributeTypes,
  STATUS_QUERY,
  type CancelRequest,
  type Decisions,
  type JobInput,
  type JobResult,
  type JobStatus,
  type JobSummary,
  type JobTasksPage,
  type JobTasksRequest,
  type TaskInput,
  type TaskResult,
  type TaskStatus,
} from '../workflows/messages.js';
export { TASK_WORKFLOW } from './list-tasks.js';
