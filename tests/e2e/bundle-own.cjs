/**
 * Writes the bundle of the workflows of the project that this file was copied into. Arguments: the checkout of weaver, the file
 * to write.
 */
const { writeFileSync } = require('node:fs');
const path = require('node:path');

const [, , root, file] = process.argv;
const { bundleOwnWorkflows } = require(path.join(root, 'dist', 'own-workflows.js'));

bundleOwnWorkflows(path.join(__dirname, 'workflows.js')).then(
  ({ code }) => writeFileSync(file, code),
  (thrown) => {
    process.stderr.write(`${thrown.stack}\n`);
    process.exitCode = 1;
  },
);
