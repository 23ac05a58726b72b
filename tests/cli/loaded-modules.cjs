/** Required by a process before its program: tells at the end, on a line of standard error, of which packages it has loaded something. */
const { isMainThread } = require('node:worker_threads');

if (isMainThread) {
  process.on('exit', () => {
    const files = Object.keys(require.cache);
    const packages = files.map((file) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? 'weaver');
    require('node:fs').writeSync(2, `\n${JSON.stringify({ packages: [...new Set(packages)].toSorted() })}\n`);
  });
}
