/** Jobs of many tasks in the library, against a real server. No worker does any work: what needs one is tested end to end. */
import type { TemporalServer } from '../../src/adapters/server/temporal-server.js';
import { parseJob, WeaverClient, type JobView } from '../../src/client/index.js';
import { fairnessKeyOf } from '../../src/domain/permits.js';
import { aSpec } from './specs.js';
import { startLoneServer, type LoneServer } from './lone-server.js';
import { until } from './until.js';

const FILE = `title: Two values
repo: { url: /srv/git/value.git }
tags: [nightly]
tasks:
  - { id: first, title: First, description: d }
  - { id: second, title: Second, description: d, dependsOn: [first] }
`;

let lone: LoneServer;
let server: TemporalServer;
let client: WeaverClient;

beforeAll(async () => {
  lone = await startLoneServer();
  ({ server } = lone);
  client = await WeaverClient.connect({
    connection: { address: server.address },
    namespace: 'default',
    requester: 'ana@desk',
    uiUrl: server.uiUrl,
  });
});

afterAll(async () => {
  await client?.close();
  await lone?.stop();
});

/** Input and priority with which the server keeps the job, as it will hand them to a worker. */
async function startOf(jobId: string) {
  const { events } = await client.temporal.workflow.getHandle(jobId).fetchHistory();
  const started = events?.[0]?.workflowExecutionStartedEventAttributes;
  const [payload] = started?.input?.payloads ?? [];
  return { input: JSON.parse(Buffer.from(payload?.data ?? []).toString()), priority: started?.priority };
}

const jobOf = (text: string) => {
  const parsed = parseJob(text);
  if (parsed.kind === 'faults') throw new Error('it has faults');
  return parsed.job;
};

describe('submitting a job', () => {
  it('D-01 starts one workflow with the whole job, and says what it is about', async () => {
    const handle = await client.submit(FILE, { key: 'two' });
    expect(handle).toEqual({
      jobId: 'job/two',
      taskId: 'job/two/t/first',
      started: true,
      webUrl: `${server.uiUrl}/namespaces/default/workflows/job%2Ftwo`,
    });
    const described = await client.temporal.workflow.getHandle('job/two').describe();
    expect(await described.staticSummary()).toBe('Two values');
    expect(described.memo).toEqual({ specHash: expect.any(String), title: 'Two values', tasks: 2 });
    expect(described.searchAttributes).toEqual({
      WeaverRequester: ['ana@desk'],
      WeaverRepo: ['/srv/git/value.git'],
      WeaverTags: ['nightly'],
    });
    const { input } = await startOf('job/two');
    expect(input).toEqual({ schemaVersion: 1, job: jobOf(FILE), requester: 'ana@desk' });
  });

  it('takes it as a text, as the object of a file and as a job: all of them are the same job', async () => {
    const first = await client.submit(FILE, { key: 'forms' });
    const asObject = {
      title: 'Two values',
      repo: { url: '/srv/git/value.git' },
      tags: ['nightly'],
      tasks: [
        { id: 'first', title: 'First', description: 'd' },
        { id: 'second', title: 'Second', description: 'd', dependsOn: [{ task: 'first' }] },
      ],
    };
    expect(first.started).toBe(true);
    expect((await client.submit(asObject, { key: 'forms' })).jobId).toBe(first.jobId);
    expect((await client.submit(jobOf(FILE), { key: 'forms' })).jobId).toBe(first.jobId);
    await expect(client.submit({ ...asObject, concurrency: 1 }, { key: 'forms' })).rejects.toMatchObject({
      code: 'keyTaken',
      exitCode: 2,
    });
    await expect(client.submit(aSpec(), { key: 'forms' })).rejects.toMatchObject({ code: 'keyTaken' });
  });

  it('gives its steps their priority, and takes turns by repository', async () => {
    await client.submit(`${FILE}priority: 1\n`, { key: 'urgent' });
    const fairnessKey = fairnessKeyOf('/srv/git/value.git');
    expect((await startOf('job/urgent')).priority).toMatchObject({ priorityKey: 1, fairnessKey });
    await client.submit(FILE, { key: 'usual' });
    expect((await startOf('job/usual')).priority).toMatchObject({ priorityKey: 3, fairnessKey });
    await client.submit(aSpec({ priority: 5 }), { key: 'late-task' });
    expect((await startOf('job/late-task')).priority).toMatchObject({ priorityKey: 5, fairnessKey });
    await client.submit(aSpec(), { key: 'plain-task' });
    expect((await startOf('job/plain-task')).priority?.priorityKey ?? 0).toBe(0);
  });

  it('D-13 refuses faults with their lines, and the way around a cycle', async () => {
    await expect(client.submit(FILE.replace('title: First,', 'dependsOn: [second],'))).rejects.toMatchObject({
      code: 'invalidTask',
      exitCode: 2,
      message: expect.stringMatching(
        /line 5: tasks\[0\]\.title is missing[^]*line 5: tasks\[0\]\.dependsOn\[0\] closes a cycle: first → second → first/,
      ),
    });
  });

  it('refuses what is too large with what to do about it', async () => {
    const tasks = Array.from({ length: 300 }, (_, n) => ({
      id: `t${n}`,
      title: 'T',
      description: 'x'.repeat(3_000),
    }));
    await expect(client.submit({ repo: { url: '/srv/x.git' }, tasks }, { key: 'large' })).rejects.toMatchObject({
      code: 'invalidTask',
      message: expect.stringMatching(/the job has \d+ bytes; \d+ are the most: write what tasks share once at the top/),
    });
    await expect(client.jobStatus('large')).rejects.toMatchObject({ code: 'unknownTask' });
  });
});

