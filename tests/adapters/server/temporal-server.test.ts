import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { identify, isRunning } from '../../../src/adapters/server/process-identity.js';
import {
  findRunningServer,
  startTemporalServer,
  stopRunningServer,
  type TemporalServer,
  type TemporalServerOptions,
} from '../../../src/adapters/server/temporal-server.js';
import { PortFault } from '../../../src/ports.js';

const root = path.resolve(__dirname, '../../..');

const folders: string[] = [];
const children: ChildProcess[] = [];
let binary = '';
let compiled = '';

beforeAll(() => {
  binary = process.env['WEAVER_TEMPORAL_BINARY'] ?? findBinary();
  compiled = compileForOtherProcesses();
}, 300_000);

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) {
    await stopRunningServer(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);

describe('a server on a database', () => {
  it('answers for its namespace and search attributes once it has started, and is gone once stopped', async () => {
    const options = optionsIn(newFolder());
    const server = await startTemporalServer({ ...options, dynamicConfig: ['frontend.WorkflowPauseEnabled=true'] });
    const folder = path.dirname(options.databaseFile);
    expect(server.reused).toBe(false);
    expect(await findRunningServer(folder)).toEqual({
      pid: server.pid,
      address: server.address,
      uiUrl: server.uiUrl,
      startedAt: expect.any(String),
    });
    expect((await fetch(server.uiUrl)).status).toBe(200);
    expect(listedAttributes(server)).toMatch(/TestPhase +Keyword/);
    await server.stop();
    await server.exited;
    expect(isRunning(identify(server.pid))).toBe(false);
    expect(await findRunningServer(folder)).toBeNull();
    await server.stop(); // harmless twice
  });

  it('sees the environment that it was given and nothing of ours', async () => {
    process.env['WEAVER_TEST_SECRET'] = 'sk-not-for-the-server';
    const server = await startTemporalServer({ ...optionsIn(newFolder()), environment: { ONLY: 'this' } });
    delete process.env['WEAVER_TEST_SECRET'];
    expect(readFileSync(`/proc/${server.pid}/environ`, 'utf8').split('\0').filter(Boolean)).toEqual(['ONLY=this']);
    await server.stop();
  });

  it('is there again after it was killed, on the same database', async () => {
    const options = optionsIn(newFolder());
    const first = await startTemporalServer(options);
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toBeNull();
    expect(await findRunningServer(path.dirname(options.databaseFile))).toBeNull();
    const second = await startTemporalServer(options);
    expect(second.reused).toBe(false);
    expect(second.pid).not.toBe(first.pid);
    await second.stop();
  });
});

describe('several users of one database', () => {
  it('share one server when they start at once, and the last to leave ends it', async () => {
    const options = optionsIn(newFolder());
    const servers = await Promise.all([
      startTemporalServer(options),
      startTemporalServer(options),
      startTemporalServer(options),
    ]);
    const [first, second, third] = servers;
    expect(new Set(servers.map(({ pid }) => pid)).size).toBe(1);
    expect(servers.filter(({ reused }) => !reused)).toHaveLength(1);
    await first?.stop();
    await second?.stop();
    expect(await findRunningServer(path.dirname(options.databaseFile))).not.toBeNull();
    await third?.stop();
    expect(isRunning(identify(first?.pid ?? 0))).toBe(false);
  });

  it('share it between processes, and it outlives the process that started it', async () => {
    const options = optionsIn(newFolder());
    const [other, ours] = await Promise.all([startElsewhere(options), startTemporalServer(options)]);
    expect(other.server.pid).toBe(ours.pid);
    expect([other.server.reused, ours.reused].toSorted()).toEqual([false, true]);
    await other.stop();
    expect(await findRunningServer(path.dirname(options.databaseFile))).toMatchObject({ pid: ours.pid });
    await ours.stop();
    await ours.exited;
    expect(await findRunningServer(path.dirname(options.databaseFile))).toBeNull();
  });

  it('find the server of a process that was killed, and end it when they leave', async () => {
    const options = optionsIn(newFolder());
    const other = await startElsewhere(options);
    await other.kill();
    const server = await startTemporalServer(options);
    expect(server).toMatchObject({ pid: other.server.pid, address: other.server.address, reused: true });
    await server.stop();
    expect(isRunning(identify(server.pid))).toBe(false);
  });

  it('take over the lock of a process that died while it started', async () => {
    const options = optionsIn(newFolder());
    const dead = spawn(process.execPath, ['-e', '']);
    const content = `${dead.pid} ${identify(dead.pid ?? 0).began} 0123456789abcdef`;
    await once(dead, 'exit');
    writeFileSync(path.join(path.dirname(options.databaseFile), 'server.lock'), content);
    const server = await startTemporalServer(options);
    expect(server.reused).toBe(false);
    await server.stop();
  });

  it('never signal a process that has the number of a server that is gone', async () => {
    const options = optionsIn(newFolder());
    const folder = path.dirname(options.databaseFile);
    const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const { pid = 0 } = bystander;
    const record = { address: '127.0.0.1:9', uiUrl: '', namespace: 'weaver', startedAt: '', users: [] };
    writeFileSync(
      path.join(folder, 'server.json'),
      JSON.stringify({ ...identify(pid), ...record, databaseFile: options.databaseFile }),
    );
    expect(await findRunningServer(folder)).toBeNull();
    const server = await startTemporalServer(options);
    expect(server.pid).not.toBe(pid);
    await server.stop();
    expect(isRunning(identify(pid))).toBe(true);
    bystander.kill('SIGKILL');
  });
});

describe('a server that cannot start', () => {
  it('is a fault with the end of its log', async () => {
    const options = optionsIn(newFolder());
    writeFileSync(options.databaseFile, 'this is no database, '.repeat(500));
    const fault = await faultOf(startTemporalServer(options));
    expect(fault.code).toBe('temporalUnreachable');
    expect(fault.message).toMatch(/ended at once.*not a database/);
    expect(existsSync(path.join(path.dirname(options.databaseFile), 'server.json'))).toBe(false);
  });

  it('is a fault when its port is taken', async () => {
    const options = optionsIn(newFolder());
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const fault = await faultOf(startTemporalServer({ ...options, port, uiPort: port }));
    expect(fault.message).toMatch(/port|address/i);
    taken.close();
  });

  it('is started again when it panics for a port that another took', async () => {
    const folder = newFolder();
    const unlucky = path.join(folder, 'temporal');
    writeFileSync(unlucky, panicsTwice(folder), { mode: 0o755 });
    const server = await startTemporalServer({ ...optionsIn(folder), binary: unlucky });
    expect(server.reused).toBe(false);
    await server.stop();
  });

  it('is a fault with what it said before its stack when it panics every time', async () => {
    const folder = newFolder();
    const program = path.join(folder, 'temporal');
    writeFileSync(program, `#!/bin/sh\n${PANIC}\n`, { mode: 0o755 });
    const fault = await faultOf(startTemporalServer({ ...optionsIn(folder), binary: program }));
    expect(fault.message).toMatch(/Its log ends: panic: no free port$/);
  });

  it('is a fault when the program is not there', async () => {
    const options = optionsIn(newFolder());
    const fault = await faultOf(startTemporalServer({ ...options, binary: '/nowhere/temporal' }));
    expect(fault.message).toBe('The Temporal server did not start (/nowhere/temporal). The program cannot be run.');
  });
});

const PANIC = String.raw`printf 'panic: no free port\n\ngoroutine 1 [running]:\nmain.main()\n\t/main.go:18 +0x8e\n' >&2; exit 2`;

/** The real server, except the first two times. */
const panicsTwice = (folder: string): string =>
  `#!/bin/sh
echo again >> '${folder}/starts'
if [ "$(wc -l < '${folder}/starts')" -lt 3 ]; then ${PANIC}; fi
exec '${binary}' "$@"
`;

function findBinary(): string {
  const lines = execFileSync(process.execPath, ['scripts/temporal-binary.mjs'], { cwd: root, encoding: 'utf8' })
    .trim()
    .split('\n');
  const found: unknown = JSON.parse(lines.at(-1) ?? '');
  if (typeof found === 'object' && found !== null && 'path' in found && typeof found.path === 'string')
    return found.path;
  throw new TypeError('no path of a Temporal binary');
}

/** The module as another process can load it. */
function compileForOtherProcesses(): string {
  const folder = newFolder();
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  const options = {
    extends: path.join(root, 'tsconfig.json'),
    files: [path.join(root, 'src/adapters/server/temporal-server.ts')],
  };
  const compilerOptions = {
    rootDir: path.join(root, 'src'),
    outDir: folder,
    declaration: false,
    typeRoots: [path.join(root, 'node_modules/@types')],
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ ...options, include: [], compilerOptions }));
  execFileSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]);
  return path.join(folder, 'adapters/server/temporal-server.js');
}

