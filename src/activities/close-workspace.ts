/**
 * Removes what the task left on the host, and tells what the task has spent by the ledger, which knows sends too whose step
 * was cancelled before it could report them.
 * Harmless twice: what is gone is gone, and the ledger stays.
 */
import { rm } from 'node:fs/promises';
import { sumSpending, type Spending } from '../domain/record.js';
import type { CallRow } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Closed, CloseInput } from './contract.js';

export const createCloseWorkspace =
  ({ git, model, taskFolder }: ActivityPorts) =>
  async ({ lineage }: CloseInput): Promise<Closed> => {
    await git.close(lineage);
    await rm(taskFolder(lineage), { recursive: true, force: true, maxRetries: 3 });
    return { spending: sumSpending((await model.ledger(lineage)).map(spendingOf)) };
  };

const spendingOf = ({ sends, inDoubt, tokens, costUsdMicros, unpriced }: CallRow): Spending => ({
  callsSent: sends,
  callsInDoubt: inDoubt,
  tokens,
  costUsdMicros,
  unpriced,
});
