/** dist: compiled by tsc, then the workflow bundle. Nothing is done when the sources are those of the last build. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { exclusively } from './exclusive.mjs';
import { ensurePackages } from './packages.mjs';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
import { runCommand } from './run-command.mjs';

const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** tsc takes a second or two; five minutes is a machine that swaps. */
const COMPILE_TIMEOUT_MS = 5 * 60_000;

/** Makes dist the build of the present sources. Costs about 10 ms when it is already. */
export async function ensureBuilt({ root = checkout } = {}) {
  if (isBuilt(root)) return;
  await exclusively(path.join(root, '.tmp', 'build.lock'), async () => {
    if (isBuilt(root)) return;
    const startedAt = performance.now();
    say('building');
    const hash = sourceHash(root);
    rmSync(markerFile(root), { force: true });
    await compile(root);
    removeStrays(path.join(root, 'dist'), path.join(root, 'src'));
    const entry = path.join(root, 'dist', 'cli.js');
    if (existsSync(entry)) chmodSync(entry, 0o755);
    await bundle(root);
    writeAtomically(markerFile(root), hash);
    say(`built in ${seconds(startedAt)}`);
  });
}

/** Between the code of the workflow bundle and its source map. */
export const MAP_COMMENT = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,';

const markerFile = (root) => path.join(root, 'dist', '.weaver-build-sha256');

function isBuilt(root) {
  const marker = markerFile(root);
  return existsSync(marker) && readFileSync(marker, 'utf8') === sourceHash(root);
}

/** By content, not by time: a checkout of another branch and back needs no build, and clocks do not matter. */
function sourceHash(root) {
  const hash = createHash('sha256');
  const files = [
    'tsconfig.json',
    'package-lock.json',
    'scripts/build.mjs',
    ...filesBelow(path.join(root, 'src'), 'src'),
  ];
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(path.join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

function filesBelow(directory, prefix) {
  return readdirSync(directory, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const name = `${prefix}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(path.join(directory, entry.name), name) : [name];
    });
}

async function compile(root) {
  const args = [path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--noEmitOnError'];
  const result = await runCommand(process.execPath, args, { cwd: root, timeoutMs: COMPILE_TIMEOUT_MS });
  if (result.code === 0) return;
  throw new SetupFault(`the sources do not compile.\n${result.stdout}${result.stderr}`.trimEnd(), { exitCode: 1 });
}

/** Output of sources that are gone would still be imported, and bundled. */
function removeStrays(output, source) {
  for (const entry of readdirSync(output, { withFileTypes: true })) {
    const file = path.join(output, entry.name);
    if (entry.isDirectory()) {
      if (existsSync(path.join(source, entry.name))) removeStrays(file, path.join(source, entry.name));
      else rmSync(file, { recursive: true });
      continue;
    }
    const stem = entry.name.match(/^(.*?)(\.d\.ts|\.js)(\.map)?$/)?.[1];
    const ours =
      entry.name === 'workflow-bundle.js' || (stem !== undefined && existsSync(path.join(source, `${stem}.ts`)));
    if (!ours) rmSync(file, { force: true });
  }
}

async function bundle(root) {
  const workflowsPath = path.join(root, 'dist', 'workflows', 'index.js');
  if (!existsSync(workflowsPath)) {
    throw new SetupFault('there is no src/workflows/index.ts, so no workflow bundle can be made.', { exitCode: 1 });
  }
  const { bundleWorkflowCode, DefaultLogger } = createRequire(path.join(root, 'package.json'))('@temporalio/worker');
  const complaints = [];
  const logger = new DefaultLogger('WARN', ({ level, message }) => complaints.push(`${level}: ${message}`));
  const workflowInterceptorModules = ['size-guard.js', 'cancel-message.js'].map((file) =>
    path.join(root, 'dist', 'workflows', file),
  );
  try {
    const { code } = await bundleWorkflowCode({
      workflowsPath,
      workflowInterceptorModules,
      // Evaluated once for all workflows of a worker: what a module keeps must be the same for each of them.
      preloadModules: [workflowsPath, ...workflowInterceptorModules],
      logger,
      webpackConfigHook: (config) => reproducible(config, root),
    });
    writeAtomically(path.join(root, 'dist', 'workflow-bundle.js'), withShortMap(code, root));
  } catch (error) {
    throw new SetupFault(`the workflows cannot be bundled: ${error.message}\n${complaints.join('\n')}`.trimEnd(), {
      exitCode: 1,
      cause: error,
    });
  }
}

/** Module names come out relative to the checkout, wherever that is and wherever the build was called from. */
function reproducible(config, root) {
  return {
    ...config,
    context: root,
    output: { ...config.output, pathinfo: false },
    optimization: { ...config.optimization, minimize: true, minimizer: [withoutComments(root)] },
  };
}

/** Comments and white space are a third of the code, which every worker loads. Names stay: stack traces show them. */
function withoutComments(root) {
  const require = createRequire(createRequire(path.join(root, 'package.json')).resolve('@temporalio/worker'));
  const Minimizer = createRequire(require.resolve('webpack'))('minimizer-webpack-plugin');
  return new Minimizer({
    extractComments: false,
    terserOptions: { mangle: false, compress: false, format: { comments: false }, sourceMap: true },
  });
}

/**
 * The worker wants a source map in the bundle, and it makes stack traces name our files. The texts of the sources and the
 * absolute names are left out: half the size, and the same bytes in every checkout.
 */
function withShortMap(code, root) {
  const at = code.lastIndexOf('//# sourceMappingURL=data:');
  const encoded = code.slice(code.indexOf('base64,', at) + 'base64,'.length).trimEnd();
  const map = JSON.parse(Buffer.from(encoded, 'base64').toString());
  const short = {
    version: map.version,
    file: 'workflow-bundle.js',
    sources: map.sources.map((source) => source.replaceAll(`${root}${path.sep}`, '')),
    names: map.names,
    mappings: map.mappings,
  };
  return `${code.slice(0, at)}${MAP_COMMENT}${Buffer.from(JSON.stringify(short)).toString('base64')}\n`;
}

/** A killed build leaves the file of the last one, or none, never half of one. */
function writeAtomically(file, text) {
  mkdirSync(path.dirname(file), { recursive: true });
  const next = `${file}.${process.pid}.next`;
  writeFileSync(next, text);
  renameSync(next, file);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => {
    await ensurePackages();
    await ensureBuilt();
  });
}
