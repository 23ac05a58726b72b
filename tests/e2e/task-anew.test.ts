/** A task of many attempts continues as new between them, and nothing of what was said, spent or learned is lost. */
import type { Client } from '@temporalio/client';
import type { TaskInput, TaskResult, TaskStatus } from '../../src/workflows/messages';
import { branchesOf, CHECK, commitsOn, until, valueFiles, World } from './world';

const write = (content: string) => ({
  kind: 'json' as const,
  value: {
    edits: [{ op: 'write', path: 'value.txt', content: `${content}\n`, search: null, replace: null, to: null }],
    commitMessage: 'Make the value right',
    notes: '',
  },
});

/** Less than an attempt has, so that each one has a run of its own. */
const EVENTS_MAX = 20;

let world: World;
let client: Client;

beforeAll(async () => {
  world = await World.start({
    script: [
      {
        when: { contains: 'Again and again' },
        answers: [write('one'), write('two'), { ...write('three'), delayMs: 1_500 }, write('right')],
      },
    ],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

it('goes on in a new run with its attempts, its spending and what people have said', async () => {
  const url = world.repository('anew', valueFiles());
  const spec = {
    title: 'Again and again',
    description: 'Make the value right.',
    repo: { url, branch: 'anew' },
    checks: [CHECK],
    limits: { attempts: 6, wallTimeSeconds: 600, outageSeconds: 600 },
  };
  const input = {
    schemaVersion: 1,
    spec,
    requester: 'test',
    lineage: 'anew',
    suffix: 'abcd1234',
    eventsMax: EVENTS_MAX,
  };
  const handle = await client.workflow.start('codingTask', {
    workflowId: 'job/anew/t/0',
    taskQueue: 'weaver',
    args: [input as unknown as TaskInput],
  });
  await until(() => world.requestsFor('Again and again') >= 3, 'the third attempt is under way');
  const said = { by: 'test', why: 'it helps', text: 'Think of the word right.' };
  await handle.executeUpdate('addInstruction', { args: [said] });
  const result = (await handle.result()) as TaskResult;
  expect(result).toMatchObject({ state: 'succeeded', attempts: 4, spending: { callsSent: 4, callsInDoubt: 0 } });
  expect(commitsOn(url, 'anew')).toBe(1);
  expect(branchesOf(url)).toEqual(['anew', 'main']);
  const { count } = await client.workflow.count(`WorkflowId = 'job/anew/t/0'`);
  expect(count).toBeGreaterThanOrEqual(3);
  const last = JSON.stringify(world.endpoint.requests().at(-1)?.body);
  expect(last).toContain('Think of the word right.');
  expect(last).toContain('value is three');
  const status: TaskStatus = await handle.query('status');
  expect(status).toMatchObject({ state: 'succeeded', attempt: 4, title: 'Again and again' });
}, 120_000);

it('has one account, numbered without a gap', async () => {
  const { stdout } = await world.cli(['decisions', 'job/anew/t/0', '--json']);
  const entries = stdout
    .trim()
    .split('\n')
    .flatMap((line) => JSON.parse(line) as { readonly sequence?: number } | { readonly sequence?: number }[]);
  const numbers = entries.flatMap(({ sequence }) => (sequence === undefined ? [] : [sequence]));
  expect(numbers).toEqual(numbers.map((_, index) => index));
  expect(numbers.length).toBeGreaterThanOrEqual(9);
});
