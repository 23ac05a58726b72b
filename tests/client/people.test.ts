/** What people say and how it is shown, against a real server without a worker; with one it is tested end to end. */
import { TypedSearchAttributes } from '@temporalio/common';
import type { TemporalServer } from '../../src/adapters/server/temporal-server.js';
import { turnOf } from '../../src/client/again.js';
import { baseKeyOf } from '../../src/client/followers.js';
import { answersTo, shellWord } from '../../src/client/answer-commands.js';
import { WeaverClient } from '../../src/client/index.js';
import { treeLines } from '../../src/client/render-tree.js';
import { waitingLines } from '../../src/client/render-waiting.js';
import { statusLines } from '../../src/client/render-task.js';
import { viewOfStatus } from '../../src/client/task-view.js';
import { commandsFor, unansweredWaiting, type Waiting } from '../../src/client/waiting.js';
import type { Question } from '../../src/domain/outcome.js';
import type { JobTaskRow } from '../../src/domain/job.js';
import { NOTHING_SPENT } from '../../src/domain/record.js';
import { failure } from '../../src/domain/failures.js';
import { SEARCH_ATTRIBUTES, type JobStatus, type TaskStatus } from '../../src/workflows/messages.js';
import { aRow, aSpec } from './specs.js';
import { startLoneServer, type LoneServer } from './lone-server.js';
import { until } from './until.js';

const aStatus = (changes: Partial<TaskStatus> = {}): TaskStatus => ({
  taskId: 'job/k/t/0',
  title: 'Mend it',
  state: 'blocked',
  phase: 'asks: which?',
  attempt: 1,
  attemptsMax: 5,
  waitingOn: 'human',
  spending: NOTHING_SPENT,
  branch: null,
  failure: null,
  wakesAt: null,
  ...changes,
});

const question = (changes: Partial<Question> = {}): Question => ({
  id: 'a1.t1',
  kind: 'text',
  text: 'Which one?',
  options: [],
  default: null,
  about: null,
  ...changes,
});

const aJob = (budget: JobStatus['budget']): JobStatus => ({
  jobId: 'job/k',
  title: 'Many',
  state: 'running',
  paused: false,
  total: 2,
  counts: {},
  spending: NOTHING_SPENT,
  budget,
  bottlenecks: [],
  startedAt: 0,
  endedAt: null,
  deadline: null,
  concurrency: 2,
});

describe('the command that lets a task go on', () => {
  it('answers a question of each kind', () => {
    expect(answersTo('job/k/t/0', question())).toEqual(["weaver answer job/k/t/0 'your answer' --question a1.t1"]);
    expect(answersTo('job/k/t/0', question({ kind: 'choice', options: ['left', "the ox's"] }))).toEqual([
      'weaver answer job/k/t/0 left',
      `weaver answer job/k/t/0 'the ox'\\''s'`,
    ]);
    expect(answersTo('job/k/t/0', question({ kind: 'choice', options: ['-1'] }))).toEqual([
      "weaver answer job/k/t/0 -- '-1'",
    ]);
    expect(answersTo('job/k/t/0', question({ kind: 'approval' }))[0]).toBe('weaver approve job/k/t/0');
    expect(answersTo('job/k/t/0', question({ kind: 'work' }))).toEqual([
      "weaver done job/k/t/0 --message 'what was done'",
    ]);
  });

  it('resumes what is paused, and hurries what waits for a resource', () => {
    expect(commandsFor(aStatus({ paused: { by: 'ana', why: '' } }), 'human', null)).toEqual([
      'weaver resume job/k/t/0',
    ]);
    expect(commandsFor(aStatus({ wakesAt: 1 }), 'resource', null)).toEqual(['weaver retry-now job/k/t/0']);
    // A permit comes by itself.
    expect(commandsFor(aStatus({ wakesAt: null }), 'resource', null)).toEqual([]);
    expect(commandsFor(aStatus(), 'dependency', null)).toEqual([]);
  });

  it('raises the budget that is spent: that of the task, or of its job', () => {
    const spending = { ...NOTHING_SPENT, costUsdMicros: 1_230_000 };
    const poor = aStatus({ waitingOn: 'budget', spending });
    expect(commandsFor(poor, 'budget', null)).toEqual(['weaver set-budget job/k/t/0 --cost 2.46']);
    const tokens = aStatus({ spending: { ...spending, tokens: { ...spending.tokens, prompt: 70 } } });
    expect(commandsFor({ ...tokens, failure: failure('budgetTokens') }, 'budget', null)).toEqual([
      'weaver set-budget job/k/t/0 --tokens 140',
    ]);
    expect(commandsFor(poor, 'budget', aJob({ costUsdMicros: 500_000, whenSpent: 'wait' }))).toEqual([
      'weaver set-budget job/k --cost 1.00',
    ]);
    // It was lowered below what is spent: twice the limit would let nobody go on.
    const lowered = {
      ...aJob({ costUsdMicros: 500_000, tokens: 80, attempts: 3, whenSpent: 'wait' }),
      left: { costUsdMicros: -2_000_000, tokens: 0, attempts: 1 },
    };
    expect(commandsFor(poor, 'budget', lowered)).toEqual([
      'weaver set-budget job/k --cost 5.00 --tokens 160 --attempts 6',
    ]);
  });

  it('begins a worker only where none polls the queue: one that has no time to answer is there', () => {
    const typedSearchAttributes = new TypedSearchAttributes([{ key: SEARCH_ATTRIBUTES.waitingOn, value: 'budget' }]);
    const task = { workflowId: 'job/k/t/0', typedSearchAttributes };
    const unanswered = { jobId: 'job/k', taskId: 'job/k/t/0', waitingOn: 'budget', answered: false };
    const busy = { says: 'its worker is busy, and has not answered in time', commands: [] };
    expect(unansweredWaiting(task, true)).toMatchObject({ ...unanswered, ...busy });
    expect(unansweredWaiting(task, false)).toMatchObject({ ...unanswered, commands: ['weaver worker'] });
  });

  it.each([
    ['plain-word_1.2', 'plain-word_1.2'],
    ['two words', `'two words'`],
    ['~home', `'~home'`],
    ['', `''`],
    ['$(rm)', `'$(rm)'`],
  ])('shows %j as one word', (text, shown) => expect(shellWord(text)).toBe(shown));
});

