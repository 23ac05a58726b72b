/** Budgets of jobs and tasks on a real server: slices, the stop at the limit, going on after more is given. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { JobInput, JobResult } from '../../src/client/index';
import type { JobBudget, JobSpec } from '../../src/domain/job';
import type { JobStatus, JobTasksPage, TaskStatus } from '../../src/workflows/messages';
import { answerValue, CHECK, until, valueFiles, World } from './world';

let world: World;
let client: Client;

/** One cent a call: a thousand prompt tokens at ten dollars a million. */
const CALL_USD_MICROS = 10_000;
/** Long enough for a word to reach a job and its task while a call is under way. */
const LATENCY_MS = 3_000;
const usage = { prompt: 1_000, completion: 0 };
const CONFIG = `
providers:
  openai:
    baseUrl: {endpoint}
    model: scripted-1
    concurrency: 16
    price: { promptUsdPerMillion: 10, cachedUsdPerMillion: 1, completionUsdPerMillion: 10, date: 2026-11-01 }
`;

beforeAll(async () => {
  world = await World.start({
    config: CONFIG,
    script: [
      {
        when: { contains: '# Tries it twice' },
        answers: [
          { kind: 'json', value: answerValue('wronger'), usage },
          { kind: 'json', value: answerValue('right'), usage },
        ],
      },
      {
        when: { contains: '# Is lowered' },
        answers: [
          { kind: 'json', value: answerValue('wronger'), usage, delayMs: LATENCY_MS },
          { kind: 'json', value: answerValue('right'), usage },
        ],
      },
      { when: { contains: '# Never right' }, answers: [{ kind: 'json', value: answerValue('wronger'), usage }] },
      {
        when: { contains: '# Second time' },
        answers: [
          { kind: 'json', value: answerValue('wronger'), usage },
          { kind: 'json', value: answerValue('right'), usage },
        ],
      },
      { answers: [{ kind: 'json', value: answerValue('right'), usage }] },
    ],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

async function start(name: string, titles: readonly string[], budget: JobBudget, limits: object = {}) {
  const job: JobSpec = {
    title: name,
    tasks: titles.map((title, n) => ({ id: `t${n}`, dependsOn: [], content: { title, description: title } })),
    concurrency: 2,
    priority: 3,
    tags: [],
    budget,
    defaults: {
      repo: { url: world.repository(name, valueFiles()) },
      checks: [CHECK],
      limits: { attempts: 1, ...limits },
    },
  };
  const input: JobInput = { schemaVersion: 1, job, requester: 'ana' };
  return await client.workflow.start('job', { taskQueue: 'weaver', workflowId: `job/${name}`, args: [input] });
}

const statusOf = async (handle: WorkflowHandle) => await handle.query<JobStatus>('jobStatus');
const rowsOf = async (handle: WorkflowHandle) =>
  (await handle.query<JobTasksPage, [{ from: number; limit: number }]>('jobTasks', { from: 0, limit: 500 })).rows;
const resultOf = async (handle: WorkflowHandle): Promise<JobResult> => (await handle.result()) as JobResult;
const six = (name: string): readonly string[] => Array.from({ length: 6 }, (_, n) => `${name} number ${n}`);
const isStarved = async (handle: WorkflowHandle): Promise<boolean> =>
  (await statusOf(handle)).bottlenecks.some(({ waitsFor }) => waitsFor.startsWith('budget'));

it('stops at the limit of money, says what it waits for, and goes on when more is given', async () => {
  const handle = await start('money', six('Costs'), { whenSpent: 'wait', costUsdMicros: 3 * CALL_USD_MICROS });
  await until(async () => (await statusOf(handle)).counts.succeeded === 3 && (await isStarved(handle)), 'it waits');
  expect(world.requestsFor('Costs number')).toBe(3);
  const more = { by: 'ana', why: 'worth it', costUsdMicros: 6 * CALL_USD_MICROS };
  await handle.executeUpdate('setBudget', { args: [more] });
  const result = await resultOf(handle);
  expect(result).toMatchObject({ state: 'completed', summary: { counts: { succeeded: 6 } } });
  expect(result.summary?.spending.costUsdMicros).toBe(6 * CALL_USD_MICROS);
  const { stdout } = await world.cli(['events', '--json', '--job', 'money', '--type', 'BudgetNotice']);
  expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(1);
  expect(stdout).toContain('costUsdMicros');
});

it('ends what is left when the file says so', async () => {
  const handle = await start('die', six('Dies'), { whenSpent: 'die', costUsdMicros: 2 * CALL_USD_MICROS });
  const result = await resultOf(handle);
  expect(result.state).toBe('failed');
  const failures = (await rowsOf(handle)).map(({ state, failure }) => `${state} ${failure}`);
  expect(failures.filter((each) => each === 'succeeded null').length).toBe(2);
  expect(failures.filter((each) => each === 'dead budgetCost').length).toBe(4);
  expect(world.requestsFor('Dies number')).toBe(2);
});

it('D-02 and D-09 counts the attempts of all tasks together', async () => {
  const titles = ['# Never right a', '# Never right b'].map((title) => title.slice(2));
  const handle = await start('attempts', titles, { whenSpent: 'die', attempts: 3 }, { attempts: 5 });
  const result = await resultOf(handle);
  expect(result.state).toBe('failed');
  const rows = await rowsOf(handle);
  expect(rows.map(({ failure }) => failure)).toEqual(['budgetAttempts', 'budgetAttempts']);
  expect(world.requestsFor('# Never right')).toBe(3);
});

it('waits for attempts without asking again and again, and goes on when there are more', async () => {
  const handle = await start('patient', ['Tries it twice'], { whenSpent: 'wait', attempts: 1 }, { attempts: 3 });
  const task = client.workflow.getHandle('job/patient/t/t0');
  await until(
    async () => (await task.query<TaskStatus>('status').catch(() => null))?.waitingOn === 'budget',
    'it waits',
  );
  const waitsFor = async () => (await handle.query<JobTasksPage>('jobTasks')).rows[0]?.waitsFor;
  await until(async () => (await waitsFor()) === 'more budget', 'the job has its place for others');
  const { historyLength } = await handle.describe();
  await new Promise((wake) => setTimeout(wake, 3_000));
  expect((await handle.describe()).historyLength).toBe(historyLength);
  await handle.executeUpdate('setBudget', { args: [{ by: 'ana', why: 'once more', attempts: 2 }] });
  expect(await resultOf(handle)).toMatchObject({ state: 'completed', task: { attempts: 2 } });
});

it('gives what one task leaves over to the others before it ends them', async () => {
  const titles = six('Shares');
  const handle = await start('shares', titles, { whenSpent: 'die', attempts: 6 }, { attempts: 5 });
  expect(await resultOf(handle)).toMatchObject({ state: 'completed', summary: { counts: { succeeded: 6 } } });
});

it('makes no further call from a slice that was given before the limit was lowered', async () => {
  const limits = { attempts: 3 };
  // A slice has room for several calls.
  const handle = await start('lowered', ['Is lowered'], { whenSpent: 'wait', costUsdMicros: 1_000_000 }, limits);
  await until(async () => world.requestsFor('# Is lowered') === 1, 'it asks');
  await handle.executeUpdate('setBudget', { args: [{ by: 'ana', why: '', costUsdMicros: CALL_USD_MICROS }] });
  const task = client.workflow.getHandle('job/lowered/t/t0');
  const isBlocked = async () => (await task.query<TaskStatus>('status')).waitingOn === 'budget';
  await until(async () => (await isBlocked()) || world.requestsFor('# Is lowered') > 1, 'it waits');
  expect(world.requestsFor('# Is lowered')).toBe(1);
  await handle.executeUpdate('setBudget', { args: [{ by: 'ana', why: '', costUsdMicros: 5 * CALL_USD_MICROS }] });
  expect(await resultOf(handle)).toMatchObject({ state: 'completed', task: { attempts: 2 } });
});

it('lets a single task wait for its own spent limit, and go on with the next attempt', async () => {
  const limits = { attempts: 3, costUsd: 0.01, whenSpent: 'wait' };
  const handle = await start('own', ['Second time'], { whenSpent: 'wait' }, limits);
  const task = client.workflow.getHandle('job/own/t/t0');
  const status = async () => await task.query<TaskStatus>('status');
  await until(async () => (await status().catch(() => null))?.waitingOn === 'budget', 'it waits for budget');
  expect(world.requestsFor('# Second time')).toBe(1);
  await expect(
    task.executeUpdate('setBudget', { args: [{ by: 'ana', why: '', costUsdMicros: -1 }] }),
  ).rejects.toMatchObject({ name: 'WorkflowUpdateFailedError' });
  await task.executeUpdate('setBudget', { args: [{ by: 'ana', why: '', costUsdMicros: 100_000 }] });
  expect(await resultOf(handle)).toMatchObject({ state: 'completed', task: { attempts: 2 } });
});
