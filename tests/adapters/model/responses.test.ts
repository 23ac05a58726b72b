import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import { TOOLS } from '../../../src/domain/tools';
import { ask as askScripted, askAt, raw, sentTo, status, type Asked } from './asking';

let endpoint: ScriptedEndpoint;
beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());

const ask = (answer: ScriptedAnswer, asked: Asked = {}) =>
  askScripted(endpoint, answer, { ...asked, provider: { api: 'responses', ...asked.provider } });

const event = (type: string, fields: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const stream = (...events: readonly string[]): ScriptedAnswer => raw(events.join(''), 'text/event-stream');

describe.each([
  ['as a stream', 'usage'],
  ['as one object', 'none'],
] as const)('an answer of the responses protocol %s (LS-71)', (_, streaming) => {
  const dialect = { streaming };

  it('is its text, its usage with what was cached and what was thought, and its model', async () => {
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

  it('is its calls of tools, in their order and whole', async () => {
    const calls = [
      { name: 'read_file', arguments: { path: 'ä — 😀.txt', from: 1, to: null }, id: 'call_a' },
      { name: 'run', arguments: { what: 'npm test', timeoutSeconds: null }, id: 'call_b' },
    ];
    const toolCalls = calls.map(({ id, name, arguments: given }) => ({ id, name, arguments: JSON.stringify(given) }));
    expect(await ask({ kind: 'tools', calls, text: 'I look.' }, { dialect })).toMatchObject({
      text: 'I look.',
      finishReason: 'stop',
      toolCalls,
    });
  });

  it.each([
    [{ kind: 'refusal', text: 'I will not.' }, 'refusal', 'I will not.'],
    [{ kind: 'truncated', text: '{"ed' }, 'length', '{"ed'],
    [{ kind: 'text', text: 'x', finishReason: 'content_filter' }, 'content_filter', 'x'],
    [{ kind: 'text', text: '<think>so it is</think>\n{"a":1}' }, 'stop', '{"a":1}'],
  ] as const)('that is %j ends with the reason %s', async (answer, finishReason, text) => {
    expect(await ask(answer, { dialect })).toMatchObject({ kind: 'answered', finishReason, text });
  });

  it('that is no JSON is a failure of the server, and booked', async () => {
    expect(await ask({ kind: 'broken' }, { dialect })).toMatchObject({
      code: 'modelServer',
      retryable: true,
      usage: { prompt: expect.any(Number) },
    });
  });

  it('that is cut in its middle is never used', async () => {
    expect(await ask({ kind: 'cut', afterBytes: 400 }, { dialect })).toMatchObject({ code: 'modelUnreachable' });
  });

  it('that never comes is a timeout', async () => {
    expect(await ask({ kind: 'hang' }, { dialect, provider: { callTimeoutSeconds: 0.15 } })).toMatchObject({
      code: 'modelTimeout',
      usage: { completion: 0 },
    });
  });
});

describe('a question in the responses protocol', () => {
  it('carries schema, limit and settings, keeps nothing there, and goes to its own path (LC-49)', async () => {
    const sampling = { temperature: 0.2, topP: 0.9, reasoningEffort: 'low' };
    await ask({ kind: 'text', text: '{}' }, { provider: { sampling } });
    const body = sentTo(endpoint);
    expect(body).toMatchObject({
      model: 'scripted-1',
      store: false,
      stream: true,
      max_output_tokens: 1_000,
      temperature: 0.2,
      top_p: 0.9,
      reasoning: { effort: 'low' },
      text: { format: { type: 'json_schema', name: 'answer', strict: true } },
      input: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Say it.' },
      ],
    });
    expect(Object.keys(body)).not.toContain('messages');
    expect(Object.keys(body)).not.toContain('stream_options');
  });

  it('shows earlier calls and what became of them', async () => {
    const messages = [
      { role: 'user', content: 'Look.' },
      { role: 'assistant', content: '', toolCalls: [{ id: 'c1', name: 'run', arguments: '{"what": "np' }] },
      { role: 'tool', content: 'error', toolCallId: 'c1' },
    ] as const;
    await ask({ kind: 'text', text: 'ok' }, { request: { messages, tools: TOOLS.slice(0, 1) } });
    const body = sentTo(endpoint);
    expect(body['input']).toEqual([
      { role: 'user', content: 'Look.' },
      { type: 'function_call', call_id: 'c1', name: 'run', arguments: '{"malformed":"{\\"what\\": \\"np"}' },
      { type: 'function_call_output', call_id: 'c1', output: 'error' },
    ]);
    expect(body['tools']).toMatchObject([{ type: 'function', name: 'list_files', strict: true }]);
  });

  it.each([
    ["Unknown parameter: 'store'.", { without: ['store'] }],
    ["Unsupported parameter: 'temperature' is not supported with this model.", { without: ['temperature'] }],
    ["Invalid value for 'text.format'", { level: 'json-object' }],
  ])('is asked again without what was refused: %s', async (message, change) => {
    expect(await ask(status(400, { error: { message } }))).toMatchObject({ adapted: change });
  });
});

describe('an answer of the responses protocol that is none', () => {
  it.each([
    [429, 'rateLimited', true],
    [500, 'modelServer', true],
    [401, 'modelCredentials', false],
    [400, 'modelRequestInvalid', false],
  ] as const)('is %i: %s, and not booked (LS-71)', async (code, failure, retryable) => {
    const result = await ask(status(code));
    expect(result).toMatchObject({ code: failure, retryable });
    expect(result.usage).toBeUndefined();
  });

  it('is a failure that the stream tells, with its own code', async () => {
    const error = { code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 2s.' };
    const failed = stream(
      event('response.created', { response: { status: 'in_progress', output: [] } }),
      event('response.failed', { response: { status: 'failed', error } }),
    );
    const result = await ask(failed);
    expect(result).toMatchObject({ code: 'rateLimited', retryable: true, retryAfterMs: 2_000 });
    expect(result.usage).toBeUndefined();
  });

  it('is an error event, whichever form it has, and what was said before it is booked', async () => {
    const said = event('response.output_text.delta', { output_index: 0, delta: 'x'.repeat(40) });
    const flat = stream(said, event('error', { code: 'server_error', message: 'It broke.' }));
    expect(await ask(flat)).toMatchObject({ code: 'modelServer', says: 'It broke.', usage: { completion: 10 } });
    const nested = stream(event('error', { error: { code: 'invalid_api_key', message: 'No.' } }));
    expect(await ask(nested)).toMatchObject({ code: 'modelCredentials', retryable: false });
  });

  it('is a stream that ends before its end', async () => {
    const half = stream(event('response.output_text.delta', { output_index: 0, delta: '{"ed' }));
    expect(await ask(half)).toMatchObject({ code: 'modelServer', says: expect.stringMatching(/before the end/) });
  });

  it('is an object that does not say that it is whole', async () => {
    expect(await ask(raw('{"object":"response","output":[]}', 'application/json'))).toMatchObject({
      code: 'modelServer',
    });
  });

  it('is a path that the endpoint does not have', async () => {
    const result = await askAt(endpoint.baseUrl.replace('/v1', '/none?x='), { provider: { api: 'responses' } });
    expect(result).toMatchObject({ kind: 'failed', code: 'modelNotFound' });
  });
});
