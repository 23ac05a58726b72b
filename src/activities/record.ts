/**
 * Writes entries of the task's account to the read model.
 * Harmless twice: an entry is named by task and sequence number.
 */
import { fromTextParts } from '../domain/text-parts.js';
import type { ActivityPorts } from './activity-ports.js';
import type { RecordInput } from './contract.js';

/** @param parts a RecordInput as text, cut: twenty checks and their failures are more than one payload holds */
export const createRecord =
  ({ records }: ActivityPorts) =>
  async (...parts: readonly string[]): Promise<void> => {
    // Written by the workflow of this very version or an older one, and shown to people only.
    const { taskId, status, result, entries } = fromTextParts(parts) as RecordInput;
    for (const { sequence, record } of entries) await records.append(taskId, sequence, record);
    await records.remember(`task/${taskId}`, { taskId, status, result });
  };
