/** What people see of a task while it runs and afterwards, and the same task again without a model. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ScriptedAnswer, ScriptedToolCall } from '../../src/adapters/model/scripted';
import { API_KEY, answerValue, CHECK, endProcess, git, until, valueFiles, World } from './world';

const call = (name: string, given: unknown): ScriptedToolCall => ({ name, arguments: given });
const tools = (...calls: readonly ScriptedToolCall[]): ScriptedAnswer => ({ kind: 'tools', calls });
const rule = (title: string, ...answers: readonly ScriptedAnswer[]) => ({ when: { contains: title }, answers });
const json = (value: string, more: object = {}): ScriptedAnswer => ({
  kind: 'json',
  value: answerValue(value),
  ...more,
});

/** Long enough to be watched and cancelled in its middle. */
const SLOW_MS = 60_000;
const finish = call('finish', {
  summary: 'The value is right now.',
  commitMessage: 'Make the value right',
  criteria: [],
  question: null,
});

let world: World;
let gated: GatedEndpoint;
let recordings: string;

beforeAll(async () => {
  gated = await startGatedEndpoint();
  world = await World.start({
    workers: 0,
    config: `providers: { gated: { baseUrl: '${gated.baseUrl}', model: gated-1, level: json-object } }`,
    script: [
      rule('Recorded in two attempts', json('nearly'), json('right')),
      rule(
        'Recorded conversation',
        tools(
          call('read_file', { path: 'value.txt', from: 1, to: null }),
          call('run', { what: 'value', timeoutSeconds: null }),
        ),
        tools(call('edit_file', { path: 'value.txt', edits: [{ search: 'wrong', replace: 'right', all: false }] })),
        tools(finish),
      ),
      rule('Never recorded', json('right')),
      rule('Cancelled in its answer', { kind: 'text', text: 'words '.repeat(1_000), latencyMs: SLOW_MS }),
    ],
  });
  recordings = join(world.folder, 'recordings');
}, 120_000);

afterAll(async () => {
  await world.stop();
  await gated.stop();
}, 60_000);

const task = (title: string, url: string, more: Readonly<Record<string, unknown>> = {}) => ({
  title,
  description: 'Make the value right.',
  repo: { url },
  checks: [CHECK],
  ...more,
});
/** A task whose model stops in the middle of its answer, until it is let go on. */
const held = (title: string, url: string, more: Readonly<Record<string, unknown>> = {}) =>
  task(title, url, { models: [{ provider: 'gated' }], ...more });
const treeOf = (url: string, branch: string | null): string => git(url, 'rev-parse', `${branch}^{tree}`);

describe('a task that was recorded', () => {
  const TASKS = [
    ['Recorded in two attempts', 'one-shot'],
    ['Recorded conversation', 'agent'],
  ] as const;

  it('is replayed with the endpoint down: the same commit content, no call, no cost', async () => {
    const recorder = await world.startWorker({ env: { WEAVER_RECORDINGS: `record:${recordings}` } });
    const recorded = await Promise.all(
      TASKS.map(async ([title, handler]) => {
        const url = world.repository(`recorded-${handler}`, valueFiles());
        const { state, calls, branch } = await world.run(task(title, url, { handler }));
        return { title, handler, state, calls: calls.sent, tree: treeOf(url, branch) };
      }),
    );
    expect(recorded).toMatchObject([
      { state: 'succeeded', calls: 2 },
      { state: 'succeeded', calls: 3 },
    ]);
    await endProcess(recorder);
    const asked = world.endpoint.count;
    const down = { WEAVER_RECORDINGS: recordings, OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' };
    const replayer = await world.startWorker({ env: down });
    const replayed = recorded.map(async ({ title, handler, tree }) => {
      const url = world.repository(`replayed-${handler}`, valueFiles());
      const result = await world.run(task(title, url, { handler }));
      expect(result).toMatchObject({ state: 'succeeded', calls: { sent: 0, inDoubt: 0 }, costUsdMicros: 0 });
      expect(treeOf(url, result.branch)).toBe(tree);
    });
    const unknown = await world.run(task('Never recorded', world.repository('unknown', valueFiles())));
    await Promise.all(replayed);
    expect(world.endpoint.count).toBe(asked);
    expect(unknown).toMatchObject({ state: 'dead', exitCode: 3, failure: { code: 'notRecorded' } });
    expect(unknown.failure?.message).toMatch(
      /nearest recording is [0-9a-f]{40}\.json: message 2 of 2 \(user\) differs in line 1/,
    );
    await endProcess(replayer);
    expect(readdirSync(recordings)).toHaveLength(5);
  }, 120_000);
});

it('a run that leaves the work to others refuses to record or replay', async () => {
  const refused = await world.cli(['run', 'x.yaml', '--replay', recordings]);
  expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('start the workers with the option') });
  const nowhere = await world.cli(['run', 'x.yaml', '--worker', '--replay', join(world.folder, 'nowhere')]);
  expect(nowhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('There is no folder') });
}, 60_000);

