/**
 * Writes entries of the task's account to the read model.
 * Harmless twice: an entry is named by task and sequence number.
 */
import type { ActivityPorts } from './activity-ports.js';
import type { Entry, RecordInput } from './contract.js';

export const createRecord =
  ({ records }: ActivityPorts) =>
  async ({ taskId, status, result }: RecordInput, ...entries: readonly Entry[]): Promise<void> => {
    for (const { sequence, record } of entries) await records.append(taskId, sequence, record);
    await records.remember(`task/${taskId}`, { taskId, status, result });
  };
