/**
 * jest gives each test file modules of its own, and for that compiles each module anew for each of them: a third of the time
 * of a file that loads a client of Temporal. Here a process compiles a module once, and each file runs that script in its own
 * context: nothing but the compiled code is in common.
 */
const path = require('node:path');
const { Script } = require('node:vm');
const { default: Runtime } = require('jest-runtime');

const PACKAGES = `${path.sep}node_modules${path.sep}`;

/** By file: the script and the code that it was made of. Bounded by what src, tests and the packages have in files. */
const scripts = new Map();

/** Code of packages as it is on disk: it does not change during a run, while sources do under `--watch`. */
const packageCode = new Map();

module.exports = class SharedScripts extends Runtime {
  constructor(...settings) {
    super(...settings);
    const { executor, transformCache } = this;
    if (executor?.compile === undefined || transformCache?.transform === undefined) {
      throw new Error('tests/jest-runtime.cjs knows the inside of jest-runtime 30.5, and this is another one.');
    }
    const compile = executor.compile.bind(executor);
    executor.compile = (code, file) => scriptIn(executor, code, file) ?? compile(code, file);
    const transform = transformCache.transform.bind(transformCache);
    transformCache.transform = (file, options) =>
      packageCode.get(file) ?? kept(transformCache, file, transform(file, options));
  }
};

/** The module's function in this context; nothing for code that is none, so that jest says what is wrong with it. */
function scriptIn({ environment, injectedModuleParameters }, code, filename) {
  const context = environment.getVmContext();
  if (context === null) return null;
  const known = scripts.get(filename);
  if (known?.code === code) return known.script.runInContext(context);
  const head = `(function (${injectedModuleParameters.join(', ')}) {`;
  try {
    // Columns of the first line are those of the file, as stack traces and source maps have them.
    const script = new Script(`${head}${code}\n})`, { filename, columnOffset: -head.length });
    scripts.set(filename, { code, script });
    return script.runInContext(context);
  } catch (error) {
    if (error.name === 'SyntaxError') return null;
    throw error;
  }
}

function kept(transformCache, file, code) {
  if (file.includes(PACKAGES) && !transformCache.sourceMaps.has(file)) packageCode.set(file, code);
  return code;
}