describe('looking at a job', () => {
  it('tells a job of many from a task, where there is no worker to ask', async () => {
    await client.submit(FILE, { key: 'many' });
    await client.submit(aSpec(), { key: 'one' });
    expect(await client.isJobOfMany('many')).toBe(true);
    expect(await client.isJobOfMany('job/many/t/first')).toBe(false);
    expect(await client.isJobOfMany('one')).toBe(false);
    expect(await client.isJobOfMany('nobody')).toBe(false);
  });

  it('without a worker shows what the server knows', async () => {
    await client.submit(FILE, { key: 'idle' });
    expect(await client.jobStatus('idle')).toEqual({
      jobId: 'job/idle',
      title: 'Two values',
      state: 'running',
      paused: false,
      total: 2,
      counts: { pending: 2 },
      spending: expect.objectContaining({ callsSent: 0 }),
      budget: null,
      bottlenecks: [],
      startedAt: expect.any(Number),
      endedAt: null,
      deadline: null,
      concurrency: null,
      failed: [],
      source: 'server',
      unanswered: 'noWorker',
      webUrl: `${server.uiUrl}/namespaces/default/workflows/job%2Fidle`,
    } satisfies JobView);
    expect(await client.jobTasks('idle')).toBeNull();
    await expect(client.jobTasks('nobody')).rejects.toMatchObject({ code: 'unknownTask' });
  });

  it('counts the tasks that have begun by themselves', async () => {
    await client.submit(FILE, { key: 'begun' });
    const started = await client.temporal.workflow.start('codingTask', {
      workflowId: 'job/begun/t/first',
      taskQueue: 'nobody',
    });
    await until(async () => (await client.jobStatus('begun')).counts.running === 1, 'the server lists it');
    expect((await client.jobStatus('begun')).counts).toEqual({ running: 1, pending: 1 });
    const pending = await client.list({ state: 'pending', limit: 100 });
    expect(pending.map(({ jobId }) => jobId)).toContain('job/idle');
    expect(pending.map(({ jobId }) => jobId)).not.toContain('job/begun');
    await started.terminate('by hand');
    await until(async () => (await client.jobStatus('begun')).counts.dead === 1, 'the server lists its end');
  });

  it('watching ends when the job has ended, whose result says that it was by force', async () => {
    await client.submit(FILE, { key: 'forced' });
    const seen: JobView[] = [];
    for await (const view of client.watchJob('forced')) {
      seen.push(view);
      if (view.state === 'running') await client.temporal.workflow.getHandle('job/forced').terminate('by hand');
    }
    expect(seen.map(({ state }) => state)).toEqual(['running', 'failed']);
    expect(seen.at(-1)).toMatchObject({ total: 2, source: 'server', endedAt: expect.any(Number) });
    expect(await client.result('forced')).toMatchObject({
      state: 'failed',
      task: { state: 'dead', failure: { code: 'terminated' } },
    });
  });
});
