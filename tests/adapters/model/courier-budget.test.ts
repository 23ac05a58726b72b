/** Calls over real HTTP and the budget of their provider: what is asked before they leave, and what the ledger notes of them. */
import { createHash } from 'node:crypto';
import { createCosts } from '../../../src/adapters/model/costs';
import { createCourier, type CallEnd, type Courier } from '../../../src/adapters/model/courier';
import { createLedger, type Ledger } from '../../../src/adapters/model/ledger';
import { callRowOf } from '../../../src/adapters/model/ledger-rows';
import { askEndpoint } from '../../../src/adapters/model/openai-endpoint';
import { startScriptedEndpoint, type ScriptedEndpoint } from '../../../src/adapters/model/scripted';
import type { Price } from '../../../src/domain/costs';
import type { CallRequest, CallResult, ProviderSettings, SendGate } from '../../../src/ports';
import { callIdOf } from './ledger-pages';
import { API_KEY, OpenGate, removeFolder, requestTo, temporaryFolder } from './model-world';

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
  courier = createCourier({ home, ledger, ask: askEndpoint, redact: (text) => text });
  before = endpoint.count;
});
afterEach(() => removeFolder(home));

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

async function ask(asked: CallRequest, gate: SendGate | null = new OpenGate()): Promise<CallResult> {
  const end = await new Promise<CallEnd>((onEnd) => {
    const listener = { onProgress: () => undefined, onEnd, ...(gate === null ? {} : { gate }) };
    courier.join({ request: asked, apiKey: API_KEY }, listener);
  });
  if (end.kind === 'fault') throw end.fault;
  return end.result;
}

describe('a request of a provider with a budget', () => {
  it('does not leave where nobody can be asked, and is not in the ledger', async () => {
    script();
    expect(await ask(request(1, 1_000), null)).toMatchObject({ code: 'providerBusy', spending: { callsSent: 0 } });
    expect([sent(), await ledger.read('task-1', callIdOf(1))]).toEqual([0, []]);
  });

  it('tells what it may cost at most, and what its call has cost before', async () => {
    endpoint.setScript([{ answers: [{ kind: 'broken' }, { kind: 'text', text: 'ok', usage }] }]);
    const gate = new OpenGate();
    const priced = { price: { ...PRICE, completionUsdMicros: 1_000_000 }, maxOutputTokens: 1_000 };
    const first = await ask(request(1, 5_000, priced), gate);
    await ask(request(1, 5_000, priced), gate);
    const lost = first.spending.costUsdMicros;
    expect(lost).toBeGreaterThan(0);
    const cost = { promptTokens: expect.any(Number), mostUsdMicros: expect.any(Number) };
    expect(gate.told).toEqual([
      { ...cost, spentUsdMicros: 0 },
      { ...cost, spentUsdMicros: lost },
    ]);
    for (const told of gate.told) {
      const mostUsdMicros = told === 'lost' ? 0 : told.mostUsdMicros;
      expect(mostUsdMicros).toBeGreaterThan(1_000);
      expect(mostUsdMicros).toBeLessThan(1_100);
    }
  });

  it('asks nobody for an answer that is in the ledger', async () => {
    script();
    const first = await ask(request(1, 1_000));
    expect(await ask(request(1, 1_000), null)).toEqual(first);
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
      const listener = { onProgress: () => undefined, onEnd, gate: new OpenGate() };
      const attachment = courier.join({ request: asked, apiKey: API_KEY }, listener);
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
    const { monthUsdMicros } = await createCosts(home).spent('test', Date.now());
    expect(monthUsdMicros).toBe(row?.costUsdMicros);
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
