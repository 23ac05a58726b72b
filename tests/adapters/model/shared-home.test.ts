/** One home, several hosts or containers: each has a request process of its own, and a call is carried by one of them. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openCallClaims, type CallClaims } from '../../../src/adapters/model/call-claims';
import { createModel, type RunningModel } from '../../../src/adapters/model/model';
import { startScriptedEndpoint, type ScriptedEndpoint } from '../../../src/adapters/model/scripted';
import { describeWhere } from '../../where';
import {
  API_KEY,
  removeFolder,
  REQUEST_PROCESS,
  requestProcessesOf,
  requestTo,
  temporaryFolder,
  until,
} from './model-world';

let home: string;
let endpoint: ScriptedEndpoint;
const models: RunningModel[] = [];

beforeEach(async () => {
  home = temporaryFolder();
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterEach(async () => {
  for (const model of models.splice(0)) model.close();
  for (const pid of requestProcessesOf(home)) process.kill(pid, 'SIGKILL');
  await endpoint.stop();
  removeFolder(home);
});

const USAGE = { prompt: 10, completion: 1 };

function modelAt(place: string): RunningModel {
  const model = createModel({
    home,
    place,
    redact: (text) => text,
    apiKeyOf: () => API_KEY,
    requestProcessPath: REQUEST_PROCESS,
    idleSeconds: 5,
    onWarning: () => undefined,
  });
  models.push(model);
  return model;
}

const call = (model: RunningModel, signal = new AbortController().signal) =>
  model.call(requestTo(endpoint.baseUrl, 'ab'.repeat(20)), signal, () => undefined);

describe('a call whose worker has gone while its request process lives', () => {
  it('is paid once: the process of another host waits for that one, and has its answer', async () => {
    endpoint.setScript([{ answers: [{ kind: 'text', text: 'yes', delayMs: 6_500, usage: USAGE }] }]);
    const first = modelAt('a'.repeat(16));
    const asked = call(first).catch((error: unknown) => error);
    await until(() => endpoint.count === 1, 'the request has arrived');
    first.close();
    await asked;
    const result = await call(modelAt('b'.repeat(16)));
    expect(result).toMatchObject({ kind: 'answered', text: 'yes', spending: { callsSent: 1, callsInDoubt: 0 } });
    expect(endpoint.count).toBe(1);
    expect(readdirSync(join(home, 'run/calls'))).toEqual([]);
  }, 60_000);

  it('is in doubt as soon as that process is dead, and sent by the other one', async () => {
    endpoint.setScript([{ answers: [{ kind: 'hang' }, { kind: 'text', text: 'yes', usage: USAGE }] }]);
    const first = modelAt('a'.repeat(16));
    const asked = call(first).catch((error: unknown) => error);
    await until(() => endpoint.count === 1, 'the request has arrived');
    first.close();
    await asked;
    const [pid] = requestProcessesOf(home);
    const next = call(modelAt('b'.repeat(16)));
    await until(() => requestProcessesOf(home).length === 2, 'the other host has a process of its own');
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    expect(await next).toMatchObject({ kind: 'answered', spending: { callsSent: 2, callsInDoubt: 1 } });
    expect(endpoint.count).toBe(2);
  }, 60_000);
});

describe('a home of a version that had one request process for all', () => {
  it('goes on: that process is told to end, and a new one takes the calls', async () => {
    endpoint.setScript([{ answers: [{ kind: 'text', text: 'yes', usage: USAGE }] }]);
    const run = join(home, 'run');
    mkdirSync(run);
    const program = `require(process.argv[1]).takeHold(process.argv[2]).then(() => setInterval(() => {}, 1000))`;
    const older = spawn(process.execPath, ['-e', program, resolve(REQUEST_PROCESS, '../single-instance.js'), run]);
    const ended = new Promise((settle) => older.once('close', (_code, signal) => settle(signal)));
    try {
      await until(() => readdirSync(run).includes('requests.lock.1'), 'the older one has its lock');
      expect(await call(modelAt('a'.repeat(16)))).toMatchObject({ kind: 'answered', text: 'yes' });
      expect(await ended).toBe('SIGTERM');
    } finally {
      older.kill('SIGKILL');
    }
  }, 60_000);
});

const isolates = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0;

describeWhere(isolates, 'the right to make a PID namespace')('containers that share a home', () => {
  const children: ChildProcess[] = [];
  const start = (command: string, ...args: readonly string[]): ChildProcess => {
    const child = spawn(command, args, { stdio: 'ignore' });
    children.push(child);
    return child;
  };
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  it('have a request process each: none takes the place of another that lives', async () => {
    const order = [process.execPath, REQUEST_PROCESS, '--home', home, '--idle-seconds', '30'];
    const sockets = (): number =>
      readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sock')).length;
    const first = start(order[0] ?? '', ...order.slice(1));
    await until(() => sockets() === 1, 'the first one listens');
    start('unshare', '--pid', '--fork', '--kill-child', '--mount-proc', ...order);
    await until(() => sockets() === 2, 'the second one listens too');
    await new Promise((wake) => setTimeout(wake, 1_500)); // it looks after its hold each second
    expect(first.exitCode).toBeNull();
  }, 60_000);
});

describe('a claim of another host', () => {
  const KEY = 'task-1/ab';
  const silence = { nearMs: 100, restartedMs: 200 };
  const place = { name: 'here', kernel: 'k1', host: 'h1' };
  let claims: CallClaims;
  let theirs: string;

  const open = async (their: { readonly kernel: string; readonly host: string }): Promise<void> => {
    const run = join(home, 'run');
    for (const name of ['here', 'there']) mkdirSync(join(run, name), { recursive: true });
    claims = await openCallClaims({ run, place, pollMs: 10, silence });
    const release = await claims.take(KEY, 1_000, new AbortController().signal);
    const [taken = ''] = readdirSync(join(run, 'calls'));
    await release?.();
    theirs = join(run, 'there/alive');
    writeFileSync(theirs, JSON.stringify({ name: 'there', ...their }));
    linkSync(theirs, join(run, 'calls', taken));
  };
  const takenAfterMs = async (callMs: number, signal = new AbortController().signal): Promise<number> => {
    const from = performance.now();
    const release = await claims.take(KEY, callMs, signal);
    await release?.();
    return release === null ? Infinity : performance.now() - from;
  };

  it('counts until it has been silent for longer than the call may take', async () => {
    await open({ kernel: 'k2', host: 'h2' });
    expect(await takenAfterMs(600)).toBeGreaterThan(590);
    expect(readdirSync(join(home, 'run/calls'))).toEqual([]);
  });

  it('counts for a short while if it is of this machine, or of this one before it was started anew', async () => {
    await open({ kernel: 'k1', host: 'other name' });
    expect(await takenAfterMs(600_000)).toBeGreaterThan(90);
    await open({ kernel: 'k0', host: 'h1' });
    expect(await takenAfterMs(600_000)).toBeGreaterThan(190);
  });

  it('counts as long as it is touched, whatever its clock says; who waits can be cancelled', async () => {
    await open({ kernel: 'k1', host: 'h1' });
    let at = 1_000_000;
    const touching = setInterval(() => utimesSync(theirs, at, (at += 1)), 20);
    try {
      expect(await takenAfterMs(600, AbortSignal.timeout(700))).toBe(Infinity);
    } finally {
      clearInterval(touching);
    }
    expect(await takenAfterMs(600)).toBeLessThan(30_000);
  });

  it('is removed with its folder when it is long forgotten', async () => {
    await open({ kernel: 'k2', host: 'h2' });
    const folder = join(home, 'run', 'f'.repeat(16));
    mkdirSync(folder);
    for (const file of [theirs, join(folder, 'alive')]) {
      writeFileSync(file, '{}');
      utimesSync(file, 1_000_000, 1_000_000);
    }
    await claims.tidy();
    expect(readdirSync(join(home, 'run')).toSorted()).toEqual(['calls', 'here', 'there']);
    expect(readdirSync(join(home, 'run/calls'))).toEqual([]);
  });

  it('goes to one of many who want it', async () => {
    const run = join(home, 'run');
    const openAt = async (name: string): Promise<CallClaims> => {
      mkdirSync(join(run, name), { recursive: true });
      return await openCallClaims({ run, place: { ...place, name }, pollMs: 3 });
    };
    const both = [await openAt('one'), await openAt('two')] as const;
    let holders = 0;
    let most = 0;
    const use = async (from: CallClaims): Promise<void> => {
      const release = await from.take(KEY, 600, new AbortController().signal);
      holders += 1;
      most = Math.max(most, holders);
      await new Promise((wake) => setTimeout(wake, 5));
      holders -= 1;
      await release?.();
    };
    await Promise.all(Array.from({ length: 20 }, (_, n) => use(n % 2 === 0 ? both[0] : both[1])));
    expect(most).toBe(1);
    expect(readdirSync(join(run, 'calls'))).toEqual([]);
  });
});
