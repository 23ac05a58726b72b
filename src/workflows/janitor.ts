/** What the schedule of a host starts every hour: one sweep of its weaver home. */
import { ActivityFailure, setCurrentDetails, TimeoutFailure } from '@temporalio/workflow';
import type { Swept } from '../domain/housekeeping.js';
import { sweepOn } from './proxies.js';
import { hostQueue, type JanitorInput } from './schedule-messages.js';

export interface JanitorResult {
  readonly hostId: string;
  /** Null if no worker of the host was there: then nothing is written there either, and the next hour will do. */
  readonly swept: Swept | null;
}

export async function janitor({ hostId, dryRun = false }: JanitorInput): Promise<JanitorResult> {
  setCurrentDetails(`Tidying the weaver home of host \`${hostId}\`.`);
  const result = { hostId, swept: await sweepOnce(hostId, dryRun) };
  setCurrentDetails(describe(result));
  return result;
}

async function sweepOnce(hostId: string, dryRun: boolean): Promise<Swept | null> {
  try {
    return await sweepOn(hostQueue(hostId))({ dryRun });
  } catch (thrown) {
    const cause = thrown instanceof ActivityFailure ? thrown.cause : null;
    if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START') return null;
    throw thrown;
  }
}

function describe({ hostId, swept }: JanitorResult): string {
  if (swept === null) return `No worker of host \`${hostId}\` was there; nothing was tidied.`;
  const { dryRun, removed, bytes, more, failed } = swept;
  const rows = Object.entries(removed).map(([what, count]) => `| ${what} | ${count} |`);
  return [
    `Host \`${hostId}\`: ${dryRun ? 'would free' : 'freed'} ${bytes} bytes${more ? '; more is left for the next run' : ''}.`,
    ['| what | removed |', '| --- | --- |', ...rows].join('\n'),
    ...failed.map((says) => `Could not be removed: ${says.replace(/[|`*_<>[\]\r\n]/g, ' ')}`),
  ].join('\n\n');
}
