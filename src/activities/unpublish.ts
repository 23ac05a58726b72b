/**
 * Deletes branches of cancelled work.
 * Harmless twice: a branch that is gone is left gone, and one that somebody has moved is left alone.
 */
import { cancellationSignal } from '@temporalio/activity';
import type { ActivityPorts } from './activity-ports.js';
import type { UnpublishInput, Unpublished } from './contract.js';

export const createUnpublish =
  ({ git }: ActivityPorts) =>
  async ({ url, branches }: UnpublishInput): Promise<Unpublished> => {
    const signal = cancellationSignal();
    const removed: string[] = [];
    const kept: string[] = [];
    for (const { branch, commit } of branches) {
      const how = await git.unpublish({ url, branch, commit, signal });
      (how === 'moved' ? kept : removed).push(branch);
    }
    return { removed, kept };
  };
