/** Healthy is a worker that the server has heard of lately: a process that only exists is no worker. Exit code 0 or 1. */
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** A waiting poll is renewed once a minute. */
const SEEN_WITHIN_MS = 2 * 60_000;
const TIMEOUT_MS = 5_000;
/** temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW */
const WORKFLOW_TASKS = 1;

const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
const connection = await Connection.connect({ ...connectionOptions, connectTimeout: TIMEOUT_MS });
try {
  const taskQueue = { name: process.env['WEAVER_TASK_QUEUE'] || 'weaver' };
  const { pollers } = await connection.withDeadline(Date.now() + TIMEOUT_MS, () =>
    connection.workflowService.describeTaskQueue({ namespace, taskQueue, taskQueueType: WORKFLOW_TASKS }),
  );
  // The worker's identity is `<process id>@<host name>`, and a container has a host name of its own.
  const ours = pollers.filter(({ identity }) => identity.endsWith(`@${hostname()}`));
  const lastSeen = Math.max(...ours.map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000));
  if (Date.now() - lastSeen > SEEN_WITHIN_MS) throw new Error(`no worker of ${hostname()} polls ${taskQueue.name}`);
} finally {
  await connection.close();
}
