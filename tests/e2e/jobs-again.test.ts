/**
 * Tasks of jobs taken up again; children that wait for a place; what a job and its tasks keep of deadlines, updates and
 * questions, also where they continue as new.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { createArtifactStore } from '../../src/adapters/artifacts/artifact-store';
import { createRedactor } from '../../src/adapters/redact';
import type { ReadSpec } from '../../src/client/again';
import { WeaverClient, type JobResult } from '../../src/client/index';
import type { JobSpec, JobTask } from '../../src/domain/job';
import type { JobStatus, JobTasksPage, TaskResult, TaskStatus } from '../../src/workflows/messages';
import {
  answerValue,
  branchesOf,
  CHECK,
  commitsOn,
  git,
  until,
  valueFiles,
  World,
  type CliResult,
  type RunResult,
} from './world';

let world: World;
let client: Client;
let weaver: WeaverClient;

const write = (path: string, content: string) => ({
  kind: 'json' as const,
  value: {
    edits: [{ op: 'write', path, content, search: null, replace: null, to: null }],
    commitMessage: `Write ${path}`,
    notes: '',
  },
});
const child = (title: string, dependsOn: readonly number[] = []) => ({
  title,
  description: `Do it: ${title}`,
  acceptanceCriteria: [],
  relatedFiles: [],
  checks: [],
  dependsOn,
});
const plan = (joins: boolean, ...children: readonly object[]) => ({
  kind: 'json' as const,
  value: { children, join: joins, notes: '', question: null },
});
const rule = (title: string, ...answers: readonly object[]) => ({
  when: { contains: title },
  answers: answers as never,
});

beforeAll(async () => {
  world = await World.start({
    script: [
      rule('# Split and join', plan(true, child('Part one'), child('Part two'))),
      rule('# Split in conflict', plan(true, child('Left side'), child('Right side'))),
      rule('# Split in order', plan(false, child('Part one'), child('Part two', [1]))),
      rule('# Split into four', plan(false, ...['a', 'b', 'c', 'd'].map((name) => child(`Quarter ${name}`)))),
      rule('# Resolve', write('side.txt', 'wrong\n'), write('side.txt', 'both\n')),
      rule('# Left side', write('side.txt', 'left\n')),
      rule('# Right side', write('side.txt', 'right\n')),
      rule('# Part one', write('one.txt', '1\n')),
      rule('# Part two', write('two.txt', '2\n')),
      rule('# On top', write('top.txt', 'top\n')),
      rule('# Quarter', { ...write('quarter.txt', '1/4\n'), delayMs: 700 }),
      rule('# Late one', write('late.txt', '1\n'), { ...write('late.txt', '2\n'), delayMs: 60_000 }),
      rule('# Late two', write('late.txt', '1\n'), { ...write('late.txt', '2\n'), delayMs: 60_000 }),
      rule(
        '# Again and again',
        write('value.txt', 'one\n'),
        write('value.txt', 'two\n'),
        { ...write('value.txt', 'three\n'), delayMs: 1_500 },
        write('value.txt', 'right\n'),
      ),
      rule('# Slow', { kind: 'json', delayMs: 60_000, value: answerValue('right') }),
      { answers: [{ kind: 'json', value: answerValue('right') }] },
    ],
    config: 'sandbox: none\n',
  });
  client = await world.connect();
  weaver = new WeaverClient(client, { requester: 'ana@test' });
}, 120_000);

afterAll(async () => {
  await world?.stop();
}, 60_000);

const task = (id: string, title: string, more: Partial<JobTask> & { content?: object } = {}): JobTask => ({
  id,
  dependsOn: [],
  ...more,
  content: { title, description: `${title}, please.`, ...more.content },
});
const planned = (title: string) => task('p', title, { content: { handler: 'plan' } });
const after = (...ids: readonly string[]) => ids.map((on) => ({ on, whenFailed: 'fail' as const }));
const checkOf = (run: string) => ({ checks: [{ name: 'check', run, timeoutSeconds: 20 }], limits: { attempts: 1 } });

function jobOf(name: string, tasks: readonly JobTask[], more: Partial<JobSpec> = {}): JobSpec {
  return {
    title: name,
    tasks,
    concurrency: 4,
    priority: 3,
    tags: [],
    budget: { whenSpent: 'wait' },
    ...more,
    defaults: { repo: { url: world.repository(name, valueFiles()) }, ...checkOf('true'), ...more.defaults },
  };
}

async function start(
  name: string,
  job: JobSpec,
  more: { readonly eventsMax?: number } = {},
): Promise<WorkflowHandleWithFirstExecutionRunId> {
  const input = { schemaVersion: 1, job, requester: 'ana', ...more };
  return await client.workflow.start('job', { taskQueue: 'weaver', workflowId: `job/${name}`, args: [input] });
}

const resultOf = async (handle: WorkflowHandle): Promise<JobResult> => (await handle.result()) as JobResult;
const rowsOf = async (handle: WorkflowHandle) =>
  (await handle.query<JobTasksPage, [{ from: number; limit: number }]>('jobTasks', { from: 0, limit: 500 })).rows;
const statesOf = async (handle: WorkflowHandle) =>
  Object.fromEntries((await rowsOf(handle)).map(({ path, state }) => [path, state]));
const branchOf = async (handle: WorkflowHandle, path: string): Promise<string> =>
  (await rowsOf(handle)).find((row) => row.path === path)?.branch ?? '';
const bare = (name: string): string => join(world.folder, 'remotes', `${name}.git`);
const filesOn = (name: string, branch: string | null): readonly string[] =>
  git(bare(name), 'ls-tree', '--name-only', branch ?? '').split('\n');
const said = <T>({ stdout, stderr }: CliResult): T => {
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (last === '') throw new Error(`nothing on stdout; stderr: ${stderr}`);
  return JSON.parse(last) as T;
};
/** With the library, which reads specifications that weaver has made from the store of the worker's host. */
async function retried(taskId: string): Promise<TaskResult> {
  const artifacts = createArtifactStore({ home: world.home, redactor: createRedactor({ secrets: () => [] }) });
  const readSpec: ReadSpec = async (reference) => JSON.parse((await artifacts.get(reference)).toString('utf8'));
  const { jobId } = await weaver.retry(taskId, { readSpec });
  return (await weaver.result(jobId)).task;
}
const lastAsked = (title: string): string =>
  world.endpoint
    .requests()
    .map(({ body }) => JSON.stringify(body))
    .findLast((body) => body.includes(title)) ?? '';

