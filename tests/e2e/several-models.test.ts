/** Tasks that ask several models: modes, candidates, shadows; a real server, real git, an endpoint for each model. */
import type { Client } from '@temporalio/client';
import type { ScriptedAnswer, ScriptedToolCall } from '../../src/adapters/model/scripted';
import type { AskedEntry } from '../../src/domain/entries';
import type { ShadowRecord } from '../../src/domain/shadow';
import { MODEL_EVENTS } from '../domain/model-events';
import { startProviders, type Providers } from './providers';
import { removeFolders } from '../adapters/git/repositories';
import { newSshKey, verifySigned, type SshKey } from '../adapters/git/signing-keys';
import { answerValue, CHECK, git, until, valueFiles, World, type RunResult } from './world';

let world: World;
let client: Client;
let providers: Providers;
let key: SshKey;

beforeAll(async () => {
  providers = await startProviders(['a', 'b', 'c', 's', 'plain'], { plain: 'text' });
  key = newSshKey();
  const signing = `commit: { sign: { key: ${key.settings.key} } }`;
  world = await World.start({ script: [], config: `${providers.config}\n${signing}` });
  client = await world.connect();
}, 60_000);

afterAll(async () => {
  await world.stop();
  await providers.stop();
  removeFolders();
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

const block = (divider: string): ScriptedAnswer => ({
  kind: 'text',
  text: `value.txt\n\`\`\`\n<<<<<<< SEARCH\nwrong\n${divider}\nright\n>>>>>>> REPLACE\n\`\`\`\n`,
});

it('a model without schemas stands in with blocks of text, and what lands is signed and has passed the hooks', async () => {
  const files = { ...valueFiles(), '.husky/commit-msg': 'grep -q "^Weaver-Task: job/" "$1"\n' };
  const task = { ...taskFor('plain', { commit: { hooks: 'run' } }), repo: { url: world.repository('hooked', files) } };
  script({ a: { kind: 'status', status: 401 }, plain: [block('---'), block('=======')] });
  const result = await world.run({ ...task, models: ['a', 'plain'], ask: 'fallback' });
  expect(result.failure).toBeNull();
  expect([result.state, result.attempts, result.calls.sent]).toEqual(['succeeded', 1, 3]);
  const commit = String(result.commit);
  expect(git(task.repo.url, 'rev-parse', String(result.branch))).toBe(commit);
  expect(verifySigned(task.repo.url, commit, key)).toContain('Good "git" signature for weaver@localhost');
  const [first, second] = providers
    .at('plain')
    .requests()
    .map(({ body }) => JSON.stringify(body));
  expect(first).toMatch(/<<<<<<< SEARCH [0-9a-f]{12}/);
  expect(first).not.toContain('response_format');
  expect(second).toContain('the SEARCH block has no line');
  expect(JSON.stringify(providers.at('a').requests()[0]?.body)).toContain('json_schema');
}, 60_000);

it('LS-40, LS-60 a consensus of models counts edits as the same if they make the same tree', async () => {
  const whole = edits('right', {}, { delayMs: 2_000 });
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
  const { stdout } = await world.cli(['events', '--job', result.jobId, '--json']);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly type: string; readonly subject: string; readonly data: unknown });
  const told = (type: keyof typeof MODEL_EVENTS) =>
    events.filter((event) => event.type === type).map(({ data }) => MODEL_EVENTS[type].parse(data));
  const call = { status: 'answered', purpose: 'candidate', attempt: 1, family: null, spent: { calls: 1 } };
  expect(told('dev.weaver.call.ended')).toMatchObject([call, call, call]);
  expect(told('dev.weaver.models.asked')).toMatchObject([
    { turn: 'a1.t1', winner: asked.winner, vote: { strategy: 'majority', quorum: 2, votesFor: 2, votesAgainst: 1 } },
  ]);
});

const refused: ScriptedAnswer = { kind: 'status', status: 401 };
// Who differs is heard first: else the vote is decided before.
const tools = (call: ScriptedToolCall, delayMs = 0): ScriptedAnswer => ({ kind: 'tools', calls: [call], delayMs });
const change = (search: string, replace: string) => ({
  name: 'edit_file',
  arguments: { path: 'value.txt', edits: [{ search, replace, all: false }] },
});
const claim = { id: 1, met: true, evidence: 'value.txt' };
const finish = (summary: string) =>
  tools({ name: 'finish', arguments: { summary, commitMessage: summary, criteria: [claim], question: null } }, 500);