/** A process of its own that starts the server, and stops its use of it when its input ends. */
async function startElsewhere(options: TemporalServerOptions) {
  const script = `
    require(process.argv[1]).startTemporalServer(JSON.parse(process.argv[2])).then((server) => {
      console.log(JSON.stringify(server));
      process.stdin.resume().on('end', () => server.stop().then(() => process.exit()));
    });`;
  const child = spawn(process.execPath, ['-e', script, compiled, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = await once(child.stdout, 'data');
  const server: Pick<TemporalServer, 'pid' | 'address' | 'reused'> = JSON.parse(String(line));
  const ended = once(child, 'exit');
  return {
    server,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'weaver-server-test-'));
  folders.push(folder);
  return folder;
}

const optionsIn = (folder: string): TemporalServerOptions => ({
  binary,
  databaseFile: path.join(folder, 'temporal.db'),
  logFile: path.join(folder, 'server.log'),
  searchAttributes: { TestPhase: 'Keyword', TestCost: 'Double' },
  namespace: 'weaver',
  environment: { PATH: process.env['PATH'] ?? '', HOME: path.dirname(compiled) },
});

const listedAttributes = ({ address }: TemporalServer): string =>
  execFileSync(binary, ['operator', 'search-attribute', 'list', '--address', address, '--namespace', 'weaver'], {
    encoding: 'utf8',
  });

async function faultOf(promise: Promise<unknown>): Promise<PortFault> {
  const error: unknown = await promise.then(
    () => new TypeError('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof PortFault) return error;
  throw error;
}