const row = (path: string, changes: Partial<JobTaskRow> = {}): JobTaskRow => aRow('job/k', path, changes);

describe('what a person reads', () => {
  it('of a question: its text, its default and the command', () => {
    const waiting: Waiting = {
      jobId: 'job/k',
      taskId: 'job/k/t/0',
      title: 'Mend\u001b[2J it',
      waitingOn: 'human',
      says: 'asks',
      question: question({ kind: 'approval', text: 'May it be pushed?', default: 'reject' }),
      paused: null,
      until: 61_000,
      commands: ['weaver approve job/k/t/0'],
      answered: true,
    };
    expect(waitingLines([waiting], 1_000)).toEqual([
      'job/k/t/0  Mend [2J it',
      '  waits for human, “reject” is taken in 1 min 0 s',
      '  a1.t1: May it be pushed?',
      '  $ weaver approve job/k/t/0',
    ]);
  });

  it('of a status: who paused it, what it asks, what it came of and into what it was split', () => {
    const lines = statusLines(
      viewOfStatus(
        aStatus({
          question: question(),
          paused: { by: 'ana', why: 'lunch' },
          parent: 'a',
          children: ['a.1.1', 'a.1.2'],
        }),
        'worker',
        null,
      ),
    ).join('\n');
    expect(lines).toMatch(
      /paused +by ana: lunch[^]*asks +Which one\?[^]*answer +weaver answer[^]*came of +a\n[^]*split +into a\.1\.1, a\.1\.2/,
    );
  });

  it('of a tree: each task below the one that it came of', () => {
    const rows = [
      row('a', { state: 'decomposed', children: ['a.1', 'a.2'], startedAt: 0, endedAt: 2_000, costUsdMicros: 10_000 }),
      row('b', { state: 'pending', dependsOn: [{ on: 'a', whenFailed: 'fail' }], waitsFor: 'a' }),
      row('a.1', { parent: 'a', title: 'First', attempts: 2 }),
      row('a.2', { parent: 'a' }),
      row('x.9', { parent: 'x', failure: 'checksFailed', state: 'dead' }),
    ];
    expect(treeLines({ jobId: 'job/k', title: 'Many', state: 'running', source: 'worker' }, rows, 200)).toEqual([
      'job/k · Many · running · 1 of 5 done · $0.0100',
      '├─ a · decomposed · $0.0100 · 2.0 s',
      '│  ├─ a.1 · First · running · 2 attempts',
      '│  └─ a.2 · running',
      '├─ b · pending · waits for a',
      '└─ x.9 · dead · checksFailed',
    ]);
  });
});

