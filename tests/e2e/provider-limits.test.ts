/** Providers as tasks and people meet them: one with limits, one that is broken, one that was probed, one that takes its time. */
import type { Client } from '@temporalio/client';
import { WeaverClient, type JobInput, type JobView } from '../../src/client/index';
import { keepProbe } from '../../src/adapters/model/probes';
import { answerValue, CHECK, until, valueFiles, World, type CliResult } from './world';

/** One request in fifteen seconds: two tasks that begin together meet there, also on a slow machine. */
const CONFIG = `
providers:
  openai:
    baseUrl: {endpoint}
    model: scripted-1
  limited:
    baseUrl: {endpoint}
    model: scripted-1
    requestsPerMinute: 4
    windowSeconds: 15
  pausing:
    baseUrl: {endpoint}
    model: scripted-1
  narrow:
    baseUrl: {endpoint}
    model: scripted-1
    concurrency: 1
  broken:
    baseUrl: {endpoint}
    model: scripted-1
    breaker: { failures: 2, pauseSeconds: 12 }
  # By the variables alone the level would be the highest.
  probed:
    baseUrl: {endpoint}
    model: probed-1
    level: auto
`;
const PROBE = (baseUrl: string) => ({
  kind: 'probed' as const,
  at: '2026-11-21T10:00:00.000Z',
  baseUrl,
  model: 'probed-1',
  api: 'chat' as const,
  listed: true,
  level: 'json-object' as const,
  dialect: { level: 'json-object' as const, tokensField: 'max_tokens' as const, streaming: 'none' as const },
  countsTokens: true,
  calls: 2,
  tokens: 60,
  costUsdMicros: 0,
  unpriced: true,
});
const WINDOW_MS = 15_000;
const PAUSE_MS = 12_000;
const RETRY_AFTER_MS = 8_000;
/** Longer than a call waits for its place in an activity. */
const NARROW_MS = 4_000;
const LATENCY_MS = 2_000;

const right = { kind: 'json', value: answerValue('right') } as const;
const oops = { kind: 'status', status: 500, body: 'oops' } as const;

let world: World;
let client: Client;
/** Most of it is waiting: it runs beside the others. */
let broken: ReturnType<World['run']>;

beforeAll(async () => {
  world = await World.start({
    config: CONFIG,
    workers: 0,
    script: [
      { when: { contains: 'Limited' }, answers: [right] },
      { when: { contains: 'Broken' }, answers: [oops, oops, right] },
      { when: { contains: 'Free' }, answers: [right] },
      {
        when: { contains: 'Paused one' },
        answers: [{ kind: 'status', status: 429, headers: { 'retry-after': '8' } }, right],
      },
      { when: { contains: 'Paused' }, answers: [right] },
      { when: { contains: 'Narrow' }, answers: [{ ...right, delayMs: NARROW_MS }] },
      { when: { contains: 'Probed' }, answers: [{ ...right, delayMs: LATENCY_MS }] },
    ],
  });
  await keepProbe(world.home, PROBE(world.endpoint.baseUrl));
  await world.startWorker();
  client = await world.connect();
  broken = world.run(task('Broken one.', 'broken'), ['--key', 'broken']);
  broken.catch(() => undefined); // awaited by its test
});

afterAll(async () => {
  await broken?.catch(() => undefined);
  await world?.stop();
});

const task = (title: string, provider: string) => ({
  title,
  description: 'Make the value right.',
  repo: { url: world.repository(title.toLowerCase().replaceAll(' ', '-'), valueFiles()) },
  checks: [CHECK],
  models: [provider],
});

interface Status {
  readonly state: string;
  readonly phase: string;
  readonly waitingOn: string | null;
}

const statusOf = (taskId: string): Promise<Status> => client.workflow.getHandle(taskId).query<Status>('status');

interface Finding {
  readonly name: string;
  readonly verdict: string;
  readonly says: string;
}

const findingsIn = ({ stdout }: CliResult): readonly Finding[] =>
  (JSON.parse(stdout) as { readonly findings: readonly Finding[] }).findings;

const startedAt = (title: string): readonly number[] =>
  world.endpoint
    .requests()
    .filter(({ body }) => JSON.stringify(body).includes(title))
    .map(({ at }) => at);

it('lets tasks wait for their provider without an attempt, and says what they wait for', async () => {
  const titles = ['Limited one.', 'Limited two.'];
  const runs = titles.map((title, n) => world.carryOut({ ...task(title, 'limited'), key: `limited-${n}` }));
  const waiting = new Set<string>();
  await until(async () => {
    const seen = await Promise.all(titles.map((_, n) => statusOf(`job/limited-${n}/t/0`).catch(() => null)));
    for (const status of seen) if (status?.waitingOn === 'resource') waiting.add(status.phase);
    return waiting.size > 0;
  }, 'a task waits');
  expect([...waiting]).toEqual(['waits for provider limited: 4 requests a minute']);
  const doctor = findingsIn(await world.cli(['doctor', '--json']));
  expect(doctor.find(({ name }) => name === 'limits limited')).toMatchObject({
    verdict: 'ok',
    says: expect.stringMatching(/^[01] of 1 requests left in 15 s; (\d calls wait; )?(last answer at|no answer yet)/),
  });
  const results = await Promise.all(runs);
  expect(results).toEqual(titles.map(() => expect.objectContaining({ state: 'succeeded', attempts: 1 })));
  const at = startedAt('Limited').toSorted((a, b) => a - b);
  expect(at).toHaveLength(2);
  const apart = at.slice(1).map((one, n) => one - (at[n] ?? 0));
  expect(Math.min(...apart)).toBeGreaterThanOrEqual(WINDOW_MS);
}, 90_000);

