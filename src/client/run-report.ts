/** How a run ended, for programs: the one object that `weaver run --json` prints last. */
import { exitCodeOf, showFailure } from '../domain/failures.js';
import { NOTHING_SPENT, totalTokens } from '../domain/record.js';
import type { JobResult } from '../workflows/messages.js';
import type { ShownFault, WeaverFault } from './weaver-fault.js';

export interface RunReport {
  readonly jobId: string | null;
  readonly taskId: string | null;
  readonly state: string;
  readonly exitCode: number;
  readonly branch: string | null;
  readonly commit: string | null;
  readonly base: string | null;
  readonly attempts: number;
  readonly calls: { readonly sent: number; readonly inDoubt: number };
  readonly tokens: number;
  readonly costUsdMicros: number;
  readonly failure: ShownFault | null;
  readonly webUrl: string | null;
}

/** 0 is for success alone: whatever else has no failure to show ends as a failed gate. */
export function reportOf({ jobId, task }: JobResult, webUrl: string | null): RunReport {
  const good = task.state === 'succeeded' || task.state === 'decomposed';
  return {
    jobId,
    taskId: task.taskId,
    state: task.state,
    exitCode: good ? 0 : exitCodeOf(task.failure) || 1,
    branch: task.branch,
    commit: task.landing?.commit ?? null,
    base: task.base,
    attempts: task.attempts,
    calls: { sent: task.spending.callsSent, inDoubt: task.spending.callsInDoubt },
    tokens: totalTokens(task.spending),
    costUsdMicros: task.spending.costUsdMicros,
    failure: good || task.failure === null ? null : showFailure(task.failure),
    webUrl,
  };
}

/** The task was not started, or nobody waited for its end. */
export const reportWithout = (
  ids: { readonly jobId: string; readonly taskId: string } | null,
  ending: {
    readonly state: string;
    readonly exitCode: number;
    readonly webUrl?: string | null;
    readonly fault?: WeaverFault | null;
  },
): RunReport => ({
  jobId: ids?.jobId ?? null,
  taskId: ids?.taskId ?? null,
  state: ending.state,
  exitCode: ending.exitCode,
  branch: null,
  commit: null,
  base: null,
  attempts: 0,
  calls: { sent: NOTHING_SPENT.callsSent, inDoubt: NOTHING_SPENT.callsInDoubt },
  tokens: 0,
  costUsdMicros: 0,
  failure: ending.fault?.shown ?? null,
  webUrl: ending.webUrl ?? null,
});
