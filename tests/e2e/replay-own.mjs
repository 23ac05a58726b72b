/**
 * Replays the histories of a folder with the workflows of the project that this file was copied into, and prints the name of
 * each. Arguments: the checkout of weaver, the folder.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const [, , root, folder] = process.argv;
const require = createRequire(path.join(root, 'package.json'));
const { bundleOwnWorkflows } = require(path.join(root, 'dist', 'own-workflows.js'));
const { DefaultLogger, Runtime, Worker } = require('@temporalio/worker');

Runtime.install({ logger: new DefaultLogger('ERROR') });
const workflowBundle = await bundleOwnWorkflows(path.join(import.meta.dirname, 'workflows.js'));
for (const file of readdirSync(folder).toSorted()) {
  const { name, workflowId, history } = JSON.parse(gunzipSync(readFileSync(path.join(folder, file))).toString('utf8'));
  await Worker.runReplayHistory({ workflowBundle, replayName: 'recorded' }, history, workflowId);
  console.log(name);
}
process.exit(0);