/** `weaver watch --tokens`, and what it has printed so far. */
async function watching(id: string, ...more: readonly string[]) {
  let stdout = '';
  const ended = world.cli(['watch', id, '--tokens', ...more], { ownProcess: true });
  const child = world.processes.at(-1);
  child?.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  return { ended, printed: () => stdout };
}

describe('who watches with --tokens', () => {
  it('sees the words as they come, also when the worker is killed in between', async () => {
    const worker = await world.startWorker();
    const url = world.repository('alone', valueFiles());
    await world.run(held('Watched alone', url), ['--detach', '--key', 'alone']);
    const { ended, printed } = await watching('alone');
    await until(() => printed().includes('a1.t1 gated-1 is asked'), 'the call is seen');
    worker.kill('SIGKILL');
    await world.startWorker();
    expect(printed()).not.toContain('has answered');
    gated.release();
    const { exitCode, stdout } = await ended;
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(stdout).toContain(`a1.t1: ${JSON.stringify(answerValue('right'))}`);
    expect(stdout).toContain('a1.t1 has answered');
    expect(gated.requestsFor('Watched alone')).toBe(1);
    expect(stdout).not.toContain(API_KEY);
  }, 60_000);

  it('sees the calls of a job with the names of their tasks, for programs as objects', async () => {
    gated.hold();
    const url = world.repository('both', valueFiles());
    const tasks = ['first', 'second'].map((id) => ({
      id,
      ...held(`Watched ${id}`, url, { repo: { url, branch: `weaver/${id}` } }),
    }));
    await world.run({ title: 'Both', tasks }, ['--detach', '--key', 'both']);
    const [people, programs] = [await watching('both'), await watching('both', '--json')];
    await until(() => (programs.printed().match(/"kind":"text"/g) ?? []).length >= 2, 'both begin to speak');
    await until(() => (people.printed().match(/is asked/g) ?? []).length >= 2, 'both are seen to be asked');
    gated.release();
    const { stdout } = await people.ended;
    for (const path of ['first', 'second']) expect(stdout).toContain(`${path} a1.t1: {"edits"`);
    const events = (await programs.ended).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind?: string; path?: string });
    const begun = events.flatMap(({ kind, path }) => (kind === 'began' ? [path] : []));
    expect(begun.toSorted()).toEqual(['first', 'second']);
  }, 60_000);
});

it('a cancel closes the connection to the endpoint within 5 s, in the middle of an answer', async () => {
  const url = world.repository('cancelled', valueFiles());
  await world.run(task('Cancelled in its answer', url), ['--detach', '--key', 'cancelled']);
  const { ended, printed } = await watching('cancelled');
  await until(() => printed().includes('words words'), 'the answer has begun');
  const request = () =>
    world.endpoint.requests().find(({ body }) => JSON.stringify(body).includes('Cancelled in its answer'));
  const client = await world.connect();
  const running = client.workflow.getHandle('job/cancelled/t/0');
  const progress = async (): Promise<string> =>
    Buffer.from(
      (await running.describe()).raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0]?.data ?? '',
    ).toString();
  await until(
    async () => /^\{"bytes":\d+,"tokens":[1-9]\d*\}$/.test(await progress()),
    'the heartbeat says how far it is',
  );
  const from = performance.now();
  await client.workflow.getHandle('job/cancelled').cancel();
  await until(() => request()?.aborted === true, 'the endpoint has seen it leave');
  expect(performance.now() - from).toBeLessThan(5_000);
  expect((await ended).exitCode).toBe(10);
}, 60_000);

