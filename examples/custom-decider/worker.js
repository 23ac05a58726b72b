/** A worker like `weaver worker`, with the workflows and the activities of this project. */
import { fileURLToPath } from 'node:url';
import { currentConfig, startWorker, temporalOf } from 'weaver/worker';
import { advise } from './advise.js';

const loaded = currentConfig();
if (loaded.kind === 'faults') {
  process.stderr.write(`${loaded.faults.join('\n')}\n`);
  process.exit(3);
}
const { config } = loaded;

const worker = await startWorker(config, await temporalOf(config), {
  operated: true,
  workflowsPath: fileURLToPath(new URL('workflows.js', import.meta.url)),
  activities: { advise },
});
process.stdout.write(`polls ${worker.taskQueue} as ${worker.identity}\n`);

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void worker.shutdown());
await worker.ended;
process.exit(0);
