/** A command in the place of a task, with everything that it prints kept. */
import { cancellationSignal } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactRef } from '../domain/outcome.js';
import type { CheckSpec } from '../domain/task.js';
import type { Command, CommandResult } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';

/** A command may flood its output; this much of it, from both ends, is kept as an artifact. */
const LOG_BYTES_MAX = 4_000_000;

/** Where a task's commands run. */
export interface Place {
  readonly directory: string;
  readonly home: string;
  readonly folder: string;
}

/** How a command ended, and all that it printed. */
export interface Logged {
  readonly result: CommandResult;
  readonly bytes: Buffer;
  readonly log: ArtifactRef;
}

export async function runLogged(
  { sandbox, artifacts }: Pick<ActivityPorts, 'sandbox' | 'artifacts'>,
  { name, run, timeoutSeconds, isLong }: CheckSpec & Pick<Command, 'isLong'>,
  network: boolean,
  { directory, home, folder }: Place,
): Promise<Logged> {
  const logFile = join(folder, `${createHash('sha256').update(name).digest('hex').slice(0, 12)}.log`);
  const command = {
    run,
    directory,
    home,
    network,
    timeoutMs: timeoutSeconds * 1_000,
    logFile,
    logBytesMax: LOG_BYTES_MAX,
    ...(isLong === true ? { isLong } : {}),
  };
  const result = await sandbox.run(command, cancellationSignal());
  const bytes = await readFile(logFile);
  const log = await artifacts.put('log', bytes);
  await rm(logFile, { force: true });
  return { result, bytes, log };
}
