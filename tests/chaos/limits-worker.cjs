/** A worker process of the limiter's test: the real activity on a real home. Its order is the last argument, as JSON. */
const { join } = require('node:path');
const { NativeConnection, Worker } = require('@temporalio/worker');

const { dist, address, taskQueue, home, bundle, provider } = JSON.parse(process.argv.at(-1));
const ours = (path) => require(join(dist, path));
const { createProviderGates } = ours('activities/ask-provider.js');
const { createCallModel } = ours('activities/call-model.js');
const { KEEPERS_QUEUE } = ours('domain/provider-limits.js');
const { heartbeatInterceptor } = ours('activities/heartbeat.js');
const { failureInterceptor } = ours('activities/to-failure.js');
const { createArtifactStore } = ours('adapters/artifacts/artifact-store.js');
const { createCosts } = ours('adapters/model/costs.js');
const { createModel } = ours('adapters/model/model.js');
const { createRedactor } = ours('adapters/redact.js');

const onWarning = (says) => process.stderr.write(`${says}\n`);

async function main() {
  const redactor = createRedactor({ secrets: () => [] });
  const model = createModel({ home, redact: redactor.redact, apiKeyOf: () => 'key', idleSeconds: 5, onWarning });
  const ports = {
    model,
    artifacts: createArtifactStore({ home, redactor }),
    costs: createCosts(home),
    // Nobody is told: what is counted here is counted at the endpoint.
    events: { emit: () => Promise.resolve() },
    settings: { provider: () => provider, identity: String(process.pid) },
  };
  await model.prewarm();
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: { codePath: bundle },
    // The worker beside it serves the keepers from the beginning.
    activities: { callModel: createCallModel(ports, createProviderGates(ports.costs, () => undefined).gateOf) },
    interceptors: {
      activity: [failureInterceptor((text) => text), heartbeatInterceptor].map((inbound) => (context) => ({
        inbound: inbound(context),
      })),
    },
    stickyQueueScheduleToStartTimeout: '2 seconds',
    maxConcurrentActivityTaskExecutions: 200,
  });
  const keepers = await Worker.create({
    connection,
    taskQueue: KEEPERS_QUEUE,
    workflowBundle: { codePath: bundle },
    stickyQueueScheduleToStartTimeout: '2 seconds',
  });
  const running = Promise.all([worker.run(), keepers.run()]);
  process.stdout.write('polls\n');
  await running;
  model.close();
  await connection.close();
}

void main();
