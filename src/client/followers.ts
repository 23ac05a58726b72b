/** Jobs that go on with tasks of an ended one: `<key>~1`, `<key>~2` … Their numbers are given out one after the other. */
import { idsOf } from './task-id.js';
import { asking } from './temporal-faults.js';
import { describe, type Speaker } from './updates.js';
import { quoted } from './list-tasks.js';

export interface Follower {
  readonly number: number;
  readonly jobId: string;
  readonly runs: boolean;
  /** The task that it goes on with. */
  readonly of: unknown;
  /** The job whose budget bounds it; null = it has limits of its own. Undefined of a client of before. */
  readonly budgetOf: unknown;
}

/** The key that is tried next, and all that have come before it. */
interface Turn {
  readonly key: string;
  readonly followers: readonly Follower[];
}

/** Commands that take a number in the same moment; each has to look again. */
const KEYS_TRIED = 20;

/**
 * Keys in the order in which they are tried. A list of the server is some moments behind, so whoever is not listed as ended is
 * asked for by name: who has taken a number before this one is seen, and no two are given the same one.
 */
export async function* turnsAfter(speaker: Speaker, id: string): AsyncGenerator<Turn, void> {
  const baseKey = baseKeyOf(idsOf(id).jobId);
  const listed = await listedFollowers(speaker, baseKey);
  const ended = new Map(listed.filter(({ runs }) => !runs).map((follower) => [follower.number, follower]));
  const last = Math.max(0, ...listed.map(({ number }) => number));
  for (let number = last + 1; number <= last + KEYS_TRIED; number += 1) {
    const before = Array.from({ length: number - 1 }, (_, index) => index + 1);
    const found = await Promise.all(
      before.map(async (each) => ended.get(each) ?? (await followerOf(speaker, baseKey, each))),
    );
    yield { key: `${baseKey}~${number}`, followers: found.filter((each) => each !== null) };
  }
}

/** Long keys leave room for the number. */
const BASE_KEY_CHARACTERS_MAX = 92;

export const baseKeyOf = (jobId: string): string =>
  jobId.slice('job/'.length).replace(/~\d+$/, '').slice(0, BASE_KEY_CHARACTERS_MAX);

async function listedFollowers({ temporal, address }: Speaker, baseKey: string): Promise<readonly Follower[]> {
  const prefix = `job/${baseKey}~`;
  const query = `WorkflowType = 'job' AND WorkflowId STARTS_WITH ${quoted(prefix)}`;
  return await asking(address, async () => {
    const found: Follower[] = [];
    for await (const { workflowId: jobId, status, memo } of temporal.workflow.list({ query })) {
      const number = Number(jobId.slice(prefix.length));
      // One that has continued as new is listed with each of its runs.
      const runs = status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
      if (Number.isSafeInteger(number)) found.push({ number, jobId, runs, ...namesIn(memo) });
    }
    return found;
  });
}

/** Null if the server does not know it, or does not any more. */
async function followerOf(speaker: Speaker, baseKey: string, number: number): Promise<Follower | null> {
  const jobId = `job/${baseKey}~${number}`;
  const job = await describe(speaker, jobId);
  return job === null ? null : { number, jobId, runs: job.status.name === 'RUNNING', ...namesIn(job.memo) };
}

const namesIn = (memo: Readonly<Record<string, unknown>> | undefined): Pick<Follower, 'of' | 'budgetOf'> => ({
  of: memo?.['of'],
  budgetOf: memo?.['budgetOf'],
});
