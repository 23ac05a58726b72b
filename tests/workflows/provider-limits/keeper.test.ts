/** The keeper of a provider's limits on a real server, asked as a worker's calls ask it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Client, WorkflowHandle } from '@temporalio/client';
import {
  createProviderGates,
  type GateOf,
  type ProviderGates,
  type Refusal,
} from '../../../src/activities/ask-provider';
import { createCosts } from '../../../src/adapters/model/costs';
import { checkLimits } from '../../../src/client/cli/check-providers';
import { askKeepers } from '../../../src/client/cli/provider-budgets';
import { WeaverClient } from '../../../src/client/weaver-client';
import type { Config } from '../../../src/config';
import type { FailureCode } from '../../../src/domain/failures';
import { EMPTY_BOOK, KEEPERS_QUEUE, limitsOf, reserve, type LimitsStanding } from '../../../src/domain/provider-limits';
import { NOTHING_SPENT } from '../../../src/domain/record';
import type { CallResult } from '../../../src/ports';
import { answeredRow, intentRow, writeCall } from '../../adapters/model/ledger-pages';
import { until } from '../../e2e/world';
import { PROVIDER } from '../../activities/provider-settings';
import { startOwnWorkflows, type OwnWorkflows, type RunningWorker } from '../own-workflows';
import type { CallFate, Told } from './call-fate';

const QUEUE = 'keeping';
const OTHER_QUEUE = 'keeping-too';
const folder = mkdtempSync(join(tmpdir(), 'weaver-keeper-'));

let workflows: OwnWorkflows;
let client: Client;
let keepersWorker: RunningWorker;
/** Of the workers, in their order. */
let homes: readonly string[];
let gates: readonly ProviderGates[];
/** How often a worker was told to carry keepers out. */
let served = 0;
let callAll: (fates: readonly CallFate[]) => Promise<readonly Told[]>;

beforeAll(async () => {
  workflows = await startOwnWorkflows();
  ({ client } = workflows);
  // As many workers as a test wants: each has what it has heard to itself.
  homes = ['here', 'there'].map((name) => join(folder, name));
  gates = homes.map((home) => createProviderGates(createCosts(home), () => (served += 1)));
  callAll = (fates) => {
    const context = Context.current();
    return Promise.all(fates.map(async (fate) => await callThrough(gatesOf(fate).gateOf, context, fate)));
  };
  // Hosts with homes of their own have queues of their own.
  for (const taskQueue of [QUEUE, OTHER_QUEUE]) await workflows.work({ taskQueue, activities: { call: callAll } });
  keepersWorker = await workflows.work({ taskQueue: KEEPERS_QUEUE });
});

