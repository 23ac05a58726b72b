/** What a schedule starts: renders the job's texts, starts it once for each scheduled time, and follows it where its end matters. */
import {
  CancellationScope,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  type ChildWorkflowHandle,
  ParentClosePolicy,
  setCurrentDetails,
  startChild,
  TerminatedFailure,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { contentOf, type JobSpec } from '../domain/job.js';
import { fairnessKeyOf } from '../domain/permits.js';
import { fieldOf, fieldText, type TaskSpec } from '../domain/task.js';
import { mapTexts, render, timeWords } from '../domain/template.js';
import { cancelSignal } from './definitions.js';
import type { job } from './job.js';
import { SEARCH_ATTRIBUTES, type CancelRequest, type JobInput, type JobResult } from './messages.js';
import { pauseAfterFailures } from './proxies.js';
import type { ScheduledJobInput, ScheduledJobResult } from './schedule-messages.js';

type Job = ChildWorkflowHandle<typeof job>;
type Begun = Pick<ScheduledJobResult, 'jobId' | 'scheduledAt'>;
type Ended = Pick<ScheduledJobResult, 'state' | 'failure'>;
type Afterwards = Pick<ScheduledJobResult, 'failuresInARow' | 'paused'>;

export async function scheduledJob(input: ScheduledJobInput): Promise<ScheduledJobResult> {
  const scheduledAt = scheduledTime();
  const words = timeWords(scheduledAt, input.offsets);
  const begun = { jobId: `job/${render(input.key, words)}`, scheduledAt };
  const { cancelRequested } = CancellationScope.current();
  // No Trigger: the cancel would reject it.
  const stop = new Promise<void>((settle) => cancelRequested.catch(() => settle()));
  show(input, begun, 'starting');
  const result = await CancellationScope.nonCancellable(() => carry(input, begun, renderJob(input, words), stop));
  show(input, begun, wordsOf(result));
  if (result.state === 'cancelled') throw new CancelledFailure(`${begun.jobId} was cancelled`, [result]);
  return result;
}

async function carry(
  input: ScheduledJobInput,
  begun: Begun,
  jobInput: JobInput,
  stop: Promise<void>,
): Promise<ScheduledJobResult> {
  const unfollowed = { state: null, failure: null, failuresInARow: null, paused: false };
  const life = new CancellationScope();
  const child = await life.run(() => startJob(input, begun.jobId, jobInput));
  if (child === null) return { ...begun, ...unfollowed, started: false };
  if (!isFollowed(input)) return { ...begun, ...unfollowed, started: true };
  show(input, begun, 'running');
  void stop.then(() => stopJob(child, life, input));
  const ended = await life.run(() => endOf(child));
  return { ...begun, started: true, ...ended, ...(await countFailure(input, begun, ended)) };
}

/**
 * Temporal's overlap policy looks at this workflow and means the job, so it lasts as long as the job does; unless runs may
 * overlap anyway and nobody counts failures (docs/decisions/0011).
 */
const isFollowed = ({ overlap, failuresMax }: ScheduledJobInput): boolean =>
  overlap !== 'ALLOW_ALL' || failuresMax !== null;

/** Null if it is there already: a doubled trigger of the same time is one job. */
async function startJob(input: ScheduledJobInput, jobId: string, jobInput: JobInput): Promise<Job | null> {
  try {
    return await startChild<typeof job>('job', {
      workflowId: jobId,
      args: [jobInput],
      // The job outlives us. Only where the next run is to end this one by force, the job is asked to stop with it.
      parentClosePolicy:
        input.overlap === 'TERMINATE_OTHER' ? ParentClosePolicy.REQUEST_CANCEL : ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      memo: {
        title: titleOf(jobInput),
        schedule: input.schedule,
        ...(jobInput.job === undefined ? {} : { tasks: jobInput.job.tasks.length }),
      },
      staticSummary: titleOf(jobInput),
      ...priorityOf(jobInput),
      typedSearchAttributes: [
        { key: SEARCH_ATTRIBUTES.requester, value: input.requester.slice(0, 100) },
        { key: SEARCH_ATTRIBUTES.repo, value: repoOf(jobInput).slice(0, 250) },
        { key: SEARCH_ATTRIBUTES.tags, value: [...((jobInput.job ?? jobInput.spec)?.tags ?? [])] },
      ],
    });
  } catch (thrown) {
    if (thrown instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw thrown;
  }
}

/** The reason first: Temporal's cancel carries none, and sent together they may overtake each other (docs/decisions/0008). */
async function stopJob(child: Job, life: CancellationScope, { schedule }: ScheduledJobInput): Promise<void> {
  const request: CancelRequest = { reason: `the run of schedule ${schedule} was cancelled`, requester: 'schedule' };
  try {
    await child.signal(cancelSignal, request);
  } catch {
    // It has ended by itself meanwhile.
  }
  life.cancel();
}

async function endOf(child: Job): Promise<Ended> {
  try {
    return endedAs(await child.result());
  } catch (thrown) {
    if (!(thrown instanceof ChildWorkflowFailure)) throw thrown;
    const { cause } = thrown;
    if (cause instanceof CancelledFailure) return { state: 'cancelled', failure: 'cancelled' };
    if (cause instanceof TerminatedFailure) return { state: 'failed', failure: 'terminated' };
    return { state: 'failed', failure: 'infrastructure' };
  }
}

const endedAs = ({ state, task, summary }: JobResult): Ended => ({
  state,
  failure: summary?.failed[0]?.failure ?? task.failure?.code ?? null,
});

/** A cancelled job has neither failed nor shown that the schedule works. */
async function countFailure(
  input: ScheduledJobInput,
  { jobId }: Begun,
  { state, failure }: Ended,
): Promise<Afterwards> {
  const { failuresMax, schedule } = input;
  if (failuresMax === null || state === 'cancelled') return { failuresInARow: null, paused: false };
  if (state === 'completed') return { failuresInARow: 0, paused: false };
  const { workflowId, runId } = workflowInfo();
  return await pauseAfterFailures({
    schedule: scheduleOf() ?? schedule,
    failuresMax,
    run: { workflowId, runId },
    failed: { jobId, failure: failure ?? 'unknown' },
  });
}

/** The time that the run is for, which a late or repeated start has in common with a punctual one; without a schedule, now. */
function scheduledTime(): number {
  const { typedSearchAttributes, startTime } = workflowInfo();
  const key = defineSearchAttributeKey('TemporalScheduledStartTime', 'DATETIME');
  return (typedSearchAttributes.get(key) ?? startTime).getTime();
}

/** Undefined if somebody has started the workflow by hand. */
const scheduleOf = (): string | undefined =>
  workflowInfo().typedSearchAttributes.get(defineSearchAttributeKey('TemporalScheduledById', 'KEYWORD'));

/** Rendering keeps the shape: only texts change. */
function renderJob({ content, requester }: ScheduledJobInput, words: Readonly<Record<string, string>>): JobInput {
  const rendered = (value: TaskSpec | JobSpec): unknown => mapTexts(value, (text) => render(text, words));
  return content.kind === 'task'
    ? { schemaVersion: 1, spec: rendered(content.spec) as TaskSpec, requester }
    : { schemaVersion: 1, job: rendered(content.job) as JobSpec, requester };
}

/** Bounds of what Temporal shows. */
const TITLE_CHARACTERS_MAX = 190;
const titleOf = ({ spec, job: many }: JobInput): string => (many ?? spec)?.title.slice(0, TITLE_CHARACTERS_MAX) ?? '';

/** A job is found by the repository of its first task. */
function repoOf({ spec, job: many }: JobInput): string {
  if (spec !== undefined) return spec.repo.url;
  const [first] = many?.tasks ?? [];
  return many === undefined || first === undefined ? '' : fieldText(fieldOf(contentOf(many, first), 'repo'), 'url');
}

/** The action of a schedule cannot carry one; the job can. */
function priorityOf(input: JobInput): {
  readonly priority?: { readonly priorityKey: number; readonly fairnessKey?: string };
} {
  const priorityKey = (input.job ?? input.spec)?.priority;
  const repo = repoOf(input);
  if (priorityKey === undefined) return {};
  return { priority: { priorityKey, ...(repo === '' ? {} : { fairnessKey: fairnessKeyOf(repo) }) } };
}

function show({ schedule, parameters }: ScheduledJobInput, { jobId, scheduledAt }: Begun, now: string): void {
  const given = Object.entries(parameters).map(([name, value]) => `- ${name}: \`${value.slice(0, 200)}\``);
  setCurrentDetails(
    [
      `Schedule **${schedule}**, for ${new Date(scheduledAt).toISOString()}`,
      `Job \`${jobId}\`: ${now}`,
      ...(given.length === 0 ? [] : [given.join('\n')]),
    ].join('\n\n'),
  );
}

function wordsOf({ started, state, failure, failuresInARow, paused }: ScheduledJobResult): string {
  if (!started) return 'was started before; a doubled trigger is one job';
  if (state === null) return 'started; its end is not waited for';
  const counted = failuresInARow === null || failuresInARow === 0 ? '' : `, failure ${failuresInARow} in a row`;
  return `${state}${failure === null ? '' : ` (${failure})`}${counted}${paused ? '; the schedule is paused' : ''}`;
}