const toolFor = (name: string): string => join(world.folder, `tool-for-${name}`);
const handleOf = (name: string): WorkflowHandle => client.workflow.getHandle(`job/${name}`);

describe('taking up a task of a job', () => {
  /** All at once, since each waits for its processes most of the time. */
  beforeAll(async () => {
    const whole = `[ ! -e one.txt ] || [ ! -e two.txt ] || test -e '${toolFor('joined')}'`;
    const second = `[ ! -e two.txt ] || test -e '${toolFor('ordered')}'`;
    const limits = { attempts: 2 };
    const stacked = [
      task('a', 'Part one'),
      task('b', 'On top', { dependsOn: after('a'), stackOn: 'a', content: { limits } }),
    ];
    const budget = { whenSpent: 'wait', attempts: 4 } as const;
    await Promise.all([
      start('joined', jobOf('joined', [planned('Split and join')], { defaults: checkOf(whole) })),
      start('torn', jobOf('torn', [planned('Split in conflict')], { defaults: checkOf('! grep -q wrong side.txt') })),
      start('ordered', jobOf('ordered', [planned('Split in order')], { defaults: checkOf(second) })),
      start('above', jobOf('above', stacked, { defaults: checkOf('test ! -e top.txt'), budget })),
    ]);
  });

  it('a join that weaver made merges the branches that it waited for', async () => {
    const handle = handleOf('joined');
    expect((await resultOf(handle)).state).toBe('failed');
    expect(await statesOf(handle)).toEqual({ p: 'decomposed', 'p.1': 'succeeded', 'p.2': 'succeeded', 'p.3': 'dead' });
    writeFileSync(toolFor('joined'), '');
    const again = said<RunResult>(await world.cli(['retry', 'job/joined/t/p.3', '--json']));
    expect(again).toMatchObject({ taskId: 'job/joined~1/t/0', state: 'succeeded', calls: { sent: 0 } });
    expect(filesOn('joined', again.branch)).toEqual(expect.arrayContaining(['one.txt', 'two.txt']));
  }, 60_000);

  it('a conflict is resolved in a second try, over the same branches', async () => {
    const handle = handleOf('torn');
    await resultOf(handle);
    expect(await statesOf(handle)).toMatchObject({ 'p.3': 'decomposed', 'p.3.1': 'dead' });
    const again = await retried('job/torn/t/p.3.1');
    expect(again).toMatchObject({ state: 'succeeded', spending: { callsSent: 1 } });
    expect(git(bare('torn'), 'show', `${again.branch}:side.txt`)).toBe('both');
    for (const path of ['p.1', 'p.2'])
      expect(git(bare('torn'), 'merge-base', '--is-ancestor', await branchOf(handle, path), again.branch ?? '')).toBe(
        '',
      );
  }, 60_000);

  it('a child builds on the sibling that it waited for', async () => {
    const handle = handleOf('ordered');
    await resultOf(handle);
    expect(await statesOf(handle)).toEqual({ p: 'decomposed', 'p.1': 'succeeded', 'p.2': 'dead' });
    writeFileSync(toolFor('ordered'), '');
    const again = await retried('job/ordered/t/p.2');
    expect(again.state).toBe('succeeded');
    expect(filesOn('ordered', again.branch)).toEqual(expect.arrayContaining(['one.txt', 'two.txt']));
    expect(lastAsked('# Part two')).toContain(await branchOf(handle, 'p.1'));
  }, 60_000);

  it('of the file gets what came before it, and what the budget of its job has left', async () => {
    const handle = handleOf('above');
    await resultOf(handle);
    expect((await rowsOf(handle)).map(({ state, attempts }) => [state, attempts])).toEqual([
      ['succeeded', 1],
      ['dead', 2],
    ]);
    const branch = await branchOf(handle, 'a');
    // The fourth attempt is the last one.
    expect(await retried('job/above/t/b')).toMatchObject({ taskId: 'job/above~1/t/0', state: 'dead', attempts: 1 });
    expect(lastAsked('# On top')).toContain(branch);
    expect(lastAsked('# On top')).toContain('checksFailed');
    const refused = await world.cli(['retry', 'job/above/t/b', '--json']);
    expect({ ...said<object>(refused), code: refused.exitCode }).toMatchObject({
      code: 7,
      failure: { code: 'budgetAttempts', next: expect.stringContaining('weaver rerun job/above/t/b --set') },
    });
    // Nobody could pay for anything, and nothing has to be paid: the change is checked again, once.
    const checked = said<RunResult>(await world.cli(['retry', 'job/above/t/b', '--from', 'checks', '--json']));
    expect(checked).toMatchObject({ taskId: 'job/above~2/t/0', attempts: 1, calls: { sent: 0 } });
    expect(checked.failure?.code).toBe('checksFailed');
    const sets = ['description=Once more.', 'limits.attempts=1'];
    const { jobId } = await weaver.rerun('job/above/t/b', { sets });
    const { task: rerun } = await weaver.result(jobId);
    expect(rerun).toMatchObject({ taskId: 'job/above~3/t/0', state: 'dead', attempts: 1 });
    expect(lastAsked('# On top')).toContain(branch);
    expect(rerun.base).toBe(git(bare('above'), 'rev-parse', branch));
  }, 90_000);
});

