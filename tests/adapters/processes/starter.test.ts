/** Programs started by the small process beside the worker. What they do is tested where they are started directly. */
import { transformFileSync } from '@swc/core';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createStarter, type Starter } from '../../../src/adapters/processes/starter';
import { createSandbox } from '../../../src/adapters/sandbox/create-sandbox';
import type { GitCall } from '../../../src/adapters/git/run-git';

const SOURCE = resolve(__dirname, '../../../src');
const PATH = process.env['PATH'] ?? '/usr/bin:/bin';

let folder: string;
let program: string;
let starter: Starter;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-starter-'));
  program = join(compile(), 'adapters/processes/starter-process.js');
  // Says its number, then works until the file `go` is there; a git of its own making, so that it takes as long as it is told.
  mkdirSync(join(folder, 'slow'));
  const slow = join(folder, 'slow/git');
  writeFileSync(slow, '#!/bin/sh\necho $$ >"$1.pid"\nwhile ! [ -e go ]; do sleep 0.02; done\necho done >"$1.done"\n');
  chmodSync(slow, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
beforeEach(() => {
  rmSync(join(folder, 'go'), { force: true });
  starter = createStarter({ environment: { PATH }, program });
});
afterEach(() => starter.close());

it('gives what git printed, its complaint and its exit code', async () => {
  const version = await starter.git(gitCall(['--version']));
  expect(version).toEqual({ exitCode: 0, stdout: expect.any(Buffer), stderr: '', timedOut: false, cut: false });
  expect(version.stdout.toString()).toMatch(/^git version /);
  const wrong = await starter.git(gitCall(['cat-file', '-e', 'nothing']));
  expect({ ...wrong, stderr: wrong.stderr.slice(0, 6) }).toMatchObject({ exitCode: 128, stderr: 'fatal:' });
});

it('passes bytes through as they are', async () => {
  const input = Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * 7_919) % 256));
  mkdirSync(join(folder, 'repository.git'));
  await starter.git(gitCall(['init', '--quiet', '--bare', 'repository.git']));
  const inside = { environment: { PATH, HOME: folder, GIT_DIR: join(folder, 'repository.git') } };
  const id = await starter.git({ ...gitCall(['hash-object', '-w', '--stdin']), ...inside, input });
  const { stdout } = await starter.git({ ...gitCall(['cat-file', 'blob', id.stdout.toString().trim()]), ...inside });
  expect(stdout.equals(input)).toBe(true);
});

it('says which process git is before it has ended, and ends it with the reason of the abort', async () => {
  const controller = new AbortController();
  let pid = 0;
  const running = starter.git({ ...slowCall('aborted'), signal: controller.signal, onStart: (one) => (pid = one) });
  await until(() => pid !== 0 && existsSync(join(folder, 'aborted.pid')));
  expect(readFileSync(join(folder, 'aborted.pid'), 'utf8').trim()).toBe(String(pid));
  controller.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
  expect(isRunning(pid)).toBe(false);
});

it('refuses what is aborted already, and tells a fault as a fault', async () => {
  const signal = AbortSignal.abort(new Error('too late'));
  await expect(starter.git({ ...gitCall(['--version']), signal })).rejects.toThrow('too late');
  const nowhere = { ...gitCall(['--version']), directory: join(folder, 'nowhere') };
  await expect(starter.git(nowhere)).rejects.toMatchObject({ code: 'infrastructure', retryable: true });
});

it('runs a command in a sandbox and keeps its output', async () => {
  const { sandbox } = await createSandbox({
    mode: 'auto',
    environment: { PATH, HOME: folder },
    home: folder,
    run: starter.command,
  });
  const [directory, home] = ['workspaces/t/tree', 'tasks/t/home'].map((name) => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  });
  const logFile = join(folder, 'tasks/t/check.log');
  const command = { directory: directory ?? '', home: home ?? '', network: false, logFile, logBytesMax: 1_000 };
  const signal = new AbortController().signal;
  const red = await sandbox.run({ ...command, run: 'echo out; echo err >&2; exit 3', timeoutMs: 10_000 }, signal);
  expect({ ...red, durationMs: 0 }).toEqual({ exitCode: 3, timedOut: false, cut: false, durationMs: 0 });
  expect(readFileSync(logFile, 'utf8')).toBe('out\nerr\n');
  const late = await sandbox.run({ ...command, run: 'sleep 60', timeoutMs: 200 }, signal);
  expect(late).toMatchObject({ exitCode: null, timedOut: true });
});

