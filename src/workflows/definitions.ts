/** Signals and queries as Temporal knows them. */
import { defineQuery, defineSignal } from '@temporalio/workflow';
import {
  CANCEL_SIGNAL,
  DECISIONS_QUERY,
  STATUS_QUERY,
  type CancelRequest,
  type Decisions,
  type TaskStatus,
} from './messages.js';

export const cancelSignal = defineSignal<[CancelRequest]>(CANCEL_SIGNAL);
export const statusQuery = defineQuery<TaskStatus>(STATUS_QUERY);
export const decisionsQuery = defineQuery<Decisions>(DECISIONS_QUERY);