it('what a budget has left has one owner at a time: the job, then one task after the other', async () => {
  const tasks = [task('slow', 'Slow owner'), task('one', 'Late one'), task('two', 'Late two')];
  const defaults = checkOf('test ! -e late.txt');
  const handle = await start('owned', jobOf('owned', tasks, { defaults, budget: { whenSpent: 'wait', attempts: 20 } }));
  await until(async () => (await handle.query<JobStatus>('jobStatus')).counts.dead === 2, 'both are dead');
  await expect(weaver.retry('job/owned/t/one')).rejects.toMatchObject({
    code: 'stillRuns',
    message: 'job/owned still runs and may need the attempts that its budget has left.',
    next: expect.stringContaining('weaver rerun job/owned/t/one --set limits.attempts='),
  });
  await weaver.stop('job/owned/t/slow', { reason: 'seen' });
  await resultOf(handle);
  const both = await Promise.allSettled(['one', 'two'].map((path) => weaver.retry(`job/owned/t/${path}`)));
  const [begun] = both.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  expect(begun?.jobId).toBe('job/owned~1');
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'stillRuns', message: expect.stringContaining('job/owned~1 still runs and may need the attempts') },
  });
  await weaver.stop('job/owned~1', { reason: 'seen' });
}, 60_000);

it('tasks that wait for a person let others go on, and take a place again before they do', async () => {
  const content = { people: { approve: ['push'] } };
  const tasks = [task('a', 'Asks first', { content }), task('b', 'Asks second', { content }), task('c', 'Slow to end')];
  const handle = await start('polite', jobOf('polite', tasks, { concurrency: 1 }));
  await until(() => world.requestsFor('# Slow to end') === 1, 'all three have begun, though only one may run');
  expect((await rowsOf(handle)).map(({ path, waitsFor }) => [path, waitsFor])).toEqual([
    ['a', 'human (it has asked)'],
    ['b', 'human (it has asked)'],
    ['c', null],
  ]);
  const silent = await startUnheard('job/polite/t/b');
  await weaver.approve('job/polite/t/a', true, { why: 'fine' });
  const first = client.workflow.getHandle('job/polite/t/a');
  await until(async () => (await first.query<TaskStatus>('status')).phase === 'waits for a place', 'it waits its turn');
  expect(await first.query<TaskStatus>('status')).toMatchObject({ state: 'blocked', waitingOn: 'resource' });
  expect(git(bare('polite'), 'for-each-ref', '--format=%(refname:short)', 'refs/heads')).toBe('main');
  // Nobody who waits for a grant does so for ever: that of a task whose job hears it and says nothing.
  const { failure } = (await silent.result()) as TaskResult;
  expect(failure).toMatchObject({ code: 'invalidPlan', detail: expect.stringContaining('has not answered for 6 s') });
  await weaver.stop('job/polite/t/c', { reason: 'seen' });
  await until(async () => (await statesOf(handle))['a'] === 'succeeded', 'it has got one');
  await weaver.approve('job/polite/t/b', true, { why: 'fine too' });
  expect((await resultOf(handle)).summary?.counts).toEqual({ succeeded: 2, cancelled: 1 });
}, 60_000);

