/** Before a worker begins: is its queue polled by a worker whose prompts, ledger and answers are in another weaver home? */
import type { WorkflowService } from '@temporalio/client';
import { PortFault } from './ports.js';

/** Temporal keeps a poller on its list for minutes after it went; the long poll of one that lives takes one minute. */
const POLLED_WITHIN_MS = 75_000;

/** Named in the message; the rest is a number. */
const WORKERS_SHOWN = 3;

/** What Temporal knows a worker by. The home goes with it, so that every other worker of the queue can see whose it is. */
export const identityIn = (worker: string, homeId: string): string => `${worker}#${homeId}`;

/**
 * Rejects (otherHome) if a worker of another home has polled the queue a short while ago: each would take up steps of tasks
 * whose parts the other one has, and pay for calls that the other one's ledger has answers to. A worker that cannot be told
 * starts, and so does one beside workers that do not say where their home is (another version).
 */
export async function ensureOnlyHome(
  service: WorkflowService,
  { namespace, taskQueue }: { readonly namespace: string; readonly taskQueue: string },
  homeId: string,
): Promise<void> {
  const answer = await service
    .describeTaskQueue({ namespace, taskQueue: { name: taskQueue }, taskQueueType: 1 }) // TASK_QUEUE_TYPE_WORKFLOW
    .catch(() => null);
  const since = Date.now() - POLLED_WITHIN_MS;
  const seen = (answer?.pollers ?? [])
    .filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > since)
    .map(({ identity }) => identity ?? '');
  const others = [...new Set(seen)].filter((identity) => isElsewhere(identity, homeId)).toSorted();
  if (others.length === 0) return;
  const more = others.length > WORKERS_SHOWN ? ` and ${others.length - WORKERS_SHOWN} more` : '';
  const shown = `${others.slice(0, WORKERS_SHOWN).join(', ')}${more}`;
  throw new PortFault('otherHome', `Queue ${taskQueue}: ${shown}; the home of this worker is ${homeId}.`, false);
}

function isElsewhere(identity: string, homeId: string): boolean {
  const home = /#([a-z0-9][a-z0-9-]{0,39})$/.exec(identity)?.[1];
  return home !== undefined && home !== homeId;
}