it('gives the work back when the small process dies, ends what it had begun, and goes on with another one', async () => {
  let pid = 0;
  const running = starter.git({ ...slowCall('orphan'), onStart: (one) => (pid = one) });
  await until(() => pid !== 0 && existsSync(join(folder, 'orphan.pid')));
  const before = starterOf(process.pid);
  process.kill(before, 'SIGKILL');
  await expect(running).rejects.toMatchObject({ code: 'infrastructure', retryable: true });
  await until(() => !isRunning(pid));
  await expect(starter.git(gitCall(['--version']))).resolves.toMatchObject({ exitCode: 0 });
  expect(starterOf(process.pid)).not.toBe(before);
});

describe('when the worker is killed', () => {
  it.each([
    ['a git that its lock names ends', true],
    ['a push goes to its end', false],
  ])('%s, and the small process too', async (_, noted) => {
    const name = noted ? 'noted' : 'push';
    const worker = await startWorker(name, noted);
    const [small, git] = [starterOf(worker.pid ?? 0), Number(readFileSync(join(folder, `${name}.pid`), 'utf8'))];
    expect([isRunning(small), isRunning(git)]).toEqual([true, true]);
    worker.kill('SIGKILL');
    await until(() => !isRunning(small));
    if (noted) await until(() => !isRunning(git));
    writeFileSync(join(folder, 'go'), '');
    await until(() => !isRunning(git));
    expect(existsSync(join(folder, `${name}.done`))).toBe(!noted);
  });
});

const gitCall = (args: readonly string[]): GitCall => ({
  args,
  directory: folder,
  environment: { PATH, HOME: folder, LC_ALL: 'C' },
  timeoutMs: 20_000,
  bytesMax: 1_000_000,
});

const slowCall = (name: string): GitCall => ({
  ...gitCall([name]),
  environment: { PATH: `${join(folder, 'slow')}:${PATH}` },
});

/** A process that has a slow git under way. */
async function startWorker(name: string, noted: boolean): Promise<ChildProcess> {
  const script = `
    const { createStarter } = require(${JSON.stringify(program.replace('starter-process', 'starter'))});
    const call = ${JSON.stringify(slowCall(name))};
    createStarter({ environment: { PATH: call.environment.PATH } })
      .git({ ...call, ...(${noted} ? { onStart: () => process.stdout.write('noted') } : {}) });`;
  const worker = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  worker.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until(() => existsSync(join(folder, `${name}.pid`)) && (!noted || said === 'noted'));
  return worker;
}

/** The small process of this parent. */
function starterOf(parent: number): number {
  const found = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, above] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      return state !== 'Z' && Number(above) === parent && command.includes('starter-process.js');
    } catch {
      return false; // it ended while we looked
    }
  });
  expect(found).toHaveLength(1);
  return Number(found[0]);
}

function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not happen');
    await pause(10);
  }
}

/** The small process as Node runs it, from the sources as they are now. */
function compile(): string {
  const target = join(folder, 'compiled');
  const rooms = ['domain', 'adapters/git', 'adapters/sandbox', 'adapters/server', 'adapters/processes'];
  const files = rooms.flatMap((room) => readdirSync(join(SOURCE, room)).map((name) => `${room}/${name}`));
  for (const name of ['ports.ts', ...files.filter((file) => file.endsWith('.ts'))]) {
    const { code } = transformFileSync(join(SOURCE, name), {
      swcrc: false,
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'commonjs' },
    });
    const file = join(target, name.replace(/ts$/, 'js'));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  }
  return target;
}
