/** What the benchmarks run in: a server with the settings of the embedded one, an endpoint, workers, repositories. All real. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const here = path.dirname(fileURLToPath(import.meta.url));

/** Any start beyond this is a failure, not a slow machine. */
const START_TIMEOUT_MS = 60_000;
const INTERRUPTS = ['SIGINT', 'SIGTERM'];
const API_KEY = 'sk-bench-0123456789abcdef0123456789abcdef';
const CHECK = 'sh check.sh';
const FLOOR_QUEUE = 'floor';
/** Files of the repository beside the two that matter: listing and cloning shall have something to do. */
const FILLER_FILES = 60;

export class BenchWorld {
  processes = [];

  constructor(context, folder) {
    this.context = context;
    this.folder = folder;
    this.home = path.join(folder, 'home');
  }

  /** `rules` is the script of the endpoint. */
  static async start(context, rules) {
    const world = new BenchWorld(context, mkdtempSync(path.join(tmpdir(), 'weaver-bench-')));
    for (const signal of INTERRUPTS) process.once(signal, world.interrupted);
    try {
      mkdirSync(world.home);
      await world.startServer();
      await world.startEndpoint(rules);
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  /** The server is in a process group of its own: nobody else would end it. */
  interrupted = (signal) => void this.stop().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));

  async startServer() {
    const { DYNAMIC_CONFIG } = this.load('adapters/server/dynamic-config.js');
    const { startTemporalServer } = this.load('adapters/server/temporal-server.js');
    const { searchAttributeTypes } = this.load('workflows/messages.js');
    const folder = path.join(this.folder, 'temporal');
    this.server = await startTemporalServer({
      binary: this.context.temporalBinary,
      databaseFile: path.join(folder, 'temporal.db'),
      logFile: path.join(folder, 'server.log'),
      namespace: 'default',
      searchAttributes: searchAttributeTypes(),
      dynamicConfig: DYNAMIC_CONFIG,
      environment: this.environment(),
    });
  }

  async startEndpoint(rules) {
    const child = this.spawn([path.join(here, 'endpoint.mjs'), this.context.root], { stdin: JSON.stringify(rules) });
    this.baseUrl = await firstLine(child, /^http:\S+$/);
  }

  /** A compiled module of weaver. */
  load(file) {
    return require(path.join(this.context.root, 'dist', file));
  }

  environment() {
    return {
      PATH: `${path.dirname(this.context.temporalBinary)}${path.delimiter}${process.env['PATH'] ?? ''}`,
      HOME: process.env['HOME'] ?? this.folder,
      // Both rivals work on the same file system.
      TMPDIR: tmpdir(),
    };
  }

  /** Of weaver's processes. */
  variables() {
    return {
      ...this.environment(),
      WEAVER_HOME: this.home,
      ...(this.server === undefined ? {} : { TEMPORAL_ADDRESS: this.server.address }),
      OPENAI_BASE_URL: this.baseUrl,
      OPENAI_API_KEY: API_KEY,
      WEAVER_MODEL: 'scripted-1',
    };
  }

  async startWorker(more = {}) {
    const child = this.spawn([path.join(this.context.root, 'dist', 'cli.js'), 'worker'], { env: more });
    await firstLine(child, /\bpolls?\b/i);
    return child;
  }

  async startFloorWorker() {
    const child = this.spawn([path.join(here, 'floor', 'worker.mjs'), this.server.address, FLOOR_QUEUE]);
    await firstLine(child, /\bpolls\b/);
    return child;
  }

  /** Runs a workflow of bench/floor to its end. */
  runFloor(type, workflowId, ...args) {
    return this.temporal.workflow.execute(type, { workflowId, taskQueue: FLOOR_QUEUE, args });
  }

  async connect() {
    const { Client, Connection } = require('@temporalio/client');
    const { WeaverClient } = this.load('client/index.js');
    const connection = await Connection.connect({ address: this.server.address });
    this.connection = connection;
    this.temporal = new Client({ connection });
    this.client = new WeaverClient(this.temporal, { requester: 'bench' });
  }

  /** Runs the plain script to its end; rejects with what it said if it fails. */
  runScript({ url, branch, title }) {
    const args = [path.join(here, 'script.sh'), url, branch, title, CHECK, this.baseUrl];
    return run('sh', args, { cwd: this.folder, env: { ...this.environment(), ...GIT, OPENAI_API_KEY: API_KEY } });
  }

