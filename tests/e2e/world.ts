/**
 * A world for end-to-end tests: a Temporal server, a scripted endpoint, remotes, a worker process; all real.
 * Tests of one file share a world and keep apart by the titles of their tasks, which the endpoint's rules match.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startScriptedEndpoint, type ScriptedEndpoint, type ScriptRule } from '../../src/adapters/model/scripted';
import { DYNAMIC_CONFIG } from '../../src/adapters/server/dynamic-config';
import { startTemporalServer } from '../../src/adapters/server/temporal-server';
import { reportOf, type ShownPullRequest } from '../../src/client/run-report';
import { WeaverClient } from '../../src/client/weaver-client';
import { ATTENDED_OUTAGE_SECONDS } from '../../src/domain/task';
import { importCommit, initBare } from '../fast-import';
import { recordHistories } from '../replay/recorded-histories';
import { searchAttributeTypes } from '../../src/workflows/messages';
import { openCommands, type Commands } from './commands';

const ROOT = resolve(__dirname, '../..');
export const CLI = join(ROOT, 'dist/cli.js');
/** What a command is called that works itself, and sets a process up for that. */
const WORKS = new Set(['worker', 'up', 'demo', '--worker']);
/** Looks like a key, so that a leak of it is recognised anywhere. */
export const API_KEY = 'sk-test-5c1f0e7d9a2b4c6d8e0f1a2b3c4d5e6f';

export interface RunResult {
  readonly jobId: string;
  readonly taskId: string;
  readonly state: string;
  readonly exitCode: number;
  readonly branch: string | null;
  readonly commit: string | null;
  readonly base: string | null;
  readonly attempts: number;
  readonly calls: { readonly sent: number; readonly inDoubt: number };
  readonly tokens: number;
  readonly costUsdMicros: number;
  readonly failure: { readonly code: string; readonly message: string; readonly next: string } | null;
  readonly pullRequest?: ShownPullRequest;
  readonly webUrl: string | null;
}

export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WorldOptions {
  readonly script: readonly ScriptRule[];
  /** More variables for the worker. */
  readonly env?: Readonly<Record<string, string>>;
  /** Text of weaver.config.yaml; `{endpoint}` stands for the address of the endpoint. */
  readonly config?: string;
  readonly workers?: number;
}

export class World {
  readonly processes: ChildProcess[] = [];
  private readonly connections: Connection[] = [];
  private library: Promise<WeaverClient> | null = null;
  private readonly commands: Commands;
  private constructor(
    readonly folder: string,
    readonly home: string,
    readonly server: Awaited<ReturnType<typeof startTemporalServer>>,
    readonly endpoint: ScriptedEndpoint,
    readonly env: Readonly<Record<string, string>>,
  ) {
    this.commands = openCommands({ cli: CLI, env, cwd: folder });
  }

