/** Signals, queries and updates as Temporal knows them. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import {
  CANCEL_SIGNAL,
  DECISIONS_QUERY,
  JOB_SIGNALS,
  JOB_STATUS_QUERY,
  JOB_TASKS_QUERY,
  RESUME_QUERY,
  STATUS_QUERY,
  TASK_SIGNALS,
  UPDATES,
  type AllowanceAnswer,
  type Announcement,
  type AnswerRequest,
  type ApproveRequest,
  type BudgetQuestion,
  type BudgetRequest,
  type CancelRequest,
  type Decisions,
  type DependencyRequest,
  type Go,
  type Grant,
  type Hold,
  type InstructionRequest,
  type JobStatus,
  type JobTasksPage,
  type JobTasksRequest,
  type Place,
  type Report,
  type RestRequest,
  type ResumePoint,
  type ResumeRequest,
  type Said,
  type StopAnswer,
  type StopRequest,
  type TaskStatus,
} from './messages.js';

export const cancelSignal = defineSignal<[CancelRequest]>(CANCEL_SIGNAL);
export const statusQuery = defineQuery<TaskStatus>(STATUS_QUERY);
export const decisionsQuery = defineQuery<Decisions>(DECISIONS_QUERY);
export const resumeQuery = defineQuery<ResumePoint | null, [ResumeRequest]>(RESUME_QUERY);

export const answerUpdate = defineUpdate<TaskStatus, [AnswerRequest]>(UPDATES.answer);
export const approveUpdate = defineUpdate<TaskStatus, [ApproveRequest]>(UPDATES.approve);
export const doneUpdate = defineUpdate<TaskStatus, [Said, ...string[]]>(UPDATES.done);
export const addInstructionUpdate = defineUpdate<TaskStatus, [InstructionRequest]>(UPDATES.addInstruction);
export const pauseUpdate = defineUpdate<TaskStatus, [Said]>(UPDATES.pause);
export const resumeUpdate = defineUpdate<TaskStatus, [Said]>(UPDATES.resume);
export const retryNowUpdate = defineUpdate<TaskStatus, [Said]>(UPDATES.retryNow);
export const setBudgetUpdate = defineUpdate<TaskStatus, [BudgetRequest]>(UPDATES.setBudget);

export const grantSignal = defineSignal<[Grant]>(TASK_SIGNALS.grant);
export const goSignal = defineSignal<[Go]>(TASK_SIGNALS.go);
export const allowanceSignal = defineSignal<[AllowanceAnswer]>(TASK_SIGNALS.allowance);
export const holdSignal = defineSignal<[Hold]>(TASK_SIGNALS.hold);
/** The deadline of the job is another one: epoch milliseconds. */
export const deadlineSignal = defineSignal<[at: number | null, order?: number]>(TASK_SIGNALS.deadline);
export const placeSignal = defineSignal<[Place]>(TASK_SIGNALS.place);
/** The job has continued as new and cannot see the end of the workflow any more. */
export const reportToSignal = defineSignal<[jobId: string]>(TASK_SIGNALS.reportTo);

export const reportSignal = defineSignal<[Report]>(JOB_SIGNALS.report);
export const announceSignal = defineSignal<[Announcement]>(JOB_SIGNALS.announce);
export const askBudgetSignal = defineSignal<[BudgetQuestion]>(JOB_SIGNALS.askBudget);
export const dependSignal = defineSignal<[DependencyRequest]>(JOB_SIGNALS.depend);
export const restSignal = defineSignal<[RestRequest]>(JOB_SIGNALS.rest);

export const jobStatusQuery = defineQuery<JobStatus>(JOB_STATUS_QUERY);
export const jobTasksQuery = defineQuery<JobTasksPage, [JobTasksRequest]>(JOB_TASKS_QUERY);
export const stopUpdate = defineUpdate<StopAnswer, [StopRequest]>(UPDATES.stop);
export const holdJobUpdate = defineUpdate<JobStatus, [Said]>(UPDATES.pause);
export const releaseJobUpdate = defineUpdate<JobStatus, [Said]>(UPDATES.resume);
export const setJobBudgetUpdate = defineUpdate<JobStatus, [BudgetRequest]>(UPDATES.setBudget);
