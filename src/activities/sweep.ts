/**
 * Tidies the weaver home of this host.
 * Harmless twice: what is gone is gone, and what is young or of an open task stays.
 */
import { Context } from '@temporalio/activity';
import type { Swept } from '../domain/housekeeping.js';
import { PortFault, type Housekeeping } from '../ports.js';
import type { SweepInput } from './contract.js';

/** Ids alone; a namespace with more open tasks is not tidied blindly. */
const OPEN_TASKS_MAX = 100_000;

/** Whatever the server calls the state of a run that has not ended. Comparisons have work trees too. */
const OPEN_TASKS = "WorkflowType IN ('codingTask', 'compareModels') AND CloseTime IS NULL";

export const createSweep =
  ({ housekeeping }: { readonly housekeeping: Housekeeping }) =>
  async ({ dryRun }: SweepInput): Promise<Swept> => {
    const { client, cancellationSignal: signal } = Context.current();
    const openTasks: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query: OPEN_TASKS })) {
      openTasks.push(workflowId);
      if (openTasks.length > OPEN_TASKS_MAX)
        throw new PortFault('infrastructure', `More than ${OPEN_TASKS_MAX} tasks are open.`, false);
    }
    return await housekeeping.sweep({ openTasks, dryRun, signal });
  };
