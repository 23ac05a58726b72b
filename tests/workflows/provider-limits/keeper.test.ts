/** The keeper of a provider's limits on a real server, asked as a worker's calls ask it. */
import { Context } from '@temporalio/activity';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { createProviderGates } from '../../../src/activities/ask-provider';
import { checkLimits } from '../../../src/client/cli/check-providers';
import { WeaverClient } from '../../../src/client/weaver-client';
import type { Config } from '../../../src/config';
import type { FailureCode } from '../../../src/domain/failures';
import { EMPTY_BOOK, limitsOf, reserve, type LimitsStanding } from '../../../src/domain/provider-limits';
import { NOTHING_SPENT } from '../../../src/domain/record';
import type { CallResult } from '../../../src/ports';
import { until } from '../../e2e/world';
import { PROVIDER } from '../../activities/provider-settings';
import { startOwnWorkflows, type OwnWorkflows } from '../own-workflows';
import type { CallFate, Told } from './call-fate';

const QUEUE = 'keeping';

let workflows: OwnWorkflows;
let client: Client;

beforeAll(async () => {
  workflows = await startOwnWorkflows(require.resolve('./keeper-workflows'));
  ({ client } = workflows);
  // As many workers as a test wants: each has what it has heard to itself.
  const gatesOf = [createProviderGates(), createProviderGates()];
  await workflows.work({
    taskQueue: QUEUE,
    activities: {
      call: (fates: readonly CallFate[]) => {
        const context = Context.current();
        return Promise.all(
          fates.map((fate) => callThrough(gatesOf[fate.worker ?? 0] ?? createProviderGates(), context, fate)),
        );
      },
    },
  });
});

afterAll(() => workflows?.stop());

async function callThrough(
  gateOf: ReturnType<typeof createProviderGates>,
  context: Context,
  { provider, callId, ends, retryAfterMs }: CallFate,
): Promise<Told> {
  const again = { info: { ...context.info, attempt: 2 }, client: context.client } as unknown as Context;
  const gate = gateOf(ends === 'over' ? again : context, { ...PROVIDER, ...provider }, callId);
  if (ends === 'over') {
    // The answer is in the ledger, or the request of the first try was still under way: no leave is needed.
    gate.ended(resultOf(null, undefined));
    return 'granted';
  }
  const window = await gate.mayLeave(10);
  const refusal = gate.refusal();
  if (refusal !== null) return { why: refusal.why, inMs: refusal.at - Date.now() };
  if (window === null) throw new Error('refused without a word');
  if (ends === 'lost') return 'granted';
  if (ends === 'vanished') {
    gate.lost();
    gate.ended(resultOf('cancelled', undefined));
    return 'granted';
  }
  gate.left(Math.max(Date.now(), window.fromMs));
  gate.ended(resultOf(ends, retryAfterMs));
  return 'granted';
}

function resultOf(ends: FailureCode | null, retryAfterMs: number | undefined): CallResult {
  const spending = { ...NOTHING_SPENT, callsSent: 1 };
  if (ends === null) return { kind: 'answered', text: 'yes', finishReason: 'stop', model: 'm', latencyMs: 1, spending };
  const pause = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { kind: 'failed', code: ends, says: '', retryable: true, spending, ...pause };
}

let asked = 0;

/** One workflow, one step, these calls side by side. */
async function call(...fates: readonly Partial<CallFate>[]): Promise<readonly Told[]> {
  asked += 1;
  const full = fates.map((fate, n) => ({ callId: idOf(asked * 1_000 + n), ends: null, ...fate }));
  return (await client.workflow.execute('calls', {
    workflowId: `calls-${asked}`,
    taskQueue: QUEUE,
    args: [full],
  })) as readonly Told[];
}

const idOf = (n: number): string => String(n).padStart(16, '0');
const keeper = (name: string): WorkflowHandle => client.workflow.getHandle(`provider/${QUEUE}/${name}`);
const standing = (name: string): Promise<LimitsStanding | null> =>
  keeper(name).query<LimitsStanding | null, [number]>('providerLimits', Date.now());

it('gives many calls of a worker their places in few messages', async () => {
  const provider = { name: 'many', requestsPerMinute: 600 };
  const told = await call(...Array.from({ length: 60 }, () => ({ provider })));
  expect(told).toEqual(told.map(() => 'granted'));
  expect((await standing('many'))?.requests).toEqual({ used: 60, limit: 600 });
  const { historyLength } = await keeper('many').describe();
  // Three messages of 25, and what has ended with them or after them: five events each.
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
  expect(await call({ provider }, { provider, worker: 1 })).toEqual(['granted', 'granted']);
  await expect(keeper('unlimited').describe()).rejects.toThrow(/not found/i);
  // What is over at once is not worth a word.
  expect(await call({ provider, ends: 'rateLimited', retryAfterMs: 900 })).toEqual(['granted']);
  expect(await call({ provider, ends: 'rateLimited', retryAfterMs: 4_000 })).toEqual(['granted']);
  const pause = { why: 'waits for provider unlimited: it has asked for a pause', inMs: expect.any(Number) };
  expect(await call({ provider })).toEqual([pause]);
  await until(async () => (await standing('unlimited'))?.pausedUntil != null, 'the keeper hears of it');
  const asks = new WeaverClient(client, { requester: 'test', taskQueue: QUEUE });
  const config = { providers: [{ ...PROVIDER, ...provider }] } as unknown as Config;
  expect(await checkLimits(asks, config)).toMatchObject([
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

it('keeps a broken endpoint from all of them, and says how it is', async () => {
  const provider = { name: 'broken', requestsPerMinute: 600 };
  await call(...Array.from({ length: 5 }, () => ({ provider, ends: 'modelServer' as const })));
  await until(async () => (await standing('broken'))?.state === 'open', 'the breaker opens');
  expect(await call({ provider })).toEqual([
    { why: 'broken is left alone after 5 failures in a row', inMs: expect.any(Number) },
  ]);
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
    taskQueue: QUEUE,
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
