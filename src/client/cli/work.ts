/** What `run` and `demo` carry out: a task or a job, and how its progress and its end are told. */
import type { JobSpec } from '../../domain/job.js';
import type { TaskSpec } from '../../domain/task.js';
import type { JobResult } from '../../workflows/messages.js';
import {
  jobReportOf,
  jobReportWithout,
  reportOf,
  reportWithout,
  type JobReport,
  type RunReport,
} from '../run-report.js';
import type { JobHandle, SubmitOptions, WeaverClient } from '../weaver-client.js';
import type { Context } from './context.js';
import { followJob } from './follow-job.js';
import { followTask } from './follow-task.js';

export interface Work<Report extends { readonly exitCode: number }> {
  readonly submit: (client: WeaverClient, options: SubmitOptions) => Promise<JobHandle>;
  /** What remarks call it, and other commands take. */
  readonly idOf: (job: JobHandle) => string;
  /** Shows its progress until it has ended or the signal aborts. */
  readonly follow: (context: Context, client: WeaverClient, job: JobHandle, signal: AbortSignal) => Promise<unknown>;
  readonly reportOf: (result: JobResult, job: JobHandle) => Report;
  /** It was not started, or nobody waited for its end. */
  readonly reportWithout: (
    job: JobHandle | null,
    ending: { readonly state: string; readonly exitCode: number },
  ) => Report;
}

/** One task; what it is split into is followed too. */
export const taskWork = (spec: TaskSpec): Work<RunReport> =>
  submittedBy((client, options) => client.submit(spec, options));

/** The same that may end as the job of the tasks that it was split into. */
export const splitWork = (submit: Work<RunReport>['submit']): Work<RunReport | JobReport> => ({
  ...submittedBy(submit),
  reportOf: (result, { webUrl }) =>
    result.summary === undefined ? reportOf(result, webUrl) : jobReportOf(result, webUrl),
});

const submittedBy = (submit: Work<RunReport>['submit']): Work<RunReport> => ({
  submit,
  idOf: ({ taskId }) => taskId,
  follow: async (context, client, { jobId, taskId }, signal) => {
    const last = await followTask(context, client, taskId, signal);
    if (last?.state === 'decomposed' && !signal.aborted) await followJob(context, client, jobId, signal);
  },
  reportOf: (result, { webUrl }) => reportOf(result, webUrl),
  reportWithout: (job, ending) => reportWithout(job, { ...ending, webUrl: job?.webUrl ?? null }),
});

/** The tasks of a job file. */
export const jobWork = (job: JobSpec): Work<JobReport> => ({
  submit: (client, options) => client.submit(job, options),
  idOf: ({ jobId }) => jobId,
  follow: (context, client, { jobId }, signal) => followJob(context, client, jobId, signal),
  reportOf: (result, { webUrl }) => jobReportOf(result, webUrl),
  reportWithout: (handle, ending) =>
    jobReportWithout(handle?.jobId ?? null, job.tasks.length, { ...ending, webUrl: handle?.webUrl ?? null }),
});
