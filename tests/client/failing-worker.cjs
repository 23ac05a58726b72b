/** A worker whose workflows throw: what a bug in weaver, or another version of it, looks like. failing-worker.cjs ADDRESS QUEUE */
const { NativeConnection, Worker } = require('@temporalio/worker');

async function main([address, taskQueue]) {
  const connection = await NativeConnection.connect({ address });
  const workflowsPath = require.resolve('./failing-workflows.cjs');
  const running = (await Worker.create({ connection, taskQueue, workflowsPath })).run();
  process.stdout.write('polls\n');
  await running;
}

main(process.argv.slice(2)).catch((thrown) => {
  process.stderr.write(`${thrown.stack}\n`);
  process.exitCode = 1;
});
