/** `require('./load-sources.cjs')(SOURCE)`: lets a plain Node process require the sources, compiled as jest does. */
/* oxlint-disable no-underscore-dangle -- Node's names for its own loader */
'use strict';
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { transformSync } = require('@swc/core');

module.exports = (source) => {
  const resolveName = Module._resolveFilename;
  // Sources name their imports with .js, as Node resolves them after compilation.
  Module._resolveFilename = (request, parent, ...rest) =>
    parent?.filename?.startsWith(source) && request.startsWith('.')
      ? path.resolve(path.dirname(parent.filename), request.replace(/\.js$/, '.ts'))
      : resolveName(request, parent, ...rest);
  Module._extensions['.ts'] = (module, filename) => {
    const { code } = transformSync(fs.readFileSync(filename, 'utf8'), {
      filename,
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'commonjs' },
    });
    module._compile(code, filename);
  };
};
