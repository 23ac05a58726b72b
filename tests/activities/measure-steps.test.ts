/** What is told more than once is counted once; with the real metrics, in the SDK's activity environment. */
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { measureInterceptor } from '../../src/activities/measure-steps';
import { createMetrics, type Metrics } from '../../src/adapters/telemetry/metrics';
import { NOTHING_SPENT, type Spending } from '../../src/domain/record';
import { textParts } from '../../src/domain/text-parts';

let metrics: Metrics;
let inbound: ReturnType<typeof measureInterceptor>;
beforeEach(() => {
  metrics = createMetrics();
  inbound = measureInterceptor(metrics);
});

async function run(activityType: string, args: readonly unknown[], work: () => Promise<unknown>): Promise<unknown> {
  const environment = new MockActivityEnvironment(
    { activityType },
    { interceptors: [(context) => ({ inbound: inbound(context) })] },
  );
  return await environment.run(work as (...given: unknown[]) => Promise<unknown>, ...args);
}

async function value(name: string, ...labels: readonly string[]): Promise<number | undefined> {
  const lines = (await metrics.text()).split('\n');
  const line = lines.find((one) => one.startsWith(`${name}{`) && labels.every((label) => one.includes(label)));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

const CALL = { lineage: 'job~a~t~0', name: 'a1.t1', provider: 'openai', model: 'm' };
const spent = (prompt: number, costUsdMicros: number): Spending => ({
  ...NOTHING_SPENT,
  tokens: { prompt, cached: 1, completion: 2, reasoning: 0 },
  costUsdMicros,
});

const accountOf = (state: string) => textParts({ taskId: state, status: { state }, entries: [] });

async function failedCall(): Promise<never> {
  const details = [{ name: 'a1.t1', spending: spent(100, 1_000) }];
  throw ApplicationFailure.create({ type: 'modelServer', message: 'no answer', details });
}

it('counts the tokens of a call once, though its ledger tells them again', async () => {
  for (let n = 0; n < 3; n += 1) await run('callModel', [CALL], async () => ({ spending: spent(100, 5_000) }));
  expect([await value('weaver_tokens_total', 'prompt'), await value('weaver_cost_usd_total')]).toEqual([100, 0.005]);
  expect(await value('weaver_call_seconds_count', 'done')).toBe(3);
});

it('counts what a failed call has spent, and then only what has come on top', async () => {
  await expect(run('callModel', [CALL], failedCall)).rejects.toThrow('no answer');
  await run('callModel', [CALL], async () => ({ spending: spent(250, 3_000) }));
  expect([await value('weaver_tokens_total', 'prompt'), await value('weaver_cost_usd_total')]).toEqual([250, 0.003]);
  expect(await value('weaver_step_seconds_count', 'modelServer')).toBe(1);
});

it('counts attempts, decisions and ends once, though the account is written again', async () => {
  const account = {
    taskId: 'job/a/t/0',
    status: { state: 'dead' },
    entries: [
      { sequence: 0, record: { kind: 'attempt', outcome: { kind: 'failed', failure: { code: 'checksFailed' } } } },
      { sequence: 1, record: { kind: 'decision', decision: { kind: 'markDead' } } },
    ],
  };
  for (let n = 0; n < 2; n += 1) await run('record', textParts(account), async () => undefined);
  expect([
    await value('weaver_attempts_total', 'outcome="failed"', 'failure="checksFailed"'),
    await value('weaver_decisions_total', 'markDead'),
    await value('weaver_tasks_ended_total', 'dead'),
  ]).toEqual([1, 1, 1]);
});

it('counts no end of a task that goes on, and none that could not be written', async () => {
  await run('record', accountOf('running'), async () => undefined);
  await expect(run('record', accountOf('dead'), () => Promise.reject(new Error('disk')))).rejects.toThrow('disk');
  expect(await value('weaver_tasks_ended_total')).toBeUndefined();
});
