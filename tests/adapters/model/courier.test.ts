import { createCourier, type Attachment, type CallEnd, type Courier } from '../../../src/adapters/model/courier';
import { createLedger, type Ledger } from '../../../src/adapters/model/ledger';
import { askEndpoint } from '../../../src/adapters/model/openai-endpoint';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import type { CallRequest, CallResult, ProviderSettings } from '../../../src/ports';
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
const script = (...answers: readonly ScriptedAnswer[]): void => endpoint.setScript([{ answers }]);
const sent = (): number => endpoint.count - before;
const callId = (n: number): string => n.toString(16).padStart(16, '0');
const request = (n = 1, more: Partial<ProviderSettings> = {}): CallRequest =>
  requestTo(endpoint.baseUrl, callId(n), more);

interface Joined {
  readonly attachment: Attachment;
  readonly end: Promise<CallEnd>;
}

function join(asked: CallRequest, at = courier, onProgress: (bytes: number) => void = () => undefined): Joined {
  let attachment: Attachment | null = null;
  const end = new Promise<CallEnd>((onEnd) => {
    attachment = at.join({ request: asked, apiKey: API_KEY }, { onProgress, onEnd });
  });
  if (attachment === null) throw new Error('a promise starts at once');
  return { end, attachment };
}

async function resultOf({ end }: Joined): Promise<CallResult> {
  const ended = await end;
  if (ended.kind === 'fault') throw ended.fault;
  return ended.result;
}

const ask = (asked = request(), at = courier): Promise<CallResult> => resultOf(join(asked, at));

describe('one call', () => {
  it('is one request for two who ask at once, with the same answer', async () => {
    script({ kind: 'text', text: 'one', delayMs: 50 }, { kind: 'text', text: 'two' });
    const results = await Promise.all([ask(), ask(), ask()]);
    expect(results.map((result) => result.kind === 'answered' && result.text)).toEqual(['one', 'one', 'one']);
    expect(sent()).toBe(1);
  });

  it('is answered from the ledger for who asks later, also by another process', async () => {
    script({ kind: 'text', text: 'one' }, { kind: 'text', text: 'two' });
    const first = await ask();
    expect(await ask()).toEqual(first);
    expect(await ask(request(), freshCourier())).toEqual(first);
    expect(sent()).toBe(1);
  });

  it('MD-12 is sent again after a failure, and the account has both', async () => {
    script({ kind: 'status', status: 500 }, { kind: 'text', text: 'ok', usage: { prompt: 10, completion: 1 } });
    expect(await ask()).toMatchObject({ kind: 'failed', code: 'modelServer', spending: { callsSent: 1 } });
    expect(await ask()).toMatchObject({
      kind: 'answered',
      spending: { callsSent: 2, callsInDoubt: 0, tokens: { prompt: 10, completion: 1 }, costUsdMicros: 12 },
    });
  });

  it('counts no request that found no connection', async () => {
    const { baseUrl: nowhere, stop } = await startScriptedEndpoint({ script: [] });
    await stop();
    const unreached = { code: 'modelUnreachable', spending: { callsSent: 0, costUsdMicros: 0 } };
    expect(await ask(request(1, { baseUrl: nowhere }))).toMatchObject(unreached);
    expect(await ask(request(1, { baseUrl: nowhere }))).toMatchObject(unreached);
    script({ kind: 'text', text: 'ok', usage: { prompt: 10, completion: 1 } });
    expect(await ask()).toMatchObject({ kind: 'answered', spending: { callsSent: 1, costUsdMicros: 12 } });
  });

  it('has its intent on the disk before the request leaves', async () => {
    let rowsAtRequest: readonly { readonly kind: string }[] = [];
    const watching = createCourier({
      home,
      ledger,
      redact: (text) => text,
      ask: async (asked) => {
        rowsAtRequest = await createLedger(home, (text) => text).read('task-1', callId(1));
        return askEndpoint(asked);
      },
    });
    script({ kind: 'text', text: 'ok' });
    await ask(request(), watching);
    expect(rowsAtRequest.map(({ kind }) => kind)).toEqual(['intent']);
  });

  it('whose request process died is in doubt: sent again and booked in full', async () => {
    script({ kind: 'text', text: 'ok', usage: { prompt: 10, completion: 1 } });
    await ask();
    const rows = await ledger.read('task-1', callId(1));
    const intent = rows[0];
    if (intent?.kind !== 'intent') throw new Error('the first row is no intent');
    await ledger.append('task-1', callId(2), intent);
    const joined = join(request(2));
    expect(await resultOf(joined)).toMatchObject({
      kind: 'answered',
      spending: { callsSent: 2, callsInDoubt: 1, tokens: { prompt: 20, completion: 2 }, costUsdMicros: 24 },
    });
    expect(await joined.end).toMatchObject({ warnings: [expect.stringContaining('in doubt')] });
    expect(await ask(request(2))).toMatchObject({ spending: { callsSent: 2, callsInDoubt: 1 } });
    expect(sent()).toBe(2);
  });

  it('without a price is usage without cost, and says so', async () => {
    script({ kind: 'text', text: 'ok' });
    const { price: _, ...provider } = request().provider;
    expect(await ask({ ...request(), provider })).toMatchObject({ spending: { costUsdMicros: 0, unpriced: true } });
  });

  it('cannot be made where the ledger cannot be written', async () => {
    script({ kind: 'text', text: 'ok' });
    await expect(ask({ ...request(), lineage: '..' })).rejects.toMatchObject({ code: 'infrastructure' });
    expect(sent()).toBe(0);
  });
});

