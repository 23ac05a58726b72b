/** Calls over real HTTP and the budget of their provider: what is sent, what is not, and what the ledger notes of it. */
import { createHash } from 'node:crypto';
import { createCosts } from '../../../src/adapters/model/costs';
import { createCourier, type Attachment, type CallEnd, type Courier } from '../../../src/adapters/model/courier';
import { createLedger, type Ledger } from '../../../src/adapters/model/ledger';
import { callRowOf } from '../../../src/adapters/model/ledger-rows';
import { askEndpoint } from '../../../src/adapters/model/openai-endpoint';
import { startScriptedEndpoint, type ScriptedEndpoint } from '../../../src/adapters/model/scripted';
import type { BudgetSpec, Price } from '../../../src/domain/costs';
import type { CallRequest, CallResult, ProviderSettings } from '../../../src/ports';
import { callIdOf } from './ledger-pages';
import { API_KEY, removeFolder, requestTo, temporaryFolder, until } from './model-world';

let endpoint: ScriptedEndpoint;
let home: string;
let ledger: Ledger;
let courier: Courier;
let before: number;

beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());
beforeEach(() => {
  home = temporaryFolder();
  ledger = createLedger(home, (text) => text);
  courier = freshCourier();
  before = endpoint.count;
});
afterEach(() => removeFolder(home));

const freshCourier = (): Courier => createCourier({ home, ledger, ask: askEndpoint, redact: (text) => text });
const sent = (): number => endpoint.count - before;

/** A dollar a million tokens of the prompt, so a usage of 1,000 costs 1,000 micro-dollars; the answers are free. */
const PRICE: Price = {
  promptUsdMicros: 1_000_000,
  cachedUsdMicros: 1_000_000,
  completionUsdMicros: 0,
  date: '2026-11-01',
};
const usage = { prompt: 1_000, completion: 5 };
const script = (delayMs = 0): void => endpoint.setScript([{ answers: [{ kind: 'text', text: 'ok', usage, delayMs }] }]);

// By the month: a day may end while a test runs.
const request = (n: number, monthlyUsdMicros: number, more: Partial<ProviderSettings> = {}): CallRequest =>
  requestTo(endpoint.baseUrl, callIdOf(n), { price: PRICE, budget: { monthlyUsdMicros }, ...more });

async function ask(asked: CallRequest, at = courier): Promise<CallResult> {
  const end = await new Promise<CallEnd>((onEnd) => {
    at.join({ request: asked, apiKey: API_KEY }, { onProgress: () => undefined, onEnd });
  });
  if (end.kind === 'fault') throw end.fault;
  return end.result;
}

const spentOf = async (budget: BudgetSpec): Promise<readonly (readonly [number, number])[]> =>
  (await createCosts(home).standings([request(1, 0, { budget }).provider], Date.now())).flatMap(({ standings }) =>
    standings.map(({ spentUsdMicros, reservedUsdMicros }) => [spentUsdMicros, reservedUsdMicros] as const),
  );

it('money that calls under way hold is waited for in a moment; then it is said when to ask again, and nothing is sent', async () => {
  endpoint.setScript([{ answers: [{ kind: 'hang' }] }]);
  // Each may cost a thousand micro-dollars and a little more.
  const priced = { price: { ...PRICE, completionUsdMicros: 1_000_000 }, maxOutputTokens: 1_000 };
  const order = { request: request(1, 1_500, priced), apiKey: API_KEY };
  let attached: Attachment | null = null;
  const first = new Promise<CallEnd>((onEnd) => {
    attached = courier.join(order, { onProgress: () => undefined, onEnd });
  });
  await until(() => sent() === 1, 'the first request has arrived');
  expect(await ask(request(2, 1_500, priced))).toMatchObject({
    code: 'providerBusy',
    says: 'waits for the budget of test: calls under way hold the rest of it',
    retryable: true,
    retryAfterMs: expect.any(Number),
    spending: { callsSent: 0 },
  });
  expect([sent(), await ledger.read('task-1', callIdOf(2))]).toEqual([1, []]);
  (attached as Attachment | null)?.abort();
  await first;
});

