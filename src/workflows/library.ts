/**
 * For a project with deciders of its own: its workflows file is `export * from 'weaver/workflows'` and its calls of
 * `registerDecider`.
 */
export * from './index.js';
export { registerActivityDecider, registerDecider, type ActivityDecider, type Decider } from './deciders.js';
export { DECIDER as DEFAULT_DECIDER } from '../domain/decide.js';
export { failure, type Failure, type FailureCode } from '../domain/failures.js';
export type { Decision } from '../domain/decision.js';
export type { Outcome, ProposedChild, WaitingOn } from '../domain/outcome.js';
export type { Spending, TaskRecord } from '../domain/record.js';
export type { FreeHandler, Handler, LimitsSpec, ModelChoice } from '../domain/task.js';
