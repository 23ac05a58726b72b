/** Whether a request may leave: what its gate says. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createCourier, type CallEnd, type Courier } from '../../../src/adapters/model/courier';
import { createLedger, type Ledger } from '../../../src/adapters/model/ledger';
import { askEndpoint } from '../../../src/adapters/model/openai-endpoint';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import type { CallResult, ProviderSettings, SendGate, SendWindow } from '../../../src/ports';
import { API_KEY, removeFolder, requestTo, temporaryFolder } from './model-world';

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
  courier = createCourier({ home, ledger, ask: askEndpoint, redact: (text) => text });
  before = endpoint.count;
});
afterEach(() => removeFolder(home));

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
});

describe('a request of a provider without limits', () => {
  it('asks too, for its endpoint may be in trouble, and stays where it is told to', async () => {
    script(yes);
    expect(await ask(1, {}, new Gate([never]))).toMatchObject({ code: 'providerBusy' });
    expect(sent()).toBe(0);
    expect(await ask(1, {}, new Gate([now()]))).toMatchObject({ kind: 'answered' });
  });

  it('leaves where nobody can be asked, however often its endpoint has failed', async () => {
    script(oops, oops, oops, oops, oops, oops, yes);
    for (const n of [1, 2, 3, 4, 5, 6]) expect(await ask(n, {})).toMatchObject({ code: 'modelServer' });
    expect(await ask(7, {})).toMatchObject({ kind: 'answered' });
  });
});