/** A task that is split, with a workflow in the place of its job that does not know the words. */
async function startUnheard(jobId: string): Promise<WorkflowHandle> {
  const place = { jobId, path: 'p', watched: true, gated: false, prerequisites: [], allowance: null };
  const { content } = planned('Split into four');
  const spec = { ...content, ...jobOf('unheard', []).defaults, people: { waitSeconds: 1 } };
  const input = { schemaVersion: 1, spec, requester: 'ana', lineage: 'unheard', suffix: 'abcdefgh', place };
  return await client.workflow.start('codingTask', {
    taskQueue: 'weaver',
    workflowId: 'job/unheard/t/p',
    args: [input],
  });
}

it('children are counted among the tasks that run side by side', async () => {
  const handle = await start('turns', jobOf('turns', [planned('Split into four')], { concurrency: 2 }));
  const queued = client.workflow.getHandle('job/turns/t/p.4');
  await until(async () => (await statesOf(handle))['p.4'] === 'pending', 'the last child waits');
  await until(
    async () => (await queued.query<TaskStatus>('status').catch(() => null))?.phase === 'waits for a place',
    'it says what for',
  );
  expect((await rowsOf(handle)).find(({ path }) => path === 'p.4')?.waitsFor).toBe(
    'resource (2 tasks run side by side)',
  );
  expect((await resultOf(handle)).summary?.counts).toEqual({ decomposed: 1, succeeded: 4 });
  const children = (await rowsOf(handle)).filter(({ parent }) => parent === 'p');
  const sideBySide = children.map(
    ({ startedAt: at }) =>
      children.filter(({ startedAt, endedAt }) => (startedAt ?? 0) <= (at ?? 0) && (at ?? 0) < (endedAt ?? 0)).length,
  );
  expect(Math.max(...sideBySide)).toBe(2);
  // Nothing comes before them, so they begin at the base.
  for (const { branch } of children) expect(git(bare('turns'), 'rev-list', '--count', `main..${branch}`)).toBe('1');
}, 60_000);

