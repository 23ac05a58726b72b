/** `weaver clean`: one sweep of this weaver home, now. */
import type { Swept } from '../../domain/housekeeping.js';
import { catalogueFault, WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import { withClient } from './look.js';

export interface CleanFlags {
  readonly dryRun?: boolean;
  readonly offline?: boolean;
}

export async function clean(context: Context, { dryRun = false, offline = false }: CleanFlags): Promise<number> {
  const { terminal, json, house, config } = context;
  const openTasks = offline ? null : await askOpenTasks(context);
  const swept = await house.sweep(config, { openTasks, dryRun });
  if (json) terminal.json(swept);
  else for (const line of sweptLines(swept)) terminal.out(line);
  return swept.failed.length === 0 ? 0 : 1;
}

/** Which tasks have not ended only the server knows; without it a work tree that somebody needs might go. */
async function askOpenTasks(context: Context): Promise<readonly string[]> {
  try {
    return await withClient(context, 'startIfUsed', async (client) => {
      if (client !== null) return await client.openTaskIds();
      throw catalogueFault('temporalUnreachable', 'None is configured, and none has ever run on this weaver home.');
    });
  } catch (thrown) {
    if (!(thrown instanceof WeaverFault) || thrown.code !== 'temporalUnreachable') throw thrown;
    throw new WeaverFault(
      {
        code: thrown.code,
        message: thrown.message,
        next: `${thrown.next} Or give --offline: then only goes what is known to have ended a week ago.`,
      },
      thrown.exitCode,
      { cause: thrown },
    );
  }
}

const WORDS: Readonly<Record<keyof Swept['removed'], readonly [string, string]>> = {
  workspaces: ['work tree', 'work trees'],
  taskFolders: ['task folder', 'task folders'],
  ledgers: ['ledger', 'ledgers'],
  artifacts: ['artifact', 'artifacts'],
};

function sweptLines({ dryRun, removed, lineages, bytes, more, failed }: Swept): readonly string[] {
  const counts = Object.entries(removed).flatMap(([what, count]) => {
    const [one, many] = WORDS[what as keyof Swept['removed']];
    return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  });
  const verb = dryRun ? 'Would remove' : 'Removed';
  return [
    counts.length === 0 ? 'Nothing to remove.' : `${verb} ${counts.join(', ')}${bytes > 0 ? ` (${bytes} bytes)` : ''}.`,
    ...lineages.map((lineage) => `  ${lineage}`),
    ...(more ? ['There is more: run it again.'] : []),
    ...failed.map((says) => `  could not be removed: ${says}`),
  ];
}