describe('MD-16, LC-17 a budget is looked at before anything is spent', () => {
  it('and a call that it has no room for is not sent, nor in the ledger, and says when it may be', async () => {
    script();
    expect(await ask(request(1, 1_000))).toMatchObject({ kind: 'answered', spending: { costUsdMicros: 1_000 } });
    const refused = await ask(request(2, 1_000));
    const next = new Date();
    const freeAt = Date.UTC(next.getUTCFullYear(), next.getUTCMonth() + 1, 1);
    expect(refused).toMatchObject({
      kind: 'failed',
      code: 'providerBudget',
      retryable: false,
      says: expect.stringContaining(`free again at ${new Date(freeAt).toISOString().slice(0, 10)} 00:00 UTC`),
      spending: { callsSent: 0 },
    });
    const { retryAfterMs = 0 } = refused.kind === 'failed' ? refused : {};
    expect(Math.abs(Date.now() + retryAfterMs - freeAt)).toBeLessThan(60_000);
    expect(await ledger.read('task-1', callIdOf(2))).toEqual([]);
    expect(sent()).toBe(1);
  });

  it('also after the request process has died: by the book, and by the ledger where the book is gone', async () => {
    script();
    await ask(request(1, 1_000));
    expect(await ask(request(2, 1_000), freshCourier())).toMatchObject({ code: 'providerBudget' });
    removeFolder(`${home}/budgets`);
    expect(await ask(request(3, 1_000), freshCourier())).toMatchObject({ code: 'providerBudget' });
    expect(sent()).toBe(1);
  });

  it('and an answer that is in the ledger is given all the same', async () => {
    script();
    const first = await ask(request(1, 1_000));
    expect(await ask(request(1, 1_000))).toEqual(first);
    expect(await ask(request(1, 1))).toEqual(first);
  });

  it('and names no time where the call alone is too dear', async () => {
    script();
    const dear = await ask(
      request(1, 1_000, { maxOutputTokens: 1_000_000, price: { ...PRICE, completionUsdMicros: 1_000_000 } }),
    );
    expect(dear).toMatchObject({
      code: 'providerBudget',
      says: expect.stringContaining('this call alone may cost up to $1.'),
    });
    expect(dear).not.toHaveProperty('retryAfterMs');
    expect(sent()).toBe(0);
  });

  it('and calls at the same time pass it by no more than what they cost beyond their estimate', async () => {
    script(20);
    const results = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(request(n + 1, 5_000))));
    const answered = results.filter(({ kind }) => kind === 'answered').length;
    // An estimate of some 20 micro-dollars, a cost of 1,000: all that are under way at once (8) may pass it.
    expect(answered).toBeGreaterThanOrEqual(5);
    expect(answered).toBeLessThanOrEqual(5 + 8);
    expect(results.filter((one) => one.kind === 'failed' && one.code === 'providerBudget').length).toBe(12 - answered);
    expect(await spentOf({ monthlyUsdMicros: 5_000 })).toEqual([[answered * 1_000, 0]]);
  });

  it('and never pass it where the estimate holds', async () => {
    script(5);
    // A prompt of up to 50 tokens and an answer of at most 1,000 at a dollar a million: 1,0xx held, 1,005 spent.
    const priced = { price: { ...PRICE, completionUsdMicros: 1_000_000 }, maxOutputTokens: 1_000 };
    const results = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(request(n + 1, 5_100, priced))));
    const spent = results.reduce((sum, { spending }) => sum + spending.costUsdMicros, 0);
    expect(spent).toBe(5 * 1_005);
    expect(sent()).toBe(5);
  });

  it('and what a call has not cost is free again at once', async () => {
    script();
    await ask(request(1, 2_050, { maxOutputTokens: 2_000, price: { ...PRICE, completionUsdMicros: 1_000_000 } }));
    expect(await spentOf({ monthlyUsdMicros: 2_050 })).toEqual([[1_005, 0]]);
  });
});

describe('what the ledger notes of a call', () => {
  const noted = { promptSha256: 'ab'.repeat(32), tryNumber: 3, purpose: 'judge' } as const;

  it('is also its prompt and its answer by reference, its price with the date, its latency, its try and its purpose', async () => {
    script();
    await ask({ ...request(1, 5_000), ...noted });
    expect(callRowOf(callIdOf(1), await ledger.read('task-1', callIdOf(1)))).toMatchObject({
      state: 'answered',
      provider: 'test',
      model: 'scripted-1',
      tokens: { prompt: 1_000, cached: 0, completion: 5, reasoning: 0 },
      costUsdMicros: 1_000,
      priceDate: '2026-11-01',
      latencyMs: expect.any(Number),
      answerSha256: createHash('sha256').update('ok').digest('hex'),
      inDoubt: 0,
      ...noted,
    });
  });

  it.each([
    ['failed', { kind: 'status', status: 500 } as const, 'modelServer'],
    ['could not be read', { kind: 'broken' } as const, 'modelServer'],
  ])('that %s is there too', async (_what, answer, code) => {
    endpoint.setScript([{ answers: [answer] }]);
    expect(await ask({ ...request(1, 50_000), ...noted })).toMatchObject({ kind: 'failed', code });
    const row = callRowOf(callIdOf(1), await ledger.read('task-1', callIdOf(1)));
    expect(row).toMatchObject({ state: 'failed', sends: 1, priceDate: '2026-11-01', ...noted });
  });

  it('LC-15 that was cancelled on its way is there too, with what it may have cost', async () => {
    script(5_000);
    const asked = { ...request(1, 50_000), ...noted };
    const end = new Promise<CallEnd>((onEnd) => {
      const attachment = courier.join({ request: asked, apiKey: API_KEY }, { onProgress: () => undefined, onEnd });
      const poll = setInterval(() => {
        if (sent() === 0) return;
        clearInterval(poll);
        attachment.abort();
      }, 5);
    });
    expect(await end).toMatchObject({ result: { kind: 'failed', code: 'cancelled' } });
    const row = callRowOf(callIdOf(1), await ledger.read('task-1', callIdOf(1)));
    expect(row).toMatchObject({ state: 'failed', sends: 1, ...noted });
    expect(row?.costUsdMicros).toBeGreaterThan(0);
    expect(await spentOf({ monthlyUsdMicros: 50_000 })).toEqual([[row?.costUsdMicros, 0]]);
  });

  it('is the price of its day, of several', async () => {
    script();
    const prices = [
      { ...PRICE, promptUsdMicros: 5_000_000, date: '2020-01-01' },
      { ...PRICE, date: '2021-01-01' },
      { ...PRICE, date: '2999-01-01' },
    ];
    await ask(request(1, 50_000, { price: prices }));
    const row = callRowOf(callIdOf(1), await ledger.read('task-1', callIdOf(1)));
    expect(row).toMatchObject({ priceDate: '2021-01-01', costUsdMicros: 1_000 });
  });
});
