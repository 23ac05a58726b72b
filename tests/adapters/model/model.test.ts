/** The claims about paid calls, with real processes: workers and request processes are started, and killed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { courierPlaces } from '../../../src/adapters/model/courier-protocol';
import { createModel, type ModelOptions, type RunningModel } from '../../../src/adapters/model/model';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import type { CallRequest, CallResult, ProviderSettings } from '../../../src/ports';
import {
  API_KEY,
  everythingIn,
  removeFolder,
  REQUEST_PROCESS,
  requestProcessesOf,
  requestTo,
  startWorkerProcess,
  temporaryFolder,
  until,
  type WorkerProcess,
} from './model-world';
import { describeWhere } from '../../where';

let endpoint: ScriptedEndpoint;
let home: string;
let before: number;
const models: RunningModel[] = [];
const workers: WorkerProcess[] = [];

beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());
beforeEach(() => {
  home = temporaryFolder();
  before = endpoint.count;
});
afterEach(async () => {
  for (const model of models.splice(0)) model.close();
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  for (const pid of requestProcessesOf(home)) process.kill(pid, 'SIGKILL');
  removeFolder(home);
});

const USAGE = { prompt: 10, completion: 1 };
const script = (...answers: readonly ScriptedAnswer[]): void => endpoint.setScript([{ answers }]);
const sent = (): number => endpoint.count - before;
const callId = (n: number): string => n.toString(16).padStart(40, '0');
const request = (n = 1, more: Partial<ProviderSettings> = {}, text?: string): CallRequest =>
  requestTo(endpoint.baseUrl, callId(n), more, text);

function modelAt(folder = home, more: Partial<ModelOptions> = {}): RunningModel {
  const model = createModel({
    home: folder,
    redact: (text) => text,
    apiKeyOf: (variable) => (variable === 'TEST_KEY' ? API_KEY : undefined),
    requestProcessPath: REQUEST_PROCESS,
    idleSeconds: 5,
    onWarning: () => undefined,
    ...more,
  });
  models.push(model);
  return model;
}

const call = (model: RunningModel, asked = request(), signal = new AbortController().signal): Promise<CallResult> =>
  model.call(asked, signal, () => undefined);

function startWorker(holds = false, asked = request()): WorkerProcess {
  const worker = startWorkerProcess({ home, request: asked, holds });
  workers.push(worker);
  return worker;
}

const paidOnce = (text: string) => ({
  kind: 'answered',
  text,
  spending: { callsSent: 1, callsInDoubt: 0, tokens: { prompt: 10, completion: 1 }, costUsdMicros: 12 },
});

const onlyProcess = (): number => {
  const [pid, ...more] = requestProcessesOf(home);
  if (pid === undefined || more.length > 0) throw new Error(`${more.length} request processes too many, or none`);
  return pid;
};
/** What anyone can read of how a process was started: arguments and environment. */
const startOf = (pid: number): string =>
  process.platform === 'linux'
    ? ['environ', 'cmdline'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8')).join('\n')
    : execFileSync('ps', ['-E', '-ww', '-p', String(pid)], { encoding: 'utf8' });
const isGone = (pid: number): boolean => !requestProcessesOf(home).includes(pid);

describe('a call', () => {
  it('is answered, kept and shown', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE });
    const model = modelAt();
    expect(await call(model)).toMatchObject({ ...paidOnce('yes'), finishReason: 'stop', model: 'scripted-1' });
    expect(await model.answer('task-1', callId(1))).toBe('yes');
    expect(await model.answer('task-1', callId(2))).toBeNull();
    expect(await model.ledger('task-1')).toEqual([
      {
        callId: callId(1),
        provider: 'test',
        model: 'scripted-1',
        state: 'answered',
        sends: 1,
        inDoubt: 0,
        tokens: { prompt: 10, cached: 0, completion: 1, reasoning: 0 },
        costUsdMicros: 12,
        unpriced: false,
        startedAt: expect.any(Number),
        endedAt: expect.any(Number),
        priceDate: '2026-11-01',
        latencyMs: expect.any(Number),
        answerSha256: createHash('sha256').update('yes').digest('hex'),
      },
    ]);
  });

  it('is read from the ledger by a model that has no request process', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE });
    await call(modelAt());
    const reader = modelAt(home, { requestProcessPath: '/nowhere.js' });
    expect(await reader.answer('task-1', callId(1))).toBe('yes');
  });

  it('whose program cannot run is an infrastructure fault that can be tried again', async () => {
    const model = modelAt(home, { requestProcessPath: join(home, 'nowhere.js') });
    await expect(call(model)).rejects.toMatchObject({ code: 'infrastructure', retryable: true });
  });

  it('works in a home whose path is too long for a socket', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE });
    const deep = join(home, 'x'.repeat(120));
    expect(await call(modelAt(deep))).toMatchObject(paidOnce('yes'));
    for (const pid of requestProcessesOf(deep)) process.kill(pid, 'SIGTERM');
    await until(() => requestProcessesOf(deep).length === 0, 'the request process has ended');
  });

  it('is given up within a second when it is cancelled, while the request process starts and while it is asked', async () => {
    script({ kind: 'hang' });
    const cancel = new AbortController();
    const model = modelAt();
    const starting = call(model, request(), AbortSignal.timeout(1));
    expect(await starting).toMatchObject({ code: 'cancelled', spending: { callsSent: 0 } });
    const asked = call(model, request(), cancel.signal);
    await until(() => sent() === 1, 'the request has arrived');
    const from = performance.now();
    cancel.abort();
    expect(await asked).toMatchObject({ kind: 'failed', code: 'cancelled', retryable: false });
    expect(performance.now() - from).toBeLessThan(1_000);
    await until(() => endpoint.requests().at(-1)?.aborted === true, 'the endpoint has seen it leave');
  });
});

