/** `node run-in-sandbox.cjs SOURCE OPTIONS COMMAND`: a process that runs a command in a sandbox. */
'use strict';
const path = require('node:path');

const [source, options, command] = process.argv.slice(2);
require('./load-sources.cjs')(source);
const { createSandbox } = require(path.join(source, 'adapters/sandbox/create-sandbox.ts'));

createSandbox(JSON.parse(options)).then(({ sandbox }) =>
  sandbox.run(JSON.parse(command), new AbortController().signal),
);
