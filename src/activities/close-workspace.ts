/**
 * Removes what the task left on the host, and tells what the task has spent by the ledger, which knows sends too whose step
 * was cancelled before it could report them.
 * Harmless twice: what is gone is gone, and the ledger stays.
 */
import { rm } from 'node:fs/promises';
import { workspaceOfPerson } from '../domain/lineage.js';
import { sumSpending, type Spending } from '../domain/record.js';
import type { CallRow, Model } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Closed, CloseInput } from './contract.js';

export const createCloseWorkspace =
  ({ git, model, taskFolder }: ActivityPorts) =>
  async ({ lineage }: CloseInput): Promise<Closed> => {
    await git.close(lineage);
    await git.close(workspaceOfPerson(lineage));
    await rm(taskFolder(lineage), { recursive: true, force: true, maxRetries: 3 });
    return { spending: await paidFor(model, lineage) };
  };

/** By the ledger of this host. Shadow calls are beside the task, and not on its account. */
export async function paidFor(model: Model, lineage: string): Promise<Spending> {
  const own = (await model.ledger(lineage)).filter(({ purpose }) => purpose !== 'shadow');
  return sumSpending(own.map(spendingOf));
}

const spendingOf = ({ sends, inDoubt, tokens, costUsdMicros, unpriced }: CallRow): Spending => ({
  callsSent: sends,
  callsInDoubt: inDoubt,
  tokens,
  costUsdMicros,
  unpriced,
});