const chooses = (handler: string): ScriptedAnswer => ({ kind: 'json', value: { handler, reason: 'it has to look' } });
const judges = (met: boolean): ScriptedAnswer => ({
  kind: 'json',
  value: { criteria: [{ id: 1, met, evidence: 'value.txt' }] },
  delayMs: met ? 500 : 0,
});

it('each step may be asked in a mode of its own: the choice, the turns by what their calls do, the judgement', async () => {
  script({
    a: [refused, tools(change('wrong', 'right'), 500), finish('Made it right'), judges(false)],
    b: [chooses('agent'), tools(change('wrong', 'left')), finish('All done'), judges(true)],
    c: [tools(change('wrong', 'right'), 500), tools(change('right', 'left')), judges(true)],
  });
  const counts = ['a', 'b', 'c'].map((name) => providers.at(name).count);
  const vote = { mode: 'consensus', vote: { quorum: 2 } };
  const modes = { choose: { mode: 'fallback', models: ['a', 'b'] }, turn: vote, judge: vote };
  const more = { acceptanceCriteria: ['the value is right'], judge: true, chooseHandler: {}, modes };
  const result = await world.run(taskFor('steps', more));
  expect(result.failure).toBeNull();
  // The choice: a is refused, b answers. Two turns and a judgement: all three.
  expect(['a', 'b', 'c'].map((name, at) => providers.at(name).count - (counts[at] ?? 0))).toEqual([4, 4, 3]);
  const asked = (await entriesOf(result)).filter(({ kind }) => kind === 'asked') as unknown as readonly AskedEntry[];
  expect(asked.map(({ turn, mode }) => `${turn.slice(0, 11)} ${mode}`)).toEqual([
    'a1.handler fallback',
    'a1.t1 consensus',
    'a1.t2 consensus',
    'a1.criteria consensus',
  ]);
  expect(asked.map(({ answers }) => answers.map(({ status }) => status).join(' '))).toEqual([
    'failed ok',
    'ok ok ok',
    'ok ok ok',
    'ok ok ok',
  ]);
  expect(asked.slice(1).map(({ vote: held }) => held?.tally.map(({ members }) => members))).toEqual([
    [[0, 2], [1]],
    [[0, 1], [2]],
    [[1, 2], [0]],
  ]);
});

it('a judge that fails is followed by the next one, and is not told to the model that does the work', async () => {
  script({ a: [edits('right'), { kind: 'status', status: 401 }], b: { kind: 'status', status: 401 } });
  const modes = { judge: { mode: 'fallback', models: ['a', 'b'] } };
  const criteria = { acceptanceCriteria: ['the value is right'], judge: true, modes };
  const result = await world.run(taskFor('unjudged', { models: ['a'], ...criteria }));
  expect([result.state, result.failure?.code, result.failure?.message]).toEqual([
    'dead',
    'modelCredentials',
    expect.stringMatching(/1 a\/model-a: modelCredentials.*2 b\/model-b: modelCredentials/),
  ]);
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

const saysOfReason = (met: boolean): ScriptedAnswer => ({
  kind: 'json',
  value: { criteria: [{ id: 1, met, evidence: met ? 'why.txt, line 1' : 'Nothing says why.' }] },
});

it('of several candidates that pass the checks the next best one is landed where a judge refuses the best', async () => {
  script({
    a: edits('right'),
    b: edits('right', { 'why.txt': 'because\n' }),
    s: [saysOfReason(false), saysOfReason(true)],
  });
  const criteria = { acceptanceCriteria: ['It says why'], judge: { provider: 's' } };
  const task = taskFor('judged', { models: ['a', 'b'], candidates: 2, ...criteria });
  const result = await world.run(task);
  expect([result.state, result.attempts, result.calls.sent]).toEqual(['succeeded', 1, 4]);
  expect(git(task.repo.url, 'show', `${result.branch ?? ''}:why.txt`)).toBe('because');
  expect(await entriesOf(result)).toContainEqual(
    expect.objectContaining({ kind: 'note', about: 'candidate', text: expect.stringContaining('candidate 1') }),
  );
});

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