describe('those who ask', () => {
  it('may leave: the request goes on and its answer is kept', async () => {
    script({ kind: 'text', text: 'kept', delayMs: 60 });
    const { attachment } = join(request());
    await until(() => sent() === 1, 'the request has arrived');
    attachment.leave();
    expect(courier.isBusy()).toBe(true);
    await until(() => !courier.isBusy(), 'the request is over');
    expect(await ask(request(), freshCourier())).toMatchObject({ text: 'kept', spending: { callsSent: 1 } });
    expect(sent()).toBe(1);
  });

  it('may leave at any moment without a request that is counted but was never sent', async () => {
    script({ kind: 'text', text: 'ok', usage: { prompt: 10, completion: 1 } });
    for (let n = 1; n <= 20; n += 1) {
      const { attachment } = join(request(n));
      await pauseFor(n * 0.3);
      attachment.leave();
      await until(() => !courier.isBusy(), 'nothing is under way');
      const result = await ask(request(n));
      expect(result.spending).toMatchObject({ callsSent: 1, callsInDoubt: 0, tokens: { prompt: 10 } });
    }
    expect(sent()).toBe(20);
  });

  it('stop the request with the last of them, within a moment', async () => {
    script({ kind: 'hang' });
    const [first, second] = [join(request()), join(request())];
    await until(() => sent() === 1, 'the request has arrived');
    first.attachment.abort();
    expect(await resultOf(first)).toMatchObject({ code: 'cancelled' });
    expect(endpoint.requests().at(-1)?.aborted).toBe(false);
    const from = performance.now();
    second.attachment.abort();
    expect(await resultOf(second)).toMatchObject({ code: 'cancelled', retryable: false, spending: { callsSent: 1 } });
    expect(performance.now() - from).toBeLessThan(1_000);
    await until(() => endpoint.requests().at(-1)?.aborted === true, 'the endpoint has seen it leave');
  });

  it('get a new request when they come while the old one is being stopped', async () => {
    script({ kind: 'hang' }, { kind: 'text', text: 'new' });
    const stopped = join(request());
    await until(() => sent() === 1, 'the request has arrived');
    stopped.attachment.abort();
    expect(await ask()).toMatchObject({ kind: 'answered', text: 'new', spending: { callsSent: 2 } });
    expect(await resultOf(stopped)).toMatchObject({ code: 'cancelled' });
  });

  it('hear that the answer grows', async () => {
    script({ kind: 'text', text: 'x'.repeat(400), latencyMs: 500 });
    const told: number[] = [];
    await resultOf(join(request(), courier, (bytes) => told.push(bytes)));
    expect(told.length).toBeGreaterThanOrEqual(2);
  });

  it('hear nothing of an answer that comes at once but its end: news are trips to the server', async () => {
    script({ kind: 'text', text: 'at once' });
    await ask();
    const startedAt = Date.now();
    const toldAfterMs: number[] = [];
    await resultOf(join(request(2), courier, () => toldAfterMs.push(Date.now() - startedAt)));
    expect(toldAfterMs.filter((ms) => ms < 200)).toEqual([]);
  });
});