afterAll(async () => {
  await workflows?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const gatesOf = ({ worker = 0 }: Pick<CallFate, 'worker'>): ProviderGates => {
  const found = gates[worker];
  if (found === undefined) throw new Error('no such worker');
  return found;
};

async function callThrough(
  gateOf: GateOf,
  context: Context,
  { provider, callId, ends, retryAfterMs, most = 0, cost = 0 }: CallFate,
): Promise<Told> {
  const again = { info: { ...context.info, attempt: 2 }, client: context.client } as unknown as Context;
  const gate = gateOf(ends === 'over' ? again : context, { ...PROVIDER, ...provider }, callId);
  if (ends === 'over') {
    // The answer is in the ledger, or the request of the first try was still under way: no leave is needed.
    gate.ended(resultOf(null, undefined, cost));
    return 'granted';
  }
  const window = await gate.mayLeave({ promptTokens: 10, mostUsdMicros: most, spentUsdMicros: 0 });
  const refusal = gate.refusal();
  if (refusal !== null) return { why: refusal.why, inMs: waitOf(refusal) };
  if (window === null) throw new Error('refused without a word');
  if (ends === 'lost') return 'granted';
  if (ends === 'vanished') {
    gate.lost();
    gate.ended(resultOf('cancelled', undefined, cost));
    return 'granted';
  }
  gate.left(Math.max(Date.now(), window.fromMs));
  gate.ended(resultOf(ends, retryAfterMs, cost));
  return 'granted';
}

const SAID = '502 Bad gateway';

const waitOf = (refusal: Refusal): number =>
  refusal.kind === 'busy' ? refusal.at - Date.now() : (refusal.inMs ?? Infinity);

function resultOf(ends: FailureCode | null, retryAfterMs: number | undefined, costUsdMicros: number): CallResult {
  const spending = { ...NOTHING_SPENT, callsSent: 1, costUsdMicros };
  if (ends === null) return { kind: 'answered', text: 'yes', finishReason: 'stop', model: 'm', latencyMs: 1, spending };
  const pause = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { kind: 'failed', code: ends, says: SAID, retryable: true, spending, ...pause };
}

let asked = 0;

/** One workflow, one step, these calls side by side. */
const call = (...fates: readonly Partial<CallFate>[]): Promise<readonly Told[]> =>
  callOn(fates[0]?.worker === 1 ? OTHER_QUEUE : QUEUE, fates);

async function callOn(taskQueue: string, fates: readonly Partial<CallFate>[]): Promise<readonly Told[]> {
  asked += 1;
  const full = fates.map((fate, n) => ({ callId: idOf(asked * 1_000 + n), ends: null, ...fate }));
  return (await client.workflow.execute('calls', {
    workflowId: `calls-${asked}`,
    taskQueue,
    args: [full],
  })) as readonly Told[];
}

const idOf = (n: number): string => String(n).padStart(16, '0');
const keeper = (name: string): WorkflowHandle => client.workflow.getHandle(`provider/${name}`);
const standing = (name: string): Promise<LimitsStanding | null> =>
  keeper(name).query<LimitsStanding | null, [number]>('providerLimits', Date.now());

it('gives many calls of a worker their places in few messages', async () => {
  const provider = { name: 'many', requestsPerMinute: 600 };
  const told = await call(...Array.from({ length: 60 }, () => ({ provider })));
  expect(told).toEqual(told.map(() => 'granted'));
  expect((await standing('many'))?.requests).toEqual({ used: 60, limit: 600 });
  const { historyLength } = await keeper('many').describe();
  // Four messages of 15, and what has ended with them or after them: five events each.
  expect(historyLength).toBeLessThan(45);
});

it('tells the others when the endpoint has asked one worker for a pause', async () => {
  const provider = { name: 'paused', requestsPerMinute: 600 };
  expect(await call({ provider, ends: 'rateLimited', retryAfterMs: 20_000 })).toEqual(['granted']);
  await until(async () => (await standing('paused'))?.pausedUntil != null, 'the keeper hears of it');
  const [told] = await call({ provider });
  expect(told).toEqual({
    why: 'waits for provider paused: it has asked for a pause',
    inMs: expect.any(Number),
  });
  expect(typeof told === 'object' ? told.inMs : 0).toBeGreaterThan(15_000);
});

it('tells all workers of a provider without limits too, and asks nobody before and after', async () => {
  const provider = { name: 'unlimited' };
  served = 0;
  expect(await call({ provider }, { provider, worker: 1 })).toEqual(['granted', 'granted']);
  await expect(keeper('unlimited').describe()).rejects.toThrow(/not found/i);
  expect(served).toBe(0);
  // What is over at once is not worth a word.
  expect(await call({ provider, ends: 'rateLimited', retryAfterMs: 900 })).toEqual(['granted']);
  expect(await call({ provider, ends: 'rateLimited', retryAfterMs: 4_000 })).toEqual(['granted']);
  const pause = { why: 'waits for provider unlimited: it has asked for a pause', inMs: expect.any(Number) };
  expect(await call({ provider })).toEqual([pause]);
  // Perhaps nobody else is there to answer for the keeper.
  expect(served).toBeGreaterThan(0);
  await until(async () => (await standing('unlimited'))?.pausedUntil != null, 'the keeper hears of it');
  const asks = new WeaverClient(client, { requester: 'test', taskQueue: QUEUE });
  const config = { providers: [{ ...PROVIDER, ...provider }] } as unknown as Config;
  expect(checkLimits(await askKeepers(asks, config.providers), config)).toMatchObject([
    { name: 'pause unlimited', verdict: 'warn', says: expect.stringMatching(/^it has asked for a pause until .*; 1 /) },
  ]);
  await until(async () => typeof (await call({ provider, worker: 1 }))[0] === 'object', 'the other worker hears of it');
  await until(async () => (await call({ provider, worker: 1 }))[0] === 'granted', 'the pause is over', 10_000);
  await until(
    async () => (await keeper('unlimited').describe()).status.name === 'COMPLETED',
    'the keeper ends',
    20_000,
  );
  expect(await call({ provider })).toEqual(['granted']);
  expect((await keeper('unlimited').describe()).status.name).toBe('COMPLETED');
});

it('is heard by those who did not wait for its first answer, as soon as somebody answers for it', async () => {
  const provider = { name: 'unserved' };
  await keepersWorker.shutDown();
  await call({ provider, ends: 'rateLimited', retryAfterMs: 50_000 });
  expect(await call({ provider })).toEqual(['granted']);
  keepersWorker = await workflows.work({ taskQueue: KEEPERS_QUEUE });
  await until(async () => typeof (await call({ provider }))[0] === 'object', 'the pause holds', 15_000);
}, 30_000);

it('answers one with a budget also where it was begun for a pause only, by a worker that is gone', async () => {
  const provider = { name: 'begun' };
  const gone = await workflows.work({ taskQueue: 'keeping-gone', activities: { call: callAll } });
  await callOn('keeping-gone', [{ provider, ends: 'rateLimited', retryAfterMs: 3_000 }]);
  await until(async () => (await standing('begun'))?.pausedUntil != null, 'the keeper hears of it');
  await gone.shutDown();
  const paying = { provider: { ...provider, budget: { dailyUsdMicros: 1_000 } }, most: 100, cost: 70, worker: 1 };
  // What was told is not lost.
  expect(await call(paying)).toEqual([
    { why: 'waits for provider begun: it has asked for a pause', inMs: expect.any(Number) },
  ]);
  await until(async () => (await call(paying))[0] === 'granted', 'the pause is over', 10_000);
  await gatesOf(paying).tellRest(5_000);
  expect((await standing('begun'))?.money?.day.spentUsdMicros).toBe(70);
  // It must be there until the month is over.
  const { raw } = await keeper('begun').describe();
  expect(Number(raw.executionConfig?.workflowExecutionTimeout?.seconds ?? 0)).toBe(0);
});

it('keeps a broken endpoint from all of them, and says how it is', async () => {
  const provider = { name: 'broken', requestsPerMinute: 600 };
  await call(...Array.from({ length: 5 }, () => ({ provider, ends: 'modelServer' as const })));
  await until(async () => (await standing('broken'))?.state === 'open', 'the breaker opens');
  const open = { why: `broken is left alone after 5 failures in a row, the last: ${SAID}`, inMs: expect.any(Number) };
  expect(await call({ provider })).toEqual([open]);
  // Thousands may wait for it: the keeper need not tell each of them.
  const { historyLength } = await keeper('broken').describe();
  for (let n = 0; n < 3; n += 1) expect(await call({ provider })).toEqual([open]);
  expect((await keeper('broken').describe()).historyLength).toBe(historyLength);
  // Its address was wrong: of the other one nothing is known.
  expect(await call({ provider: { ...provider, baseUrl: 'http://127.0.0.1:10/v1' } })).toEqual(['granted']);
  expect((await standing('broken'))?.state).toBe('closed');
});

it('keeps its place for a call that comes again, and counts one that was lost', async () => {
  const provider = { name: 'waiting', requestsPerMinute: 60, windowSeconds: 2 };
  const lost = { provider, ends: 'lost' } as const;
  expect(await call(lost, lost)).toEqual(['granted', 'granted']);
  const [told] = await call({ provider, callId: idOf(7) });
  if (typeof told !== 'object') throw new Error('granted');
  expect((await standing('waiting'))?.waiting).toBe(1);
  await new Promise((wake) => setTimeout(wake, told.inMs));
  const again = await call({ provider, callId: idOf(7) });
  // Those that were lost count from their latest moment: perhaps once more.
  if (typeof again[0] === 'object') await new Promise((wake) => setTimeout(wake, told.inMs));
  expect(typeof again[0] === 'object' ? await call({ provider, callId: idOf(7) }) : again).toEqual(['granted']);
});

it('counts a request as sent of which nobody knows, and not one that was not sent', async () => {
  const provider = { name: 'unknown', requestsPerMinute: 1 };
  expect(await call({ provider, ends: 'vanished' })).toEqual(['granted']);
  expect(await call({ provider })).toEqual([expect.objectContaining({ why: expect.any(String) })]);
});

it('counts those at once over all calls where the provider is shared', async () => {
  const provider = { name: 'shared', shared: true, concurrency: 2 };
  const underWay = { provider, ends: 'lost' } as const;
  expect(await call(underWay, underWay, { provider })).toEqual([
    'granted',
    'granted',
    { why: 'waits for provider shared: 2 at once', inMs: expect.any(Number) },
  ]);
  expect((await standing('shared'))?.concurrency).toEqual({ used: 2, limit: 2 });
});

it('frees the place of a worker that was killed when another try of the step has the answer', async () => {
  const provider = { name: 'killed', shared: true, concurrency: 1 };
  const killed = { provider, callId: idOf(9) };
  expect(await call({ ...killed, ends: 'lost' })).toEqual(['granted']);
  const waiting = { provider, callId: idOf(10) };
  expect(await call(waiting)).toEqual([expect.objectContaining({ why: expect.stringContaining('1 at once') })]);
  expect(await call({ ...killed, ends: 'over' })).toEqual(['granted']);
  await until(async () => (await standing('killed'))?.concurrency?.used === 0, 'the keeper hears of it');
  expect(await call(waiting)).toEqual(['granted']);
});

it('goes on with its book where another run takes it up', async () => {
  const provider = { ...PROVIDER, name: 'carried', requestsPerMinute: 1 };
  const limits = limitsOf(provider);
  if (limits === null) throw new Error('no limits');
  const request = { key: 'before', promptTokens: 1, answerTokensMax: 1 };
  const { book } = reserve(EMPTY_BOOK, limits, request, Date.now());
  await client.workflow.start('providerLimits', {
    workflowId: keeper('carried').workflowId,
    taskQueue: KEEPERS_QUEUE,
    args: [{ book, limits }],
  });
  expect(await call({ provider })).toEqual([
    { why: expect.stringContaining('1 request a minute'), inMs: expect.any(Number) },
  ]);
});

it('begins with an empty book where it was ended by force: one window holds twice as many at most', async () => {
  const provider = { name: 'ended', requestsPerMinute: 2 };
  expect(await call({ provider }, { provider })).toEqual(['granted', 'granted']);
  await keeper('ended').terminate('lost');
  expect(await call({ provider }, { provider })).toEqual(['granted', 'granted']);
  expect(await call({ provider })).toEqual([expect.objectContaining({ why: expect.any(String) })]);
});

it('ends by itself when nothing was sent for a window, and begins again with the next call', async () => {
  const provider = { name: 'unused', requestsPerMinute: 600, windowSeconds: 1 };
  await call({ provider });
  await until(async () => (await keeper('unused').describe()).status.name === 'COMPLETED', 'the keeper ends', 20_000);
  expect(await call({ provider })).toEqual(['granted']);
});

it('is told by a worker that leaves what its last calls have cost', async () => {
  const provider = { name: 'left', budget: { dailyUsdMicros: 10_000 } };
  const ended = Array.from({ length: 20 }, () => ({ provider, most: 100, cost: 30 }));
  await call(...ended);
  await gatesOf({}).tellRest(5_000);
  expect((await standing('left'))?.money?.day).toEqual({ spentUsdMicros: 600, reservedUsdMicros: 0 });
});

it('is told the most that a cancelled request may have cost of which nobody knows', async () => {
  const provider = { name: 'cancelled', budget: { dailyUsdMicros: 10_000 } };
  await call({ provider, most: 400, cost: 30, ends: 'vanished' });
  await gatesOf({}).tellRest(5_000);
  expect((await standing('cancelled'))?.money?.day).toEqual({ spentUsdMicros: 430, reservedUsdMicros: 0 });
});

it('lets a call wait as long as a host says, whatever the clock of that host shows', async () => {
  let times = 0;
  const callModel = (): never => {
    times += 1;
    const busy = { at: Date.now() + 3_600_000, inMs: 50, why: 'waits for its host' };
    const details = [{ name: 'c0', spending: NOTHING_SPENT, busy }];
    throw ApplicationFailure.create({ type: 'providerBusy', message: busy.why, nonRetryable: true, details });
  };
  const taskQueue = 'clock-ahead';
  await workflows.work({ taskQueue, activities: { callModel } });
  const args = ['clock/ahead', { sha256: '0' }, 'p'];
  const caller = await client.workflow.start('caller', { workflowId: 'caller', taskQueue, args });
  await until(() => times > 1, 'it asks again', 10_000);
  expect(times).toBeGreaterThan(1);
  await caller.terminate();
});

it('hears once what a worker tells again', async () => {
  const provider = { ...PROVIDER, name: 'twice', requestsPerMinute: 600 };
  await call({ provider });
  await gatesOf({}).tellRest(5_000);
  const failed = { key: 'a', sentAfterMs: 0, endedAfterMs: 5, tokens: null, code: 'modelServer' };
  const told = { limits: limitsOf(provider), batch: { teller: 'x', number: 1 }, settled: [failed], asked: [] };
  for (const updateId of ['first', 'again'])
    await keeper('twice').executeUpdate('exchange', { args: [told], updateId });
  expect((await standing('twice'))?.breaker.failures).toBe(1);
});

const money = async () => (await standing('paid'))?.money?.month;
const ledgerOf = (home: string, n: number, costUsdMicros: number): string =>
  writeCall(home, 'task-1', n, [
    intentRow({ provider: 'paid', startedAt: Date.now() }),
    answeredRow({ costUsdMicros }),
  ]);

describe('a budget of two homes, each with a worker on a queue of its own', () => {
  const provider = { name: 'paid', budget: { monthlyUsdMicros: 1_000 } };

  it('is one: what was spent before is in it, and it is passed by nobody', async () => {
    homes.forEach((home, n) => ledgerOf(home, n, 100));
    const mine = { provider, most: 300, cost: 200 };
    expect(await call(mine, mine)).toEqual(['granted', 'granted']);
    await until(async () => (await money())?.spentUsdMicros === 500, 'what both have cost is booked');
    // The ledger of the other is not read before its worker asks.
    expect(await call({ ...mine, worker: 1 })).toEqual(['granted']);
    await until(async () => (await money())?.spentUsdMicros === 800, 'the third is booked');
    const spent = {
      why: expect.stringMatching(/^The monthly budget of paid is .* free again at /),
      inMs: expect.any(Number),
    };
    expect([...(await call(mine)), ...(await call({ ...mine, worker: 1 }))]).toEqual([spent, spent]);
    expect(await call({ ...mine, worker: 1, most: 200 })).toEqual(['granted']);
  });

  it('outlives the workers that keep it', async () => {
    await until(async () => (await money())?.spentUsdMicros === 1_000, 'all is spent');
    await keepersWorker.shutDown();
    keepersWorker = await workflows.work({ taskQueue: KEEPERS_QUEUE });
    expect(await call({ provider, most: 1 })).toEqual([expect.objectContaining({ why: expect.any(String) })]);
    expect(await money()).toEqual({ spentUsdMicros: 1_000, reservedUsdMicros: 0 });
  });

  it('is made again from the ledgers where its keeper was ended by force', async () => {
    await keeper('paid').terminate('lost');
    expect(await call({ provider, most: 1 }, { provider, worker: 1, most: 1 })).toEqual(['granted', 'granted']);
    // The ledgers of this test have what was spent before, and none of the calls.
    await until(async () => (await money())?.spentUsdMicros === 200, 'both have told');
  });
});

it('lets a call wait for the money of one under way, and gives it back where the worker was killed', async () => {
  const provider = { name: 'held', budget: { dailyUsdMicros: 1_000 }, callTimeoutSeconds: 1 };
  expect(await call({ provider, most: 900, ends: 'lost', callId: idOf(20) })).toEqual(['granted']);
  const waiting = { provider, most: 900, callId: idOf(21), worker: 1 };
  expect(await call(waiting)).toEqual([
    { why: 'waits for the budget of held: calls under way hold the rest of it', inMs: expect.any(Number) },
  ]);
  await until(async () => (await call(waiting))[0] === 'granted', 'the lease is over', 20_000);
  // A later try of its step finds the answer.
  expect(await call({ provider, ends: 'over', callId: idOf(20), cost: 50 })).toEqual(['granted']);
  await until(async () => (await standing('held'))?.money?.day.spentUsdMicros === 50, 'what it has cost is booked');
}, 30_000);

it('leaves an endpoint without limits alone from all queues when it fails again and again, and tries it once', async () => {
  const provider = { name: 'failing', breaker: { failures: 4, pauseSeconds: 3 } };
  expect(await call({ provider, ends: 'modelServer' })).toEqual(['granted']);
  await expect(keeper('failing').describe()).rejects.toThrow(/not found/i);
  const fails = { provider, ends: 'modelServer' } as const;
  expect(await call(fails, { ...fails, worker: 1 })).toEqual(['granted', 'granted']);
  await until(async () => ((await standing('failing'))?.breaker.failures ?? 0) >= 2, 'the keeper hears of it');
  await until(async () => {
    await call({ ...fails, worker: 1 });
    return (await standing('failing'))?.state === 'open';
  }, 'the breaker opens');
  const open = {
    why: expect.stringMatching(/^failing is left alone after \d failures in a row, the last: 502 Bad gateway$/),
    inMs: expect.any(Number),
  };
  expect([...(await call({ provider })), ...(await call({ provider, worker: 1 }))]).toEqual([open, open]);
  await until(async () => (await standing('failing'))?.state === 'halfOpen', 'the pause is over', 10_000);
  const probes = await call({ provider, ends: 'lost' }, { provider }, { provider, worker: 1 });
  expect(probes.filter((told) => told === 'granted')).toHaveLength(1);
  await until(async () => (await call({ provider, worker: 1 }))[0] === 'granted', 'another probe', 20_000);
  await until(async () => (await keeper('failing').describe()).status.name === 'COMPLETED', 'its keeper ends', 20_000);
}, 60_000);