describe('a worker that is killed', () => {
  it('before it asks has sent nothing', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE });
    const first = startWorker(true);
    await first.said('connected');
    await first.kill();
    expect(await startWorker().result()).toMatchObject(paidOnce('yes'));
    expect(sent()).toBe(1);
  });

  it('during the request leaves it to the next one, which attaches', async () => {
    script({ kind: 'text', text: 'yes', delayMs: 600, usage: USAGE }, { kind: 'text', text: 'paid twice' });
    const first = startWorker();
    await until(() => sent() === 1, 'the request has arrived');
    await first.kill();
    expect(await startWorker().result()).toMatchObject(paidOnce('yes'));
    expect(sent()).toBe(1);
  });

  it('during the answer leaves it to the next one, which hears it grow', async () => {
    script({ kind: 'text', text: 'yes '.repeat(20), latencyMs: 1_200, usage: USAGE }, { kind: 'text', text: 'twice' });
    const first = startWorker();
    await first.said('progress');
    await first.kill();
    const second = startWorker();
    await second.said('progress');
    expect(await second.result()).toMatchObject(paidOnce('yes '.repeat(20)));
    expect(sent()).toBe(1);
  });

  it('leaves an answer that comes when nobody is there to the ledger', async () => {
    script({ kind: 'text', text: 'yes', delayMs: 150, usage: USAGE }, { kind: 'text', text: 'paid twice' });
    const first = startWorker();
    await until(() => sent() === 1, 'the request has arrived');
    await first.kill();
    const reader = modelAt();
    await until(async () => (await reader.answer('task-1', callId(1))) === 'yes', 'the answer is in the ledger');
    expect(await startWorker().result()).toMatchObject(paidOnce('yes'));
    expect(sent()).toBe(1);
  });

  it('after the answer has left it in the ledger', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE }, { kind: 'text', text: 'paid twice' });
    const first = startWorker();
    await first.result();
    await first.kill();
    process.kill(onlyProcess(), 'SIGKILL');
    expect(await startWorker().result()).toMatchObject(paidOnce('yes'));
    expect(sent()).toBe(1);
  });

  it('at any moment at all costs nothing', async () => {
    script({ kind: 'text', text: 'yes', delayMs: 5, latencyMs: 10, usage: USAGE });
    const survivor = modelAt();
    await survivor.prewarm(); // the request process is there, so that the moments fall into the call itself
    const random = seeded(42);
    for (let n = 1; n <= 14; n += 1) {
      const victim = startWorker(true, request(n));
      await victim.said('connected');
      victim.child.stdin?.write('go\n');
      await new Promise((wake) => setTimeout(wake, random() * 40));
      await victim.kill();
      expect(await call(survivor, request(n))).toMatchObject(paidOnce('yes'));
    }
    expect(sent()).toBe(14);
  }, 60_000);
});

