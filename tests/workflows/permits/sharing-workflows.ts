/** Beside the keeper as weaver has it: a task that holds what it is told to until it is let go. */
import { condition, defineQuery, defineSignal, setHandler, workflowInfo } from '@temporalio/workflow';
import type { PermitWish } from '../../../src/domain/permits.js';
import { Permits } from '../../../src/workflows/permit.js';

const stateQuery = defineQuery<{ readonly working: boolean; readonly says: readonly (string | null)[] }>('state');
const letGoSignal = defineSignal('letGo');

export async function holder(wishes: readonly PermitWish[], priority: number): Promise<number> {
  let working = false;
  let letGo = false;
  const says: (string | null)[] = [];
  setHandler(stateQuery, () => ({ working, says }));
  setHandler(letGoSignal, () => {
    letGo = true;
  });
  const taskId = workflowInfo().workflowId;
  const held = new Permits({ taskId, priority, onWaiting: (words) => says.push(words) });
  return await held.during(wishes, async () => {
    working = true;
    await condition(() => letGo);
    return workflowInfo().historyLength;
  });
}