describe('afterwards, without a worker and without a server', () => {
  it('a task is told in words and taken along, without secrets', async () => {
    const alone = { TEMPORAL_ADDRESS: '127.0.0.1:9' };
    const { stdout: story } = await world.cli(['explain', 'alone'], { env: alone });
    expect(story).toMatch(/^Watched alone \(job\/alone\/t\/0\)\n\nWhat was asked\n {2}Make the value right\.\n/);
    expect(story).toMatch(/\n {13}changed value\.txt\n/);
    expect(story).toMatch(
      /\nIt succeeded: commit [0-9a-f]{12} on weaver\/watched-alone-\w{8} \(1 file, \+1 −1\)\.\nIt took 1 attempt, 1 call, /,
    );
    const { exitCode } = await world.cli(['export', 'alone', '--output', 'alone.tar.gz'], { env: alone });
    expect(exitCode).toBe(0);
    execFileSync('tar', ['-xzf', join(world.folder, 'alone.tar.gz'), '-C', world.folder]);
    const place = join(world.folder, 'alone');
    const read = (path: string): string => readFileSync(join(place, path), 'utf8');
    expect(readdirSync(place).toSorted()).toEqual(
      expect.arrayContaining([
        'README.md',
        'attempts',
        'explain.txt',
        'ledger.jsonl',
        'record.jsonl',
        'spec.json',
        'versions.json',
      ]),
    );
    expect(read('explain.txt')).toBe(story);
    expect(read('attempts/1-0/change.patch')).toContain('+right');
    expect(JSON.parse(read('attempts/1-0/answer.json'))).toEqual(answerValue('right'));
    expect(read('ledger.jsonl').trim().split('\n')).toHaveLength(1);
    const files = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const { parentPath, name } of files)
      expect(readFileSync(join(parentPath, name), 'utf8')).not.toContain(API_KEY);
    rmSync(place, { recursive: true });
  }, 60_000);

  it('a job is told by the ends of its tasks, and exported with each of them', async () => {
    const { stdout } = await world.cli(['explain', 'both', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'completed',
      tasks: [{ state: 'succeeded' }, { state: 'succeeded' }],
    });
    const { stdout: about } = await world.cli(['export', 'both', '--output', 'both', '--json']);
    expect(JSON.parse(about)).toMatchObject({ tasks: 2, missing: [] });
    expect(readdirSync(join(world.folder, 'both', 'tasks')).toSorted()).toEqual(['first', 'second']);
  }, 60_000);
});

interface GatedEndpoint {
  readonly baseUrl: string;
  requestsFor(title: string): number;
  hold(): void;
  release(): void;
  stop(): Promise<void>;
}

/** A part of an answer as the protocol streams it. */
const event = (delta: object, ended: string | null): string =>
  `data: ${JSON.stringify({ model: 'gated-1', choices: [{ index: 0, delta, finish_reason: ended }] })}\n\n`;

/** Streams half of an answer and keeps the rest until it is released: nothing in a test depends on how long it takes. */
async function startGatedEndpoint(): Promise<GatedEndpoint> {
  const bodies: string[] = [];
  const gate = { open: false, waiting: new Set<() => void>() };
  const answer = JSON.stringify(answerValue('right'));
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      bodies.push(body);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event({ role: 'assistant', content: answer.slice(0, 40) }, null));
      const rest = (): void =>
        void response.end(`${event({ content: answer.slice(40) }, null)}${event({}, 'stop')}data: [DONE]\n\n`);
      if (gate.open) rest();
      else gate.waiting.add(rest);
    });
  });
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requestsFor: (title) => bodies.filter((body) => body.includes(title)).length,
    hold: () => void (gate.open = false),
    release() {
      gate.open = true;
      for (const rest of gate.waiting) rest();
      gate.waiting.clear();
    },
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}
