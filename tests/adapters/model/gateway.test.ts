/** Calls through a real gateway before the endpoint: its parsing, its words for errors and its streams are not ours. */
import type { CallRequest, CallResult, ProviderSettings } from '../../../src/ports';
import type { ScriptedAnswer } from '../../../src/adapters/model/scripted';
import { status } from './asking';
import { gatewayValue, GATEWAYS, type Gateway } from './gateway';
import { API_KEY, openModelBench, requestTo, type ModelBench } from './model-world';

const redact = (text: string): string => text.replaceAll(API_KEY, '[redacted]');

let bench: ModelBench;
let gateway: Gateway;
let calls = 0;

/** A new call each time. */
async function ask(
  answer: ScriptedAnswer,
  more: Partial<CallRequest> = {},
  changes: Partial<ProviderSettings> = {},
): Promise<CallResult> {
  calls += 1;
  bench.endpoint.setScript([{ answers: [answer] }]);
  const { baseUrl, ...provider } = { ...gateway.provider, ...changes };
  const { schema: _, ...request } = requestTo(baseUrl, `${calls}`.padStart(8, '0'), provider);
  return await bench.model.call({ ...request, ...more }, new AbortController().signal, () => undefined);
}

const sent = () => bench.endpoint.requests().at(-1)?.body as Readonly<Record<string, unknown>>;
const USAGE = { prompt: 20, cached: 5, completion: 9, reasoning: 0 };
const STREAMS = [
  ['as a stream', {}],
  [
    'as one object',
    { dialect: { level: 'json-schema', tokensField: 'max_tokens', streaming: 'none' } } as Partial<ProviderSettings>,
  ],
] as const;

const error = (message: string, code: string) => ({ error: { message, type: 'x', code } });

describe.each(GATEWAYS)('through %s', (_name, start) => {
  beforeAll(async () => {
    const apiKeyOf = (variable: string): string | undefined => gatewayValue(variable, bench.endpoint.baseUrl);
    bench = await openModelBench([], { apiKeyOf, redact });
    gateway = await start(bench.endpoint.baseUrl);
  }, 150_000);
  afterAll(async () => {
    await Promise.all([bench.close(), gateway.stop()]);
  });

  describe.each(STREAMS)('an answer, %s', (_, provider) => {
    it('has its text, its model, its usage and its price', async () => {
      const result = await ask({ kind: 'text', text: 'ja — 😀', usage: USAGE, model: 'scripted-1b' }, {}, provider);
      expect(result).toMatchObject({
        kind: 'answered',
        text: 'ja — 😀',
        finishReason: 'stop',
        model: gateway.heard.model,
        // 15 fresh tokens at 1, 5 cached ones at 0.1 and 9 of the answer at 2 micro-dollars.
        spending: { callsSent: 1, tokens: USAGE, costUsdMicros: 34, unpriced: false },
      });
      expect(sent()['stream'] === true).toBe(provider === STREAMS[0][1]);
    });

    it('has the form that was asked for', async () => {
      const schema = { name: 'answer', schema: { type: 'object', properties: { a: { type: 'number' } } } };
      const result = await ask({ kind: 'json', value: { a: 1 } }, { schema }, provider);
      expect(result).toMatchObject({ kind: 'answered', text: '{"a":1}' });
      expect(sent()['response_format']).toMatchObject({ type: 'json_schema', json_schema: schema });
    });

    it('may call tools', async () => {
      const parameters = { type: 'object', properties: {} };
      const tools = [{ name: 'read_file', description: 'Reads.', parameters }] as const;
      const calling = [
        { id: 'c1', name: 'read_file', arguments: { path: 'a' } },
        { id: 'c2', name: 'read_file', arguments: { path: 'b' } },
      ];
      const result = await ask({ kind: 'tools', calls: calling }, { tools }, { ...provider, level: 'tools' });
      expect(result).toMatchObject({
        kind: 'answered',
        toolCalls: calling.map((call) => ({ ...call, arguments: JSON.stringify(call.arguments) })),
      });
      expect(sent()['tools']).toMatchObject([{ type: 'function', function: { name: 'read_file' } }]);
    });

    it('that is cut by length says so', async () => {
      expect(await ask({ kind: 'truncated', text: '{"ed' }, {}, provider)).toMatchObject({ finishReason: 'length' });
    });
  });

  describe('an error behind it', () => {
    it.each([
      [401, 'invalid_api_key', `Incorrect API key provided: ${API_KEY}`, 'modelCredentials', false],
      [404, 'model_not_found', 'The model `x` does not exist', 'modelNotFound', false],
      [400, 'context_length_exceeded', 'maximum context length is 8192 tokens', 'contextOverflow', false],
      [400, 'invalid_value', 'Invalid value for temperature', 'modelRequestInvalid', false],
      [429, 'insufficient_quota', 'You exceeded your current quota', 'quotaExhausted', false],
      [500, 'server_error', 'The server had an error', 'modelServer', true],
      [503, 'overloaded', 'upstream connect error', 'modelServer', true],
    ] as const)('%s (%s) is what it would be without', async (code, word, says, failure, retryable) => {
      const result = await ask(status(code, error(says, word)));
      expect(result).toMatchObject({ kind: 'failed', code: failure, retryable, spending: { callsSent: 1 } });
      expect(JSON.stringify(result)).not.toContain(API_KEY);
    });

    it('429 says when to come again, as far as it is handed on', async () => {
      const result = await ask(status(429, error('Rate limit reached', 'rate_limit_exceeded'), { 'retry-after': '7' }));
      expect(result).toMatchObject({ kind: 'failed', code: 'rateLimited', retryable: true });
      expect('retryAfterMs' in result ? result.retryAfterMs : undefined).toBe(gateway.heard.retryAfterMs);
    });

    it('that breaks its answer off is seen, as far as it can be', async () => {
      expect(await ask({ kind: 'cut', afterBytes: 200 })).toMatchObject(gateway.heard.cut);
    });
  });

  describe('the gateway itself', () => {
    it('refuses in words of its own, which are handed on', async () => {
      const { provider, code, says } = gateway.refused;
      const result = await ask({ kind: 'text', text: 'never' }, {}, provider);
      expect(result).toMatchObject({ kind: 'failed', code, retryable: false, says: expect.stringContaining(says) });
    });
  });
});