it('tasks are found by the deadline of their job, also when it has changed', async () => {
  const job = jobOf('hurried', [task('slow', 'Slow')], { budget: { whenSpent: 'wait', deadlineSeconds: 3_600 } });
  const handle = await start('hurried', job);
  const dueIn = async (minutes: number) =>
    await weaver.list({ state: 'open', due: new Date(Date.now() + minutes * 60_000).toISOString() });
  await until(async () => (await dueIn(61)).length === 1, 'it is found');
  const { startedAt } = await handle.query<JobStatus>('jobStatus');
  expect(await dueIn(61)).toMatchObject([
    { taskId: 'job/hurried/t/slow', deadline: new Date(startedAt + 3_600_000).toISOString() },
  ]);
  expect(await dueIn(30)).toEqual([]);
  await weaver.setBudget('job/hurried', { deadlineSeconds: 7_200 });
  await until(async () => (await dueIn(61)).length === 0, 'the task has heard of it');
  expect(await dueIn(121)).toHaveLength(1);
  await expect(weaver.list({ due: 'soon' })).rejects.toMatchObject({ code: 'usage', exitCode: 2 });
  await weaver.stop('job/hurried', { reason: 'seen' });
}, 60_000);

const say = (name: string, updateId: string) =>
  client.workflow
    .getHandle('job/anew')
    .executeUpdate<JobStatus, [object]>(name, { updateId, args: [{ by: 'ana', why: 'to see' }] });

it('an update counts once, also when its job has continued as new meanwhile', async () => {
  const small = Array.from({ length: 12 }, (_, n) => task(`t${n}`, `Small ${n}`));
  const job = jobOf('anew', [task('slow', 'Slow'), ...small], {
    defaults: { ...checkOf('sh check.sh'), checks: [CHECK] },
  });
  const handle = await start('anew', job, { eventsMax: 40 });
  const paused = await say('pause', 'first');
  const released = await say('resume', 'second');
  expect([paused.paused, released.paused]).toEqual([true, false]);
  await until(async () => (await handle.describe()).runId !== handle.firstExecutionRunId, 'the job continues as new');
  const isAhead = async () => (await handle.query<JobStatus>('jobStatus')).counts.succeeded === small.length;
  await until(isAhead, 'it has come further than it was');
  expect(await say('pause', 'first')).toEqual(paused);
  expect(await say('resume', 'second')).toEqual(released);
  expect((await handle.query<JobStatus>('jobStatus')).paused).toBe(false);
  await expect(say('resume', 'third')).rejects.toMatchObject({ cause: { message: 'The job is not paused.' } });
  await weaver.stop('job/anew', { reason: 'seen' });
}, 60_000);

