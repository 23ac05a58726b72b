/** The library: `import { WeaverClient } from 'weaver'`. */
export {
  WeaverClient,
  type ConnectOptions,
  type JobHandle,
  type SubmitOptions,
  type WeaverClientOptions,
} from './weaver-client.js';
export { WeaverFault, type ShownFault } from './weaver-fault.js';
export { idsOf, type TaskIds } from './task-id.js';
export type { ListFilters, TaskRow } from './list-tasks.js';
export type { TaskView } from './task-view.js';
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
export { parseTask, type ParsedTask, type TaskFault } from '../schemas.js';
export {
  CANCEL_SIGNAL,
  DECISIONS_QUERY,
  DEFAULT_TASK_QUEUE,
  JOB_WORKFLOW,
  SEARCH_ATTRIBUTES,
  searchAttributeTypes,
  STATUS_QUERY,
  type CancelRequest,
  type Decisions,
  type JobInput,
  type JobResult,
  type TaskInput,
  type TaskResult,
  type TaskStatus,
} from '../workflows/messages.js';
export { TASK_WORKFLOW } from './list-tasks.js';
