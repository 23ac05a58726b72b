/**
 * Everything that can start a job: schedules of weaver (what a person types, what fires, what becomes of the jobs), any Temporal
 * client, the `temporal` command, a schedule of Temporal, the library.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { JobInput, JobResult, ScheduleView, Triggered } from '../../src/client/index';
import type { ScheduledJobResult } from '../../src/workflows/schedule-messages';
import { answerValue, branchesOf, CHECK, commitsOn, runProcess, until, valueFiles, World } from './world';

let world: World;
let client: Client;

beforeAll(async () => {
  world = await World.start({
    script: [
      { when: { contains: 'Never right' }, answers: [{ kind: 'json', value: answerValue('still wrong') }] },
      { when: { contains: 'Slow' }, answers: [{ kind: 'json', value: answerValue('right'), delayMs: 60_000 }] },
      { answers: [{ kind: 'json', value: answerValue('right') }] },
    ],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

const task = (url: string, more: object = {}) => ({
  title: 'Nightly of ${date}',
  description: 'Make the value ${wanted}, for ${schedule}.',
  repo: { url, branch: '${schedule}-${scheduledTime}' },
  checks: [CHECK],
  limits: { attempts: 1 },
  ...more,
});

/** A file of that name in the world's folder. */
function fileOf(name: string, content: object): string {
  writeFileSync(join(world.folder, `${name}.json`), JSON.stringify(content));
  return `${name}.json`;
}

async function weaver(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await world.cli(args);
  if (exitCode !== 0) throw new Error(`weaver ${args.join(' ')} ended with ${exitCode}\n${stdout}${stderr}`);
  return stdout;
}

const describeOf = async (name: string): Promise<ScheduleView> =>
  JSON.parse(await weaver('schedule', 'describe', name, '--json')) as ScheduleView;

async function trigger(name: string): Promise<Triggered & { readonly jobId: string }> {
  const triggered = JSON.parse(await weaver('schedule', 'trigger', name, '--json')) as Triggered;
  return { ...triggered, jobId: triggered.jobId ?? '' };
}

/** Of the jobs that the schedule's runs stood for, oldest first, when `count` runs have ended. */
async function runsOf(name: string, count: number): Promise<readonly ScheduledJobResult[]> {
  const handle = client.schedule.getHandle(name);
  await until(async () => (await handle.describe()).info.recentActions.length >= count, `${count} runs of ${name}`);
  const { recentActions } = (await handle.describe()).info;
  return await Promise.all(
    recentActions.map(
      ({ action: { workflow } }) =>
        client.workflow
          .getHandle(workflow.workflowId, workflow.firstExecutionRunId)
          .result() as Promise<ScheduledJobResult>,
    ),
  );
}

const jobResult = (jobId: string): Promise<JobResult> =>
  client.workflow.getHandle(jobId).result() as Promise<JobResult>;

it('carries a file with parameters to a pushed commit, and shows the run', async () => {
  const url = world.repository('nightly', valueFiles());
  const file = fileOf('nightly', task(url));
  const times = ['--cron', '30 3 * * *', '--timezone', 'Europe/Berlin', '--at', 'sat,sun 10:00'];
  const created = JSON.parse(
    await weaver('schedule', 'create', 'nightly', file, ...times, '--param', 'wanted=right', '--json'),
  ) as ScheduleView;
  expect(created).toMatchObject({
    timezone: 'Europe/Berlin',
    times: ['cron 30 3 * * *', 'at sat,sun 10:00'],
    overlap: 'skip',
    catchUpMs: 3_600_000,
    jitterMs: 0,
    key: 'nightly-${scheduledTime}',
    parameters: { wanted: 'right' },
    paused: false,
    runs: [],
  });
  expect(created.next).toHaveLength(5);
  const { jobId, kind, begun } = await trigger('nightly');
  expect({ kind, begun, jobId }).toEqual({
    kind: 'started',
    begun: true,
    jobId: expect.stringMatching(/^job\/nightly-\d{8}T\d{6}Z$/),
  });
  const { task: ended } = await jobResult(jobId);
  const branch = jobId.replace('job/', '');
  expect({ state: ended.state, branch: ended.branch }).toEqual({ state: 'succeeded', branch });
  expect(commitsOn(url, branch)).toBe(1);
  expect(world.requestsFor('Make the value right, for nightly.')).toBe(1);
  const { runs, counts } = await describeOf('nightly');
  expect(runs).toEqual([
    expect.objectContaining({
      jobId,
      state: 'completed',
      failure: null,
      webUrl: expect.stringContaining('job%2Fnightly-'),
    }),
  ]);
  expect(counts).toEqual({ started: 1, skipped: 0, missed: 0 });
  expect(await weaver('schedule', 'list')).toMatch(
    /^nightly +active +\d{4}-\d\d-\d\d \d\d:\d\d +cron 30 3 .*Nightly of /m,
  );
}, 60_000);