describe('the concurrency of a provider', () => {
  it('is held, and used', async () => {
    script({ kind: 'text', text: 'ok', delayMs: 30 });
    let open = 0;
    let most = 0;
    const counting = createCourier({
      home,
      ledger,
      redact: (text) => text,
      ask: async (asked) => {
        open += 1;
        most = Math.max(most, open);
        return askEndpoint(asked).finally(() => (open -= 1));
      },
    });
    await Promise.all(Array.from({ length: 9 }, (_, n) => ask(request(n + 1, { concurrency: 3 }), counting)));
    expect(most).toBe(3);
    expect(sent()).toBe(9);
  });

  it('keeps nobody waiting for long: who finds no place is told when to come again, and nothing is sent', async () => {
    script({ kind: 'hang' });
    const first = join(request(1, { concurrency: 1 }));
    await until(() => sent() === 1, 'the first request has arrived');
    const beganAt = Date.now();
    const refused = await ask(request(2, { concurrency: 1 }));
    expect(refused).toMatchObject({
      kind: 'failed',
      code: 'providerBusy',
      says: 'waits for provider test: 1 at once',
      retryable: true,
      retryAfterMs: expect.any(Number),
      spending: { callsSent: 0 },
    });
    expect(Date.now() - beganAt).toBeLessThan(10_000);
    expect([sent(), await ledger.read('task-1', request(2).callId)]).toEqual([1, []]);
    first.attachment.abort();
    await resultOf(first);
    script({ kind: 'text', text: 'free' });
    expect(await ask(request(2, { concurrency: 1 }))).toMatchObject({ text: 'free', spending: { callsSent: 1 } });
  });

  it('is not taken up by who waits for it and leaves', async () => {
    script({ kind: 'hang' });
    const first = join(request(1, { concurrency: 1 }));
    await until(() => sent() === 1, 'the first request has arrived');
    const [left, aborted] = [join(request(2, { concurrency: 1 })), join(request(3, { concurrency: 1 }))];
    left.attachment.leave();
    aborted.attachment.abort();
    expect(await resultOf(aborted)).toMatchObject({ code: 'cancelled', spending: { callsSent: 0 } });
    first.attachment.abort();
    await resultOf(first);
    script({ kind: 'text', text: 'free' });
    expect(await ask(request(4, { concurrency: 1 }))).toMatchObject({ text: 'free' });
    expect(sent()).toBe(2);
  });
});

describe('an endpoint that does not know a field', () => {
  const refusal: ScriptedAnswer = {
    kind: 'status',
    status: 400,
    body: { error: { message: "'response_format' of type 'json_schema' is not supported" } },
  };

  it('is asked again without it, at once and from then on', async () => {
    script(refusal, { kind: 'text', text: 'ok' });
    const first = join(request(1));
    expect(await resultOf(first)).toMatchObject({ kind: 'answered', spending: { callsSent: 2 } });
    expect(await first.end).toMatchObject({ warnings: [expect.stringContaining('without it')] });
    expect(await ask(request(2))).toMatchObject({ spending: { callsSent: 1 } });
    expect(sent()).toBe(3);
  });

  it('is not asked for ever', async () => {
    script(refusal);
    expect(await ask()).toMatchObject({ kind: 'failed', code: 'modelRequestInvalid', retryable: false });
    expect(sent()).toBeLessThanOrEqual(5);
  });
});

const refused = (message: string): ScriptedAnswer => ({ kind: 'status', status: 400, body: { error: { message } } });
const askedFor = (): readonly unknown[] =>
  endpoint
    .requests()
    .slice(before)
    .map(({ body }) => (body as { readonly max_tokens: number }).max_tokens);

describe('an endpoint that gives shorter answers than it is asked for', () => {
  const tooLarge = refused('max_tokens is too large: 1000. This model supports at most 600 completion tokens.');
  const noRoom = (prompt: number): ScriptedAnswer =>
    refused(
      `'max_tokens' or 'max_completion_tokens' is too large: 1000. This model's maximum context length is 1200 tokens and your request has ${prompt} input tokens.`,
    );

  it('is asked again for what it gives, at once and from then on', async () => {
    script(tooLarge, { kind: 'text', text: 'ok' });
    const first = join(request(1));
    expect(await resultOf(first)).toMatchObject({ kind: 'answered', spending: { callsSent: 2 } });
    expect(await first.end).toMatchObject({ warnings: [expect.stringContaining('maxOutputTokens')] });
    await ask(request(2));
    expect(askedFor()).toEqual([1_000, 600, 600]);
  });

  it('is given the room that its window leaves beside the prompt, and none of another prompt', async () => {
    script(noRoom(900), { kind: 'text', text: 'ok' });
    expect(await ask()).toMatchObject({ kind: 'answered', spending: { callsSent: 2 } });
    await ask(request(2));
    const [first, second, third] = askedFor();
    expect([first, second]).toEqual([1_000, 300]);
    expect(third).toBeGreaterThan(300);
  });

  it('is not asked again where its window leaves no room', async () => {
    script(noRoom(1_000));
    expect(await ask()).toMatchObject({ kind: 'failed', code: 'contextOverflow', spending: { callsSent: 1 } });
  });

  it('is not asked for ever', async () => {
    script(tooLarge);
    expect(await ask()).toMatchObject({ kind: 'failed', code: 'modelRequestInvalid', spending: { callsSent: 2 } });
  });
});

const pauseFor = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));
