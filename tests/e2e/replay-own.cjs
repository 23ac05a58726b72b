/**
 * Replays the histories of a folder with the workflows of the project that this file was copied into, and prints the name of
 * each. Arguments: the checkout of weaver, the folder.
 */
const { readdirSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');

const [, , root, folder] = process.argv;
const requireThere = createRequire(path.join(root, 'package.json'));
const { bundleOwnWorkflows } = requireThere(path.join(root, 'dist', 'own-workflows.js'));
const { DefaultLogger, Runtime, Worker } = requireThere('@temporalio/worker');

async function main() {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const workflowBundle = await bundleOwnWorkflows(path.join(__dirname, 'workflows.js'));
  for (const file of readdirSync(folder).toSorted()) {
    const text = gunzipSync(readFileSync(path.join(folder, file))).toString('utf8');
    const { name, workflowId, history } = JSON.parse(text);
    await Worker.runReplayHistory({ workflowBundle, replayName: 'recorded' }, history, workflowId);
    process.stdout.write(`${name}\n`);
  }
}

main().then(
  () => process.exit(0),
  (thrown) => {
    process.stderr.write(`${thrown.stack}\n`);
    process.exit(1);
  },
);
