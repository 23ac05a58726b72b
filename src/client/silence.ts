/** Why nobody answers for a workflow: it has no worker, or one that fails whenever it takes the workflow up. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';

/** `workerFails` is a bug, or a worker of another version: it helps to look, not to wait. */
export type Unanswered = 'noWorker' | 'workerFails';

export interface Silence {
  readonly unanswered: Unanswered;
  /** What the worker said when it failed first; the server keeps no later ones. */
  readonly says: string;
}

/** Identities of the workers that poll a queue. */
export type Pollers = (taskQueue: string) => Promise<readonly string[]>;

/** Asks of each queue once, also where many ask at the same time. */
export function askedOnce(pollers: Pollers): Pollers {
  const asked = new Map<string, ReturnType<Pollers>>();
  return (taskQueue) => {
    const known = asked.get(taskQueue) ?? pollers(taskQueue);
    asked.set(taskQueue, known);
    return known;
  };
}

type Described = Pick<WorkflowExecutionDescription, 'raw' | 'runId' | 'status' | 'taskQueue' | 'workflowId'>;

/** How often the workflow's next task has been handed out; more than once means that it failed or was dropped. */
export const workflowTaskTries = ({ raw }: Pick<Described, 'raw'>): number => raw.pendingWorkflowTask?.attempt ?? 0;

/** Null if a worker asks for work of the queue and has not failed at this workflow, or if the workflow has ended. */
export async function silenceOf(client: Client, described: Described, pollers: Pollers): Promise<Silence | null> {
  if (described.status.name !== 'RUNNING') return null;
  if ((await pollers(described.taskQueue)).length === 0) return { unanswered: 'noWorker', says: '' };
  if (workflowTaskTries(described) <= 1) return null;
  const says = await lastFailure(client, described);
  return says === null ? null : { unanswered: 'workerFails', says };
}

/** The failed task is followed only by what reaches the workflow from outside, such as a cancel. */
const EVENTS_READ = 20;
const SAYS_CHARACTERS_MAX = 200;

/** Null if the task was not failed but dropped: a worker that is killed leaves it to run out of its time. */
async function lastFailure(client: Client, { workflowId, runId }: Described): Promise<string | null> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: EVENTS_READ,
  });
  for (const event of history?.events ?? []) {
    if (event.workflowTaskTimedOutEventAttributes != null) return null;
    const failed = event.workflowTaskFailedEventAttributes;
    if (failed != null) return (failed.failure?.message ?? '').replace(/\s+/g, ' ').slice(0, SAYS_CHARACTERS_MAX);
  }
  return null;
}