it('makes one job of two triggers for the same time, under the day of its own zone', async () => {
  const url = world.repository('twice', valueFiles());
  await weaver(
    'schedule',
    'create',
    'twice',
    fileOf('twice', task(url, { title: 'Twice on ${date}' })),
    '--cron',
    '0 20 * * *',
    '--timezone',
    'America/Los_Angeles',
    '--key',
    'twice-${localDate}',
    '--param',
    'wanted=right',
  );
  const span = ['--from', '2026-11-01T03:00:00Z', '--to', '2026-11-02T04:00:00Z'];
  await weaver('schedule', 'backfill', 'twice', ...span);
  const first = await runsOf('twice', 2);
  expect(first.map(({ jobId, started, state }) => ({ jobId, started, state }))).toEqual([
    { jobId: 'job/twice-2026-10-31', started: true, state: 'completed' },
    { jobId: 'job/twice-2026-11-01', started: true, state: 'completed' },
  ]);
  await weaver('schedule', 'backfill', 'twice', ...span);
  const all = await runsOf('twice', 4);
  expect(all.slice(2).map(({ jobId, started }) => ({ jobId, started }))).toEqual([
    { jobId: 'job/twice-2026-10-31', started: false },
    { jobId: 'job/twice-2026-11-01', started: false },
  ]);
  expect((await describeOf('twice')).runs.map(({ jobId }) => jobId)).toContain('job/twice-2026-10-31');
  expect(branchesOf(url).toSorted()).toEqual(['main', 'twice-20261101T030000Z', 'twice-20261102T040000Z']);
  expect(world.requestsFor('for twice')).toBe(2);
}, 60_000);

it('skips a run while the job before still runs, and passes a cancel of the run on to the job', async () => {
  const url = world.repository('slow', valueFiles());
  const file = fileOf('slow', { ...task(url), title: 'Slow one' });
  await weaver('schedule', 'create', 'slow', file, '--every', '1d', '--param', 'wanted=right');
  const { jobId } = await trigger('slow');
  expect((await trigger('slow')).kind).toBe('skipped');
  expect((await describeOf('slow')).runs).toEqual([expect.objectContaining({ jobId, state: 'running' })]);
  const [running] = (await client.schedule.getHandle('slow').describe()).info.runningActions;
  await client.workflow.getHandle(running?.workflow.workflowId ?? '').cancel();
  await until(async () => (await describeOf('slow')).runs[0]?.state === 'cancelled', 'the job is cancelled');
  expect((await client.workflow.getHandle(jobId).describe()).status.name).toBe('CANCELLED');
}, 60_000);

