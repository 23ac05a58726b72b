/** A project with a worker and deciders of its own (examples/custom-decider), as its users have it: a folder with weaver installed. */
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { WeaverClient } from '../../src/client/index';
import type { DecisionRecord } from '../../src/domain/record';
import { SEARCH_ATTRIBUTES, type TaskResult } from '../../src/workflows/messages';
import { recordedHistories, writeHistory } from '../replay/recorded-histories';
import { replayHistories } from '../replay/replayed-histories';
import { answerValue, CHECK, runProcess, until, saysIn, valueFiles, World } from './world';

const ROOT = resolve(__dirname, '../..');
const OWN_QUEUE = { WEAVER_TASK_QUEUE: 'mine' };

/** What a test adds to the deciders of the example. */
const MORE_DECIDERS = `
registerDecider('broken@1', () => { throw new Error('no idea') });
registerDecider('greedy@1', (_record, outcome) => outcome.kind === 'failed'
  ? { kind: 'retry', changes: 'evidence', delayMs: 9e9, reason: 'as often as it takes' } : null);
registerDecider('lying@1', (_record, outcome) => outcome.kind === 'failed'
  ? { kind: 'complete', reason: 'looks good to me' } : null);
registerDecider('promising@1', async () => null);
const needs = (on) => (_record, outcome) => outcome.kind === 'failed'
  ? { kind: 'addDependency', on, reason: 'it cannot be done without ' + on } : null;
registerDecider('needy@1', needs('other'));
registerDecider('circular@1', needs('last'));
registerActivityDecider('absent@1', 'nowhere');
`;

let world: World;
/** A task that was open when the own worker started, and names one of its deciders. */
let openAtStart: string;
let adviser: { readonly server: Server; readonly asked: unknown[]; answer: unknown; status: number };

beforeAll(async () => {
  world = await World.start({
    // The plain one starts in the test of workers without tasks.
    workers: 0,
    script: [
      { when: { contains: 'Right at once' }, answers: [{ kind: 'json', value: answerValue('right') }] },
      {
        when: { contains: 'Right at last' },
        answers: [
          { kind: 'json', value: answerValue('wrong1') },
          { kind: 'json', value: answerValue('right') },
        ],
      },
      {
        when: { contains: ['Turns into a plan', 'You split a task'] },
        answers: [{ kind: 'json', value: { children: [], join: false, notes: '', question: null } }],
      },
      {
        when: { contains: ['Model chooses', 'You decide how a task'] },
        answers: [{ kind: 'json', value: { handler: 'plan', reason: 'two parts' } }],
      },
      {
        when: { contains: ['Model babbles', 'You decide how a task'] },
        answers: [{ kind: 'json', value: { handler: 'magic', reason: 'why not' } }],
      },
      {
        when: { contains: ['# Model chooses', 'You split a task'] },
        answers: [{ kind: 'json', value: { children: [], join: false, notes: '', question: null } }],
      },
      {
        when: { contains: '# Needs another' },
        answers: [
          { kind: 'json', value: answerValue('wrong') },
          { kind: 'json', value: answerValue('right') },
        ],
      },
      {
        when: { contains: '# Comes too late' },
        answers: [{ kind: 'json', value: answerValue('right'), delayMs: 60_000 }],
      },
      { when: { contains: '# Is needed' }, answers: [{ kind: 'json', value: answerValue('right'), delayMs: 1_000 }] },
      { when: { contains: 'Model babbles' }, answers: [{ kind: 'json', value: answerValue('right') }] },
      { answers: [{ kind: 'json', value: answerValue('wronger') }] },
    ],
  });
  adviser = await startAdviser();
  const earlier = await openTaskOf('bold@1');
  await startOwnWorker();
  openAtStart = earlier.workflowId;
  await earlier.terminate('seen');
}, 180_000);

afterAll(async () => {
  adviser.server.closeAllConnections();
  await new Promise((closed) => adviser.server.close(closed));
  await world.stop(false);
}, 60_000);

async function startAdviser(): Promise<typeof adviser> {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      asked.push(JSON.parse(body));
      response.writeHead(adviser.status, { 'content-type': 'application/json' }).end(JSON.stringify(adviser.answer));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { server, asked, answer: null, status: 200 };
}