describe('one request process', () => {
  it('serves two workers that start at once, and one call of both is one request', async () => {
    script({ kind: 'text', text: 'yes', delayMs: 300, usage: USAGE }, { kind: 'text', text: 'paid twice' });
    const both = [startWorker(), startWorker(), startWorker()];
    const results = await Promise.all(both.map((worker) => worker.result()));
    for (const result of results) expect(result).toMatchObject(paidOnce('yes'));
    expect(sent()).toBe(1);
    await until(() => requestProcessesOf(home).length === 1, 'the others have seen that they are too many');
  });

  it('holds the concurrency of a provider over all workers', async () => {
    script({ kind: 'text', text: 'yes', delayMs: 200, usage: USAGE });
    const narrow = { concurrency: 1 };
    await Promise.all([
      startWorker(false, request(1, narrow)).result(),
      startWorker(false, request(2, narrow)).result(),
    ]);
    const [first, second] = endpoint.requests().slice(-2);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(195);
  });

  it('lets only its user in', async () => {
    await modelAt().prewarm();
    expect(statSync(join(home, 'run')).mode & 0o077).toBe(0);
    await until(
      async () => (statSync((await courierPlaces(home)).socket).mode & 0o077) === 0,
      'the socket is closed to others',
    );
  });
});

describe('the end of a request process', () => {
  it('comes when nobody is connected for its idle time, and leaves nothing that hinders the next', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE });
    const model = modelAt(home, { idleSeconds: 0.2 });
    await call(model);
    const pid = onlyProcess();
    await new Promise((wake) => setTimeout(wake, 1_500));
    expect(isGone(pid)).toBe(false); // a connected worker may ask at any moment
    model.close();
    await until(() => isGone(pid), 'the request process has ended');
    expect(existsSync((await courierPlaces(home)).socket)).toBe(false);
    expect(await call(modelAt(), request(2))).toMatchObject(paidOnce('yes'));
  });

  it('does not come while a request is under way', async () => {
    script({ kind: 'text', text: 'yes', delayMs: 2_500, usage: USAGE });
    const model = modelAt(home, { idleSeconds: 0.2 });
    const asked = call(model).catch((error: unknown) => error);
    await until(() => sent() === 1, 'the request has arrived');
    const pid = onlyProcess();
    model.close();
    expect(await asked).toMatchObject({ code: 'infrastructure', retryable: true });
    await until(() => isGone(pid), 'the request process has ended');
    expect(await modelAt().answer('task-1', callId(1))).toBe('yes');
  });

  it('by order comes after what is paid for, and a new one takes the next call', async () => {
    script({ kind: 'text', text: 'yes', delayMs: 700, usage: USAGE }, { kind: 'text', text: 'next', usage: USAGE });
    const model = modelAt();
    const asked = call(model);
    await until(() => sent() === 1, 'the request has arrived');
    const pid = onlyProcess();
    process.kill(pid, 'SIGTERM');
    const next = call(model, request(2));
    expect(await asked).toMatchObject(paidOnce('yes'));
    expect(await next).toMatchObject(paidOnce('next'));
    await until(() => isGone(pid), 'the old one has ended');
    expect(sent()).toBe(2);
  });

  it('by a kill in flight leaves one request in doubt: it is sent again and booked in full', async () => {
    script({ kind: 'hang' }, { kind: 'text', text: 'yes', usage: USAGE });
    const warnings: string[] = [];
    const model = modelAt(home, { onWarning: (warning) => warnings.push(warning) });
    const asked = call(model);
    await until(() => sent() === 1, 'the request has arrived');
    process.kill(onlyProcess(), 'SIGKILL');
    expect(await asked).toMatchObject({
      kind: 'answered',
      text: 'yes',
      spending: { callsSent: 2, callsInDoubt: 1, tokens: { prompt: 20, completion: 2 }, costUsdMicros: 24 },
    });
    expect(sent()).toBe(2);
    expect(warnings).toEqual([expect.stringContaining('in doubt')]);
  });

  it('by a kill hinders nobody with its socket and its lock', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE });
    const model = modelAt();
    await call(model);
    process.kill(onlyProcess(), 'SIGKILL');
    model.close();
    const { run, socket } = await courierPlaces(home);
    expect(existsSync(socket)).toBe(true);
    expect(readdirSync(run)).toContain('requests.lock.1');
    const from = performance.now();
    expect(await call(modelAt(), request(2))).toMatchObject(paidOnce('yes'));
    expect(performance.now() - from).toBeLessThan(4_000);
  });

  it('comes when its home is removed', async () => {
    const model = modelAt();
    await model.prewarm();
    const pid = onlyProcess();
    rmSync(home, { recursive: true });
    await until(() => isGone(pid), 'the request process has ended');
    expect(existsSync(home)).toBe(false);
  });
});

