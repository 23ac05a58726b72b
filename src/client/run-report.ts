/** How a run ended, for programs: the one object that `weaver run --json` prints last. */
import {
  exitCodeOf,
  failure as makeFailure,
  isFailureCode,
  showFailure,
  type ShownFailure,
} from '../domain/failures.js';
import type { PullRequestEnd } from '../domain/pull-request.js';
import { NOTHING_SPENT, totalTokens } from '../domain/record.js';
import type { JobResult, JobSummary } from '../workflows/messages.js';
import type { ShownFault, WeaverFault } from './weaver-fault.js';

export interface RunReport {
  readonly jobId: string | null;
  readonly taskId: string | null;
  readonly state: string;
  readonly exitCode: number;
  /** Where the commit is; null if there is none. */
  readonly branch: string | null;
  readonly commit: string | null;
  readonly base: string | null;
  readonly attempts: number;
  readonly calls: { readonly sent: number; readonly inDoubt: number };
  readonly tokens: number;
  readonly costUsdMicros: number;
  readonly failure: ShownFault | null;
  /** What makes the work worth less than it looks; absent if nothing does. */
  readonly warnings?: readonly string[];
  /** Absent if the task wants none, or nothing has landed. */
  readonly pullRequest?: ShownPullRequest;
  readonly webUrl: string | null;
}

export interface ShownPullRequest {
  /** Null if there is none; then the failure says why. */
  readonly url: string | null;
  readonly number: number | null;
  /** Labels or reviewers that were not taken. */
  readonly notes: readonly string[];
  readonly failure: ShownFailure | null;
}

/** 0 is for success alone: whatever else has no failure to show ends as a failed gate. */
export function reportOf({ jobId, task }: JobResult, webUrl: string | null): RunReport {
  const good = task.state === 'succeeded' || task.state === 'decomposed';
  return {
    jobId,
    taskId: task.taskId,
    state: task.state,
    exitCode: good ? 0 : exitCodeOf(task.failure) || 1,
    // What older workers tell of a task that has landed nothing is where it was to land.
    branch: task.landing?.branch ?? null,
    commit: task.landing?.commit ?? null,
    base: task.base,
    attempts: task.attempts,
    calls: { sent: task.spending.callsSent, inDoubt: task.spending.callsInDoubt },
    tokens: totalTokens(task.spending),
    costUsdMicros: task.spending.costUsdMicros,
    failure: good || task.failure === null ? null : showFailure(task.failure),
    ...(task.warnings === undefined ? {} : { warnings: task.warnings }),
    ...(task.pullRequest === undefined ? {} : { pullRequest: shownPullRequest(task.pullRequest) }),
    webUrl,
  };
}

const shownPullRequest = (ended: PullRequestEnd): ShownPullRequest =>
  ended.kind === 'open'
    ? { url: ended.url, number: ended.number, notes: ended.notes ?? [], failure: null }
    : { url: null, number: null, notes: [], failure: showFailure(ended.failure) };

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

/** The same of a job of many tasks. */
export interface JobReport {
  readonly jobId: string | null;
  readonly state: string;
  readonly exitCode: number;
  /** Null if the job was ended by force, and could not say. */
  readonly total: number | null;
  readonly counts: JobSummary['counts'];
  readonly tokens: number;
  readonly costUsdMicros: number;
  /** Tasks that ended badly, at most 20. */
  readonly failed: readonly FailedTask[];
  /** Of the job itself, where it could not sum up: it was ended by force. */
  readonly failure: ShownFailure | null;
  readonly webUrl: string | null;
}

export interface FailedTask {
  readonly path: string;
  readonly taskId: string;
  readonly state: string;
  readonly failure: ShownFailure | null;
}

export function jobReportOf(result: JobResult, webUrl: string | null): JobReport {
  const { jobId, state, task, summary } = result;
  const spending = summary?.spending ?? task.spending;
  return {
    jobId,
    state,
    exitCode: jobExitCode(result),
    total: summary?.total ?? null,
    counts: summary?.counts ?? {},
    tokens: totalTokens(spending),
    costUsdMicros: spending.costUsdMicros,
    failed: (summary?.failed ?? []).map(({ path, state: ended, failure }) => ({
      path,
      taskId: `${jobId}/t/${path}`,
      state: ended,
      failure: failure !== null && isFailureCode(failure) ? showFailure(makeFailure(failure)) : null,
    })),
    failure: summary === undefined && task.failure !== null ? showFailure(task.failure) : null,
    webUrl,
  };
}

/** Of a job that failed, the family of the first task's failure that is not the consequence of another one's. */
function jobExitCode({ state, task, summary }: JobResult): number {
  if (state === 'completed') return 0;
  if (state === 'cancelled') return exitCodeOf(makeFailure('cancelled'));
  if (state === 'stuck') return exitCodeOf(makeFailure('deadline'));
  const codes = (summary?.failed ?? []).flatMap(({ failure }) =>
    failure !== null && isFailureCode(failure) ? [failure] : [],
  );
  const first = codes.find((code) => code !== 'dependencyFailed' && code !== 'skipped') ?? codes[0];
  return exitCodeOf(first === undefined ? task.failure : makeFailure(first)) || 1;
}

/** The job was not started, or nobody waited for its end. */
export const jobReportWithout = (
  jobId: string | null,
  total: number,
  ending: { readonly state: string; readonly exitCode: number; readonly webUrl?: string | null },
): JobReport => ({
  jobId,
  state: ending.state,
  exitCode: ending.exitCode,
  total,
  counts: {},
  tokens: 0,
  costUsdMicros: 0,
  failed: [],
  failure: null,
  webUrl: ending.webUrl ?? null,
});
