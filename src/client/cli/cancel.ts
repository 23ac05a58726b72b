/** `weaver cancel`: the task stops where it is, cleans up, and records who asked and why. */
import { idsOf } from '../task-id.js';
import { unknownTask } from '../weaver-fault.js';
import type { Context } from './context.js';
import { withClient } from './look.js';

export interface CancelFlags {
  readonly reason: string;
}

export async function cancel(context: Context, id: string, { reason }: CancelFlags): Promise<number> {
  const { taskId } = idsOf(id);
  const { terminal } = context;
  await withClient(context, 'startIfUsed', async (client) => {
    if (client === null) throw unknownTask(id);
    const asked = await client.cancel(taskId, { reason });
    const state = asked ? 'running' : (await client.status(taskId)).state;
    if (context.json) terminal.json({ taskId, cancelRequested: asked, state });
    else if (asked) terminal.out(`${taskId} is asked to stop; it does so as soon as a worker hears it.`);
    else terminal.out(`${taskId} has ended already: ${state}.`);
  });
  return 0;
}
