/** The last runs of a schedule, and what became of their jobs. */
import type { Client, ScheduleDescription } from '@temporalio/client';
import { render, timeWords } from '../domain/template.js';
import type { JobResult } from '../workflows/messages.js';
import {
  SCHEDULED_JOB_WORKFLOW,
  type ScheduledJobInput,
  type ScheduledJobResult,
} from '../workflows/schedule-messages.js';
import { resultOfFailure } from './job-result.js';
import { idsOf } from './task-id.js';
import { isNotFound } from './temporal-faults.js';

export interface ScheduleRun {
  readonly scheduledAt: string;
  /** Null if the schedule starts something else than jobs. */
  readonly jobId: string | null;
  /** `running`, how the job ended, or `notStarted`. */
  readonly state: JobResult['state'] | 'running' | 'notStarted' | 'unknown';
  readonly failure: string | null;
  /** False if an earlier trigger of the same time had started the job; null while nobody knows. */
  readonly first: boolean | null;
  readonly failuresInARow: number | null;
  /** True if it has paused the schedule. */
  readonly paused: boolean;
  readonly webUrl: string | null;
}

const RUNS_SHOWN = 5;

/** Newest first. */
export async function runsOf(
  client: Client,
  description: ScheduleDescription,
  webUrl: (workflowId: string) => string | null,
): Promise<readonly ScheduleRun[]> {
  const actions = description.info.recentActions.slice(-RUNS_SHOWN).toReversed();
  return await Promise.all(
    actions.map(async ({ scheduledAt, action }) => {
      const { workflowId, firstExecutionRunId } = action.workflow;
      const jobId = jobIdOf(description, scheduledAt);
      const told = jobId === null ? null : await toldBy(client, workflowId, firstExecutionRunId);
      const end = await endOfJob(client, jobId, told);
      return {
        scheduledAt: scheduledAt.toISOString(),
        jobId,
        ...end,
        first: told?.started ?? null,
        failuresInARow: told?.failuresInARow ?? null,
        paused: told?.paused ?? false,
        webUrl: webUrl(jobId ?? workflowId),
      };
    }),
  );
}

/** What the run has said at its end; null while it goes on, or if it was ended by force. */
async function toldBy(client: Client, workflowId: string, runId: string): Promise<ScheduledJobResult | null> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const described = await handle.describe().catch(nullIfGone);
  return described?.status.name === 'COMPLETED' ? ((await handle.result()) as ScheduledJobResult) : null;
}

type End = Pick<ScheduleRun, 'state' | 'failure'>;

async function endOfJob(client: Client, jobId: string | null, told: ScheduledJobResult | null): Promise<End> {
  if (jobId === null) return { state: 'unknown', failure: null };
  if (told !== null && told.state !== null) return { state: told.state, failure: told.failure };
  const handle = client.workflow.getHandle(jobId);
  const described = await handle.describe().catch(nullIfGone);
  if (described === null) return { state: 'notStarted', failure: null };
  if (described.status.name === 'RUNNING' || described.status.name === 'PAUSED')
    return { state: 'running', failure: null };
  return endedAs(await resultOf(() => handle.result(), jobId));
}

async function resultOf(wait: () => Promise<unknown>, jobId: string): Promise<JobResult> {
  try {
    return (await wait()) as JobResult;
  } catch (thrown) {
    const result = resultOfFailure(thrown, idsOf(jobId));
    if (result === null) throw thrown;
    return result;
  }
}

const endedAs = ({ state, task }: JobResult): End => ({ state, failure: task.failure?.code ?? null });

function nullIfGone(thrown: unknown): null {
  if (isNotFound(thrown)) return null;
  throw thrown;
}

/** Null if the schedule starts something else. */
export function jobInputOf({ action }: ScheduleDescription): ScheduledJobInput | null {
  const [input] = (action.args ?? []) as readonly [ScheduledJobInput?];
  return action.workflowType === SCHEDULED_JOB_WORKFLOW ? (input ?? null) : null;
}

/** The job of a run follows from its time. */
export function jobIdOf(description: ScheduleDescription, scheduledAt: Date): string | null {
  const input = jobInputOf(description);
  return input === null ? null : `job/${render(input.key, timeWords(scheduledAt.getTime(), input.offsets))}`;
}
