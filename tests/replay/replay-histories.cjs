/**
 * Replays the histories of a folder on a bundle of workflows, and prints for each a line of JSON: its name, and what is wrong
 * with it or null. A plain program, for inside jest the SDK costs half as much again. Arguments: the bundle, the folder.
 */
const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');
const { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } = require('@temporalio/worker');

const [, , codePath, folder] = process.argv;

const recorded = readdirSync(folder)
  .filter((file) => file.endsWith('.json.gz'))
  .toSorted()
  .map((file) => JSON.parse(gunzipSync(readFileSync(path.join(folder, file))).toString('utf8')));

async function main() {
  // To the logger, which writes to the other output.
  const logging = { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR' }) };
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging } });
  let at = 0;
  // One worker for all of them: its start takes longer than a replay.
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: { codePath } }, recorded)) {
    const { name, workflowId: expected } = recorded[at];
    if (workflowId !== expected) throw new Error(`${workflowId} was replayed in the place of ${expected}`);
    process.stdout.write(`${JSON.stringify({ name, fault: error?.message ?? null })}\n`);
    at += 1;
  }
}

main().then(
  () => process.exit(0),
  (thrown) => {
    process.stderr.write(`${thrown.stack}\n`);
    process.exit(1);
  },
);