it('leaves an endpoint alone that fails again and again, and goes on when it answers', async () => {
  const result = await broken;
  expect(result).toMatchObject({ state: 'succeeded', attempts: 1, calls: { sent: 3 } });
  const [, second, third] = startedAt('Broken');
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(PAUSE_MS - 100);
  const { stdout } = await world.cli(['decisions', 'broken', '--json']);
  // What it failed with is said, not only that it is left alone.
  expect(stdout).toContain('modelServer');
  expect(stdout).toMatch(/broken is left alone after \d failures in a row, the last: \w/);
  const doctor = findingsIn(await world.cli(['doctor', '--json']));
  expect(doctor.find(({ name }) => name === 'health broken')).toMatchObject({
    verdict: 'ok',
    says: expect.stringMatching(/^last answer at \d\d:\d\d:\d\d UTC$/),
  });
}, 60_000);

it('keeps all tasks from an endpoint that has asked one of them for a pause, also where it has no limits', async () => {
  const first = world.carryOut({ ...task('Paused one.', 'pausing'), key: 'paused-1' });
  await until(() => startedAt('Paused one').length === 1, 'it is asked');
  const [askedAt = 0] = startedAt('Paused one');
  await until(async () => {
    const keeper = client.workflow.getHandle('provider/pausing');
    return (await keeper.describe().catch(() => null))?.status.name === 'RUNNING';
  }, 'the pause is known');
  const { title, ...content } = task('Paused two.', 'pausing');
  const tasks = [{ id: 'b', dependsOn: [], content: { title, ...content } }];
  const budget = { whenSpent: 'wait' } as const;
  const job = { title, tasks, concurrency: 1, priority: 3, tags: [], budget, defaults: {} };
  const input: JobInput = { schemaVersion: 1, job, requester: 'ana' };
  const second = await client.workflow.start('job', { taskQueue: 'weaver', workflowId: 'job/paused-2', args: [input] });
  await until(async () => {
    const status = await statusOf('job/paused-2/t/b').catch(() => null);
    return status?.phase === 'waits for provider pausing: it has asked for a pause';
  }, 'the other task waits');
  // `weaver waiting` names this; it looks once more whether there is room, and goes on waiting.
  const woken = client.workflow.getHandle('job/paused-2/t/b');
  await woken.executeUpdate('retryNow', { args: [{ by: 'ana', why: 'it is back' }] });
  // Its job is told nothing of that wait; the server is.
  const weaver = new WeaverClient(client);
  let seen: JobView | null = null;
  await until(async () => (seen = await weaver.jobStatus('paused-2')).counts.blocked === 1, 'its job is seen to wait');
  const waitsFor = 'resource (a provider, a remote or a branch)';
  expect(seen).toMatchObject({ bottlenecks: [{ waitsFor, tasks: 1 }], open: { tasks: 1, waiting: 1 } });
  expect(await weaver.jobTasks('paused-2')).toMatchObject([{ path: 'b', state: 'blocked', waitsFor }]);
  expect(await first).toMatchObject({ state: 'succeeded', attempts: 1 });
  expect(await second.result()).toMatchObject({ state: 'completed', task: { attempts: 1 } });
  const after = [...startedAt('Paused one').slice(1), ...startedAt('Paused two')].map((at) => at - askedAt);
  expect(after).toHaveLength(2);
  expect(Math.min(...after)).toBeGreaterThanOrEqual(RETRY_AFTER_MS);
  const { events } = await woken.fetchHistory();
  // Its wait was cut short; the other one is the time limit of the task, at its end.
  expect((events ?? []).filter(({ timerCanceledEventAttributes: cut }) => cut != null)).toHaveLength(2);
}, 60_000);

it('lets no activity wait for a place of its provider: the task sleeps, and nothing is sent twice', async () => {
  const titles = ['Narrow one.', 'Narrow two.'];
  const runs = titles.map((title, n) => world.carryOut({ ...task(title, 'narrow'), key: `narrow-${n}` }));
  const results = await Promise.all(runs);
  expect(results).toEqual(titles.map(() => expect.objectContaining({ state: 'succeeded', attempts: 1 })));
  expect(startedAt('Narrow')).toHaveLength(2);
  const histories = await Promise.all(
    titles.map((_, n) => client.workflow.getHandle(`job/narrow-${n}/t/0`).fetchHistory()),
  );
  const timers = histories.flatMap(({ events }) => events ?? []).map(({ userMetadata }) => userMetadata?.summary?.data);
  const summaries = timers.flatMap((data) => (data == null ? [] : [Buffer.from(data).toString('utf8')]));
  expect(summaries).toContain('"waits for provider narrow: 1 at once"');
}, 60_000);

it('asks nobody for a provider without limits', async () => {
  const result = await world.run(task('Free one.', 'openai'), ['--key', 'free']);
  expect(result).toMatchObject({ state: 'succeeded' });
  await expect(client.workflow.getHandle('provider/openai').describe()).rejects.toThrow(/not found/i);
}, 60_000);

it('lets tasks wait for their models at the same time, and asks these as a probe has found', async () => {
  const titles = ['Probed alpha.', 'Probed beta.', 'Probed gamma.'];
  const results = await Promise.all(titles.map((title) => world.carryOut(task(title, 'probed'))));
  expect(results.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  const asked = titles.map(startedAt);
  expect(asked.map(({ length }) => length)).toEqual([1, 1, 1]);
  // Each had been asked before the first one had its answer. How long it takes in all, `npm run bench` says (call).
  expect(Math.max(...asked.flat()) - Math.min(...asked.flat())).toBeLessThan(LATENCY_MS);
  const [first] = world.endpoint.requests().filter(({ body }) => JSON.stringify(body).includes('Probed'));
  expect(first?.body).toMatchObject({ stream: false, response_format: { type: 'json_object' } });
}, 60_000);
