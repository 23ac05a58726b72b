/** Tasks that ask several models: modes, candidates, shadows; a real server, real git, an endpoint for each model. */
import type { Client } from '@temporalio/client';
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import type { AskedEntry } from '../../src/domain/entries';
import type { ShadowRecord } from '../../src/domain/shadow';
import { startProviders, type Providers } from './providers';
import { answerValue, CHECK, until, valueFiles, World, type RunResult } from './world';

let world: World;
let client: Client;
let providers: Providers;

beforeAll(async () => {
  providers = await startProviders(['a', 'b', 'c', 's']);
  world = await World.start({ script: [], config: providers.config });
  client = await world.connect();
}, 60_000);

afterAll(async () => {
  await world.stop();
  await providers.stop();
});

const edits = (value: string, more: Readonly<Record<string, string>> = {}, manner: object = {}): ScriptedAnswer => {
  const {
    edits: [first],
    ...rest
  } = answerValue(value);
  const others = Object.entries(more).map(([path, content]) => ({ ...first, path, content }));
  return { kind: 'json', value: { ...rest, edits: [first, ...others], question: null }, ...manner };
};

const script = (answers: Readonly<Record<string, ScriptedAnswer | readonly ScriptedAnswer[]>>): void => {
  for (const [name, given] of Object.entries(answers)) {
    const list = Array.isArray(given) ? (given as readonly ScriptedAnswer[]) : [given as ScriptedAnswer];
    providers.at(name).setScript([{ answers: list }]);
  }
};

const taskFor = (title: string, more: Readonly<Record<string, unknown>>) => ({
  title,
  description: `${title}: make the value right.`,
  repo: { url: world.repository(title, valueFiles()) },
  checks: [CHECK],
  models: ['a', 'b', 'c'],
  limits: { attempts: 1 },
  ...more,
});

async function entriesOf({ taskId }: RunResult): Promise<readonly Record<string, unknown>[]> {
  const { stdout } = await world.cli(['decisions', taskId, '--json']);
  return JSON.parse(stdout) as readonly Record<string, unknown>[];
}

const askedIn = async (result: RunResult): Promise<AskedEntry> => {
  const found = (await entriesOf(result)).find(({ kind }) => kind === 'asked');
  return found as unknown as AskedEntry;
};

it('LS-40, LS-60 a consensus of models counts edits as the same if they make the same tree', async () => {
  const whole = edits('right', {}, { delayMs: 800 });
  const {
    edits: [write],
    ...rest
  } = answerValue('right');
  const replaced: ScriptedAnswer = {
    kind: 'json',
    value: {
      ...rest,
      edits: [{ ...write, op: 'replace', content: null, search: 'wrong', replace: 'right' }],
      commitMessage: 'Other words for it',
      question: null,
    },
  };
  script({ a: whole, b: edits('left'), c: replaced });
  const result = await world.run(taskFor('voted', { ask: { mode: 'consensus', vote: { quorum: 2 } } }));
  expect([result.state, result.calls.sent]).toEqual(['succeeded', 3]);
  const asked = await askedIn(result);
  expect(asked).toMatchObject({ mode: 'consensus', turn: 'a1.t1', reason: expect.stringContaining('2 of 3') });
  expect(asked.answers.map(({ provider, status }) => `${provider} ${status}`)).toEqual(['a ok', 'b ok', 'c ok']);
  expect([0, 2]).toContain(asked.winner);
});

it('LS-13, LC-14 models that do not agree fail the attempt with what each of them said, and the next one is another vote', async () => {
  script({ a: [edits('one'), edits('right')], b: [edits('two'), edits('right')], c: edits('three') });
  const task = taskFor('disagreed', { ask: 'consensus', limits: { attempts: 2 } });
  const result = await world.run(task);
  expect([result.state, result.attempts, result.calls.sent]).toEqual(['succeeded', 2, 6]);
  expect((await entriesOf(result)).filter(({ kind }) => kind === 'asked')).toHaveLength(2);
  expect(await askedIn(result)).toMatchObject({ winner: null, reason: expect.stringContaining('quorum of 2') });
});

it('the first model whose edits apply is taken, and the others are stopped and paid for what they cost', async () => {
  script({ a: { kind: 'hang' }, b: edits('right'), c: { kind: 'hang' } });
  const result = await world.run(taskFor('raced', { ask: 'any' }));
  expect(result.state).toBe('succeeded');
  const asked = await askedIn(result);
  expect(asked.answers.map(({ status }) => status)).toEqual(['cancelled', 'ok', 'cancelled']);
  await until(() => providers.at('a').requests().at(-1)?.aborted === true, 'the request to a is stopped');
  // Those that were left behind are on the task's account as far as its ledger knows them.
  expect(result.calls.sent).toBe(3);
});