/** A task of the own worker's queue that names the decider, open and listed by the server. */
async function openTaskOf(decider: string): Promise<WorkflowHandle> {
  const { workflow } = await world.connect();
  const handle = await workflow.start('codingTask', {
    workflowId: 'earlier/t/0',
    taskQueue: OWN_QUEUE.WEAVER_TASK_QUEUE,
    args: [],
    typedSearchAttributes: [{ key: SEARCH_ATTRIBUTES.decider, value: decider }],
  });
  const query = `${SEARCH_ATTRIBUTES.decider.name} = '${decider}' AND ExecutionStatus = 'Running'`;
  await until(async () => (await workflow.count(query)).count === 1, 'it is listed');
  return handle;
}

/** As `npm install` leaves it: a link for a dependency that is a folder. */
async function startOwnWorker(): Promise<void> {
  const project = join(world.folder, 'project');
  cpSync(join(ROOT, 'examples/custom-decider'), project, { recursive: true });
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules', 'weaver'));
  appendFileSync(join(project, 'workflows.js'), MORE_DECIDERS);
  const { port } = adviser.server.address() as AddressInfo;
  const child = spawn(process.execPath, ['worker.js'], {
    env: { ...world.env, ...OWN_QUEUE, ADVISER_URL: `http://127.0.0.1:${port}/` },
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  world.processes.push(child);
  await saysIn(child, /^polls mine /m);
}

/** Of tasks that a plain bundle can replay; those of the example's deciders are replayed by its own. */
const PLAIN_HISTORIES = join(ROOT, 'tests/replay/histories');
const OWN_HISTORIES = join(ROOT, 'tests/replay/custom-decider');

async function keepHistory({ taskId }: TaskResult, folder: string): Promise<void> {
  if (process.env['WEAVER_RECORD_HISTORIES'] !== '1') return;
  const connection = await Connection.connect({ address: world.server.address });
  await writeHistory(new Client({ connection }), taskId, 'codingTask', folder);
  await connection.close();
}

interface Ended {
  readonly exitCode: number | null;
  readonly result: TaskResult;
  readonly decisions: readonly DecisionRecord[];
  readonly entries: readonly { readonly kind: string; readonly handler?: string; readonly reason?: string }[];
}

/** On the own worker unless another queue is named. */
async function carryOut(
  title: string,
  task: object,
  env: Readonly<Record<string, string>> = OWN_QUEUE,
): Promise<Ended> {
  const content = {
    title,
    description: `${title}, please.`,
    repo: { url: world.repository(title.replaceAll(' ', '-'), valueFiles()) },
    checks: [CHECK],
    ...task,
  };
  const begun = await world.cli(['run', '-', '--detach', '--json'], { input: JSON.stringify(content), env });
  const { taskId } = JSON.parse(begun.stdout.trim().split('\n').at(-1) ?? '{}') as { taskId: string };
  const watched = await world.cli(['watch', taskId, '--json'], { env });
  const result = JSON.parse(watched.stdout.trim().split('\n').at(-1) ?? '{}') as TaskResult;
  const shown = await world.cli(['decisions', taskId, '--json'], { env });
  const entries = JSON.parse(shown.stdout) as Ended['entries'];
  const { exitCode } = watched;
  return { exitCode, result, entries, decisions: entries.filter(({ kind }) => kind === 'decision') as never };
}

const chosen = ({ entries }: Ended) => entries.filter(({ kind }) => kind === 'handlerChosen');
const brief = ({ decisions }: Ended) => decisions.map(({ decider, decision }) => `${decider} ${decision.kind}`);

it('lets a decider of the own project decide, and the default one where it abstains', async () => {
  const ended = await carryOut('Never right', { decider: 'frugal@1+default@1' });
  expect(brief(ended)).toEqual(['default@1 retry', 'frugal@1 markDead']);
  expect(ended.result).toMatchObject({ state: 'dead', failure: { code: 'checksFailed' } });
  expect(ended.decisions[1]?.decision.reason).toBe('twice the same: checksFailed');
  await keepHistory(ended.result, OWN_HISTORIES);
}, 120_000);

it('lets it take an alternative that the task names', async () => {
  const ended = await carryOut('Turns into a plan', {
    decider: 'frugal@1+default@1',
    alternatives: ['plan'],
    limits: { attempts: 3 },
  });
  expect(brief(ended)).toEqual(['default@1 retry', 'frugal@1 retry', 'default@1 markDead']);
  expect(ended.decisions[1]?.decision).toMatchObject({ changes: 'handler', handler: 'plan', delayMs: 1_000 });
  // The plan was one without children.
  expect(ended.decisions[2]?.outcome.kind).toBe('proposed');
  await keepHistory(ended.result, OWN_HISTORIES);
}, 120_000);

it('writes down where the shadow is of another mind, and does not do what it says', async () => {
  const ended = await carryOut('Never right in the shadow', {
    decider: 'frugal@1+default@1',
    shadowDecider: 'bold@1',
    limits: { attempts: 2 },
  });
  expect(brief(ended)).toEqual(['default@1 retry', 'frugal@1 markDead']);
  expect(ended.decisions[0]?.shadow).toMatchObject({ decider: 'bold@1', decision: { reason: 'again, at once' } });
  // No attempts are left: the shadow is held to the same rules.
  expect(ended.decisions[1]?.shadow).toMatchObject({
    decider: 'default@1',
    decision: { kind: 'markDead', reason: 'attempts 2/2' },
    notes: ['bold@1 was passed over: attempts 2/2'],
  });
}, 120_000);

it.each([
  ['throws', 'broken@1', 'broken@1 was passed over: it threw no idea'],
  ['lies', 'lying@1', 'lying@1 was passed over: complete needs an outcome that succeeded'],
  [
    'promises',
    'promising@1',
    'promising@1 was passed over: it answers with a promise; what has to wait is an activity',
  ],
])(
  'decides without a decider that %s, and says so',
  async (how, decider, note) => {
    const ended = await carryOut(`Never right for one that ${how}`, { decider, limits: { attempts: 1 } });
    expect(brief(ended)).toEqual(['default@1 markDead']);
    expect(ended.decisions[0]?.notes).toEqual([note]);
  },
  120_000,
);

it('keeps a decider within the limits of the task', async () => {
  const ended = await carryOut('Never right for the greedy', {
    decider: 'greedy@1',
    limits: { attempts: 1, wallTimeSeconds: 60 },
  });
  expect(brief(ended)).toEqual(['default@1 markDead']);
  expect(ended.decisions[0]?.notes).toEqual(['greedy@1 was passed over: attempts 1/1']);
}, 120_000);

it('refuses a task whose decider the worker does not have, before a call is paid', async () => {
  const ended = await carryOut('Undecided', { decider: 'frugal@1+nobody@7' });
  expect(ended).toMatchObject({ exitCode: 3, result: { state: 'dead', failure: { code: 'unknownDecider' } } });
  expect(ended.result.failure?.detail).toMatch(/nobody@7; this worker has default@1, frugal@1/);
  expect(world.requestsFor('Undecided')).toBe(0);
}, 120_000);

it('lets a task wait for another one that its file does not name, but not in a circle', async () => {
  const job = {
    title: 'Needs',
    repo: { url: world.repository('needs', valueFiles()) },
    checks: [CHECK],
    limits: { attempts: 2 },
    tasks: [
      { id: 'needy', title: 'Needs another', description: 'd', decider: 'needy@1' },
      { id: 'other', title: 'Is needed', description: 'd' },
      { id: 'circular', title: 'Goes in a circle', description: 'd', decider: 'circular@1', limits: { attempts: 3 } },
      { id: 'last', title: 'Comes last', description: 'd', dependsOn: ['circular'] },
    ],
  };
  await world.cli(['run', '-', '--detach', '--key', 'needs'], { input: JSON.stringify(job), env: OWN_QUEUE });
  await world.cli(['watch', 'needs', '--json'], { env: OWN_QUEUE });
  const tree = JSON.parse((await world.cli(['tree', 'needs', '--json'], { env: OWN_QUEUE })).stdout) as {
    readonly tasks: readonly { readonly path: string; readonly state: string; readonly endedAt: number }[];
  };
  const decided = async (path: string): Promise<readonly DecisionRecord[]> => {
    const shown = await world.cli(['decisions', `job/needs/t/${path}`, '--json'], { env: OWN_QUEUE });
    const entries = JSON.parse(shown.stdout) as Ended['entries'];
    return entries.filter(({ kind }) => kind === 'decision') as never;
  };
  const states = Object.fromEntries(tree.tasks.map(({ path, state }) => [path, state]));
  expect(states).toEqual({ needy: 'succeeded', other: 'succeeded', circular: 'dead', last: 'dead' });
  expect((await decided('needy')).map(({ decision }) => decision.kind)).toEqual(['addDependency', 'complete']);
  // The second attempt is told what the other task has done.
  const asked = world.endpoint.requests().filter(({ body }) => JSON.stringify(body).includes('# Needs another'));
  expect(asked.map(({ body }) => JSON.stringify(body).includes('Is needed'))).toEqual([false, true]);
  const circular = await decided('circular');
  expect(circular.map(({ outcome }) => 'failure' in outcome && outcome.failure.code)).toEqual(
    expect.arrayContaining(['checksFailed', 'refusedDependency']),
  );
  expect(JSON.stringify(circular)).toContain('it would close a cycle: circular → last → circular');
}, 120_000);

it('a task that has waited for another one in vain goes on when it has a place again', async () => {
  const job = {
    title: 'In vain',
    repo: { url: world.repository('in-vain', valueFiles()) },
    checks: [CHECK],
    limits: { attempts: 2 },
    concurrency: 1,
    tasks: [
      { id: 'needy', title: 'Gives up', description: 'd', decider: 'needy@1', people: { waitSeconds: 1 } },
      { id: 'other', title: 'Comes too late', description: 'd' },
    ],
  };
  await world.cli(['run', '-', '--detach', '--key', 'vain'], { input: JSON.stringify(job), env: OWN_QUEUE });
  const weaver = new WeaverClient(await world.connect(), { requester: 'ana@test' });
  const phase = async (): Promise<string> => (await weaver.status('job/vain/t/needy').catch(() => null))?.phase ?? '';
  await until(async () => (await phase()) === 'waits for a place', 'its place is the other one’s');
  expect((await weaver.status('job/vain/t/other')).state).toBe('running');
  await weaver.stop('job/vain/t/other', { reason: 'seen' });
  await weaver.result('vain');
  const rows = await weaver.jobTasks('vain');
  expect(rows?.map(({ state }) => state)).toEqual(['dead', 'cancelled']);
}, 120_000);

describe('a worker', () => {
  it('WT-10, WT-11 starts if it has what the open tasks name, and otherwise lists what it lacks', async () => {
    const content = {
      title: 'Right at once, and waits',
      description: 'Wait for somebody.',
      repo: { url: world.repository('open', valueFiles()) },
      checks: [CHECK],
      decider: 'bold@1',
      people: { approve: ['push'] },
    };
    await world.cli(['run', '-', '--detach', '--key', 'open'], { input: JSON.stringify(content), env: OWN_QUEUE });
    await until(async () => (await world.cli(['waiting'], { env: OWN_QUEUE })).stdout.includes('open'), 'it asks');
    await expect(world.startWorker({ env: OWN_QUEUE })).rejects.toThrow(
      /ended with 3[\s\S]*decider bold@1; named by job\/open\/t\/0/,
    );
    // Ours has started beside such a task.
    expect(openAtStart).toBe('earlier/t/0');
    expect((await world.cli(['approve', 'open', '--why', 'go on'], { env: OWN_QUEUE })).exitCode).toBe(0);
    expect((await world.cli(['watch', 'open'], { env: OWN_QUEUE })).exitCode).toBe(0);
  }, 120_000);

  it('WT-12 starts anywhere where no open task names anything', async () => {
    await expect(world.startWorker()).resolves.toBeDefined();
  }, 60_000);

  it('without deciders of its own refuses a task that names one', async () => {
    const ended = await carryOut('Undecided elsewhere', { shadowDecider: 'frugal@1' }, {});
    expect(ended.result.failure?.detail).toMatch(/frugal@1; this worker has default@1\./);
    expect(world.requestsFor('Undecided elsewhere')).toBe(0);
    await keepHistory(ended.result, PLAIN_HISTORIES);
  }, 120_000);
});

describe('a decider that asks a service', () => {
  it('is an activity whose answer counts', async () => {
    adviser.answer = { kind: 'markStuck', reason: 'the adviser knows no way' };
    const ended = await carryOut('Asks around', { decider: 'advised@1' });
    expect(brief(ended)).toEqual(['advised@1 markStuck']);
    expect(adviser.asked.at(-1)).toMatchObject({ attempts: 1, code: 'checksFailed' });
    expect(ended.result).toMatchObject({ state: 'stuck', failure: { code: 'checksFailed' } });
    await keepHistory(ended.result, OWN_HISTORIES);
  }, 120_000);

  it('is bounded like any other', async () => {
    adviser.answer = { kind: 'retry', reason: 'later', delayMs: -5, changes: 'everything' };
    const ended = await carryOut('Asks a strange one', { decider: 'advised@1', limits: { attempts: 2 } });
    expect(brief(ended)).toEqual(['advised@1 retry', 'default@1 markDead']);
    expect(ended.decisions[0]).toMatchObject({
      decision: { delayMs: 1, changes: 'evidence' },
      notes: ['advised@1: delayMs -5 became 1'],
    });
    expect(ended.decisions[1]?.notes).toEqual(['advised@1 was passed over: attempts 2/2']);
  }, 120_000);

  it('is not asked where one before it has decided, nor about success', async () => {
    const before = adviser.asked.length;
    adviser.answer = null;
    const ended = await carryOut('Right at last', { decider: 'bold@1+advised@1' });
    expect(brief(ended)).toEqual(['bold@1 retry', 'default@1 complete']);
    expect(adviser.asked.length).toBe(before);
  }, 120_000);

  it('is passed over at once when the worker has no such activity', async () => {
    const ended = await carryOut('Asks nobody', { decider: 'absent@1', limits: { attempts: 1 } });
    expect(ended.decisions[0]?.notes?.[0]).toMatch(/^absent@1 was passed over: nowhere: .*not registered/);
  }, 120_000);

  it('is passed over when it cannot be asked', async () => {
    adviser.status = 503;
    const ended = await carryOut('Asks in vain', { decider: 'advised@1', limits: { attempts: 1 } });
    adviser.status = 200;
    expect(brief(ended)).toEqual(['default@1 markDead']);
    expect(ended.decisions[0]?.notes?.[0]).toMatch(/^advised@1 was passed over: advise: .*the adviser answered 503/);
  }, 120_000);
});

describe('the handler of a task', () => {
  it('WT-01, WT-09 carries it out, named in JSON, and its success comes back', async () => {
    const ended = await carryOut('Right at once', { handler: 'one-shot' });
    expect(brief(ended)).toEqual(['default@1 complete']);
    expect(ended).toMatchObject({ exitCode: 0, result: { state: 'succeeded' } });
  }, 120_000);

  it('is chosen by the first rule that holds', async () => {
    const rules = [
      { when: { title: 'nothing like it' }, handler: 'one-shot' },
      { when: { title: 'turns into' }, handler: 'plan', reason: 'such tasks are split' },
    ];
    const ended = await carryOut('Turns into a plan by rule', { chooseHandler: { rules }, limits: { attempts: 1 } });
    expect(chosen(ended)).toMatchObject([{ handler: 'plan', reason: 'rule 2: such tasks are split' }]);
    expect(ended.decisions[0]?.outcome.kind).toBe('proposed');
    await keepHistory(ended.result, PLAIN_HISTORIES);
  }, 120_000);

  it('is chosen by a model, which is asked once', async () => {
    const model = { provider: 'openai' };
    const ended = await carryOut('Model chooses', { chooseHandler: { model }, limits: { attempts: 2 } });
    expect(chosen(ended)).toMatchObject([{ handler: 'plan', reason: 'scripted-1: two parts' }]);
    expect(ended.decisions.map(({ outcome }) => outcome.kind)).toEqual(['proposed', 'proposed']);
    expect(world.requestsFor('Model chooses')).toBe(3);
    expect(ended.result.spending.callsSent).toBe(3);
    await keepHistory(ended.result, PLAIN_HISTORIES);
  }, 120_000);

  it('is the one that the task names where the model does not choose', async () => {
    const ended = await carryOut('Model babbles', { chooseHandler: { model: { provider: 'openai' } } });
    expect(chosen(ended)).toMatchObject([
      { handler: 'one-shot', reason: 'scripted-1 did not choose: its answer is none' },
    ]);
    expect(ended.result.state).toBe('succeeded');
    await keepHistory(ended.result, PLAIN_HISTORIES);
  }, 120_000);
});

it('replays with the workflows of the project', async () => {
  const [script, bundle] = ['bundle.cjs', 'bundle.js'].map((name) => join(world.folder, 'project', name)) as [
    string,
    string,
  ];
  cpSync(join(ROOT, 'tests/e2e/bundle-own.cjs'), script);
  const stored = recordedHistories(OWN_HISTORIES).map(({ name }) => name);
  const bundled = await runProcess(process.execPath, [script, ROOT, bundle], {
    env: world.env,
    cwd: join(world.folder, 'project'),
    started: (child) => world.processes.push(child),
  });
  expect(bundled).toMatchObject({ exitCode: 0 });
  expect([...(await replayHistories(bundle, OWN_HISTORIES))]).toEqual(stored.map((name) => [name, null]));
  expect(stored).toEqual(['codingTask.asks-around', 'codingTask.never-right', 'codingTask.turns-into-a-plan']);
}, 120_000);
