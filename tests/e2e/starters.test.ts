/** Everything that can start a job: any Temporal client, the `temporal` command, a schedule, the library. */
import type { Client } from '@temporalio/client';
import type { JobInput, JobResult } from '../../src/client/index';
import { answerValue, CHECK, commitsOn, runProcess, until, valueFiles, World } from './world';

let world: World;
let client: Client;

beforeAll(async () => {
  world = await World.start({
    script: [{ when: { contains: 'Started by' }, answers: [{ kind: 'json', value: answerValue('right') }] }],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

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
    scheduleId: 'nightly',
    spec: { calendars: [{ hour: 3 }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'job',
      workflowId: 'job/nightly',
      taskQueue: 'weaver',
      args: [input('nightly')],
    },
    policies: { overlap: 'SKIP', catchupWindow: '1 minute' },
  });
  await schedule.trigger();
  const started = async () => (await schedule.describe()).info.recentActions[0]?.action.workflow.workflowId;
  await until(async () => (await started()) !== undefined, 'the schedule starts a job');
  expectLanded('nightly', (await client.workflow.getHandle((await started()) ?? '').result()) as JobResult);
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
