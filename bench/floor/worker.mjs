/** A worker for the floor's workflows, with the settings of weaver's own worker. `node worker.mjs ADDRESS TASK_QUEUE` */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } = require('@temporalio/worker');

const [address, taskQueue] = process.argv.slice(2);
const logger = new DefaultLogger('WARN');
Runtime.install({ logger });

const nothing = async () => undefined;
const STEPS = ['openWorkspace', 'callModel', 'applyEdits', 'runChecks', 'land', 'record', 'closeWorkspace'];

const workflowsPath = fileURLToPath(new URL('workflows.ts', import.meta.url));
const [connection, workflowBundle] = await Promise.all([
  NativeConnection.connect({ address }),
  bundleWorkflowCode({ workflowsPath, logger }),
]);
const worker = await Worker.create({
  connection,
  taskQueue,
  workflowBundle,
  activities: Object.fromEntries(STEPS.map((name) => [name, nothing])),
  maxHeartbeatThrottleInterval: '2 seconds',
  stickyQueueScheduleToStartTimeout: '2 seconds',
});
process.on('SIGTERM', () => worker.shutdown());
const ended = worker.run();
process.stdout.write('the floor worker polls\n');
await ended;
await connection.close();
