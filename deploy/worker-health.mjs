/** Healthy is a worker that the server has heard of lately: a process that only exists is no worker. Exit code 0 or 1. */
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { scriptedQueue } from '../dist/client/cli/stand.js';
import { currentConfig } from '../dist/config.js';

/** A waiting poll is renewed once a minute. */
const SEEN_WITHIN_MS = 2 * 60_000;
const TIMEOUT_MS = 5_000;
/** temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW */
const WORKFLOW_TASKS = 1;

try {
  await seeWorker();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** With the configuration that the worker has. Throws if there is no fresh sign of it. */
async function seeWorker() {
  const loaded = currentConfig();
  if (loaded.kind === 'faults') throw new Error(loaded.faults.join('; '));
  const { config } = loaded;
  const { connection: settings, namespace } = config.temporal;
  const name = config.scripted ? scriptedQueue(config) : config.taskQueue;
  const connection = await Connection.connect({ ...settings, connectTimeout: TIMEOUT_MS });
  try {
    const { pollers } = await connection.withDeadline(Date.now() + TIMEOUT_MS, () =>
      connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: WORKFLOW_TASKS }),
    );
    // The worker's identity is `<process id>@<host name>`, and a container has a host name of its own.
    const ours = pollers.filter(({ identity }) => identity.endsWith(`@${hostname()}`));
    const lastSeen = Math.max(0, ...ours.map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000));
    if (Date.now() - lastSeen > SEEN_WITHIN_MS) throw new Error(`no worker of ${hostname()} polls ${name}`);
  } finally {
    await connection.close();
  }
}
