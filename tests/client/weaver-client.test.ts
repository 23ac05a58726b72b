/** The library against a real server. No worker does any work: what needs one is tested end to end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect as dial, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TemporalServer } from '../../src/adapters/server/temporal-server.js';
import { WeaverClient, type TaskView } from '../../src/client/index.js';
import { statusLines } from '../../src/client/render-task.js';
import { taskTable } from '../../src/client/render-list.js';
import { startLoneServer, type LoneServer } from './lone-server.js';
import { until } from './until.js';
import { aSpec } from './specs.js';

let lone: LoneServer;
let server: TemporalServer;
let client: WeaverClient;

beforeAll(async () => {
  lone = await startLoneServer();
  ({ server } = lone);
  client = await connect();
});

afterAll(async () => {
  await client?.close();
  await lone?.stop();
});

const connect = (namespace = 'default'): Promise<WeaverClient> =>
  WeaverClient.connect({
    connection: { address: server.address },
    namespace,
    requester: 'ana@desk',
    uiUrl: server.uiUrl,
  });

const fault = (code: string, exitCode: number) =>
  expect.objectContaining({ name: 'WeaverFault', code, exitCode, next: expect.stringMatching(/.+/) });

describe('submitting', () => {
  it('D-01 starts a job under the key and links to it', async () => {
    const job = await client.submit(aSpec(), { key: 'first' });
    expect(job).toEqual({
      jobId: 'job/first',
      taskId: 'job/first/t/0',
      started: true,
      webUrl: `${server.uiUrl}/namespaces/default/workflows/job%2Ffirst`,
    });
    const described = await client.temporal.workflow.getHandle('job/first').describe();
    expect(described.type).toBe('job');
    expect(described.taskQueue).toBe('weaver');
    expect(await described.staticSummary()).toBe('Make the value right');
    expect(described.searchAttributes).toEqual({
      WeaverRequester: ['ana@desk'],
      WeaverRepo: ['/srv/git/value.git'],
      WeaverTags: ['nightly'],
    });
  });

  it('the same task again under the same key gives the same job', async () => {
    const [first, second] = [
      await client.submit(aSpec(), { key: 'twice' }),
      await client.submit(aSpec(), { key: 'twice' }),
    ];
    expect(second).toEqual(first);
    const { historyLength } = await client.temporal.workflow.getHandle('job/twice').describe();
    expect(historyLength).toBe(2); // started once, its first step scheduled once
  });

  it('another task under the same key is refused', async () => {
    await client.submit(aSpec(), { key: 'taken' });
    await expect(client.submit(aSpec({ title: 'Something else' }), { key: 'taken' })).rejects.toEqual(
      fault('keyTaken', 2),
    );
  });

  it('under the key of a job that has ended does not run it again', async () => {
    await client.submit(aSpec(), { key: 'ended' });
    const handle = client.temporal.workflow.getHandle('job/ended');
    await handle.terminate('by hand');
    const again = await client.submit(aSpec(), { key: 'ended' });
    expect(again.started).toBe(false);
    expect((await handle.describe()).status.name).toBe('TERMINATED');
    await expect(client.submit(aSpec({ title: 'Other' }), { key: 'ended' })).rejects.toEqual(fault('keyTaken', 2));
  });

  it('a task file as text is validated here, with lines', async () => {
    const job = await client.submit('title: From a file\ndescription: d\nrepo: {url: /srv/x.git}\nkey: from-file\n');
    expect(job.jobId).toBe('job/from-file');
    await expect(client.submit('title: 5\nrepo: {url: /srv/x.git, brnch: x}\n')).rejects.toMatchObject({
      code: 'invalidTask',
      exitCode: 2,
      message: expect.stringMatching(/line 1: title must be a text[^]*line 2: repo\.brnch is no field/),
    });
  });

  it('WT-49 without a key never collides', async () => {
    const jobs = await Promise.all([1, 2, 3].map(() => client.submit(aSpec({ tags: ['chance'] }))));
    expect(new Set(jobs.map(({ jobId }) => jobId)).size).toBe(3);
  });

  it('what is larger than a start input may be is refused before it is sent', async () => {
    await expect(client.submit(aSpec({ description: 'x'.repeat(300_000) }), { key: 'large' })).rejects.toEqual(
      fault('invalidTask', 2),
    );
    await expect(client.status('large')).rejects.toEqual(fault('unknownTask', 2));
  });
});

describe('looking', () => {
  it('a job that no worker has taken up is pending', async () => {
    await client.submit(aSpec(), { key: 'idle' });
    expect(await client.status('idle')).toMatchObject({
      jobId: 'job/idle',
      taskId: 'job/idle/t/0',
      state: 'pending',
      source: 'server',
      phase: 'waiting for a worker',
    });
  });

  it('what is not there is said so', async () => {
    for (const ask of [
      () => client.status('nobody'),
      () => client.cancel('nobody', { reason: 'x' }),
      () => client.result('nobody'),
      () => client.decisions('nobody'),
    ])
      await expect(ask()).rejects.toEqual(fault('unknownTask', 2));
  });

  it('a task that its job does not have is unknown, and not another one', async () => {
    await client.submit(aSpec(), { key: 'one-only' });
    await expect(client.status('job/one-only/t/typo')).rejects.toEqual(fault('unknownTask', 2));
    // A task may have been split; without a worker nobody knows.
    expect(await client.status('job/one-only/t/0.1')).toMatchObject({
      taskId: 'job/one-only/t/0.1',
      state: 'pending',
      phase: "has not begun, or is none of the job's tasks",
    });
    await client.temporal.workflow.getHandle('job/one-only').terminate('by hand');
    await expect(client.status('job/one-only/t/typo')).rejects.toEqual(fault('unknownTask', 2));
    await expect(client.status('job/one-only/t/0.1')).rejects.toEqual(fault('notThere', 2));
  });

  it('watching ends when the job has ended', async () => {
    await client.submit(aSpec(), { key: 'watched' });
    const seen: TaskView[] = [];
    for await (const view of client.watch('watched')) {
      seen.push(view);
      if (view.state === 'pending') await client.temporal.workflow.getHandle('job/watched').terminate('by hand');
    }
    expect(seen.map(({ state, failure }) => [state, failure?.code])).toEqual([
      ['pending', undefined],
      ['dead', 'terminated'],
    ]);
  });

  it('watching ends when nobody wants to know any more', async () => {
    await client.submit(aSpec(), { key: 'left' });
    const leaving = new AbortController();
    const seen: string[] = [];
    for await (const { state } of client.watch('left', { signal: leaving.signal })) {
      seen.push(state);
      leaving.abort();
    }
    expect(seen).toEqual(['pending']);
  });

  it('a job terminated from outside has a result that says so', async () => {
    await client.submit(aSpec(), { key: 'shot' });
    const waiting = client.result('shot');
    await client.temporal.workflow.getHandle('job/shot').terminate('by hand');
    expect(await waiting).toMatchObject({
      jobId: 'job/shot',
      state: 'failed',
      task: { state: 'dead', failure: { code: 'terminated' } },
    });
  });

  it('waiting can be given up without harm to the job', async () => {
    await client.submit(aSpec(), { key: 'patience' });
    await expect(client.result('patience', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    expect((await client.status('patience')).state).toBe('pending');
  });

  it('nobody polls', async () => {
    expect(await client.pollers()).toEqual([]);
  });
});

describe('a worker that cannot carry a job on', () => {
  let worker: ChildProcess;
  let said = '';
  beforeAll(async () => {
    worker = spawn(process.execPath, [join(__dirname, 'failing-worker.cjs'), server.address, 'sick'], {
      env: { PATH: process.env['PATH'] ?? '', HOME: lone.folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [worker.stdout, worker.stderr]) stream?.on('data', (chunk) => (said += String(chunk)));
    await until(() => said.includes('polls'), 'the worker polls').catch((thrown: Error) => {
      throw new Error(`${thrown.message}\n${said}`);
    });
  });
  afterAll(() => worker?.kill('SIGKILL'));

  const failing = {
    unanswered: 'workerFails',
    retrying: expect.stringMatching(/^workflow task, try \d+: .*out of order/),
  };

  it('is told apart from a worker that is not there', async () => {
    await client.submit(aSpec({ tags: ['sick'] }), { key: 'sick', taskQueue: 'sick' });
    await client.submit(aSpec({ tags: ['sick'] }), { key: 'alone', taskQueue: 'nobody' });
    await until(async () => (await client.status('sick')).unanswered === 'workerFails', 'the worker has failed');
    const view = await client.status('sick');
    expect(view).toMatchObject({ ...failing, source: 'server', phase: 'its worker fails' });
    expect(statusLines(view)).toContain('source   the Temporal server (the worker cannot carry it on)');
    expect(await client.status('alone')).toMatchObject({
      unanswered: 'noWorker',
      retrying: null,
      phase: 'waiting for a worker',
    });
    const waiting = new AbortController();
    for await (const seen of client.watch('sick', { signal: waiting.signal })) {
      expect(seen).toMatchObject(failing);
      waiting.abort();
    }
  });

  it('is not taken for one that was killed in the middle of its work', async () => {
    const { workflow, workflowService } = client.temporal;
    const handle = await workflow.start('job', {
      workflowId: 'job/dropped',
      taskQueue: 'dropped',
      args: [],
      workflowTaskTimeout: '1s',
    });
    // Takes the task and never comes back with it.
    const taskQueue = { name: 'dropped' };
    await client.temporal.withDeadline(Date.now() + 20_000, () =>
      workflowService.pollWorkflowTaskQueue({ namespace: 'default', taskQueue, identity: '1@killed' }),
    );
    await until(
      async () => ((await handle.describe()).raw.pendingWorkflowTask?.attempt ?? 0) > 1,
      'the task is offered again',
    );
    expect(await client.status('dropped')).toMatchObject({
      unanswered: null,
      retrying: null,
      phase: 'waiting for a worker',
    });
  });

  it('is told apart in the list too', async () => {
    await until(async () => (await client.list({ tag: 'sick' })).length === 2, 'both are listed');
    const rows = await client.list({ tag: 'sick' });
    const found = new Map(rows.map(({ jobId, unanswered }) => [jobId, unanswered]));
    expect(found).toEqual(
      new Map([
        ['job/alone', 'noWorker'],
        ['job/sick', 'workerFails'],
      ]),
    );
    expect(
      taskTable(rows, 200)
        .slice(1)
        .map((line) => line.split('  ')[0]),
    ).toEqual(['pending, no worker', 'pending, worker fails']);
  });
});

describe('the list', () => {
  it('finds pending jobs by tag, repository and requester, newest first, with their titles', async () => {
    const repo = { url: "/srv/it's/place.git" };
    await client.submit(aSpec({ title: 'One', tags: ["it's"], repo }), { key: 'l1', requester: "o'brien" });
    await client.submit(aSpec({ title: 'Two', tags: ["it's", 'b'] }), { key: 'l2' });
    await until(async () => (await client.list({ tag: "it's" })).length === 2, 'both are listed');
    const rows = await client.list({ tag: "it's" });
    expect(rows.map(({ jobId, title, state }) => [jobId, title, state])).toEqual([
      ['job/l2', 'Two', 'pending'],
      ['job/l1', 'One', 'pending'],
    ]);
    expect(await client.list({ tag: "it's", limit: 1 })).toEqual(rows.slice(0, 1));
    expect(await client.list({ repo: repo.url })).toEqual(rows.slice(1));
    expect(await client.list({ requester: "o'brien" })).toEqual(rows.slice(1));
    expect(await client.list({ tag: "it's", state: 'succeeded' })).toEqual([]);
    expect(await client.list({ tag: "x' OR WorkflowType = 'job" })).toEqual([]);
  });

  it('refuses a state that is none', async () => {
    await expect(client.list({ state: 'nice' })).rejects.toEqual(fault('usage', 2));
  });
});

describe('cancelling', () => {
  it('reaches an open job with reason and requester', async () => {
    await client.submit(aSpec(), { key: 'stop' });
    expect(await client.cancel('stop', { reason: 'not wanted' })).toBe(true);
    const { events } = await client.temporal.workflow.getHandle('job/stop').fetchHistory();
    const signal = events?.find(
      ({ workflowExecutionSignaledEventAttributes: found }) => found != null,
    )?.workflowExecutionSignaledEventAttributes;
    expect(signal?.signalName).toBe('requestCancel');
    expect(JSON.parse(Buffer.from(signal?.input?.payloads?.[0]?.data ?? []).toString())).toEqual({
      reason: 'not wanted',
      requester: 'ana@desk',
    });
  });

  it('says when there is nothing left to cancel', async () => {
    await client.submit(aSpec(), { key: 'over' });
    await client.temporal.workflow.getHandle('job/over').terminate('by hand');
    expect(await client.cancel('over', { reason: 'x' })).toBe(false);
  });
});

describe('a server that is not there', () => {
  it('is a fault with a next step, within five seconds', async () => {
    const startedAt = Date.now();
    await expect(WeaverClient.connect({ connection: { address: '127.0.0.1:1' } })).rejects.toEqual(
      fault('temporalUnreachable', 4),
    );
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });

  it('or that accepts and never answers, too', async () => {
    const sockets: Socket[] = [];
    const silent = await listen(sockets);
    try {
      const { port } = silent.address() as AddressInfo;
      const startedAt = Date.now();
      const connecting = WeaverClient.connect({ connection: { address: `127.0.0.1:${port}` }, patienceMs: 0 });
      await expect(connecting).rejects.toMatchObject({
        code: 'temporalUnreachable',
        exitCode: 4,
        message: expect.stringMatching(/is there, and has not answered in [45] s\.$/),
      });
      expect(Date.now() - startedAt).toBeLessThan(6_000);
    } finally {
      sockets.forEach((socket) => socket.destroy());
      silent.close();
    }
  });

  it('but one that is only slow is asked again', async () => {
    const [held, through]: [Socket[], Socket[]] = [[], []];
    const [host = '', port = ''] = server.address.split(':');
    const pipe = (socket: Socket): void => {
      const onward = dial(Number(port), host).on('error', () => {});
      through.push(onward);
      socket.pipe(onward).pipe(socket);
    };
    // The second connection is the look whether anything listens: from there on what has been asked is handed on.
    const slow = await listen(held, () => held.length === 2 && held.forEach(pipe));
    try {
      const address = `127.0.0.1:${(slow.address() as AddressInfo).port}`;
      const late = await WeaverClient.connect({ connection: { address } });
      expect((await late.inspectServer()).serverVersion).toMatch(/^\d/);
      await late.close();
    } finally {
      [...held, ...through].forEach((socket) => socket.destroy());
      slow.close();
    }
  });

  it('or that lacks the namespace, is told apart', async () => {
    const other = await connect('nowhere');
    await expect(other.submit(aSpec())).rejects.toEqual(fault('temporalNamespace', 3));
    await other.close();
  });
});

const listen = (sockets: Socket[], onSocket: () => unknown = () => undefined): Promise<Server> =>
  new Promise((settle) => {
    const listening: Server = createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      onSocket();
    }).listen(0, '127.0.0.1', () => settle(listening));
  });