it('is paused after so many failed jobs in a row, and counts anew when it is resumed', async () => {
  const url = world.repository('failing', valueFiles());
  const file = fileOf('failing', { ...task(url), title: 'Never right' });
  const given = ['--every', '1d', '--param', 'wanted=right', '--pause-after', '2'];
  await weaver('schedule', 'create', 'failing', file, ...given);
  const failed: string[] = [];
  let second = 0;
  const failOnce = async (): Promise<ScheduledJobResult> => {
    // Two triggers in one second are for the same time, and so for one job.
    await until(async () => Math.floor(Date.now() / 1_000) > second, 'another second has begun');
    const { jobId } = await trigger('failing');
    second = Math.floor(Date.now() / 1_000);
    failed.push(jobId);
    const result = (await runsOf('failing', failed.length)).at(-1);
    if (result?.jobId !== jobId) throw new Error(`${result?.jobId} is not ${jobId}`);
    return result;
  };
  expect(await failOnce()).toMatchObject({
    state: 'failed',
    failure: 'checksFailed',
    failuresInARow: 1,
    paused: false,
  });
  expect(await describeOf('failing')).toMatchObject({ paused: false, failuresInARow: 1 });
  expect(await failOnce()).toMatchObject({ failuresInARow: 2, paused: true });
  const view = await describeOf('failing');
  expect({ paused: view.paused, failures: view.failuresInARow }).toEqual({ paused: true, failures: 2 });
  expect(view.note).toBe(
    `Paused by weaver after 2 failed jobs in a row: ${failed
      .toReversed()
      .map((id) => `${id} (checksFailed)`)
      .join(', ')}`,
  );
  await weaver('schedule', 'resume', 'failing');
  expect(await describeOf('failing')).toMatchObject({ paused: false, failuresInARow: 0 });
  expect(await failOnce()).toMatchObject({ failuresInARow: 1, paused: false });
}, 90_000);

it('ends with the start of the job where nothing depends on its end', async () => {
  const url = world.repository('free', valueFiles());
  const file = fileOf('free', { ...task(url), title: 'Slow and free' });
  await weaver(
    'schedule',
    'create',
    'free',
    file,
    '--every',
    '1d',
    '--param',
    'wanted=right',
    '--overlap',
    'allow-all',
  );
  const { jobId } = await trigger('free');
  expect(await runsOf('free', 1)).toEqual([expect.objectContaining({ jobId, started: true, state: null })]);
  expect((await client.workflow.getHandle(jobId).describe()).status.name).toBe('RUNNING');
  await client.workflow.getHandle(jobId).cancel();
}, 60_000);

it('fires by itself, without anybody near', async () => {
  const url = world.repository('itself', valueFiles());
  const file = fileOf('itself', task(url, { title: 'By itself on ${date}' }));
  await weaver(
    'schedule',
    'create',
    'itself',
    file,
    '--every',
    '2s',
    '--param',
    'wanted=right',
    '--key',
    'itself-${date}',
  );
  const runs = await runsOf('itself', 2);
  await weaver('schedule', 'pause', 'itself', '--why', 'seen enough');
  expect(runs.map(({ started }) => started).slice(0, 2)).toEqual([true, false]);
  expect(new Set(runs.map(({ jobId }) => jobId)).size).toBe(1);
  expect(await describeOf('itself')).toMatchObject({ paused: true, note: 'seen enough' });
}, 60_000);

const part = (id: string) => ({ id, title: `Part ${id} of \${date}`, description: 'Make the value ${wanted}.' });

it('carries a job file with its dependencies', async () => {
  const url = world.repository('many', valueFiles());
  const file = fileOf('many', {
    title: 'Two parts of ${date}',
    repo: { url },
    limits: { attempts: 1 },
    checks: [CHECK],
    tasks: [
      { ...part('a'), repo: { branch: 'a-${scheduledTime}' } },
      { ...part('b'), repo: { branch: 'b-${scheduledTime}' }, dependsOn: ['a'] },
    ],
  });
  await weaver('schedule', 'create', 'many', file, '--every', '1d', '--param', 'wanted=right');
  const { jobId } = await trigger('many');
  const [run] = await runsOf('many', 1);
  expect(run).toMatchObject({ jobId, state: 'completed', failure: null });
  const time = jobId.replace('job/many-', '');
  expect(branchesOf(url).toSorted()).toEqual([`a-${time}`, `b-${time}`, 'main']);
}, 60_000);

it('is gone when it is deleted', async () => {
  const file = fileOf('gone', task('/nowhere', { description: 'x ${wanted}' }));
  await weaver('schedule', 'create', 'gone', file, '--every', '1h', '--param', 'wanted=right');
  await weaver('schedule', 'delete', 'gone');
  const { exitCode, stderr } = await world.cli(['schedule', 'describe', 'gone']);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: expect.stringContaining('No schedule gone is known here.'),
  });
});

/** What a person would write into a task file. */
const taskFile = (name: string) => ({
  title: `Started by ${name}`,
  description: 'Make the value right.',
  repo: { url: world.repository(name, valueFiles()), branch: `fix/${name}` },
  checks: [CHECK],
});

