/** What is peculiar about each kind of endpoint, played by the scripted one over real HTTP. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import { listHeaders } from '../../../src/adapters/model/list-headers';
import { kindOfAddress, type ProviderKind } from '../../../src/domain/provider-kinds';
import { TOOLS } from '../../../src/domain/tools';
import { ask as askScripted, askAt, delta, raw, sentTo, sse, status, type Asked } from './asking';
import { API_KEY } from './model-world';

let endpoint: ScriptedEndpoint;
beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());

const askKind = (kind: ProviderKind, answer: ScriptedAnswer, asked: Asked = {}) =>
  askScripted(endpoint, answer, { ...asked, provider: { kind, ...asked.provider } });
const ok: ScriptedAnswer = { kind: 'text', text: 'ok' };
const done = (...events: readonly object[]): ScriptedAnswer =>
  raw(`${sse(...events)}data: [DONE]\n\n`, 'text/event-stream');
const sentHeaders = () => endpoint.requests().at(-1)?.headers ?? {};

it.each([
  ['https://api.openai.com/v1', 'openai'],
  ['https://openrouter.ai/api/v1', 'openrouter'],
  ['https://api.anthropic.com/v1', 'anthropic'],
  ['https://generativelanguage.googleapis.com/v1beta/openai', 'gemini'],
  ['http://127.0.0.1:11434/v1', 'other'],
  ['https://api.openai.com.example.org/v1', 'other'],
])('knows %s as %s', (address, kind) => {
  expect(kindOfAddress(address)).toBe(kind);
});

it.each(['openai', 'openrouter', 'anthropic', 'gemini'] as const)(
  'asks %s not at all without its key, and names the variable and not its value (LC-47)',
  async (kind) => {
    const before = endpoint.count;
    const result = await askKind(kind, ok, { apiKey: ' ', provider: { keyVariable: 'THE_KEY' } });
    const says = 'THE_KEY is not set.';
    expect(result).toEqual({ kind: 'failed', code: 'modelCredentials', says, retryable: false, unsent: true });
    expect(endpoint.count).toBe(before);
  },
);

it('carries headers from variables beside the key, and settings that nobody has set not at all', async () => {
  await askKind('other', ok, { headers: { 'X-Team': 'blue' } });
  expect(sentHeaders()).toMatchObject({ 'x-team': 'blue', authorization: `Bearer ${API_KEY}` });
  const fields = Object.keys(sentTo(endpoint));
  expect(fields.toSorted()).toEqual(
    ['max_tokens', 'messages', 'model', 'response_format', 'stream', 'stream_options'].toSorted(),
  );
  expect(JSON.stringify(sentTo(endpoint))).not.toContain(API_KEY);
});

it('carries the settings of the provider (LC-49)', async () => {
  const sampling = { temperature: 0, topP: 0.5, seed: 7, reasoningEffort: 'high', stop: ['END'] };
  await askKind('other', ok, { provider: { sampling } });
  expect(sentTo(endpoint)).toMatchObject({
    temperature: 0,
    top_p: 0.5,
    seed: 7,
    reasoning_effort: 'high',
    stop: ['END'],
  });
});

describe('a prompt and a window', () => {
  it('that cannot fit is refused here, and nothing is sent', async () => {
    const before = endpoint.count;
    const messages = [{ role: 'user', content: 'x'.repeat(40_000) }] as const;
    const result = await askKind('ollama', ok, { provider: { contextWindow: 4_096 }, request: { messages } });
    expect(result).toMatchObject({ code: 'contextOverflow', retryable: false });
    expect(endpoint.count).toBe(before);
  });

  it('that leaves less room than the answer may take asks for less', async () => {
    const messages = [{ role: 'user', content: 'x'.repeat(8_000) }] as const;
    await askKind('vllm', ok, { provider: { contextWindow: 4_096, maxOutputTokens: 4_000 }, request: { messages } });
    const limit = sentTo(endpoint)['max_tokens'];
    expect(limit).toBeLessThan(2_000);
    expect(limit).toBeGreaterThan(1_000);
  });
});

describe('Ollama (LS-73, LC-48)', () => {
  it('is asked without a key', async () => {
    expect(await askKind('ollama', ok, { apiKey: '' })).toMatchObject({ kind: 'answered', text: 'ok' });
    expect(sentHeaders().authorization).toBeUndefined();
  });

  it('gives arguments as an object, without ids, and its calls end with stop', async () => {
    const call = { function: { name: 'read_file', arguments: { path: 'a' } } };
    const result = await askKind('ollama', done(delta({ tool_calls: [call] }), delta({}, 'stop')));
    expect(result).toMatchObject({
      finishReason: 'stop',
      toolCalls: [{ id: 'call_1', name: 'read_file', arguments: '{"path":"a"}' }],
    });
  });

  it('keeps its reasoning out of the answer, in its own field and in the text', async () => {
    const inField = done(delta({ reasoning: 'so it is' }), delta({ content: 'ok' }, 'stop'));
    expect(await askKind('ollama', inField)).toMatchObject({ text: 'ok', usage: { reasoning: 2 } });
    const inText = done(
      delta({ content: '<thi' }),
      delta({ content: 'nk>so</thi' }),
      delta({ content: 'nk>\nok' }, 'stop'),
    );
    expect(await askKind('ollama', inText)).toMatchObject({ text: 'ok' });
  });

  it.each([
    [404, { error: { message: 'model "qwen" not found, try pulling it first' } }, 'modelNotFound'],
    [400, { error: { message: 'registry.ollama.ai/library/gemma:2b does not support tools' } }, 'modelRequestInvalid'],
    [500, { error: 'the input length exceeds the context length' }, 'contextOverflow'],
    [401, { error: 'unauthorized' }, 'modelCredentials'],
    [429, { error: 'too many requests' }, 'rateLimited'],
    [408, { error: 'timeout' }, 'modelTimeout'],
    [504, { error: 'timeout' }, 'modelTimeout'],
  ] as const)('says %i %j: %s', async (code, body, expected) => {
    expect(await askKind('ollama', status(code, body))).toMatchObject({ code: expected });
  });
});

it('is understood where it calls its one function in the way of before tools, in parts and beside tools too', async () => {
  const parts = [{ name: 'read_file', arguments: '' }, { arguments: '{"path"' }, { arguments: ':"a"}' }];
  const events = parts.map((part) => delta({ content: null, function_call: part }));
  const call = { id: 'call_1', name: 'read_file', arguments: '{"path":"a"}' };
  expect(await askKind('other', done(...events, delta({}, 'function_call')))).toMatchObject({
    finishReason: 'stop',
    toolCalls: [call],
  });
  const both = { tool_calls: [{ index: 0, id: 'c', function: call }], function_call: call };
  expect(await askKind('other', done(delta(both, 'tool_calls')))).toMatchObject({ toolCalls: [{ ...call, id: 'c' }] });
});

it('keeps reasoning out of what is said before calls of tools', async () => {
  const call = { index: 0, id: 'c', function: { name: 'run', arguments: '{}' } };
  const answer = done(delta({ content: ' <think>so' }), delta({ tool_calls: [call] }), delta({}, 'tool_calls'));
  expect(await askKind('vllm', answer)).toMatchObject({ text: '', toolCalls: [{ id: 'c', name: 'run' }] });
});

describe('vLLM', () => {
  it('names its reasoning in either of two ways', async () => {
    const both = done(delta({ reasoning_content: 'so', reasoning: 'so' }), delta({ content: 'ok' }, 'stop'));
    expect(await askKind('vllm', both)).toMatchObject({ text: 'ok', usage: { reasoning: 1 } });
  });

  it('is asked one level lower when it cannot guide the decoding', async () => {
    const says = 'Guided decoding is not supported for this model';
    expect(await askKind('vllm', status(400, { object: 'error', message: says, code: 400 }))).toMatchObject({
      adapted: { level: 'json-object' },
    });
  });

  it('gives half an answer up that it aborted', async () => {
    expect(await askKind('vllm', done(delta({ content: '{"ed' }), delta({}, 'abort')))).toMatchObject({
      code: 'modelServer',
      usage: { completion: expect.any(Number) },
    });
  });
});

describe('LiteLLM', () => {
  it.each([
    [
      { message: 'Budget has been exceeded! Current cost: 2, Max budget: 1', type: 'budget_exceeded', code: '400' },
      400,
      'quotaExhausted',
    ],
    [
      { message: 'LiteLLM User: u, exceeded budget for model=m', type: 'budget_exceeded', code: '429' },
      429,
      'quotaExhausted',
    ],
    [{ message: 'litellm.ContextWindowExceededError: too many', type: null, code: '400' }, 400, 'contextOverflow'],
    [{ message: 'litellm.RateLimitError: busy', type: 'throttling_error', code: '429' }, 429, 'rateLimited'],
  ])('says %j with %i: %s', async (error, code, expected) => {
    expect(await askKind('litellm', status(code, { error }))).toMatchObject({ code: expected });
  });

  it('says in words how long its deployments rest', async () => {
    const message = 'No deployments available for selected model, Try again in 60 seconds.';
    expect(await askKind('litellm', status(429, { error: { message } }))).toMatchObject({ retryAfterMs: 60_000 });
  });
});

describe('OpenRouter (LS-72)', () => {
  const comments = ': OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n';

  it('says who we are, and sends comments while it waits', async () => {
    const body = `${comments}${sse(delta({ content: 'o' }))}${comments}${sse(delta({ content: 'k' }, 'stop'))}data: [DONE]\n\n`;
    expect(await askKind('openrouter', raw(body, 'text/event-stream'))).toMatchObject({ text: 'ok' });
    expect(sentHeaders()['x-title']).toBe('weaver');
  });

  it.each([
    [
      'one object',
      raw(
        JSON.stringify({ error: { code: 502, message: 'Provider returned error', metadata: { raw: 'gone' } } }),
        'application/json',
      ),
    ],
    [
      'an event of a stream',
      raw(
        `${comments}${sse({ error: { code: 502, message: 'Provider returned error', metadata: { raw: 'gone' } }, choices: [delta({}, 'error').choices[0]] })}`,
        'text/event-stream',
      ),
    ],
    [
      'a choice',
      raw(
        JSON.stringify({
          choices: [
            {
              finish_reason: 'error',
              error: { code: 502, message: 'Provider returned error', metadata: { raw: 'gone' } },
            },
          ],
        }),
        'application/json',
      ),
    ],
  ])('tells the failure of the server behind it with status 200, as %s', async (_, answer) => {
    const result = await askKind('openrouter', answer);
    expect(result).toMatchObject({ code: 'modelServer', retryable: true, says: 'Provider returned error: gone' });
    expect(result.usage).toBeUndefined();
  });

  it('hands on what the server behind it says', async () => {
    const inner = JSON.stringify({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long' },
    });
    const error = { code: 400, message: 'Provider returned error', metadata: { raw: inner } };
    expect(await askKind('openrouter', status(400, { error }))).toMatchObject({ code: 'contextOverflow' });
  });

  it('puts the end of a limit into the body', async () => {
    const headers = { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(Date.now() + 20_000) };
    const error = { code: 429, message: 'Rate limit exceeded: free-models-per-min.', metadata: { headers } };
    const { retryAfterMs } = (await askKind('openrouter', status(429, { error }))) as { readonly retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(15_000);
    expect(retryAfterMs).toBeLessThanOrEqual(20_000);
    const daily = { ...error, message: 'Rate limit exceeded: free-models-per-day.' };
    expect(await askKind('openrouter', status(429, { error: daily }))).toMatchObject({ code: 'quotaExhausted' });
  });
});

describe('Anthropic', () => {
  it('is told the schema in words, in the one system message there is', async () => {
    const messages = [
      { role: 'user', content: 'First.' },
      { role: 'system', content: 'Be exact.' },
      { role: 'user', content: 'Second.' },
    ] as const;
    await askKind('anthropic', ok, { request: { messages } });
    const body = sentTo(endpoint);
    expect(body).not.toHaveProperty('response_format');
    expect(body['messages']).toEqual([
      { role: 'system', content: expect.stringMatching(/JSON schema[\s\S]*Be exact\./) },
      { role: 'user', content: 'First.' },
      { role: 'user', content: 'Second.' },
    ]);
  });

  it('is sent nothing that it would ignore', async () => {
    const sampling = { seed: 7, reasoningEffort: 'high', temperature: 1 };
    await askKind('anthropic', ok, { provider: { sampling }, request: { tools: TOOLS.slice(0, 1) } });
    const body = sentTo(endpoint);
    expect(body).toMatchObject({ temperature: 1 });
    expect(body).not.toHaveProperty('seed');
    expect(body).not.toHaveProperty('reasoning_effort');
    expect(JSON.stringify(body['tools'])).not.toContain('strict');
  });

  it('shows its models for the key in a header of their own', () => {
    expect(listHeaders({ kind: 'anthropic', baseUrl: '' }, 'k')).toEqual({
      'x-api-key': 'k',
      'anthropic-version': '2023-06-01',
    });
    expect(listHeaders({ kind: 'vllm', baseUrl: '' }, 'k')).toEqual({ authorization: 'Bearer k' });
    expect(listHeaders({ kind: 'ollama', baseUrl: '' }, undefined)).toEqual({});
  });

  it('says when its limits are whole again', async () => {
    const headers = {
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': new Date(Date.now() + 30_000).toISOString(),
    };
    const { retryAfterMs } = (await askKind('anthropic', status(429, undefined, headers))) as {
      readonly retryAfterMs: number;
    };
    expect(retryAfterMs).toBeGreaterThan(20_000);
    expect(retryAfterMs).toBeLessThanOrEqual(30_000);
  });

  it.each([
    [529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'modelServer'],
    [
      400,
      {
        error: {
          type: 'invalid_request_error',
          message: 'Your credit balance is too low to access the Anthropic API.',
        },
      },
      'quotaExhausted',
    ],
    [
      400,
      { error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' } },
      'contextOverflow',
    ],
  ])('says %i %j: %s', async (code, body, expected) => {
    expect(await askKind('anthropic', status(code, body))).toMatchObject({ code: expected });
  });
});

describe('Gemini (LS-74)', () => {
  it('is asked below its own path', async () => {
    endpoint.setScript([{ answers: [ok] }]);
    const address = endpoint.baseUrl.replace('/v1', '/v1beta/openai');
    expect(await askAt(address, { provider: { kind: 'gemini' } })).toMatchObject({ text: 'ok' });
  });

  it('is given back the signatures of its calls, and a word in place of those it does not know', async () => {
    const call = {
      id: '',
      function: { name: 'read_file', arguments: '{"path":"a"}' },
      extra_content: { google: { thought_signature: 'c2lnbmVk' } },
    };
    const answer = await askKind('gemini', done(delta({ tool_calls: [call] }, 'stop')));
    const [first] = answer.kind === 'answered' ? (answer.toolCalls ?? []) : [];
    expect(first).toEqual({ id: 'call_1', name: 'read_file', arguments: '{"path":"a"}', signature: 'c2lnbmVk' });
    const foreign = { id: 'x', name: 'run', arguments: '{}' };
    const messages = [
      { role: 'assistant', content: '', toolCalls: first === undefined ? [] : [first, foreign] },
    ] as const;
    await askKind('gemini', ok, { request: { messages, tools: TOOLS.slice(0, 1) } });
    const body = JSON.stringify(sentTo(endpoint));
    expect(body).toContain('{"google":{"thought_signature":"c2lnbmVk"}}');
    expect(body).toContain('{"google":{"thought_signature":"skip_thought_signature_validator"}}');
    expect(body).not.toContain('strict":true}}]');
    await askKind('other', ok, { request: { messages } });
    expect(JSON.stringify(sentTo(endpoint))).not.toContain('signature');
  });

  it.each([
    ['SAFETY', 'content_filter'],
    ['content_filter: RECITATION', 'content_filter'],
    ['PROHIBITED_CONTENT', 'content_filter'],
    ['MAX_TOKENS', 'length'],
    ['STOP', 'stop'],
    ['function_call_filter: MALFORMED_FUNCTION_CALL', 'other'],
  ])('ends an answer with %s: %s', async (word, expected) => {
    expect(await askKind('gemini', done(delta({ content: 'x' }, word)))).toMatchObject({ finishReason: expected });
  });

  it('counts its thinking in the total alone, and it is booked', async () => {
    const usage = { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 };
    expect(await askKind('gemini', done(delta({ content: 'x' }, 'stop'), { choices: [], usage }))).toMatchObject({
      usage: { prompt: 20, completion: 603, reasoning: 405 },
    });
  });

  it('wraps its errors in a list, and says there how long to wait', async () => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.07s' }];
    const error = {
      code: 429,
      message: 'You exceeded your current quota, check billing.',
      status: 'RESOURCE_EXHAUSTED',
      details,
    };
    expect(await askKind('gemini', status(429, [{ error }]))).toMatchObject({
      code: 'rateLimited',
      retryAfterMs: 34_070,
    });
    const quotaId = 'GenerateRequestsPerDayPerProjectPerModel-FreeTier';
    const daily = { ...error, details: [...details, { violations: [{ quotaId }] }] };
    expect(await askKind('gemini', status(429, [{ error: daily }]))).toMatchObject({ code: 'quotaExhausted' });
  });

  it('is asked again without a field that it cannot find', async () => {
    const message = 'Invalid JSON payload received. Unknown name "seed": Cannot find field.';
    const result = await askKind(
      'gemini',
      status(400, [{ error: { code: 400, message, status: 'INVALID_ARGUMENT' } }]),
    );
    expect(result).toMatchObject({ adapted: { without: ['strict', 'seed'] } });
  });
});

const answerWith = (usage: object) => done(delta({ content: 'x' }, 'stop'), { choices: [], usage });

it('LS-69 reads tokens in the words of either protocol', async () => {
  const counted = { prompt: 8, cached: 2, completion: 3, reasoning: 1 };
  const asChat = {
    prompt_tokens: 8,
    prompt_tokens_details: { cached_tokens: 2 },
    completion_tokens: 3,
    completion_tokens_details: { reasoning_tokens: 1 },
  };
  const asResponses = {
    input_tokens: 8,
    input_tokens_details: { cached_tokens: 2 },
    output_tokens: 3,
    output_tokens_details: { reasoning_tokens: 1 },
  };
  expect(await askKind('other', answerWith(asChat))).toMatchObject({ usage: counted });
  expect(await askKind('other', answerWith(asResponses))).toMatchObject({ usage: counted });
});

it('tells a gateway whose message is the JSON of another error apart', async () => {
  const inner = JSON.stringify({
    error: { code: 429, message: 'Resource has been exhausted', status: 'RESOURCE_EXHAUSTED' },
  });
  expect(await askKind('other', status(500, { error: { message: inner, code: 429 } }))).toMatchObject({
    says: 'Resource has been exhausted',
  });
});

it('reads an error of a server that answers every path with the same page', async () => {
  const server = createServer((_, response) => void response.writeHead(502).end('<html>Bad Gateway</html>'));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  expect(await askAt(`http://127.0.0.1:${port}`)).toMatchObject({ code: 'modelServer', httpStatus: 502 });
  server.close();
});
