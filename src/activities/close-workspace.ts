/**
 * Removes what the task left on the host.
 * Harmless twice: what is gone is gone.
 */
import { rm } from 'node:fs/promises';
import type { ActivityPorts } from './activity-ports.js';
import type { CloseInput } from './contract.js';

export const createCloseWorkspace =
  ({ git, taskFolder }: ActivityPorts) =>
  async ({ lineage }: CloseInput): Promise<void> => {
    await git.close(lineage);
    await rm(taskFolder(lineage), { recursive: true, force: true, maxRetries: 3 });
  };
