/** Whether a request may leave: what its gate says, and what the calls before it have shown of the endpoint. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createCourier, type CallEnd, type Courier } from '../../../src/adapters/model/courier';
import { openHealthBook, readHealth } from '../../../src/adapters/model/health-book';
import { createLedger, type Ledger } from '../../../src/adapters/model/ledger';
import { askEndpoint } from '../../../src/adapters/model/openai-endpoint';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import type { CallResult, ProviderSettings, SendGate, SendWindow } from '../../../src/ports';
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
  mkdirSync(join(home, 'run'));
  ledger = createLedger(home, (text) => text);
  courier = freshCourier();
  before = endpoint.count;
});
afterEach(() => removeFolder(home));

const freshCourier = (): Courier =>
  createCourier({ home, ledger, ask: askEndpoint, redact: (text) => text, health: openHealthBook(home) });
const script = (...answers: readonly ScriptedAnswer[]): void => endpoint.setScript([{ answers }]);
const sent = (): number => endpoint.count - before;
const callId = (n: number): string => n.toString(16).padStart(16, '0');

const yes: ScriptedAnswer = { kind: 'text', text: 'yes' };
const oops: ScriptedAnswer = { kind: 'status', status: 500 };
const LIMITED = { requestsPerMinute: 60 };

/** Gives what it is told to, and remembers what it was asked. */
class Gate implements SendGate {
  asked = 0;
  leftAt: number[] = [];
  constructor(private readonly answers: readonly (() => SendWindow | null)[]) {}

  mayLeave(): Promise<SendWindow | null> {
    this.asked += 1;
    return Promise.resolve(this.answers[Math.min(this.asked, this.answers.length) - 1]?.() ?? null);
  }

  left(atMs: number): void {
    this.leftAt.push(atMs);
  }

  lost(): void {
    throw new Error('the request process is this one');
  }
}

const now =
  (fromInMs = 0, forMs = 1_000) =>
  (): SendWindow => ({
    fromMs: Date.now() + fromInMs,
    untilMs: Date.now() + fromInMs + forMs,
  });
const never = (): null => null;

async function ask(n: number, provider: Partial<ProviderSettings>, gate?: SendGate): Promise<CallResult> {
  const ended = await new Promise<CallEnd>((onEnd) => {
    const order = { request: requestTo(endpoint.baseUrl, callId(n), provider), apiKey: API_KEY };
    courier.join(order, { onProgress: () => undefined, onEnd, ...(gate === undefined ? {} : { gate }) });
  });
  if (ended.kind === 'fault') throw ended.fault;
  return ended.result;
}