describe('the key', () => {
  it('reaches the endpoint and nothing else, although the endpoint repeats it', async () => {
    script(
      { kind: 'text', text: `your key is ${API_KEY}`, usage: USAGE },
      { kind: 'status', status: 401, body: { error: { message: `Incorrect API key provided: ${API_KEY}` } } },
      { kind: 'status', status: 500, body: `trace: Bearer ${API_KEY}` },
    );
    const model = modelAt();
    const results = [];
    for (let n = 1; n <= 3; n += 1) results.push(await call(model, request(n)));
    expect(results.map(({ kind }) => kind)).toEqual(['answered', 'failed', 'failed']);
    expect(JSON.stringify(results)).not.toContain(API_KEY);
    expect(everythingIn(home)).toContain('[redacted]');
    expect(everythingIn(home)).not.toContain(API_KEY);
    expect(endpoint.requests().at(-1)?.headers.authorization).toBe(`Bearer ${API_KEY}`);
    expect(startOf(onlyProcess())).not.toContain(API_KEY);
  });

  it('is not needed where the endpoint needs none', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE });
    expect(await call(modelAt(), request(1, { keyVariable: 'UNSET' }))).toMatchObject(paidOnce('yes'));
    expect(endpoint.requests().at(-1)?.headers.authorization).toBeUndefined();
  });
});

const mounted = mountSmall();
const onSmallDisk = describeWhere(mounted !== null, 'a disk of its own: root, who may mount one');

onSmallDisk('a full disk', () => {
  const filler = join(mounted ?? '', 'filler');
  afterEach(async () => {
    if (mounted === null) return;
    for (const pid of requestProcessesOf(mounted)) process.kill(pid, 'SIGKILL');
    await until(() => requestProcessesOf(mounted).length === 0, 'the request process is gone');
    for (const name of readdirSync(mounted)) rmSync(join(mounted, name), { recursive: true });
  });
  afterAll(() => {
    if (mounted === null) return;
    spawnSync('umount', [mounted]);
    removeFolder(mounted);
  });

  it('at the intent: nothing is sent until there is room', async () => {
    script({ kind: 'text', text: 'yes', usage: USAGE });
    const model = modelAt(mounted ?? '');
    await model.prewarm();
    fill();
    await expect(call(model)).rejects.toMatchObject({ code: 'diskFull', retryable: true });
    expect(sent()).toBe(0);
    rmSync(filler);
    expect(await call(model)).toMatchObject(paidOnce('yes'));
    expect(sent()).toBe(1);
  });

  it('at the answer: it is kept until there is room, and paid once', async () => {
    const text = 'x'.repeat(1_000_000);
    script({ kind: 'text', text, usage: USAGE, delayMs: 300 }, { kind: 'text', text: 'paid twice' });
    const model = modelAt(mounted ?? '');
    const asked = call(model).catch((error: unknown) => error);
    await until(() => sent() === 1, 'the request has arrived');
    fill();
    expect(await asked).toMatchObject({ code: 'diskFull', retryable: true });
    await expect(call(model)).rejects.toMatchObject({ code: 'diskFull' });
    expect(await model.ledger('task-1')).toMatchObject([{ state: 'started', sends: 1 }]);
    rmSync(filler);
    expect(await call(model)).toMatchObject(paidOnce(text));
    expect(sent()).toBe(1);
  });

  function fill(): void {
    mkdirSync(mounted ?? '', { recursive: true });
    const piece = Buffer.alloc(64 * 1024);
    for (let size = piece.length; size > 0;) {
      try {
        writeFileSync(filler, piece.subarray(0, size), { flag: 'a' });
      } catch {
        size = size > 1 ? size >> 1 : 0; // full: the rest takes smaller pieces
      }
    }
  }
});

/** A file system of twenty megabytes, or null where it may not be mounted. */
function mountSmall(): string | null {
  const folder = temporaryFolder();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', folder]);
  if (status === 0) return folder;
  removeFolder(folder);
  return null;
}

/** The same numbers between 0 and 1 in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
