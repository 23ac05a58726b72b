/** Jobs of many tasks on a real server: order, policies of edges, stacking, decomposition, cancel, continuing as new, a dead worker. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { WeaverClient, WeaverFault, type JobInput, type JobResult, type TaskView } from '../../src/client/index';
import type { JobSpec, JobTask } from '../../src/domain/job';
import type { JobStatus, JobTasksPage, TaskInput, TaskStatus } from '../../src/workflows/messages';
import { answerValue, branchesOf, CHECK, git, until, valueFiles, World } from './world';

let world: World;
let client: Client;

const write = (path: string, content: string) => ({
  edits: [{ op: 'write', path, content, search: null, replace: null, to: null }],
  commitMessage: `Write ${path}`,
  notes: '',
});
const child = (title: string, more: object = {}) => ({
  title,
  description: `Do it: ${title}`,
  acceptanceCriteria: [],
  relatedFiles: [],
  checks: [],
  dependsOn: [],
  ...more,
});
const planned = (children: readonly object[], join: boolean) => ({ children, join, notes: '', question: null });
/** Every third one waits for the one before it. */
const EIGHT = Array.from({ length: 8 }, (_, n) => child(`Part ${n + 1}.`, { dependsOn: n % 3 === 2 ? [n] : [] }));

beforeAll(async () => {
  world = await World.start({
    script: [
      { when: { contains: '# Never right' }, answers: [{ kind: 'json', value: answerValue('wronger') }] },
      { when: { contains: '# Slow one' }, answers: [{ kind: 'json', delayMs: 60_000, value: answerValue('right') }] },
      {
        when: { contains: '# Split into two' },
        answers: [{ kind: 'json', value: planned([child('Part one'), child('Part two')], true) }],
      },
      {
        when: { contains: '# Split in conflict' },
        answers: [{ kind: 'json', value: planned([child('Left side'), child('Right side')], true) }],
      },
      {
        when: { contains: '# Split into nothing' },
        answers: [{ kind: 'json', value: planned([], false) }],
      },
      {
        when: { contains: '# Split with a slow one' },
        answers: [{ kind: 'json', value: planned([child('Slow one of two'), child('Part one')], false) }],
      },
      {
        when: { contains: ['You judge whether', '# Resolve'] },
        answers: [{ kind: 'json', value: { criteria: [{ id: 1, met: true, evidence: 'side.txt, line 1' }] } }],
      },
      { when: { contains: '# Resolve' }, answers: [{ kind: 'json', value: write('side.txt', 'both\n') }] },
      { when: { contains: '# Left side' }, answers: [{ kind: 'json', value: write('side.txt', 'left\n') }] },
      { when: { contains: '# Right side' }, answers: [{ kind: 'json', value: write('side.txt', 'right\n') }] },
      { when: { contains: '# Part one' }, answers: [{ kind: 'json', value: write('one.txt', '1\n') }] },
      { when: { contains: '# Part two' }, answers: [{ kind: 'json', value: write('two.txt', '2\n') }] },
      { when: { contains: '# Split up' }, answers: [{ kind: 'json', value: planned(EIGHT, false) }] },
      ...EIGHT.map(({ title }, n) => ({
        when: { contains: `# ${title}` },
        answers: [{ kind: 'json' as const, value: write(`part-${n + 1}.txt`, 'x\n') }],
      })),
      { when: { contains: '# On top' }, answers: [{ kind: 'json', value: write('top.txt', 'top\n') }] },
      { answers: [{ kind: 'json', value: answerValue('right') }] },
    ],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

const task = (id: string, title: string, more: Partial<JobTask> & { content?: object } = {}): JobTask => ({
  id,
  dependsOn: [],
  ...more,
  content: { title, description: `${title}, please.`, ...more.content },
});
const after = (...ids: readonly string[]) => ids.map((on) => ({ on, whenFailed: 'fail' as const }));

function jobOf(name: string, tasks: readonly JobTask[], more: Partial<JobSpec> = {}): JobSpec {
  return {
    title: name,
    tasks,
    concurrency: 4,
    priority: 3,
    tags: [],
    budget: { whenSpent: 'wait' },
    ...more,
    defaults: {
      repo: { url: world.repository(name, valueFiles()) },
      checks: [CHECK],
      limits: { attempts: 1 },
      ...more.defaults,
    },
  };
}

async function start(name: string, job: JobSpec, more: Partial<JobInput> = {}) {
  const input: JobInput = { schemaVersion: 1, job, requester: 'ana', ...more };
  return await client.workflow.start('job', { taskQueue: 'weaver', workflowId: `job/${name}`, args: [input] });
}

const resultOf = async (handle: WorkflowHandle): Promise<JobResult> => (await handle.result()) as JobResult;
const timersOf = ({ events }: Awaited<ReturnType<WorkflowHandle['fetchHistory']>>): number =>
  (events ?? []).filter(({ timerStartedEventAttributes: timer }) => timer != null).length;
const rowsOf = async (handle: WorkflowHandle) =>
  (await handle.query<JobTasksPage, [{ from: number; limit: number }]>('jobTasks', { from: 0, limit: 500 })).rows;
const row = async (handle: WorkflowHandle, path: string) => (await rowsOf(handle)).find((each) => each.path === path);
const failureOf = async (taskId: string) =>
  (await client.workflow.getHandle(taskId).query<TaskStatus>('status')).failure;
const bare = (name: string): string => `${world.folder}/remotes/${name}.git`;

it('WT-22 to WT-24 begins a task only when all that it depends on has ended well, and tells it their results', async () => {
  const job = jobOf('ordered', [
    task('c', 'Third', { dependsOn: after('a', 'b') }),
    task('a', 'First'),
    task('b', 'Second', { dependsOn: after('a') }),
  ]);
  const handle = await start('ordered', job);
  const result = await resultOf(handle);
  expect({ state: result.state, counts: result.summary?.counts }).toEqual({
    state: 'completed',
    counts: { succeeded: 3 },
  });
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((path) => row(handle, path)));
  expect(a?.endedAt).toBeLessThanOrEqual(b?.startedAt ?? 0);
  expect(b?.endedAt).toBeLessThanOrEqual(c?.startedAt ?? 0);
  const asked = JSON.stringify(
    world.endpoint.requests().find(({ body }) => JSON.stringify(body).includes('# Third'))?.body,
  );
  expect(asked).toContain(a?.branch ?? 'no branch');
  expect(asked).toContain('Second');
});

it('starts a stacked task from the branch of its prerequisite', async () => {
  const job = jobOf('stacked', [task('a', 'First'), task('b', 'On top', { dependsOn: after('a'), stackOn: 'a' })]);
  const handle = await start('stacked', job);
  expect((await resultOf(handle)).state).toBe('completed');
  const [a, b] = [await row(handle, 'a'), await row(handle, 'b')];
  expect(git(bare('stacked'), 'merge-base', '--is-ancestor', a?.branch ?? '', b?.branch ?? '')).toBe('');
});

const edge = (whenFailed: 'fail' | 'skip' | 'ignore') => [{ on: 'bad', whenFailed }];

it('D-12 ends, skips or begins a dependent of a dead task as its edge says', async () => {
  const job = jobOf('edges', [
    task('bad', 'Never right'),
    task('f', 'Fails too', { dependsOn: edge('fail') }),
    task('s', 'Is skipped', { dependsOn: edge('skip') }),
    task('i', 'Ignores it', { dependsOn: edge('ignore') }),
    task('g', 'After the failed one', { dependsOn: after('f') }),
  ]);
  const handle = await start('edges', job);
  const result = await resultOf(handle);
  expect(result.state).toBe('failed');
  const states = Object.fromEntries((await rowsOf(handle)).map(({ path, state, failure }) => [path, [state, failure]]));
  expect(states).toEqual({
    bad: ['dead', 'checksFailed'],
    f: ['dead', 'dependencyFailed'],
    s: ['cancelled', 'skipped'],
    i: ['succeeded', null],
    g: ['dead', 'dependencyFailed'],
  });
  expect(await told('job/edges/t/s')).toMatchObject({ taskId: 'job/edges/t/s', state: 'cancelled' });
  // Also the task that only a job of one has.
  for (const path of ['0', 'typo'])
    expect(await told(`job/edges/t/${path}`)).toMatchObject({ code: 'unknownTask', exitCode: 2 });
});

/** The status of a task, or why there is none; on a busy machine the worker may not answer for an ended job at once. */
async function told(taskId: string): Promise<unknown> {
  let answer: unknown = null;
  const ask = () => new WeaverClient(client).status(taskId).catch((thrown: unknown) => thrown);
  const isTold = async () => (answer = await ask()) instanceof WeaverFault === false || answer.code !== 'notThere';
  await until(isTold, `a worker tells of ${taskId}`);
  return answer;
}

it('WT-25 and WT-43 splits a task into children that outlive it, and joins their branches', async () => {
  const job = jobOf(
    'split',
    [task('p', 'Split into two', { content: { handler: 'plan' } }), task('z', 'Afterwards', { dependsOn: after('p') })],
    { defaults: { checks: [{ name: 'there', run: 'true', timeoutSeconds: 20 }], limits: { attempts: 2 } } },
  );
  const handle = await start('split', job);
  const result = await resultOf(handle);
  expect(result.summary?.counts).toEqual({ decomposed: 1, succeeded: 4 });
  const rows = await rowsOf(handle);
  expect(rows.map(({ path, parent, state }) => [path, parent, state])).toEqual([
    ['p', null, 'decomposed'],
    ['z', null, 'succeeded'],
    ['p.1', 'p', 'succeeded'],
    ['p.2', 'p', 'succeeded'],
    ['p.3', 'p', 'succeeded'],
  ]);
  const joined = rows.find(({ path }) => path === 'p.3');
  expect(joined?.dependsOn.map(({ on }) => on)).toEqual(['p.1', 'p.2']);
  const files = git(bare('split'), 'ls-tree', '--name-only', joined?.branch ?? '').split('\n');
  expect(files).toEqual(expect.arrayContaining(['one.txt', 'two.txt']));
  const parent = await client.workflow.getHandle('job/split/t/p').describe();
  expect(parent.status.name).toBe('COMPLETED');
  // The edge to a decomposed task means its whole subtree.
  const z = rows.find(({ path }) => path === 'z');
  expect(z?.startedAt).toBeGreaterThanOrEqual(joined?.endedAt ?? Infinity);
});

it('makes the conflict of a join a task of its own, which is mended by a vote, judged and asked about like all work', async () => {
  const people = { approve: ['push'], waitSeconds: 1, unanswered: 'approve' };
  const modes = { resolve: { mode: 'consensus', models: ['scripted-1', 'scripted-2'].map(ofScripted) } };
  const content = { handler: 'plan', acceptanceCriteria: ['Both sides are in it'], judge: true, people, modes };
  const job = jobOf('conflict', [task('p', 'Split in conflict', { content })], {
    defaults: { checks: [{ name: 'there', run: 'true', timeoutSeconds: 20 }], limits: { attempts: 2 } },
  });
  const handle = await start('conflict', job);
  const result = await resultOf(handle);
  expect(result).toMatchObject({ state: 'completed' });
  const rows = await rowsOf(handle);
  expect(rows.map(({ path, state }) => [path, state])).toEqual([
    ['p', 'decomposed'],
    ['p.1', 'succeeded'],
    ['p.2', 'succeeded'],
    ['p.3', 'decomposed'],
    ['p.3.1', 'succeeded'],
  ]);
  const resolved = rows.find(({ path }) => path === 'p.3.1');
  expect(git(bare('conflict'), 'show', `${resolved?.branch}:side.txt`)).toBe('both');
  expect(git(bare('conflict'), 'log', '-1', '--format=%B', resolved?.branch ?? '')).toContain('1 met (judge)');
  const { stdout } = await world.cli(['decisions', 'job/conflict/t/p.3.1']);
  expect(stdout).toContain('May this change be pushed?');
  expect(stdout).toMatch(/consensus/);
});

const ofScripted = (model: string) => ({ provider: 'openai', model });

it('D-18 counts a decomposition without children as a failure', async () => {
  const handle = await start(
    'empty',
    jobOf('empty', [task('p', 'Split into nothing', { content: { handler: 'plan' } })]),
  );
  const result = await resultOf(handle);
  expect(result.state).toBe('failed');
  expect(result.task.failure?.code).toMatch(/invalidPlan|malformedAnswer/);
});

it('cancels a task with all that came of it, and lets the others go on', async () => {
  const job = jobOf('partly', [
    task('slow', 'Slow one'),
    task('next', 'Next', { dependsOn: after('slow') }),
    task('other', 'Other'),
  ]);
  const handle = await start('partly', job);
  await until(async () => (await row(handle, 'other'))?.state === 'succeeded', 'the other task is done');
  const stop = { reason: 'not wanted', requester: 'ana', path: 'slow' };
  const answer = await handle.executeUpdate('stop', { args: [stop] });
  expect(answer).toMatchObject({ stopping: ['slow'], ended: [], neverBegun: [] });
  const result = await resultOf(handle);
  const states = Object.fromEntries((await rowsOf(handle)).map(({ path, state }) => [path, state]));
  expect(states).toEqual({ slow: 'cancelled', next: 'dead', other: 'succeeded' });
  expect(result.state).toBe('failed');
  await expect(handle.executeUpdate('stop', { args: [stop] })).rejects.toThrow(/completed|not found/);
});

it('D-11 cancels a whole job: what runs is stopped, what had not begun never does', async () => {
  const tasks = [
    task('s1', 'Slow one at first'),
    task('s2', 'Slow one again'),
    task('d', 'Done after', { dependsOn: after('s1') }),
  ];
  const handle = await start('whole', jobOf('whole', tasks));
  const asked = ['Slow one at first', 'Slow one again'];
  await until(async () => asked.every((title) => world.requestsFor(title) > 0), 'the slow tasks ask');
  const startedAt = Date.now();
  await handle.signal('requestCancel', { reason: 'all of it', requester: 'ana' });
  await handle.cancel();
  // Nobody need ask a worker what a cancelled job has come to.
  const summary = { total: 3, counts: { cancelled: 3 }, spending: { callsSent: 2 } };
  const account = { state: 'cancelled', summary, task: { failure: { code: 'cancelled' } } };
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure', details: [account] } });
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  expect((await rowsOf(handle)).map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  expect(branchesOf(bare('whole'))).toEqual(['main']);
  expect((await failureOf('job/whole/t/s1'))?.detail).toContain('ana: all of it');
  expect((await handle.query<JobStatus>('jobStatus')).spending).toMatchObject({ callsSent: 2 });
  // The reason has come with the cancel, and the account has gone with the end: a signal each would cost half as much again.
  const { events } = await client.workflow.getHandle('job/whole/t/s1').fetchHistory();
  const signals = events?.filter(
    (event) =>
      event.workflowExecutionSignaledEventAttributes ?? event.signalExternalWorkflowExecutionInitiatedEventAttributes,
  );
  expect(signals).toEqual([]);
});

it('deletes the branches of what is cancelled, where that is asked for', async () => {
  const job = jobOf('unwanted', [task('done', 'Done'), task('slow', 'Slow one')]);
  const handle = await start('unwanted', job);
  await until(async () => (await row(handle, 'done'))?.state === 'succeeded', 'one task is done');
  expect(branchesOf(bare('unwanted')).length).toBe(2);
  const stop = { reason: 'all for nothing', requester: 'ana', deleteBranches: true };
  const answer = await handle.executeUpdate('stop', { args: [stop] });
  expect(answer).toMatchObject({ stopping: ['slow'], ended: ['done'] });
  expect((await resultOf(handle)).state).toBe('cancelled');
  expect(branchesOf(bare('unwanted'))).toEqual(['main']);
});

it('has what a terminated task has spent, and shows it as ended', async () => {
  const handle = await start('killed', jobOf('killed', [task('slow', 'Slow one to kill'), task('done', 'Done')]));
  await until(async () => world.requestsFor('Slow one to kill') > 0, 'it asks');
  await client.workflow.getHandle('job/killed/t/slow').terminate('by hand');
  expect(await resultOf(handle)).toMatchObject({ state: 'failed', summary: { spending: { callsSent: 2 } } });
  expect(await row(handle, 'slow')).toMatchObject({ state: 'dead', failure: 'terminated' });
  const seen: TaskView[] = [];
  for await (const view of new WeaverClient(client).watch('job/killed/t/slow')) seen.push(view);
  expect(seen.at(-1)).toMatchObject({ state: 'dead', failure: { code: 'terminated' }, waitingOn: null });
});

it('lets no child wait for the word of a job that is gone, and shows how the tasks of such a job have ended', async () => {
  const spec = { title: 'Waits', description: 'Wait.', repo: { url: world.repository('forsaken', valueFiles()) } };
  const place = { path: 'slow.1', watched: false, gated: true, prerequisites: [], allowance: null, silenceSeconds: 1 };
  const handle = await start('forsaken', jobOf('forsaken', [task('slow', 'Slow one forsaken'), task('b', 'B')]));
  const slow = client.workflow.getHandle('job/forsaken/t/slow');
  await until(async () => (await slow.query<TaskStatus>('status').catch(() => null)) !== null, 'it runs');
  const gated: TaskInput = {
    schemaVersion: 1,
    spec: spec as unknown as TaskInput['spec'],
    requester: 'ana',
    lineage: 'forsaken',
    suffix: '12345678',
    place: { jobId: 'job/forsaken', ...place },
  };
  const options = { taskQueue: 'weaver', workflowId: 'job/forsaken/t/slow.1', args: [gated] };
  const waiting = await client.workflow.start('codingTask', options);
  // The job is there: it is asked after, and waited for.
  await until(async () => timersOf(await waiting.fetchHistory()) > 1, 'it has looked once');
  await handle.terminate('by hand');
  await slow.terminate('by hand');
  expect(await waiting.result()).toMatchObject({ state: 'dead', failure: { code: 'terminated' } });
  const weaver = new WeaverClient(client);
  const rowNow = async () => (await weaver.jobTasks('job/forsaken'))?.find(({ path }) => path === 'slow');
  await until(async () => (await rowNow())?.state === 'dead', 'the job that was ended by force shows its end');
  expect((await rowNow())?.endedAt).not.toBeNull();
});

it('notices a child that was terminated from outside, and shows the links both ways', async () => {
  const children = jobOf('silent', [task('p', 'Split with a slow one', { content: { handler: 'plan' } })], {
    defaults: { checks: [{ name: 'there', run: 'true', timeoutSeconds: 20 }] },
  });
  const handle = await start('silent', children, { lookAfterSeconds: 1 });
  await until(async () => world.requestsFor('# Slow one of two') > 0, 'the slow child asks');
  const parent = await client.workflow.getHandle('job/silent/t/p').query<TaskStatus>('status');
  expect(parent.children).toEqual(['p.1', 'p.2']);
  const slow = client.workflow.getHandle('job/silent/t/p.1');
  expect((await slow.query<TaskStatus>('status')).parent).toBe('p');
  await slow.terminate('by hand');
  const result = await resultOf(handle);
  expect(result).toMatchObject({ state: 'failed', task: { failure: { code: 'terminated' } } });
});

it('D-09 and D-11 ends what has not ended at the deadline, and is stuck then', async () => {
  const job = jobOf('late', [task('slow', 'Slow one'), task('n', 'Next', { dependsOn: after('slow') })], {
    budget: { whenSpent: 'wait', deadlineSeconds: 3 },
  });
  const result = await resultOf(await start('late', job));
  expect(result).toMatchObject({ state: 'stuck', task: { failure: { code: 'deadline' } } });
});

it('continues as new without losing a task or a report', async () => {
  const many = Array.from({ length: 24 }, (_, n) =>
    task(`t${n}`, `Small ${n}`, n < 6 ? {} : { dependsOn: after(`t${n - 6}`) }),
  );
  const handle = await start('anew', jobOf('anew', many), { eventsMax: 60 });
  const result = await resultOf(handle);
  expect(result.summary).toMatchObject({ total: 24, counts: { succeeded: 24 } });
  const described = await handle.describe();
  expect(described.runId).not.toBe(handle.firstExecutionRunId);
  expect(world.requestsFor('# Small 7')).toBe(1);
  const status = await handle.query<JobStatus>('jobStatus');
  expect(status.spending.callsSent).toBe(24);
});

/** Types of events of a task, as the server has them. */
async function eventsOf(taskId: string): Promise<readonly string[]> {
  try {
    const { events } = await client.workflow.getHandle(taskId).fetchHistory();
    return (events ?? []).flatMap(({ eventType }) => (eventType == null ? [] : [String(eventType)]));
  } catch {
    return []; // it has not been started yet
  }
}

/** As the protocol numbers them. */
const STARTED = '31';
const SIGNALLED = '26';

it.each([
  ['the job has granted it', SIGNALLED, 1],
  ['half of the children have started', STARTED, EIGHT.length / 2],
] as const)(
  'D-14 loses no child and makes none twice when the worker dies as soon as %s',
  async (when, event, count) => {
    const name = `killed-${event}-${count}`;
    const { defaults } = jobOf(name, [], { defaults: { checks: [{ ...CHECK, run: 'true' }] } });
    const spec: unknown = { title: 'Split up', description: 'Split up, please.', handler: 'plan', ...defaults };
    const input = { schemaVersion: 1, requester: 'ana', spec } as JobInput;
    const workflow = { taskQueue: 'weaver', workflowId: `job/${name}`, args: [input] };
    const handle = await client.workflow.start('job', workflow);
    const parent = `job/${name}/t/0`;
    const [worker] = world.processes.splice(0, 1);
    await until(async () => (await eventsOf(parent)).filter((each) => each === event).length >= count, when);
    worker?.kill('SIGKILL');
    await world.startWorker();
    const { summary } = await resultOf(handle);
    expect(summary?.counts).toEqual({ decomposed: 1, succeeded: EIGHT.length });
    const paths = EIGHT.map((_, n) => `0.${n + 1}`);
    expect((await rowsOf(handle)).slice(1).map(({ path, parent: of }) => [path, of])).toEqual(
      paths.map((path) => [path, '0']),
    );
    const seen: string[] = [];
    await until(async () => {
      seen.length = 0;
      const query = `WorkflowType = 'codingTask' AND WorkflowId STARTS_WITH '${parent}.'`;
      for await (const { workflowId } of client.workflow.list({ query })) seen.push(workflowId);
      return seen.length >= EIGHT.length;
    }, 'the server lists them');
    expect(seen.toSorted()).toEqual(paths.map((path) => `job/${name}/t/${path}`).toSorted());
    expect(branchesOf(bare(name))).toHaveLength(EIGHT.length + 1);
    // Paid for once each, and for the plan: whoever was asked when the worker died is not asked again.
    expect(summary?.spending).toMatchObject({ callsSent: EIGHT.length + 1, callsInDoubt: 0 });
  },
  180_000,
);