describe('a request of a provider with limits', () => {
  it('leaves when its gate says so, and is asked for once', async () => {
    script(yes);
    const gate = new Gate([now(300)]);
    const beganAt = Date.now();
    expect(await ask(1, LIMITED, gate)).toMatchObject({ kind: 'answered' });
    expect(gate).toMatchObject({ asked: 1, leftAt: [expect.any(Number)] });
    expect((endpoint.requests().at(-1)?.at ?? 0) - beganAt).toBeGreaterThanOrEqual(299);
  });

  it('is not asked for when the ledger has the answer, nor while it is under way', async () => {
    script({ ...yes, delayMs: 100 }, yes);
    const gates = [new Gate([now()]), new Gate([now()]), new Gate([now()])] as const;
    await Promise.all([ask(1, LIMITED, gates[0]), ask(1, LIMITED, gates[1])]);
    await ask(1, LIMITED, gates[2]);
    expect(gates.map(({ asked }) => asked)).toEqual([1, 0, 0]);
    expect(sent()).toBe(1);
  });

  it('that may not leave is not sent, and leaves no trace in the ledger', async () => {
    script(yes);
    const result = await ask(1, LIMITED, new Gate([never]));
    expect(result).toMatchObject({ kind: 'failed', code: 'providerBusy', spending: { callsSent: 0 } });
    expect(await ledger.read('task-1', callId(1))).toEqual([]);
    expect(sent()).toBe(0);
    expect(await ask(1, LIMITED, new Gate([now()]))).toMatchObject({ kind: 'answered', spending: { callsSent: 1 } });
  });

  it('that has missed its moment asks anew, a few times', async () => {
    script(yes);
    const late = new Gate([now(0, -1), now()]);
    expect(await ask(1, LIMITED, late)).toMatchObject({ kind: 'answered' });
    expect(late.asked).toBe(2);
    const tooLate = new Gate([now(0, -1)]);
    expect(await ask(2, LIMITED, tooLate)).toMatchObject({ kind: 'failed', code: 'providerBusy' });
    expect(tooLate.asked).toBe(3);
  });

  it('needs another place when it is sent without the field that the endpoint has refused', async () => {
    const message =
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    const refusal = {
      error: { message, type: 'invalid_request_error', param: 'max_tokens', code: 'unsupported_parameter' },
    };
    script({ kind: 'status', status: 400, body: refusal }, yes);
    const gate = new Gate([now(), never]);
    expect(await ask(1, LIMITED, gate)).toMatchObject({
      kind: 'failed',
      code: 'providerBusy',
      spending: { callsSent: 1 },
    });
    expect(gate.asked).toBe(2);
    expect(sent()).toBe(1);
    // It goes on with what it has learned.
    expect(await ask(1, LIMITED, new Gate([now()]))).toMatchObject({ kind: 'answered', spending: { callsSent: 2 } });
    expect(sent()).toBe(2);
  });

  it('does not leave unasked when nobody is there to ask', async () => {
    script(yes);
    expect(await ask(1, LIMITED)).toMatchObject({ kind: 'failed', code: 'providerBusy' });
    expect(sent()).toBe(0);
  });

  it('is not held back by this home: its keeper knows of all', async () => {
    script(oops, oops, oops, yes);
    const provider = { ...LIMITED, breaker: { failures: 2, pauseSeconds: 60 } };
    for (const n of [1, 2, 3]) await ask(n, provider, new Gate([now()]));
    expect(await ask(4, provider, new Gate([now()]))).toMatchObject({ kind: 'answered' });
  });
});

describe('an endpoint that fails again and again', () => {
  const provider = { breaker: { failures: 3, pauseSeconds: 0.5 } };
  const fail = async (failing = provider): Promise<void> => {
    for (const n of [1, 2, 3]) expect(await ask(n, failing)).toMatchObject({ code: 'modelServer' });
  };

  it('is left alone, and who asks is told until when and why', async () => {
    script(oops);
    await fail();
    expect(await ask(4, provider)).toEqual({
      kind: 'failed',
      code: 'circuitOpen',
      because: 'modelServer',
      says: 'test is left alone for 1 s after 3 failures in a row',
      retryable: false,
      retryAfterMs: expect.any(Number),
      spending: expect.objectContaining({ callsSent: 0 }),
    });
    expect(sent()).toBe(3);
  });

  it('is tried with one request after that, and with all when it has answered', async () => {
    script(oops, oops, oops, { ...yes, delayMs: 300 }, yes);
    await fail();
    await new Promise((wake) => setTimeout(wake, 510));
    const probe = ask(4, provider);
    await until(() => sent() === 4, 'the probe is sent');
    expect(await ask(5, provider)).toMatchObject({ code: 'circuitOpen' });
    expect(await probe).toMatchObject({ kind: 'answered' });
    expect(await ask(5, provider)).toMatchObject({ kind: 'answered' });
  });

  it('is left alone by the next request process too, and a person can see it', async () => {
    script(oops);
    const long = { breaker: { failures: 3, pauseSeconds: 60 } };
    await fail(long);
    const asked = requestTo(endpoint.baseUrl, callId(1)).provider;
    await until(() => readHealth(home, asked)?.openUntil != null, 'the file is written');
    expect(readHealth(home, asked)).toMatchObject({ failures: 3, lastFailure: { code: 'modelServer' } });
    courier = freshCourier();
    expect(await ask(9, long)).toMatchObject({ code: 'circuitOpen' });
    expect(sent()).toBe(3);
  });

  it('keeps no other endpoint waiting', async () => {
    script(oops, oops, oops, yes);
    await fail();
    expect(await ask(4, { ...provider, name: 'other' })).toMatchObject({ kind: 'answered' });
  });

  it('that says 429 is alive', async () => {
    script({ kind: 'status', status: 429 });
    for (let n = 1; n <= 5; n += 1) expect(await ask(n, provider)).toMatchObject({ code: 'rateLimited' });
  });
});
