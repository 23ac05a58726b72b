/**
 * Keeps what a shadow call has come to, beside the account of its task and apart from it.
 * Harmless twice: it is named by its call, and so is the record.
 */
import type { ActivityPorts } from './activity-ports.js';
import type { ShadowInput } from './contract.js';
import { shadowSequence, shadowsOf } from '../domain/shadow.js';

export const createRecordShadow =
  ({ records }: ActivityPorts) =>
  async ({ record }: ShadowInput): Promise<void> => {
    await records.append(shadowsOf(record.taskId), shadowSequence(record.name), record);
  };
