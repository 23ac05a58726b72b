/** `weaver cancel`: a task with all that came of it, a job, or a comparison stops where it is, cleans up, and records who asked and why. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Stopped } from '../stop.js';
import { idsOf } from '../task-id.js';
import { unknownTask, usageFault } from '../weaver-fault.js';
import type { WeaverClient } from '../weaver-client.js';
import type { Context } from './context.js';
import { withClient } from './look.js';

export interface CancelFlags {
  readonly reason: string;
  readonly deleteBranch?: boolean;
  readonly wait?: boolean;
}

/** A person looks no longer; a check is killed and a call aborted within it. */
const WAIT_MS = 10_000;
const POLL_MS = 200;
/** Paths in one line of the answer. */
const NAMED_MAX = 20;

export async function cancel(context: Context, id: string, flags: CancelFlags): Promise<number> {
  if (id.startsWith('compare/')) return await cancelComparison(context, id, flags);
  const { reason, deleteBranch, wait = context.terminal.live } = flags;
  await withClient(context, 'startIfUsed', async (client) => {
    if (client === null) throw unknownTask(id);
    const stopped = await client.stop(id, {
      reason,
      ...(deleteBranch === undefined ? {} : { deleteBranches: deleteBranch }),
    });
    const stillStopping = await stillOf(client, stopped, wait);
    const state = stopped.asked ? 'running' : await endOf(client, id, stopped);
    if (context.json) showJson(context, id, stopped, stillStopping, state);
    else for (const line of linesOf(stopped, stillStopping, state)) context.terminal.out(line);
  });
  return 0;
}

/** Nothing more is asked; what was answered is kept, and the same key goes on with it. */
async function cancelComparison(context: Context, id: string, flags: CancelFlags): Promise<number> {
  const { terminal, json, config } = context;
  const { reason, deleteBranch, wait = terminal.live } = flags;
  if (deleteBranch !== undefined)
    throw usageFault(`${id} is a comparison, which has no branches.`, 'Leave out --delete-branch.');
  await withClient(context, 'startIfUsed', async (client) => {
    const asked = await client?.comparisons.stop(id, { reason, requester: config.requester });
    if (client === null || asked == null) throw unknownTask(id);
    const end = Date.now() + (asked.asked && wait ? WAIT_MS : 0);
    let state = await client.comparisons.stateOf(id);
    while (state === 'running' && Date.now() < end) {
      await pause(POLL_MS);
      state = await client.comparisons.stateOf(id);
    }
    if (json) terminal.json({ id, cancelRequested: asked.asked, state });
    else terminal.out(comparisonWords(id, asked.asked, state));
  });
  return 0;
}

function comparisonWords(id: string, asked: boolean, state: string): string {
  if (!asked) return `${id} has ended already: ${state}.`;
  return `${id} is asked to stop${state === 'running' ? '; it does so as soon as a worker hears it.' : ', and has stopped.'}`;
}

/** What has not ended yet, looked at once or until there is nothing. */
async function stillOf(client: WeaverClient, stopped: Stopped, wait: boolean): Promise<readonly string[]> {
  if (!stopped.asked) return [];
  const end = Date.now() + (wait ? WAIT_MS : 0);
  for (;;) {
    const running = await client.stillRunning(stopped);
    if (running.length === 0 || Date.now() >= end) return running;
    await pause(POLL_MS);
  }
}

async function endOf(client: WeaverClient, id: string, { path }: Stopped): Promise<string> {
  if (path === null && (await client.isJobOfMany(id))) return (await client.jobStatus(id)).state;
  return (await client.status(id)).state;
}

function showJson(
  { terminal }: Context,
  id: string,
  { jobId, path, asked, by, stopping, ended, neverBegun, counts }: Stopped,
  stillStopping: readonly string[],
  state: string,
): void {
  const { taskId } = path === null ? idsOf(id) : { taskId: `${jobId}/t/${path}` };
  const answer = { by, stopping, ended, neverBegun, counts, stillStopping };
  terminal.json({ jobId, taskId, path, cancelRequested: asked, state, ...answer });
}

function linesOf(stopped: Stopped, stillStopping: readonly string[], state: string): readonly string[] {
  const { jobId, path, asked, counts, by } = stopped;
  const what = path === null ? jobId : `${jobId}/t/${path}`;
  if (!asked) return [`${what} has ended already: ${state}.`];
  const left = stillStopping.length;
  return [
    `${what} is asked to stop${left === 0 ? ', and has stopped.' : '; it does so as soon as a worker hears it.'}`,
    ...(by === 'server' && path !== null
      ? ['  Its job could not be asked: tasks that have not begun are not seen.']
      : []),
    ...line('stopping', stopped.stopping, counts.stopping),
    ...line('had ended', stopped.ended, counts.ended),
    ...line('never began', stopped.neverBegun, counts.neverBegun),
    ...(left === 0 ? [] : line('still stopping', stillStopping, left)),
  ];
}

const line = (name: string, paths: readonly string[], count: number): readonly string[] => {
  if (count === 0) return [];
  // The path of a task alone would be read as a number of tasks.
  const shown = paths.length === 1 && paths[0] === '0' ? 'its task' : paths.slice(0, NAMED_MAX).join(', ');
  const more = count - Math.min(count, NAMED_MAX, paths.length);
  return [`  ${`${name}:`.padEnd(16)}${shown}${more > 0 ? ` and ${more} more` : ''}`];
};
