/**
 * Tells that an attempt has begun, as soon as its workspace is open: the account is written only at its end.
 * Harmless twice: the event's id follows from task and attempt, and a reader drops the second.
 */
import { beginningOf } from '../domain/events.js';
import type { ActivityPorts } from './activity-ports.js';
import type { OpenInput, Opened } from './contract.js';

export const tellBeginning =
  ({ events }: Pick<ActivityPorts, 'events'>, open: Open): Open =>
  async (input, ...parts) => {
    const opened = await open(input, ...parts);
    const { title, url: repository, branch, provider, model, baseCommit, endedAt: at } = opened;
    const { taskId, attempt } = input;
    await events.emit(beginningOf({ taskId, attempt, title, repository, branch, provider, model, baseCommit, at }));
    return opened;
  };

type Open = (input: OpenInput, ...parts: readonly string[]) => Promise<Opened>;
