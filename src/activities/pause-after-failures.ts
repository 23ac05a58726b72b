/**
 * Pauses a schedule whose last jobs have all failed.
 * Harmless twice: the same runs give the same count, and pausing what is paused changes nothing.
 */
import { Context } from '@temporalio/activity';
import type { FailedRun, FailuresInput, FailuresSeen } from './contract.js';

/** A run of a schedule as its result tells, or null while it runs and where it could not say anything. */
type Told = Readonly<Record<string, unknown>> | null;
type TemporalClient = Context['client'];

export const createPauseAfterFailures =
  () =>
  async ({ schedule, failuresMax, run, failed }: FailuresInput): Promise<FailuresSeen> => {
    const { client } = Context.current();
    const handle = client.schedule.getHandle(schedule);
    const description = await handle.describe().catch(unlessGone);
    // Deleted meanwhile, or started by hand: nothing is there to pause.
    if (description === undefined) return { failuresInARow: 1, paused: false };
    const before = description.info.recentActions.toReversed().filter(({ action }) => !isSame(action.workflow, run));
    const failures = [failed, ...(await failuresBefore(client, before, failuresMax - 1))];
    const paused = failures.length >= failuresMax;
    if (paused) await handle.pause(noteOf(failures));
    return { failuresInARow: failures.length, paused };
  };

interface Action {
  readonly action: { readonly workflow: { readonly workflowId: string; readonly firstExecutionRunId: string } };
}

const isSame = (
  { workflowId, firstExecutionRunId }: Action['action']['workflow'],
  run: FailuresInput['run'],
): boolean => workflowId === run.workflowId && firstExecutionRunId === run.runId;

/** The newest first, until one that did not fail. A run that paused the schedule ends the row: somebody has resumed it since. */
async function failuresBefore(
  client: TemporalClient,
  actions: readonly Action[],
  wanted: number,
): Promise<readonly FailedRun[]> {
  const failures: FailedRun[] = [];
  for (const { action } of actions) {
    if (failures.length >= wanted) break;
    const told = await tellEnd(client, action.workflow);
    if (told?.['state'] === 'completed' || told?.['paused'] === true) break;
    if (told?.['state'] === 'failed' || told?.['state'] === 'stuck')
      failures.push({ jobId: String(told['jobId']), failure: String(told['failure']) });
  }
  return failures;
}

async function tellEnd(client: TemporalClient, workflow: Action['action']['workflow']): Promise<Told> {
  const handle = client.workflow.getHandle(workflow.workflowId, workflow.firstExecutionRunId);
  const status = (await handle.describe().catch(unlessGone))?.status.name;
  if (status !== 'COMPLETED') return null;
  const result: unknown = await handle.result();
  return typeof result === 'object' && result !== null ? (result as Readonly<Record<string, unknown>>) : null;
}

/** A note is one line in a list. */
const NOTE_CHARACTERS_MAX = 500;

const noteOf = (failures: readonly FailedRun[]): string =>
  `Paused by weaver after ${failures.length} failed job${failures.length === 1 ? '' : 's'} in a row: ${failures
    .map(({ jobId, failure }) => `${jobId} (${failure})`)
    .join(', ')}`.slice(0, NOTE_CHARACTERS_MAX);

/** Retention may have taken the run, a person the schedule. */
function unlessGone(thrown: unknown): undefined {
  if (thrown instanceof Error && ['ScheduleNotFoundError', 'WorkflowNotFoundError'].includes(thrown.name))
    return undefined;
  throw thrown;
}
