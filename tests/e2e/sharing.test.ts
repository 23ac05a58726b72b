/** Tasks that share a branch or a repository, and what a worker shows of itself and asks before it begins. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { ensureRulesPresent } from '../../src/missing-rules';
import { ensureOnlyHome } from '../../src/other-homes';
import { SEARCH_ATTRIBUTES } from '../../src/workflows/messages';
import { freePort } from '../free-port';
import {
  answerValue,
  API_KEY,
  CHECK,
  CLI,
  commitsOn,
  endProcess,
  git,
  saysIn,
  until,
  valueFiles,
  World,
} from './world';

const QUEUE = 'weaver';
const known = { handlers: ['one-shot', 'plan', 'join'], deciders: ['default@1'] };

let world: World;
let client: Client;

beforeAll(async () => {
  world = await World.start({
    config: 'concurrency: { perRepository: 1 }\n',
    script: [
      { when: { contains: 'Branch first' }, answers: [{ kind: 'json', value: file('first.txt'), delayMs: 4_000 }] },
      { when: { contains: 'Branch second' }, answers: [{ kind: 'json', value: file('second.txt') }] },
      { when: { contains: 'Killed first' }, answers: [{ kind: 'json', value: file('first.txt'), delayMs: 6_000 }] },
      { when: { contains: 'Killed second' }, answers: [{ kind: 'json', value: file('second.txt') }] },
      { when: { contains: 'Lost first' }, answers: [{ kind: 'hang' }] },
      { when: { contains: 'Lost second' }, answers: [{ kind: 'json', value: file('second.txt') }] },
      { when: { contains: 'Place' }, answers: [{ kind: 'json', value: answerValue('right'), delayMs: 1_500 }] },
      { when: { contains: 'Counted' }, answers: [{ kind: 'json', value: answerValue('right') }] },
    ],
  });
  client = await world.connect();
});

afterAll(async () => {
  await world?.stop();
});

function file(path: string) {
  return {
    edits: [{ op: 'write', path, content: `${path}\n`, search: null, replace: null, to: null }],
    commitMessage: `Add ${path}`,
    notes: '',
  };
}

interface Shown {
  readonly state: string;
  readonly phase: string;
  readonly waitingOn: string | null;
}

const taskOf = (key: string): string => `job/${key}/t/0`;
const shown = (key: string): Promise<Shown> => client.workflow.getHandle(taskOf(key)).query<Shown>('status');

async function submit(key: string, title: string, url: string, branch?: string): Promise<void> {
  const repo = branch === undefined ? { url } : { url, branch };
  const checks = [{ name: 'always', run: 'true', timeoutSeconds: 20 }];
  const spec = { title, description: 'Add a file.', repo, checks };
  await client.workflow.start('job', {
    workflowId: `job/${key}`,
    taskQueue: QUEUE,
    args: [{ schemaVersion: 1, spec }],
  });
}

interface Ended {
  readonly task: {
    readonly state: string;
    readonly attempts: number;
    readonly landing: { commit: string; base: string };
  };
}

const ended = async (key: string): Promise<Ended['task']> =>
  ((await client.workflow.getHandle(`job/${key}`).result()) as Ended).task;

const asked = (title: string): Promise<void> => until(() => world.requestsFor(title) > 0, `${title} is asked for`);
const waitsFor = (key: string, words: string): Promise<void> =>
  until(async () => (await shown(key).catch(() => null))?.phase.includes(words) === true, `${key} waits for ${words}`);

describe('two tasks that name one branch', () => {
  it('write to it one after the other: the second says for whom it waits, and builds on the commit of the first', async () => {
    const url = world.repository('branch', valueFiles());
    await submit('branch-1', 'Branch first', url, 'shared');
    await asked('Branch first');
    await submit('branch-2', 'Branch second', url, 'shared');
    await waitsFor('branch-2', 'waiting for branch shared of branch.git: job/branch-1/t/0 has it');
    expect(await shown('branch-2')).toMatchObject({ waitingOn: 'resource', state: 'blocked' });
    expect(world.requestsFor('Branch second')).toBe(0);
    const [first, second] = [await ended('branch-1'), await ended('branch-2')];
    expect([first.state, first.attempts, second.state, second.attempts]).toEqual(['succeeded', 1, 'succeeded', 1]);
    expect(second.landing.base).toBe(first.landing.commit);
    expect(commitsOn(url, 'shared')).toBe(2);
    expect(git(url, 'ls-tree', '--name-only', 'shared').split('\n')).toEqual(
      expect.arrayContaining(['first.txt', 'second.txt']),
    );
  });

  it('do so too when the worker is killed in between, and no call is paid twice', async () => {
    const url = world.repository('killed', valueFiles());
    await submit('killed-1', 'Killed first', url, 'shared');
    await asked('Killed first');
    await submit('killed-2', 'Killed second', url, 'shared');
    await waitsFor('killed-2', 'job/killed-1/t/0 has it');
    const [worker] = world.processes.splice(0, 1);
    worker?.kill('SIGKILL');
    await world.startWorker();
    const [first, second] = [await ended('killed-1'), await ended('killed-2')];
    expect([first.state, second.state]).toEqual(['succeeded', 'succeeded']);
    expect(second.landing.base).toBe(first.landing.commit);
    expect([world.requestsFor('Killed first'), world.requestsFor('Killed second')]).toEqual([1, 1]);
  });

  it('do not wait for one that was terminated', async () => {
    const url = world.repository('lost', valueFiles());
    await submit('lost-1', 'Lost first', url, 'shared');
    await asked('Lost first');
    await submit('lost-2', 'Lost second', url, 'shared');
    await waitsFor('lost-2', 'job/lost-1/t/0 has it');
    await client.workflow.getHandle(taskOf('lost-1')).terminate('lost');
    expect((await ended('lost-2')).state).toBe('succeeded');
  });
});

it('lets as many tasks work on a repository as the configuration says; the others wait for a place', async () => {
  const url = world.repository('places', valueFiles());
  const keys = ['place-1', 'place-2', 'place-3'];
  for (const key of keys) await submit(key, `Place ${key}`, url);
  await until(async () => {
    const phases = await Promise.all(keys.map((key) => shown(key).catch(() => null)));
    return phases.filter((status) => status?.phase.includes('waiting for one of 1 places at places.git')).length === 2;
  }, 'two of three wait for a place');
  const tasks = await Promise.all(keys.map(ended));
  expect(tasks.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  const times = keys.map(
    (key) => world.endpoint.requests().find(({ body }) => JSON.stringify(body).includes(key))?.at ?? 0,
  );
  const gaps = times
    .toSorted()
    .slice(1)
    .map((at, n) => at - (times.toSorted()[n] ?? 0));
  // Each answer takes a second and a half.
  expect(gaps.every((gap) => gap >= 1_400)).toBe(true);
});

const future = (workflowId: string, handler: string, decider: string) =>
  client.workflow.start('codingTask', {
    workflowId,
    taskQueue: 'manned-by-nobody',
    args: [],
    typedSearchAttributes: [
      { key: SEARCH_ATTRIBUTES.handler, value: handler },
      { key: SEARCH_ATTRIBUTES.decider, value: decider },
    ],
  });
const look = (): Promise<void> =>
  ensureRulesPresent(client.workflowService, { namespace: 'default', taskQueue: 'manned-by-nobody' }, known);

describe('a worker', () => {
  it('refuses to start while open tasks name a handler or a decider that it lacks, and names them', async () => {
    await expect(look()).resolves.toBeUndefined();
    const tasks = [
      await future('future/t/1', 'telepathy', 'default@1'),
      await future('future/t/2', 'one-shot', 'default@1+careful@3'),
      await future('future/t/3', 'plan', 'default@1'),
      await future('future/t/4', 'unknown', 'unknown'),
    ];
    await until(async () => (await look().catch(String))?.includes('future/t/2') === true, 'the list has them');
    const refused = await world.cli(['worker'], { env: { WEAVER_TASK_QUEUE: 'manned-by-nobody' } });
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain('handler telepathy');
    expect(refused.stderr).toContain('decider careful@3');
    expect(refused.stderr).toMatch(/future\/t\/[12]/);
    expect(refused.stderr).not.toMatch(/future\/t\/[34]/);
    for (const task of tasks) await task.terminate();
    await until(async () => (await look().catch(String)) === undefined, 'the list has forgotten them');
  });

  it('refuses to start where a worker of another weaver home polls its queue, and not beside those of its own', async () => {
    const elsewhere = { WEAVER_HOME: join(world.folder, 'other-home') };
    const refused = await world.cli(['worker'], { env: elsewhere });
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toMatch(
      /^otherHome .*\n? *.*Queue weaver: \d+@[^;]+#[0-9a-f]{8}; the home of this worker is/m,
    );
    expect(refused.stderr).toContain('WEAVER_TASK_QUEUE');
    const queue = { namespace: 'default', taskQueue: QUEUE };
    const own = readFileSync(join(world.home, 'host-id'), 'utf8').trim();
    await expect(ensureOnlyHome(client.workflowService, queue, own)).resolves.toBeUndefined();
    await expect(ensureOnlyHome(client.workflowService, queue, 'another')).rejects.toMatchObject({ code: 'otherHome' });
  });
});

/** The value of a series whose labels include the given ones. */
const series = (text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined => {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = text
    .split('\n')
    .find((one) => one.match(/^[a-z_]+/)?.[0] === name && wanted.every((label) => one.includes(label)));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
};

describe('metrics and health of a worker', () => {
  let address: string;
  let env: Readonly<Record<string, string>>;

  beforeAll(async () => {
    env = { WEAVER_METRICS_ADDRESS: String(await freePort()), WEAVER_TASK_QUEUE: 'counted' };
    address = `http://127.0.0.1:${env['WEAVER_METRICS_ADDRESS']}`;
    await world.startWorker({ env });
  });

  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`${address}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };

  it('says that it lives and is ready, and why', async () => {
    const [health, ready] = [await get('/healthz'), await get('/readyz')];
    expect([health.status, JSON.parse(health.text)]).toEqual([
      200,
      { healthy: true, lagMs: expect.any(Number), uptimeSeconds: expect.any(Number) },
    ]);
    expect([ready.status, JSON.parse(ready.text)]).toEqual([
      200,
      {
        ready: true,
        checks: {
          worker: { ok: true, says: 'RUNNING' },
          temporal: { ok: true, says: 'answers' },
          disk: { ok: true, says: 'takes files' },
          sandbox: { ok: true, says: expect.stringMatching(/^(bubblewrap|plain)$/) },
        },
      },
    ]);
  });

  it('counts a task: its steps with their waiting, its call with tokens and money, its attempt and its end', async () => {
    const url = world.repository('counted', valueFiles());
    const spec = { title: 'Counted', description: 'Make the value right.', repo: { url }, checks: [CHECK] };
    await client.workflow.execute('job', {
      workflowId: 'job/counted',
      taskQueue: 'counted',
      args: [{ schemaVersion: 1, spec }],
    });
    const { text } = await get('/metrics');
    const call = { provider: 'openai', model: 'scripted-1' };
    expect({
      waits: series(text, 'weaver_step_wait_seconds_count', { step: 'openWorkspace' }),
      checks: series(text, 'weaver_step_seconds_count', { step: 'runChecks', result: 'done' }),
      running: series(text, 'weaver_steps_running', { step: 'callModel' }),
      calls: series(text, 'weaver_call_seconds_count', { ...call, result: 'done' }),
      attempts: series(text, 'weaver_attempts_total', { outcome: 'succeeded', failure: 'none' }),
      decisions: series(text, 'weaver_decisions_total', { decision: 'complete' }),
      ended: series(text, 'weaver_tasks_ended_total', { state: 'succeeded' }),
    }).toEqual({ waits: 1, checks: 2, running: 0, calls: 1, attempts: 1, decisions: 1, ended: 1 });
    expect(series(text, 'weaver_tokens_total', { ...call, kind: 'prompt' })).toBeGreaterThan(0);
    expect(series(text, 'weaver_cost_usd_total', call)).toBe(0);
    expect(series(text, 'process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect(series(text, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(text).not.toContain(API_KEY);
    expect(text).not.toContain('job/counted');
  });

  it('answers nothing else', async () => {
    expect([(await get('/')).status, (await get('/metrics', 'POST')).status]).toEqual([404, 405]);
  });

  it('is shown at one address only: a second worker says that it is taken, and works', async () => {
    expect(await startSecond(env)).toContain('cannot be listened on (EADDRINUSE)');
  });
});

/** What a worker with this environment says until it polls. */
async function startSecond(env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(process.execPath, [CLI, 'worker'], {
    env: { ...world.env, ...env },
    cwd: world.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  world.processes.push(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  await saysIn(child, /polls? /i);
  await endProcess(child);
  return said;
}