describe('a task of many attempts', () => {
  /** Less than an attempt has, so that each one has a run of its own. */
  const EVENTS_MAX = 20;

  it('goes on in a new run with its attempts, its spending and what people have said', async () => {
    const url = world.repository('again', valueFiles());
    const spec = {
      title: 'Again and again',
      description: 'Make the value right.',
      repo: { url, branch: 'again' },
      checks: [CHECK],
      limits: { attempts: 6, wallTimeSeconds: 600, outageSeconds: 600 },
    };
    const suffix = 'abcd1234';
    const input = { schemaVersion: 1, spec, requester: 'test', lineage: 'again', suffix, eventsMax: EVENTS_MAX };
    const workflowId = 'job/again/t/0';
    const handle = await client.workflow.start('codingTask', { workflowId, taskQueue: 'weaver', args: [input] });
    await until(() => world.requestsFor('# Again and again') >= 3, 'the third attempt is under way');
    const told = { by: 'test', why: 'it helps', text: 'Think of the word right.' };
    await handle.executeUpdate('addInstruction', { args: [told] });
    const result = (await handle.result()) as TaskResult;
    expect(result).toMatchObject({ state: 'succeeded', attempts: 4, spending: { callsSent: 4, callsInDoubt: 0 } });
    expect(commitsOn(url, 'again')).toBe(1);
    expect(branchesOf(url)).toEqual(['again', 'main']);
    const { count } = await client.workflow.count(`WorkflowId = '${workflowId}'`);
    expect(count).toBeGreaterThanOrEqual(3);
    const last = lastAsked('# Again and again');
    expect(last).toContain('Think of the word right.');
    expect(last).toContain('value is three');
    const status: TaskStatus = await handle.query('status');
    expect(status).toMatchObject({ state: 'succeeded', attempt: 4, title: 'Again and again' });
  }, 120_000);

  it('has one account, numbered without a gap', async () => {
    const { stdout } = await world.cli(['decisions', 'job/again/t/0', '--json']);
    const entries = stdout
      .trim()
      .split('\n')
      .flatMap((line) => JSON.parse(line) as { readonly sequence?: number } | { readonly sequence?: number }[]);
    const numbers = entries.flatMap(({ sequence }) => (sequence === undefined ? [] : [sequence]));
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(numbers.length).toBeGreaterThanOrEqual(9);
  });
});

it('a pause stops the clock of an open question, and the rest of its time goes on afterwards', async () => {
  const people = { approve: ['push'], waitSeconds: 3, unanswered: 'reject' };
  const content = {
    title: 'Clocked',
    description: 'The value is wrong.',
    repo: { url: world.repository('clocked', valueFiles()) },
    checks: [CHECK],
    limits: { attempts: 1 },
    people,
  };
  const { taskId } = await world.run(content, ['--detach', '--key', 'clocked']);
  const status = (): Promise<TaskStatus> => client.workflow.getHandle(taskId).query<TaskStatus>('status');
  await until(async () => (await status().catch(() => null))?.question !== undefined, 'it asks');
  await sleep(1_000);
  await weaver.pause(taskId, { why: 'lunch' });
  // Longer than the question was to be open.
  await sleep(3_500);
  expect(await status()).toMatchObject({ question: { kind: 'approval' }, paused: { why: 'lunch' }, wakesAt: null });
  await weaver.resume(taskId, { why: 'fed' });
  expect((await weaver.result('clocked')).task).toMatchObject({ state: 'dead', failure: { code: 'rejectedByPerson' } });
  const { events } = await client.workflow.getHandle(taskId).fetchHistory();
  const timersMs = (events ?? []).flatMap(({ timerStartedEventAttributes: timer }) =>
    timer?.startToFireTimeout == null
      ? []
      : [Number(timer.startToFireTimeout.seconds) * 1_000 + Number(timer.startToFireTimeout.nanos) / 1e6],
  );
  const questions = timersMs.filter((ms) => ms <= 3_000);
  expect(questions[0]).toBe(3_000);
  expect(questions.at(-1)).toBeLessThanOrEqual(2_000);
}, 60_000);