const input = (name: string) => ({ schemaVersion: 1, spec: taskFile(name) }) as unknown as JobInput;

function expectLanded(name: string, result: JobResult): void {
  expect({ state: result.state, task: result.task.state, branch: result.task.branch }).toEqual({
    state: 'completed',
    task: 'succeeded',
    branch: `fix/${name}`,
  });
  expect(commitsOn(`${world.folder}/remotes/${name}.git`, `fix/${name}`)).toBe(1);
}

it('is started by any Temporal client', async () => {
  const handle = await client.workflow.start('job', {
    taskQueue: 'weaver',
    workflowId: 'job/any',
    args: [input('any')],
  });
  expectLanded('any', (await handle.result()) as JobResult);
});

it('is started by the temporal command', async () => {
  const binary = process.env['WEAVER_TEMPORAL_BINARY'] ?? '';
  const start = ['workflow', 'start', '--type', 'job', '--task-queue', 'weaver', '--workflow-id', 'job/command'];
  const args = [...start, '--input', JSON.stringify(input('command')), '--address', world.server.address];
  const started = await runProcess(binary, args, { env: world.env, cwd: world.folder });
  expect({ exitCode: started.exitCode, stderr: started.stderr }).toEqual({ exitCode: 0, stderr: '' });
  expectLanded('command', (await client.workflow.getHandle('job/command').result()) as JobResult);
});

it('is started by a schedule', async () => {
  const schedule = await client.schedule.create({
    scheduleId: 'calendar',
    spec: { calendars: [{ hour: 3 }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'job',
      workflowId: 'job/calendar',
      taskQueue: 'weaver',
      args: [input('calendar')],
    },
    policies: { overlap: 'SKIP', catchupWindow: '1 minute' },
  });
  await schedule.trigger();
  const started = async () => (await schedule.describe()).info.recentActions[0]?.action.workflow.workflowId;
  await until(async () => (await started()) !== undefined, 'the schedule starts a job');
  expectLanded('calendar', (await client.workflow.getHandle((await started()) ?? '').result()) as JobResult);
  await schedule.delete();
});

it('is started by the library, as its users import it', async () => {
  const program = `
    const { WeaverClient } = require(${JSON.stringify(`${__dirname}/../..`)});
    (async () => {
      const weaver = await WeaverClient.connect();
      const { jobId } = await weaver.submit(${JSON.stringify(taskFile('library'))}, { key: 'library', requester: 'a test' });
      console.log(JSON.stringify(await weaver.result(jobId)));
      await weaver.close();
    })();`;
  const { stdout, stderr, exitCode } = await runProcess(process.execPath, ['-e', program], {
    env: world.env,
    cwd: world.folder,
  });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expectLanded('library', JSON.parse(stdout) as JobResult);
});

it('tells a client that sends nonsense what is wrong, all at once', async () => {
  const spec = { title: 7, repo: { url: 'nowhere' }, colour: 'red' };
  const args = [{ schemaVersion: 1, spec }];
  const handle = await client.workflow.start('job', { taskQueue: 'weaver', workflowId: 'job/nonsense', args });
  const result = (await handle.result()) as JobResult;
  expect({ state: result.state, code: result.task.failure?.code }).toEqual({ state: 'failed', code: 'invalidTask' });
  for (const word of ['title', 'description', 'repo.url', 'colour'])
    expect(result.task.failure?.detail).toContain(word);
});

it.each([
  ['nothing', {}],
  ['a number for a requester', { schemaVersion: 1, spec: {}, requester: 5 }],
  ['objects for texts', { spec: { title: { toString: 1 }, handler: { toString: null }, tags: [{}], repo: 7 } }],
])('ends, whatever a client sends: %s', async (name, sent) => {
  const workflowId = `job/odd-${name.replaceAll(' ', '-')}`;
  const handle = await client.workflow.start('job', { taskQueue: 'weaver', workflowId, args: [sent] });
  const result = (await handle.result()) as JobResult;
  expect({ state: result.state, code: result.task.failure?.code }).toEqual({ state: 'failed', code: 'invalidTask' });
});
