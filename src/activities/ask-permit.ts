/**
 * Permits of what tasks share: asks the workflow that keeps them, starting it where it does not run; looks which holders are gone.
 * Harmless twice: a request is known by its id and changes nothing the second time; a look changes nothing at all.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { ASK_PERMIT_SIGNAL, PERMITS_WORKFLOW, type PermitRequest } from '../domain/permits.js';

export interface AskPermitInput {
  /** Workflow id of the keeper. */
  readonly keeper: string;
  /** Queue of the workflow that asks: whoever carries it out can keep its permits too. */
  readonly taskQueue: string;
  /** What people read of the keeper. */
  readonly words: string;
  readonly request: PermitRequest;
}

/** Looks at the server at once; more would only queue up there. */
const SIDE_BY_SIDE = 8;

export const createAskPermit =
  () =>
  async ({ keeper, taskQueue, words, request }: AskPermitInput): Promise<void> => {
    await Context.current().client.workflow.signalWithStart(PERMITS_WORKFLOW, {
      workflowId: keeper,
      taskQueue,
      args: [],
      signal: ASK_PERMIT_SIGNAL,
      signalArgs: [request],
      staticSummary: words,
    });
  };

/** Those of the given workflows that run. Asks for each: lists are seconds behind, and would lose a task that has just begun. */
export const createOpenTasks =
  () =>
  async (taskIds: readonly string[]): Promise<readonly string[]> => {
    const open: string[] = [];
    for (let from = 0; from < taskIds.length; from += SIDE_BY_SIDE) {
      const some = taskIds.slice(from, from + SIDE_BY_SIDE);
      const runs = await Promise.all(some.map(isOpen));
      open.push(...some.filter((_, at) => runs[at] === true));
    }
    return open;
  };

async function isOpen(taskId: string): Promise<boolean> {
  try {
    const { status } = await Context.current().client.workflow.getHandle(taskId).describe();
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return false;
    throw thrown;
  }
}
