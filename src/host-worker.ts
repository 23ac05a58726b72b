/** What can only be done on this host: a second, small worker on the host's own queue. */
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { createHostActivities } from './activities/index.js';
import type { Config } from './config.js';
import { createHousekeeper } from './housekeeper.js';
import { hostQueue } from './workflows/schedule-messages.js';

/** One thing at a time: nobody waits for it. `shared` is what the worker beside it was made of, with its place. */
export async function createHostWorker(config: Config, shared: WorkerOptions, hostId: string): Promise<Worker> {
  const { workflowBundle: _workflowBundle, ...rest } = shared;
  return await Worker.create({
    ...rest,
    taskQueue: hostQueue(hostId),
    activities: createHostActivities({ housekeeping: createHousekeeper(config) }),
    maxConcurrentActivityTaskExecutions: 1,
  });
}

/** Workers on one connection: one that ends takes the others with it, and all have let go of the connection before a failure is told. */
export async function runTogether(workers: readonly Worker[]): Promise<void> {
  const runs = workers.map((worker) => worker.run().finally(() => workers.forEach(stopWorker)));
  await Promise.allSettled(runs);
  await Promise.all(runs);
}

export function stopWorker(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}