  /** Runs `weaver` to its end. */
  runWeaver(args, env = this.variables()) {
    return run(process.execPath, [path.join(this.context.root, 'dist', 'cli.js'), ...args], { cwd: this.folder, env });
  }

  repository(name) {
    return new BenchRepository(path.join(this.folder, 'remotes', name));
  }

  file(name, text) {
    const file = path.join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  spawn(args, { env = {}, stdin } = {}) {
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env: { ...this.variables(), ...env },
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.end(stdin);
    this.processes.push(child);
    return child;
  }

  async stop() {
    for (const signal of INTERRUPTS) process.removeListener(signal, this.interrupted);
    await this.connection?.close();
    await Promise.all(this.processes.map(ended));
    await this.server?.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** A bare repository whose check fails until `value.txt` says right, and that gets a new base whenever it is asked to. */
class BenchRepository {
  moves = 0;

  constructor(stem) {
    this.url = `${stem}.git`;
    this.work = `${stem}.work`;
    mkdirSync(this.url, { recursive: true });
    mkdirSync(this.work, { recursive: true });
    git(this.url, 'init', '--bare', '--quiet', '.');
    git(this.work, 'init', '--quiet', '.');
    const files = {
      'check.sh': 'grep -q "^right" value.txt || { echo "value is $(cat value.txt)"; exit 1; }\n',
      ...Object.fromEntries(Array.from({ length: FILLER_FILES }, (_, n) => [`source-${n}.txt`, filler(n)])),
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(this.work, name), text);
    this.move();
  }

  /** A new commit on main: nothing that was remembered about the old one helps with the next task. */
  move() {
    this.moves += 1;
    writeFileSync(path.join(this.work, 'value.txt'), `wrong ${this.moves}\n`);
    git(this.work, 'add', '--all');
    git(this.work, 'commit', '--quiet', '--message', `base ${this.moves}`);
    git(this.work, 'push', '--quiet', this.url, 'HEAD:refs/heads/main');
  }

  valueOn(branch) {
    return git(this.url, 'show', `refs/heads/${branch}:value.txt`).trim();
  }
}

const filler = (seed) =>
  Array.from(
    { length: 60 },
    (_, line) => `line ${line} of file ${seed}: ${(seed * 7_919 + line * 104_729) % 99_991}`,
  ).join('\n');

/** One rule of the endpoint for one task, known by its title. */
export const ruleFor = (title, delayMs = 0) => ({
  when: { contains: title },
  answers: [
    {
      kind: 'json',
      value: {
        edits: [
          { op: 'write', path: 'value.txt', content: `right: ${title}\n`, search: null, replace: null, to: null },
        ],
        commitMessage: 'Set the value right',
        notes: '',
      },
      ...(delayMs === 0 ? {} : { delayMs }),
    },
  ],
});

/** A task file; without a branch weaver makes up a name, as it does for most tasks. */
export const taskFor = (title, url, branch, more = {}) =>
  JSON.stringify({
    title,
    description: 'Make the value right.',
    repo: { url, branch },
    checks: [{ name: 'value', run: CHECK, timeoutSeconds: 20 }],
    relatedFiles: ['value.txt'],
    ...more,
  });

/** Nothing of the user's settings. */
export const GIT = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
/** A list of all paths of a large repository. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const IDENTITY = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', '-c', 'init.defaultBranch=main'];

/** Plain git, by a fixed author; gives what it prints. */
export const git = (cwd, ...args) =>
  execFileSync('git', [...IDENTITY, ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
    env: { ...process.env, ...GIT },
  });

export function run(command, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', (chunk) => (said[name] += chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(said);
      else reject(new Error(`${command} ${args[0]} ended with ${code}\n${said.stdout}${said.stderr}`));
    });
  });
}

/** The first line of either output that matches; rejects with all of it if the process ends before, or takes too long. */
function firstLine(child, pattern) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const fail = (why) => reject(new Error(`${why} before saying ${pattern}\n${seen.join('\n')}`));
    const timer = setTimeout(() => fail('took too long'), START_TIMEOUT_MS);
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        seen.push(line);
        if (seen.length > 50) seen.shift();
        if (!pattern.test(line)) return;
        clearTimeout(timer);
        resolve(line);
      });
    }
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${code ?? signal}`);
    });
  });
}

async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(force);
}