it('LS-66 a cancel of the task reaches every model, and the task ends as cancelled', async () => {
  script({ a: { kind: 'hang' }, b: { kind: 'hang' }, c: { kind: 'hang' } });
  const asked = ['a', 'b', 'c'].map((name) => providers.at(name));
  const counts = asked.map(({ count }) => count);
  const running = world.run(taskFor('called-off', { ask: 'consensus' }), ['--key', 'called-off']);
  await until(() => asked.every(({ count }, at) => count > (counts[at] ?? 0)), 'all are asked');
  expect((await world.cli(['cancel', 'called-off', '--reason', 'enough'])).exitCode).toBe(0);
  const result = await running;
  expect([result.state, result.exitCode, result.calls.sent]).toEqual(['cancelled', 10, 3]);
  await until(() => asked.every((endpoint) => endpoint.requests().at(-1)?.aborted === true), 'all are stopped');
});

it('an answer that cannot be read is mended by the model that gave it', async () => {
  script({
    a: { kind: 'status', status: 401 },
    b: [{ kind: 'text', text: 'no JSON' }, edits('right')],
    c: edits('left'),
  });
  const counts = ['a', 'b', 'c'].map((name) => providers.at(name).count);
  const result = await world.run(taskFor('mended', { ask: 'fallback' }));
  expect(result.state).toBe('succeeded');
  expect(['a', 'b', 'c'].map((name, at) => providers.at(name).count - (counts[at] ?? 0))).toEqual([1, 2, 0]);
});

it('of several candidates the gate chooses, then the size of the change; the others stay as diffs, and a killed worker pays nothing twice', async () => {
  const counts = ['a', 'b', 'c'].map((name) => providers.at(name).count);
  script({
    a: edits('right', { 'extra.txt': 'not\nneeded\n' }),
    b: edits('left'),
    c: edits('right', {}, { delayMs: 3_000 }),
  });
  const [worker] = world.processes.slice(-1);
  const running = world.run(taskFor('best', { candidates: 3 }));
  await until(() => providers.at('c').count > (counts[2] ?? 0), 'all candidates are asked');
  worker?.kill('SIGKILL');
  await world.startWorker();
  const result = await running;
  expect(result.state).toBe('succeeded');
  expect(['a', 'b', 'c'].map((name, at) => providers.at(name).count - (counts[at] ?? 0))).toEqual([1, 1, 1]);
  const asked = await askedIn(result);
  expect(asked).toMatchObject({ mode: 'candidates', winner: 2 });
  expect(asked.answers.map(({ why }) => why)).toEqual([
    expect.stringMatching(/changed lines against/),
    'failed the gate',
    expect.stringMatching(/^passed the gate/),
  ]);
  expect(asked.answers.every(({ diff }) => diff !== null)).toBe(true);
  expect(result.calls).toEqual({ sent: 3, inDoubt: 0 });
}, 60_000);

it('LS-44, LS-63, MD-08, MD-21 a shadow is asked beside the model, costs the task nothing, and is compared by content', async () => {
  script({ a: edits('right'), s: edits('right', {}, { delayMs: 1_500 }) });
  const before = providers.at('s').count;
  const startedAt = Date.now();
  const result = await world.run(taskFor('shaded', { models: ['a'], shadow: { model: 's', gate: true } }));
  const tookMs = Date.now() - startedAt;
  expect([result.state, result.calls.sent]).toEqual(['succeeded', 1]);
  const shadow = (await client.workflow.getHandle(`${result.taskId}/shadow/a1.t1`).result()) as ShadowRecord;
  expect(shadow).toMatchObject({
    primary: { provider: 'a', passed: true },
    shadow: { provider: 's', passed: true, failure: null },
    compared: { agreement: 'same', sameGate: true },
  });
  // It answered a second and a half later than the task needed for everything.
  expect(shadow.compared.latencyGapMs).toBeGreaterThan(1_000);
  expect(shadow.at - startedAt).toBeGreaterThan(1_500);
  expect(tookMs).toBeLessThan(shadow.at - startedAt + 1_500);
  expect(providers.at('s').count).toBe(before + 1);
  const { stdout } = await world.cli(['shadow', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    models: [{ provider: 's', calls: 1, agreements: { same: 1 }, sameGate: 1 }],
  });
});

it('LS-32, LS-63, LS-65 a shadow that fails, or is not sampled, changes nothing', async () => {
  script({ a: edits('right'), s: { kind: 'status', status: 401 } });
  const failed = await world.run(taskFor('unlucky', { models: ['a'], shadow: { model: 's' } }));
  const shadow = (await client.workflow.getHandle(`${failed.taskId}/shadow/a1.t1`).result()) as ShadowRecord;
  expect([failed.state, shadow.shadow.failure, shadow.compared.agreement]).toEqual([
    'succeeded',
    'modelCredentials',
    'shadowFailed',
  ]);
  const before = providers.at('s').count;
  const alone = await world.run(taskFor('alone', { models: ['a'], shadow: { model: 's', rate: 0 } }));
  expect([alone.state, providers.at('s').count]).toEqual(['succeeded', before]);
});