describe('names of what is taken up again', () => {
  it('a turn is an attempt and a turn', () => {
    expect(turnOf('a12.t3')).toEqual({ attempt: 12, turn: 3 });
    for (const wrong of ['a0.t1', 'a1', 't1.a1', 'a1.t1.t2', '']) expect(() => turnOf(wrong)).toThrow(/names no turn/);
  });

  it('a number replaces the one before it', () => {
    expect(baseKeyOf('job/login')).toBe('login');
    expect(baseKeyOf('job/login~12')).toBe('login');
    expect(baseKeyOf('job/log~in')).toBe('log~in');
    expect(baseKeyOf(`job/${'k'.repeat(100)}`)).toHaveLength(92);
  });
});

let client: WeaverClient;

const fault = (code: string, exitCode: number, says = '') =>
  expect.objectContaining({
    name: 'WeaverFault',
    code,
    exitCode,
    message: expect.stringContaining(says),
    next: expect.stringMatching(/.+/),
  });

const waitingOf = async (id: string) => (await client.waiting()).find(({ taskId }) => taskId === id);

const startTask = (workflowId: string, attributes: readonly { readonly name: string; readonly value: string }[] = []) =>
  client.temporal.workflow.start('codingTask', {
    workflowId,
    taskQueue: 'weaver',
    args: [{ schemaVersion: 1, spec: aSpec(), lineage: 'l', requester: 'ana', suffix: 'abcdefgh' }],
    searchAttributes: Object.fromEntries(attributes.map(({ name, value }) => [name, [value]])),
  });

describe('without a worker', () => {
  let lone: LoneServer;
  let server: TemporalServer;

  beforeAll(async () => {
    lone = await startLoneServer();
    ({ server } = lone);
    client = await WeaverClient.connect({ connection: { address: server.address }, requester: 'ana@desk' });
  }, 60_000);

  afterAll(async () => {
    await client?.close();
    await lone?.stop();
  });

  it('an unknown task, one that has not begun and one that was ended by force are told apart', async () => {
    await expect(client.answer('nobody', 'x')).rejects.toEqual(fault('unknownTask', 2));
    await client.submit(aSpec(), { key: 'fresh' });
    await expect(client.pause('fresh')).rejects.toEqual(fault('notThere', 2, 'has not begun'));
    await expect(client.retry('fresh')).rejects.toEqual(fault('stillRuns', 2));
    const torn = await startTask('job/torn/t/0');
    await torn.terminate('by hand');
    await expect(client.approve('torn', true)).rejects.toEqual(fault('ended', 2, 'terminated'));
  });

  it('what nobody takes up is told with the name to repeat it under', async () => {
    await startTask('job/alone/t/0');
    await expect(client.answer('alone', 'yes', { updateId: 'first-try' })).rejects.toEqual(
      expect.objectContaining({ code: 'noWorker', exitCode: 4, next: expect.stringContaining('--id first-try') }),
    );
  }, 30_000);

  it('a task of a larger job has to be named', async () => {
    const { title: _, ...rest } = aSpec();
    const tasks = ['a', 'b'].map((id) => ({ id, title: `Task ${id}`, description: rest.description }));
    await client.submit({ title: 'Two', repo: rest.repo, tasks }, { key: 'two' });
    await expect(client.answer('two', 'x')).rejects.toEqual(fault('usage', 2, 'several tasks'));
    await expect(client.retry('two')).rejects.toEqual(fault('usage', 2, 'several tasks'));
    await expect(client.setBudget('two', { wallTimeSeconds: 5 })).rejects.toEqual(fault('usage', 2));
  });

  it('a stop is kept by the server, and says that the job could not be asked', async () => {
    await client.submit(aSpec(), { key: 'unmanned' });
    expect(await client.stop('unmanned', { reason: 'enough' })).toMatchObject({
      asked: true,
      by: 'server',
      path: null,
    });
    const { raw } = await client.temporal.workflow.getHandle('job/unmanned').describe();
    expect(raw.workflowExecutionInfo?.historyLength?.toString()).toBe('4'); // started, task scheduled, reason, cancel
    await expect(client.stop('job/nobody/t/a', { reason: 'enough' })).rejects.toEqual(fault('unknownTask', 2));
  });

  it('what waits is listed all the same', async () => {
    await startTask('job/silent/t/0', [{ name: 'WeaverWaitingOn', value: 'human' }]);
    await until(async () => (await waitingOf('job/silent/t/0')) !== undefined, 'the task is listed');
    expect(await waitingOf('job/silent/t/0')).toMatchObject({
      waitingOn: 'human',
      answered: false,
      commands: ['weaver worker'],
    });
  }, 30_000);
});
