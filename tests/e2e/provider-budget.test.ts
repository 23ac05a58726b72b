/** The budget of a provider on a real server: what it stops, how a task goes on afterwards, and what `weaver costs` tells. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CostReport } from '../../src/client/cost-rows';
import type { LimitsStanding } from '../../src/domain/provider-limits';
import type { TaskStatus } from '../../src/workflows/messages';
import { requestProcessesOf } from '../adapters/model/model-world';
import { answerValue, CHECK, endProcess, until, valueFiles, World } from './world';

let world: World;

/** A dollar a call: a million tokens of the prompt, estimated at some thousand. By the month: a day may end meanwhile. */
const usage = { prompt: 1_000_000, completion: 0 };
const right = { kind: 'json', value: answerValue('right'), usage } as const;
const config = (monthlyUsd: number): string => `
providers:
  openai:
    baseUrl: {endpoint}
    model: scripted-1
    price: { promptUsdPerMillion: 1, completionUsdPerMillion: 0, date: 2026-11-01 }
    budget: { monthlyUsd: ${monthlyUsd} }
`;

beforeAll(async () => {
  world = await World.start({
    config: config(1),
    script: [{ when: { contains: 'The third' }, answers: [{ ...right, delayMs: 2_000 }] }, { answers: [right] }],
  });
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

const task = (title: string, more: object = {}) => ({
  title,
  description: 'The value is wrong.',
  repo: { url: world.repository(title.replaceAll(' ', '-'), valueFiles()) },
  checks: [CHECK],
  ...more,
});

it('lets a task spend what there is, and the next one none of it: it ends where it is told to', async () => {
  expect(await world.run(task('The first'), ['--key', 'first'])).toMatchObject({
    state: 'succeeded',
    costUsdMicros: 1_000_000,
  });
  const second = await world.run(task('The second', { limits: { whenSpent: 'die' } }), ['--key', 'second']);
  expect(second).toMatchObject({
    state: 'dead',
    exitCode: 7,
    calls: { sent: 0, inDoubt: 0 },
    failure: { code: 'providerBudget' },
  });
  expect(second.failure?.message).toMatch(
    /monthly budget of openai is \$1\.00, .* free again at \d{4}-\d{2}-01 00:00 UTC/,
  );
  expect(world.requestsFor('The second')).toBe(0);
});

it('lets it wait otherwise, also when the request process is killed, and go on when the budget is raised; a worker that is stopped tells what its last call has cost', async () => {
  const { exitCode } = await world.cli(['run', '-', '--detach', '--key', 'third'], {
    input: JSON.stringify(task('The third')),
  });
  expect(exitCode).toBe(0);
  const client = await world.connect();
  const status = () => client.workflow.getHandle('job/third/t/0').query<TaskStatus>('status');
  const waits = async (): Promise<boolean> => {
    const { waitingOn, failure, phase } = await status();
    return waitingOn === 'budget' && failure?.code === 'providerBudget' && phase.includes('waits for the budget');
  };
  await until(() => waits().catch(() => false), 'it waits for the budget');
  const { stdout } = await world.cli(['waiting', '--json']);
  expect(stdout).toContain('weaver retry-now job/third/t/0');

  for (const pid of requestProcessesOf(world.home)) process.kill(pid, 'SIGKILL');
  expect((await world.cli(['retry-now', 'third'])).exitCode).toBe(0);
  const decisions = async (): Promise<number> =>
    (await world.cli(['decisions', 'third', '--json'])).stdout.split('waits for at most').length - 1;
  await until(async () => (await decisions()) >= 2 && (await waits()), 'it is refused again');
  expect(world.requestsFor('The third')).toBe(0);

  const file = join(world.folder, 'weaver.config.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('monthlyUsd: 1 ', 'monthlyUsd: 100 '));
  for (const child of world.processes) await endProcess(child);
  await world.startWorker();
  expect((await world.cli(['retry-now', 'third'])).exitCode).toBe(0);
  await until(() => world.requestsFor('The third') === 1, 'it goes on');
  // The worker stays until the answer is there, and is the only one who could tell.
  for (const child of world.processes) await endProcess(child);
  await world.startWorker();
  await until(async () => (await status()).state === 'succeeded', 'another worker ends it');
  const keeper = client.workflow.getHandle('provider/openai');
  const standing = await keeper.query<LimitsStanding | null, [number]>('providerLimits', Date.now());
  expect(standing?.money?.month).toEqual({ spentUsdMicros: 2_000_000, reservedUsdMicros: 0 });
  expect(await status()).toMatchObject({ attempt: 1, spending: { callsSent: 1, costUsdMicros: 1_000_000 } });
}, 120_000);

const costs = (...args: readonly string[]) =>
  world.cli(['costs', ...args], { env: { TEMPORAL_ADDRESS: '127.0.0.1:9' } });
const costsInJson = async (...args: readonly string[]) =>
  JSON.parse((await costs('--json', ...args)).stdout) as CostReport;

describe('weaver costs, without a server', () => {
  it('has a row for each job, and what the budget has left', async () => {
    const { stdout, exitCode } = await costs();
    expect(exitCode).toBe(0);
    const lines = stdout.split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' '));
    expect(lines).toEqual(
      expect.arrayContaining([
        'CALLS FAILED IN DOUBT PROMPT CACHED COMPLETION REASONING COST JOB',
        '1 0 0 1000000 0 0 0 $1.0000 job/first',
        '1 0 0 1000000 0 0 0 $1.0000 job/third',
        '2 0 0 2000000 0 0 0 $2.0000 (all)',
        expect.stringMatching(/^openai: \$2\.00 of \$100\.00 spent this month, \$98\.00 left until /),
      ]),
    );
    expect(stdout).not.toContain('job/second');
  });

  it('tells of a task and of a day, in JSON', async () => {
    expect(await costsInJson('--job', 'third')).toMatchObject({
      by: 'task',
      rows: [{ key: 'job/third/t/0', calls: 1 }],
    });
    expect(await costsInJson('--task', 'job/first/t/0')).toMatchObject({
      by: 'model',
      rows: [{ key: 'openai/scripted-1', costUsdMicros: 1_000_000 }],
      budgets: [{ provider: 'openai', standings: [{ period: 'month', leftUsdMicros: 98_000_000 }] }],
    });
    const today = new Date().toISOString().slice(0, 10);
    const { rows } = await costsInJson('--by', 'day', '--since', '2020-01-01');
    expect(rows.reduce((sum, { calls }) => sum + calls, 0)).toBe(2);
    expect(rows.map(({ key }) => key <= today)).not.toContain(false);
  });

  it('is also a table for other programs', async () => {
    const { stdout } = await costs('--csv', '--by', 'provider');
    expect(stdout).toBe(
      [
        'provider,calls,failed,in_doubt,unpriced,prompt_tokens,cached_tokens,completion_tokens,reasoning_tokens,cost_usd_micros,cost_usd\r\n',
        'openai,2,0,0,0,2000000,0,0,0,2000000,2.00\r\n',
      ].join(''),
    );
  });

  it('refuses days that there are not, and two things at once', async () => {
    const refused: readonly (readonly [readonly string[], string])[] = [
      [['--since', '2026-11-31'], 'is no day'],
      [['--csv', '--json'], 'two forms'],
      [['--job', 'a', '--task', 'b'], 'different things'],
      [['--by', 'moon'], 'Allowed choices are job, task, model, provider, day, purpose'],
    ];
    const said = await Promise.all(refused.map(([args]) => costs(...args)));
    expect(said.map(({ exitCode }) => exitCode)).toEqual([2, 2, 2, 2]);
    for (const [index, [, says]] of refused.entries()) expect(said[index]?.stderr).toContain(says);
  });
});

it('weaver doctor tells what is left', async () => {
  const { stdout } = await world.cli(['doctor']);
  expect(stdout).toMatch(/ok +budget openai +\$2\.00 of \$100\.00 spent this month/);
});
