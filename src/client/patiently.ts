/** A question to a workflow whose worker may only just have been started. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isNotFound, isUnanswered, temporalFault } from './temporal-faults.js';
import type { Speaker } from './updates.js';
import { unknownTask, WeaverFault } from './weaver-fault.js';

/** A worker that has just been started needs some seconds before it answers; the whole history is replayed for it. */
const PATIENCE_MS = 20_000;
const QUERY_TIMEOUT_MS = 5_000;
const PAUSE_MS = 300;

/** The answer to a query, asked until a worker gives one. */
export async function patiently<Answer>(
  { temporal, address }: Speaker,
  workflowId: string,
  name: string,
  ...asked: readonly unknown[]
): Promise<Answer> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await temporal.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
        temporal.workflow.getHandle(workflowId).query<Answer, unknown[]>(name, ...asked),
      );
    } catch (thrown) {
      if (isNotFound(thrown)) throw unknownTask(workflowId);
      if (!isUnanswered(thrown)) throw temporalFault(thrown, address) ?? thrown;
      if (Date.now() > end) throw nobodyKnows(workflowId, thrown);
    }
    await sleep(PAUSE_MS);
  }
}

const nobodyKnows = (id: string, cause: unknown): WeaverFault =>
  new WeaverFault(
    {
      code: 'noWorker',
      message: `No worker answers what ${id} has done.`,
      next: 'Start one (weaver worker, or weaver up), and try again.',
    },
    4,
    { cause },
  );
