/** A task of many attempts continues as new between two of them: what its next run takes over. */
import {
  allHandlersFinished,
  CancellationScope,
  makeContinueAsNewFunc,
  patched,
  workflowInfo,
} from '@temporalio/workflow';
import type { Opened } from '../activities/contract.js';
import type { PassedOver } from '../domain/agents.js';
import type { Failure } from '../domain/failures.js';
import type { Answered, ArtifactRef } from '../domain/outcome.js';
import type { AttemptRecord, DecisionRecord, TaskRecord } from '../domain/record.js';
import type { Handler, LimitsSpec } from '../domain/task.js';
import type { CarriedAnswers } from './heard.js';
import type { Allowance, Go, Said, TaskInput, TaskResult } from './messages.js';
import type { SentPlan } from './talk.js';
import type { Steps, TaskRun } from './task-run.js';

export interface CarriedTask {
  readonly record: TaskRecord;
  readonly handler: Handler | null;
  readonly last: { readonly failure: Failure; readonly evidence: ArtifactRef | null } | null;
  readonly limitChanges: Partial<LimitsSpec>;
  /** The newest ones, for people; the store has all of them. */
  readonly attempts: readonly AttemptRecord[];
  readonly decided: readonly DecisionRecord[];
  /** Steps of the newest attempts, for a reset to one of them. */
  readonly done: readonly (readonly [attempt: number, steps: Steps])[];
  readonly opened: Opened | null;
  readonly diff: ArtifactRef | null;
  readonly summary: string;
  readonly reportsTo: string | null;
  readonly talk: CarriedTalk;
  /** Agents that could not work here. */
  readonly passedOver: readonly PassedOver[];
  readonly deadline?: number | null;
  readonly heard?: CarriedAnswers;
  readonly noticed?: readonly string[];
}

export interface CarriedTalk {
  readonly paused: Said | null;
  readonly held: Said | null;
  readonly instructions: readonly string[];
  readonly answered: readonly Answered[];
  readonly go: Go | null;
  readonly allowance: Allowance | null;
  /** These two are absent in histories of before. */
  readonly rests?: number;
  readonly orders?: readonly (readonly [about: string, order: number])[];
  /** Absent if there is none: 100 KB at most. */
  readonly plan?: SentPlan;
}

/** Below the server's warning at 10,240 with room for an attempt of 250 turns, which has some 2,500. */
const EVENTS_MAX = 4_000;

/** Between two attempts nothing is under way, so that nothing can be lost; who asks or cancels comes first. */
export function mayContinueAsNew(run: TaskRun): boolean {
  const { historyLength } = workflowInfo();
  if (historyLength <= (run.input.eventsMax ?? EVENTS_MAX)) return false;
  // A task that began before there was this goes on in its one run.
  if (!patched('task-continues')) return false;
  // Steps of an attempt that waits for the end of an outage would be done again, and paid again.
  if (run.steps.opened !== undefined) return false;
  const isQuiet = run.talk.question === null && run.cancel === null && allHandlersFinished();
  return isQuiet && run.isWritten && !CancellationScope.current().consideredCancelled;
}

/** Never returns. */
export async function continueTaskAsNew(run: TaskRun): Promise<never> {
  const { memo } = workflowInfo();
  const next = makeContinueAsNewFunc<(input: TaskInput) => Promise<TaskResult>>(memo === undefined ? {} : { memo });
  return await next({ ...run.input, carried: run.carry() });
}
