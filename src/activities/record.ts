/**
 * Writes entries of the task's account to the read model, and tells the outside of them.
 * Harmless twice: an entry is named by task and sequence number, and so is the event that tells of it.
 */
import { eventsOf, hasEnded } from '../domain/events.js';
import { fromTextParts } from '../domain/text-parts.js';
import type { ActivityPorts } from './activity-ports.js';
import type { RecordInput } from './contract.js';

/** @param parts a RecordInput as text, cut: twenty checks and their failures are more than one payload holds */
export const createRecord =
  ({ records, events }: ActivityPorts) =>
  async (...parts: readonly string[]): Promise<void> => {
    // Written by the workflow of this very version or an older one, and shown to people only.
    const { taskId, status, result, entries } = fromTextParts(parts) as RecordInput;
    for (const { sequence, record } of entries) await records.append(taskId, sequence, record);
    await records.remember(`task/${taskId}`, { taskId, status, result });
    const history = hasEnded(result) ? await records.read(taskId) : [];
    const written = entries.map(({ record }) => record);
    await events.emit(eventsOf({ taskId, status, result, entries: written, history, at: Date.now() }));
  };
