import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dialectOf } from '../../../src/adapters/model/dialect';
import { askEndpoint, type EndpointResult } from '../../../src/adapters/model/openai-endpoint';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import { ask as askScripted, askAt, delta, raw, sentTo, sse, status, type Asked } from './asking';
import { API_KEY, requestTo, until } from './model-world';

let endpoint: ScriptedEndpoint;
beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());

const ask = (answer: ScriptedAnswer, asked?: Asked): Promise<EndpointResult> => askScripted(endpoint, answer, asked);
const listening = async (listener: RequestListener): Promise<readonly [Server, string]> => {
  const server = createServer(listener);
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  return [server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`];
};
const sentBody = () => sentTo(endpoint);

const STREAMS = [
  ['as a stream', 'usage'],
  ['as one object', 'none'],
] as const;

describe.each(STREAMS)('an answer %s', (_, streaming) => {
  const dialect = { streaming };

  it('LS-71 is its text, its usage and its model', async () => {
    const usage = { prompt: 20, cached: 5, completion: 9, reasoning: 4 };
    expect(await ask({ kind: 'text', text: 'ja — 😀', usage, model: 'scripted-1b' }, { dialect })).toEqual({
      kind: 'answered',
      text: 'ja — 😀',
      finishReason: 'stop',
      model: 'scripted-1b',
      usage,
      usageEstimated: false,
    });
  });

  it.each([
    [{ kind: 'refusal', text: 'I will not.' }, 'refusal', 'I will not.'],
    [{ kind: 'truncated', text: '{"ed' }, 'length', '{"ed'],
    [{ kind: 'text', text: '', finishReason: 'content_filter' }, 'content_filter', ''],
    [{ kind: 'text', text: 'x', finishReason: 'tool_calls' }, 'other', 'x'],
    [{ kind: 'text', text: '<think>so it is</think>\n{"a":1}' }, 'stop', '{"a":1}'],
  ] as const)('that is %j ends with the reason %s', async (answer, finishReason, text) => {
    expect(await ask(answer, { dialect })).toMatchObject({ kind: 'answered', finishReason, text });
  });

  it('is booked by its characters when the endpoint counts nothing', async () => {
    const result = await ask({ kind: 'text', text: 'x'.repeat(40), usage: null }, { dialect });
    expect(result).toMatchObject({ usageEstimated: true, usage: { completion: 10, cached: 0, reasoning: 0 } });
    expect(result.usage?.prompt).toBeGreaterThan(0);
  });

  it('that is no JSON is a failure of the server, and booked', async () => {
    expect(await ask({ kind: 'broken' }, { dialect })).toMatchObject({
      code: 'modelServer',
      retryable: true,
      says: expect.stringMatching(/not JSON/),
      usage: { prompt: expect.any(Number) },
    });
  });

  it('that is cut in its middle is never used', async () => {
    expect(await ask({ kind: 'cut', afterBytes: 400 }, { dialect })).toMatchObject({
      code: 'modelUnreachable',
      retryable: true,
      usage: { prompt: expect.any(Number) },
    });
  });

  it('that never comes is a timeout, and booked', async () => {
    const from = performance.now();
    const result = await ask({ kind: 'hang' }, { dialect, provider: { callTimeoutSeconds: 0.15 } });
    expect(performance.now() - from).toBeLessThan(1_000);
    expect(result).toMatchObject({
      code: 'modelTimeout',
      retryable: true,
      says: 'No whole answer within 0.15 s.',
      usage: { prompt: expect.any(Number), completion: 0 },
    });
  });

  it('is given up within a moment when it is cancelled', async () => {
    const cancel = new AbortController();
    const before = endpoint.count;
    const asked = ask({ kind: 'hang' }, { dialect, signal: cancel.signal });
    await until(() => endpoint.count > before, 'the request has arrived');
    const from = performance.now();
    cancel.abort();
    expect(await asked).toMatchObject({ code: 'cancelled', retryable: false, usage: { prompt: expect.any(Number) } });
    expect(performance.now() - from).toBeLessThan(500);
    await until(() => endpoint.requests().at(-1)?.aborted === true, 'the endpoint has seen it leave');
  });
});

it('stops an answer that falls silent in its middle', async () => {
  const slow: ScriptedAnswer = { kind: 'text', text: 'eight pieces of text', latencyMs: 4_000 };
  expect(await ask(slow, { provider: { idleTimeoutSeconds: 0.1 } })).toMatchObject({
    code: 'modelTimeout',
    says: 'The answer stopped for 0.1 s in its middle.',
    usage: { prompt: expect.any(Number) },
  });
});

it('stops an answer that comes and comes when its time is over', async () => {
  const endless: ScriptedAnswer = { kind: 'text', text: 'eight pieces of text', latencyMs: 4_000 };
  expect(await ask(endless, { provider: { callTimeoutSeconds: 1, idleTimeoutSeconds: 5 } })).toMatchObject({
    code: 'modelTimeout',
    says: 'No whole answer within 1 s.',
    usage: { completion: expect.any(Number) },
  });
});

it('waits for a model that thinks before it speaks', async () => {
  const late: ScriptedAnswer = { kind: 'text', text: 'thought over', delayMs: 300 };
  expect(await ask(late, { provider: { idleTimeoutSeconds: 0.1 } })).toMatchObject({ text: 'thought over' });
});

it('sends nothing and books nothing when it is cancelled before', async () => {
  const before = endpoint.count;
  const result = await ask({ kind: 'text', text: 'x' }, { signal: AbortSignal.abort() });
  expect(result).toMatchObject({ kind: 'failed', code: 'cancelled' });
  expect(result.usage).toBeUndefined();
  expect(endpoint.count).toBe(before);
});

it('tells the bytes as they come', async () => {
  const told: number[] = [];
  await ask({ kind: 'text', text: 'x'.repeat(4_000), latencyMs: 80 }, { onBytes: (bytes) => told.push(bytes) });
  expect(told.length).toBeGreaterThan(2);
  expect(told).toEqual(told.toSorted((a, b) => a - b));
  expect(told.at(-1)).toBeGreaterThan(4_000);
});

describe('statuses', () => {
  it.each([
    [401, 'modelCredentials', false],
    [403, 'modelCredentials', false],
    [404, 'modelNotFound', false],
    [408, 'modelTimeout', true],
    [409, 'modelServer', true],
    [429, 'rateLimited', true],
    [500, 'modelServer', true],
    [503, 'modelServer', true],
    [504, 'modelTimeout', true],
  ] as const)('%i is %s, asked once and not booked', async (httpStatus, code, retryable) => {
    const before = endpoint.count;
    const result = await ask(status(httpStatus));
    expect(result).toMatchObject({ kind: 'failed', code, retryable, httpStatus });
    expect(result.usage).toBeUndefined();
    expect(endpoint.count - before).toBe(1);
  });

  it.each([
    [{ 'retry-after': '3' }, 3_000],
    [{ 'retry-after-ms': '40' }, 40],
  ])('429 with %j passes the pause on', async (headers, retryAfterMs) => {
    expect(await ask(status(429, undefined, headers))).toMatchObject({ code: 'rateLimited', retryAfterMs });
  });

  it('429 whose body never ends passes the pause on, with what there is of the body', async () => {
    const [server, baseUrl] = await listening((_request, response) => {
      response.writeHead(429, { 'retry-after': '3', 'content-type': 'text/plain' });
      response.write('slow down');
    });
    try {
      expect(await askAt(baseUrl, { provider: { callTimeoutSeconds: 30 } })).toMatchObject({
        code: 'rateLimited',
        retryAfterMs: 3_000,
        says: expect.stringContaining('slow down'),
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }, 15_000);

  it('429 with a date passes the pause on', async () => {
    const { retryAfterMs } = (await ask(
      status(429, undefined, { 'retry-after': new Date(Date.now() + 30_000).toUTCString() }),
    )) as Extract<EndpointResult, { kind: 'failed' }>;
    expect(retryAfterMs).toBeGreaterThan(25_000);
    expect(retryAfterMs).toBeLessThanOrEqual(30_000);
  });

  it.each([
    ['OpenAI and most others', { error: { message: 'too long', code: 'context_length_exceeded', type: 'x' } }],
    ['vLLM without a wrapper', { object: 'error', message: "This model's maximum context length is 4", code: 400 }],
    ['Ollama', { error: 'the input length exceeds the context length' }],
    ['a bare text', 'prompt is too long'],
    ['FastAPI', { detail: 'maximum context length is 4096 tokens' }],
  ])('reads the error of %s', async (_, body) => {
    expect(await ask(status(400, body))).toMatchObject({
      code: 'contextOverflow',
      says: expect.stringMatching(/long|len/),
    });
  });

  it('does not say the key that the endpoint repeats', async () => {
    const result = await ask(status(401, { error: { message: `Incorrect API key provided: ${API_KEY}.` } }));
    expect(JSON.stringify(result)).not.toContain(API_KEY);
    expect(result).toMatchObject({ says: 'Incorrect API key provided: [redacted].' });
  });

  it('takes an error for one although it comes with 200', async () => {
    const body = { error: { message: 'Provider returned error', code: 502 } };
    expect(await ask(status(200, body))).toMatchObject({ code: 'modelServer', says: 'Provider returned error' });
  });

  it('takes an error in the middle of a stream for one', async () => {
    const frames = [
      { choices: [{ delta: { content: 'half' } }] },
      { error: { message: 'maximum context length is 4096', code: 400 } },
    ];
    const body = frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join('');
    expect(await ask(status(200, body, { 'content-type': 'text/event-stream' }))).toMatchObject({
      code: 'contextOverflow',
      retryable: false,
    });
  });
});

describe('answers that are none', () => {
  it.each([
    ['a web page', raw('<!doctype html><title>Sign in</title>', 'text/html'), /web page/],
    ['a list without choices', raw('{"choices":[]}', 'application/json'), /no choice/],
    ['a choice without a message', raw('{"choices":[{}]}', 'application/json'), /no message/],
    ['an empty body', raw('', 'application/json'), /not JSON/],
    ['a stream without an event', raw('', 'text/event-stream'), /without an answer/],
    [
      'a stream that ends before its end',
      raw(sse(delta({ content: '{"edits":' })), 'text/event-stream'),
      /before the end/,
    ],
  ] as const)('%s is a failure of the server', async (_, answer, says) => {
    expect(await ask(answer)).toMatchObject({
      kind: 'failed',
      code: 'modelServer',
      retryable: true,
      says: expect.stringMatching(says),
    });
  });

  it('is content with a stream under another content type', async () => {
    const text = `${sse(delta({ content: 'o' }), delta({ content: 'k' }, 'stop'))}data: [DONE]\n\n`;
    expect(await ask(raw(text, 'text/plain'))).toMatchObject({ kind: 'answered', text: 'ok', finishReason: 'stop' });
  });

  it('is content with JSON although a stream was asked for', async () => {
    const text = JSON.stringify({ choices: [{ message: { content: 'ok' }, finish_reason: 'stop' }] });
    expect(await ask(raw(text, 'application/json'))).toMatchObject({ text: 'ok', model: 'scripted-1' });
  });

  it('is content with a stream that says [DONE] and no reason', async () => {
    expect(await ask(raw(`${sse(delta({ content: 'ok' }))}data: [DONE]\n\n`, 'text/event-stream'))).toMatchObject({
      text: 'ok',
      finishReason: 'other',
    });
  });

  it('does not take more than it can hold', async () => {
    const flood: ScriptedAnswer = { kind: 'text', text: 'x'.repeat(9 * 1024 * 1024), usage: null };
    expect(await ask(flood)).toMatchObject({ code: 'malformedAnswer', retryable: false });
  });
});

describe('the wire', () => {
  it('carries the key, and none where there is none', async () => {
    await ask({ kind: 'text', text: 'x' });
    expect(endpoint.requests().at(-1)?.headers.authorization).toBe(`Bearer ${API_KEY}`);
    await ask({ kind: 'text', text: 'x' }, { apiKey: '' });
    expect(endpoint.requests().at(-1)?.headers.authorization).toBeUndefined();
  });

  it('is an outage when nobody listens', async () => {
    const [server, baseUrl] = await listening(() => undefined);
    await new Promise((settle) => server.close(settle));
    const result = await askAt(baseUrl);
    expect(result).toMatchObject({ code: 'modelUnreachable', retryable: true, says: 'ECONNREFUSED', unsent: true });
    expect(result.usage).toBeUndefined();
  });

  it('does not carry the key to where a redirect points', async () => {
    let followed = 0;
    const [target, targetUrl] = await listening((_, response) => {
      followed += 1;
      response.end();
    });
    const [server, baseUrl] = await listening((_, response) => {
      response.writeHead(307, { location: targetUrl }).end();
    });
    expect(await askAt(baseUrl)).toMatchObject({ code: 'modelRequestInvalid', retryable: false, httpStatus: 307 });
    expect(followed).toBe(0);
    target.close();
    server.close();
  });
});

describe('calls of tools', () => {
  const calls = [
    { name: 'read_file', arguments: { path: 'ä — 😀.txt', from: 1, to: null }, id: 'call_a' },
    { name: 'run', arguments: { what: 'npm test', timeoutSeconds: null }, id: 'call_b' },
  ];
  const asked = calls.map(({ id, name, arguments: given }) => ({ id, name, arguments: JSON.stringify(given) }));

  it.each(['usage', 'none'] as const)('arrive whole, in their order, with streaming %s', async (streaming) => {
    const answer = await ask({ kind: 'tools', calls, text: 'I look.' }, { dialect: { streaming } });
    expect(answer).toMatchObject({ kind: 'answered', text: 'I look.', finishReason: 'stop', toolCalls: asked });
  });

  it('that were cut off say so, and are handed on as far as they came', async () => {
    const answer = await ask({
      kind: 'tools',
      calls: [{ name: 'run', arguments: '{"what": "np' }],
      finishReason: 'length',
    });
    expect(answer).toMatchObject({ finishReason: 'length', toolCalls: [{ name: 'run', arguments: '{"what": "np' }] });
  });

  it('have ids of their own also where the endpoint gives one twice, or none', async () => {
    const same = ['x', 'x', ''].map((id) => ({ name: 'run', arguments: {}, id }));
    const answer = await ask({ kind: 'tools', calls: same });
    const ids = answer.kind === 'answered' ? (answer.toolCalls ?? []).map(({ id }) => id) : [];
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
  });

  it('count for the price when the endpoint counts nothing', async () => {
    const answer = await ask({ kind: 'tools', calls: [{ name: 'run', arguments: 'x'.repeat(400) }], usage: null });
    expect(answer.usage?.completion).toBeGreaterThanOrEqual(100);
  });
});

describe('the dialect', () => {
  it('binds the answer to the schema where the endpoint can', async () => {
    await ask({ kind: 'text', text: '{}' });
    expect(sentBody()).toMatchObject({
      model: 'scripted-1',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 1_000,
      response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true } },
    });
  });

  it('declares tools strictly, and answers of the model and of its tools stand in the form of the protocol', async () => {
    const parameters = { type: 'object', properties: {}, required: [], additionalProperties: false };
    const request = requestTo(endpoint.baseUrl, 'ac'.repeat(4), { level: 'tools' });
    endpoint.setScript([{ answers: [{ kind: 'text', text: '' }] }]);
    await askEndpoint({
      provider: request.provider,
      messages: [
        ...request.messages,
        { role: 'assistant', content: '', toolCalls: [{ id: 'c1', name: 'run', arguments: '{"what": "np' }] },
        { role: 'tool', content: 'error', toolCallId: 'c1' },
      ],
      tools: [{ name: 'run', description: 'Runs.', parameters }],
      apiKey: API_KEY,
      dialect: dialectOf(request.provider),
      redact: (text) => text,
      signal: new AbortController().signal,
      onBytes: () => undefined,
    });
    const body = sentBody();
    expect(body).not.toHaveProperty('response_format');
    expect(body).toMatchObject({
      tools: [{ type: 'function', function: { name: 'run', description: 'Runs.', parameters, strict: true } }],
    });
    // An endpoint reads the arguments again, and refuses a conversation over a call that is no JSON.
    expect((body['messages'] as readonly unknown[]).slice(-2)).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'run', arguments: '{"malformed":"{\\"what\\": \\"np"}' } },
        ],
      },
      { role: 'tool', content: 'error', tool_call_id: 'c1' },
    ]);
  });

  it('says the schema in words where the endpoint knows JSON only, and nothing of it where it knows text only', async () => {
    await ask({ kind: 'text', text: '{}' }, { dialect: { level: 'json-object' } });
    expect(sentBody()).toMatchObject({ response_format: { type: 'json_object' } });
    expect(JSON.stringify(sentBody()['messages'])).toContain('Be brief.\\n\\nAnswer with one JSON object');
    await ask({ kind: 'text', text: '{}' }, { dialect: { level: 'text' } });
    expect(sentBody()).not.toHaveProperty('response_format');
    expect(JSON.stringify(sentBody()['messages'])).not.toContain('schema');
  });

  it.each([
    ["'response_format' of type 'json_schema' is not supported with this model", { level: 'json-object' }],
    ['Unknown parameter: stream_options', { streaming: 'bare' }],
    [
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      { tokensField: 'max_completion_tokens' },
    ],
    ["Unsupported parameter: 'tools[0].function.strict'", { without: ['strict'] }],
    ['Your organization must be verified to stream this model', { streaming: 'none' }],
  ])('changes in the one field that was refused: %s', async (message, change) => {
    const result = await ask({ kind: 'status', status: 400, body: { error: { message } } });
    expect(result).toMatchObject({
      adapted: { ...dialectOf(requestTo(endpoint.baseUrl, 'ab'.repeat(4)).provider), ...change },
    });
  });

  it.each(['Invalid value for temperature', "max_tokens is too large: this model's maximum context length is 4096"])(
    'does not change for what is not about it: %s',
    async (message) => {
      expect(await ask({ kind: 'status', status: 400, body: { error: { message } } })).not.toHaveProperty('adapted');
    },
  );
});