  static async start({ script, env = {}, config, workers = 1 }: WorldOptions): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'weaver-world-'));
    const home = join(folder, 'home');
    mkdirSync(home);
    const server = await startTestServer(folder);
    const endpoint = await startScriptedEndpoint({ script });
    if (config !== undefined)
      writeFileSync(join(folder, 'weaver.config.yaml'), config.replaceAll('{endpoint}', endpoint.baseUrl));
    const world = new World(folder, home, server, endpoint, {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? folder,
      WEAVER_HOME: home,
      TEMPORAL_ADDRESS: server.address,
      WEAVER_UI_URL: server.uiUrl,
      OPENAI_BASE_URL: endpoint.baseUrl,
      OPENAI_API_KEY: API_KEY,
      WEAVER_MODEL: 'scripted-1',
      ...(config === undefined ? {} : { WEAVER_CONFIG: join(folder, 'weaver.config.yaml') }),
      ...env,
    });
    for (let n = 0; n < workers; n += 1) await world.startWorker();
    return world;
  }

  /** A worker process; resolves when it says that it polls. */
  async startWorker(
    options: { readonly nodeArgs?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<ChildProcess> {
    const child = spawn(process.execPath, [...(options.nodeArgs ?? []), CLI, 'worker'], {
      env: { ...this.env, ...options.env },
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.processes.push(child);
    await saysIn(child, /polls? /i);
    return child;
  }

  /** Ends with the world at the latest. In a process of its own if it works itself, or if a test is about the process. */
  cli(
    args: readonly string[],
    options: {
      readonly env?: Readonly<Record<string, string>>;
      readonly input?: string;
      readonly ownProcess?: boolean;
    } = {},
  ): Promise<CliResult> {
    if (options.ownProcess !== true && !args.some((arg) => WORKS.has(arg))) return this.commands.run(args, options);
    return runProcess(process.execPath, [CLI, ...args], {
      started: (child) => this.processes.push(child),
      env: { ...this.env, ...options.env },
      cwd: this.folder,
      ...(options.input === undefined ? {} : { input: options.input }),
    });
  }

  /** `weaver run` on a task given as an object; the last line of its output is the result. */
  async run(
    task: Readonly<Record<string, unknown>>,
    args: readonly string[] = [],
    options: { readonly env?: Readonly<Record<string, string>>; readonly ownProcess?: boolean } = {},
  ): Promise<RunResult & { readonly stderr: string }> {
    const { stdout, stderr, exitCode } = await this.cli(['run', '-', '--json', ...args], {
      input: JSON.stringify(task),
      ...options,
    });
    const last = stdout.trim().split('\n').at(-1) ?? '';
    let result: RunResult;
    try {
      result = JSON.parse(last) as RunResult;
    } catch {
      throw new Error(`no result object (exit ${exitCode})\nstdout: ${stdout}\nstderr: ${stderr}`);
    }
    if (result.exitCode !== exitCode) throw new Error(`exit code ${exitCode}, but the result says ${result.exitCode}`);
    return { ...result, stderr };
  }

  /** The same through the library, without a process of its own: for tests that are about the task, not about the command. */
  async carryOut(task: Readonly<Record<string, unknown>>): Promise<RunResult> {
    this.library ??= this.connect().then((client) => new WeaverClient(client, { requester: 'test' }));
    const client = await this.library;
    const { jobId, taskId } = await client.submit(task, { limits: { outageSeconds: ATTENDED_OUTAGE_SECONDS } });
    return { ...reportOf(await client.result(jobId), null), jobId, taskId };
  }

  /** A bare repository with one commit on `main`; gives its path. */
  repository(name: string, files: Readonly<Record<string, string>>): string {
    return makeRepository(join(this.folder, 'remotes', `${name}.git`), files);
  }

  requestsFor(title: string): number {
    return this.endpoint.requests().filter(({ body }) => JSON.stringify(body).includes(title)).length;
  }

  /** A client of the world's server; it leaves with the world. */
  async connect(): Promise<Client> {
    const connection = await Connection.connect({ address: this.server.address });
    this.connections.push(connection);
    return new Client({ connection });
  }

  /** @param keepsHistories false where the test keeps its own, since they need other workflows than those of dist */
  async stop(keepsHistories = true): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.close()));
    if (keepsHistories && process.env['WEAVER_RECORD_HISTORIES'] === '1') await recordHistories(this.server.address);
    await Promise.all([this.commands.stop(), ...this.processes.map(endProcess)]);
    await this.endpoint.stop();
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

export function startTestServer(folder: string, port?: number) {
  const binary = process.env['WEAVER_TEMPORAL_BINARY'] ?? '';
  if (binary === '') throw new Error('WEAVER_TEMPORAL_BINARY is not set: run the tests with `npm test`');
  mkdirSync(join(folder, 'temporal'), { recursive: true });
  return startTemporalServer({
    binary,
    databaseFile: join(folder, 'temporal', 'temporal.db'),
    logFile: join(folder, 'temporal', 'server.log'),
    namespace: 'default',
    searchAttributes: searchAttributeTypes(),
    dynamicConfig: DYNAMIC_CONFIG,
    environment: { PATH: process.env['PATH'] ?? '', HOME: folder },
    ...(port === undefined ? {} : { port }),
  });
}

export function git(cwd: string, ...args: readonly string[]): string {
  return execFileSync(
    'git',
    ['-c', 'user.name=Test', '-c', 'user.email=test@localhost', '-c', 'init.defaultBranch=main', ...args],
    {
      cwd,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' },
    },
  ).trim();
}

export function makeRepository(bare: string, files: Readonly<Record<string, string>>): string {
  initBare(bare);
  const imported = Object.entries(files).map(
    ([path, text]) => [path, { mode: '100644', bytes: Buffer.from(text) }] as const,
  );
  const author = 'Test <test@localhost>';
  importCommit(bare, { branch: 'main', author, message: 'first\n', files: new Map(imported) });
  return bare;
}

/** A repository whose check (`sh check.sh`) passes when `value.txt` says `right`. */
export const valueFiles = (value = 'wrong'): Readonly<Record<string, string>> => ({
  'value.txt': `${value}\n`,
  'check.sh': 'grep -qx right value.txt || { echo "value is $(cat value.txt)"; exit 1; }\n',
});

export const CHECK = { name: 'value', run: 'sh check.sh', timeoutSeconds: 20 };

/** An answer that writes `value.txt`. */
export const answerValue = (value: string) => ({
  edits: [{ op: 'write', path: 'value.txt', content: `${value}\n`, search: null, replace: null, to: null }],
  commitMessage: `Make the value ${value}`,
  notes: '',
});

export const commitsOn = (bare: string, branch: string): number =>
  Number(git(bare, 'rev-list', '--count', `main..refs/heads/${branch}`));
export const branchesOf = (bare: string): readonly string[] =>
  git(bare, 'for-each-ref', '--format=%(refname:short)', 'refs/heads').split('\n');

export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 30_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

export function runProcess(
  command: string,
  args: readonly string[],
  options: {
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly input?: string;
    readonly started?: (child: ChildProcess) => void;
  },
): Promise<CliResult> {
  return new Promise((settle, fail) => {
    const child = spawn(command, args, { env: options.env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    options.started?.(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    child.on('error', fail);
    child.on('close', (exitCode) => settle({ exitCode, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}

/** Resolves when the process has printed a line that matches; rejects with its output if it ends before. */
export function saysIn(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((settle, fail) => {
    let seen = '';
    const look = (chunk: Buffer) => {
      seen += chunk.toString('utf8');
      if (!pattern.test(seen)) return;
      // Some are heard for an hour; all that they say is not kept.
      for (const stream of [child.stdout, child.stderr]) stream?.off('data', look).resume();
      settle();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('exit', (code) => fail(new Error(`ended with ${code} before saying ${pattern}:\n${seen}`)));
  });
}

export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((settle) => child.once('exit', () => settle()));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(force);
}
