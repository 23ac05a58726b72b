/** A project with a worker and deciders of its own (examples/custom-decider), as its users have it: a folder with weaver installed. */
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { DecisionRecord } from '../../src/domain/record';
import { answerValue, CHECK, saysIn, valueFiles, World, type RunResult } from './world';

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
`;

let world: World;
let adviser: { readonly server: Server; readonly asked: unknown[]; answer: unknown; status: number };

beforeAll(async () => {
  world = await World.start({
    script: [
      {
        when: { contains: 'Right at last' },
        answers: [
          { kind: 'json', value: answerValue('wrong1') },
          { kind: 'json', value: answerValue('right') },
        ],
      },
      {
        when: { contains: ['Turns into a plan', 'child tasks'] },
        answers: [{ kind: 'json', value: { children: [], join: false, notes: '', question: null } }],
      },
      {
        when: { contains: ['Model chooses', '"handler" is one of'] },
        answers: [{ kind: 'json', value: { handler: 'plan', reason: 'two parts' } }],
      },
      {
        when: { contains: ['Model babbles', '"handler" is one of'] },
        answers: [{ kind: 'json', value: { handler: 'magic', reason: 'why not' } }],
      },
      {
        when: { contains: ['# Model chooses', 'child tasks'] },
        answers: [{ kind: 'json', value: { children: [], join: false, notes: '', question: null } }],
      },
      { when: { contains: 'Model babbles' }, answers: [{ kind: 'json', value: answerValue('right') }] },
      { answers: [{ kind: 'json', value: answerValue('wronger') }] },
    ],
  });
  adviser = await startAdviser();
  await startOwnWorker();
}, 180_000);

afterAll(async () => {
  adviser.server.closeAllConnections();
  await new Promise((closed) => adviser.server.close(closed));
  await world.stop();
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

interface Ended {
  readonly result: RunResult;
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
  const result = JSON.parse(watched.stdout.trim().split('\n').at(-1) ?? '{}') as RunResult;
  const shown = await world.cli(['decisions', taskId, '--json'], { env });
  const entries = JSON.parse(shown.stdout) as Ended['entries'];
  return { result, entries, decisions: entries.filter(({ kind }) => kind === 'decision') as never };
}

const brief = ({ decisions }: Ended) => decisions.map(({ decider, decision }) => `${decider} ${decision.kind}`);

it('lets a decider of the own project decide, and the default one where it abstains', async () => {
  const ended = await carryOut('Never right', { decider: 'frugal@1+default@1' });
  expect(brief(ended)).toEqual(['default@1 retry', 'frugal@1 markDead']);
  expect(ended.result).toMatchObject({ state: 'dead', failure: { code: 'checksFailed' } });
  expect(ended.decisions[1]?.decision.reason).toBe('twice the same: checksFailed');
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
  expect(ended.result).toMatchObject({ state: 'dead', exitCode: 3, failure: { code: 'unknownDecider' } });
  expect(ended.result.failure?.message).toMatch(/nobody@7; this worker has default@1, frugal@1/);
  expect(world.requestsFor('Undecided')).toBe(0);
}, 120_000);

it('refuses it on a plain worker too, which has none but the default one', async () => {
  const ended = await carryOut('Undecided elsewhere', { shadowDecider: 'frugal@1' }, {});
  expect(ended.result.failure?.message).toMatch(/frugal@1; this worker has default@1\./);
  expect(world.requestsFor('Undecided elsewhere')).toBe(0);
}, 120_000);

describe('a decider that asks a service', () => {
  it('is an activity whose answer counts', async () => {
    adviser.answer = { kind: 'markStuck', reason: 'the adviser knows no way' };
    const ended = await carryOut('Asks around', { decider: 'advised@1' });
    expect(brief(ended)).toEqual(['advised@1 markStuck']);
    expect(adviser.asked.at(-1)).toMatchObject({ attempts: 1, code: 'checksFailed' });
    expect(ended.result).toMatchObject({ state: 'stuck', failure: { code: 'checksFailed' } });
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
    const ended = await carryOut('Right at last', { decider: 'greedy@1+advised@1', limits: { attempts: 2 } });
    expect(brief(ended)[1]).toBe('default@1 complete');
    expect(adviser.asked.length).toBe(before);
  }, 600_000);

  it('is passed over when it cannot be asked', async () => {
    adviser.status = 503;
    const ended = await carryOut('Asks in vain', { decider: 'advised@1', limits: { attempts: 1 } });
    adviser.status = 200;
    expect(brief(ended)).toEqual(['default@1 markDead']);
    expect(ended.decisions[0]?.notes?.[0]).toMatch(/^advised@1 was passed over: advise: .*the adviser answered 503/);
  }, 120_000);
});

describe('the handler of a task', () => {
  const chosen = ({ entries }: Ended) => entries.filter(({ kind }) => kind === 'handlerChosen');

  it('is chosen by the first rule that holds', async () => {
    const rules = [
      { when: { title: 'nothing like it' }, handler: 'one-shot' },
      { when: { title: 'turns into' }, handler: 'plan', reason: 'such tasks are split' },
    ];
    const ended = await carryOut('Turns into a plan by rule', { chooseHandler: { rules }, limits: { attempts: 1 } });
    expect(chosen(ended)).toMatchObject([{ handler: 'plan', reason: 'rule 2: such tasks are split' }]);
    expect(ended.decisions[0]?.outcome.kind).toBe('proposed');
  }, 120_000);

  it('is chosen by a model, which is asked once', async () => {
    const model = { provider: 'openai' };
    const ended = await carryOut('Model chooses', { chooseHandler: { model }, limits: { attempts: 2 } });
    expect(chosen(ended)).toMatchObject([{ handler: 'plan', reason: 'scripted-1: two parts' }]);
    expect(ended.decisions.map(({ outcome }) => outcome.kind)).toEqual(['proposed', 'proposed']);
    expect(world.requestsFor('Model chooses')).toBe(3);
    expect(ended.result.calls.sent).toBe(3);
  }, 120_000);

  it('is the one that the task names where the model does not choose', async () => {
    const ended = await carryOut('Model babbles', { chooseHandler: { model: { provider: 'openai' } } });
    expect(chosen(ended)).toMatchObject([
      { handler: 'one-shot', reason: 'scripted-1 did not choose: its answer is none' },
    ]);
    expect(ended.result.state).toBe('succeeded');
  }, 120_000);
});
