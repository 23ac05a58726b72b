/**
 * What cancelled tasks had come to: Temporal gives a workflow no word of how its cancelled child ended, and anybody else the
 * details of that end.
 * Harmless twice: it only reads.
 */
import { Context } from '@temporalio/activity';
import { CancelledFailure, WorkflowNotFoundError } from '@temporalio/common';
import { PAYLOAD_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import type { LastWord, LookInput } from './contract.js';

/** As many as one answer holds, in their order, and one at least: the others are asked for again. All of them have ended. */
export const createLastWords =
  () =>
  async ({ taskIds }: LookInput): Promise<readonly LastWord[]> => {
    const { workflow } = Context.current().client;
    const words = await Promise.all(
      taskIds.map(async (taskId) => ({ taskId, result: await detailsOf(workflow, taskId) })),
    );
    const told = words.filter((_, last) => bytesOf(words.slice(0, last + 1)) <= PAYLOAD_BYTES_MAX);
    const [first] = words;
    return told.length > 0 || first === undefined ? told : [{ ...first, result: null }];
  };

const bytesOf = (words: readonly LastWord[]): number => utf8Bytes(JSON.stringify(words));

async function detailsOf(client: Context['client']['workflow'], taskId: string): Promise<unknown> {
  try {
    return (await client.getHandle(taskId).result()) as unknown;
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return null;
    const { cause } = thrown as Error;
    if (!(cause instanceof CancelledFailure)) throw thrown;
    return (cause.details ?? [])[0] ?? null;
  }
}
