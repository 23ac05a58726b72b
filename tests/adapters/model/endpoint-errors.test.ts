import {
  failureOf,
  networkFailureOf,
  retryAfterIn,
  retryAfterOf,
  sayable,
} from '../../../src/adapters/model/endpoint-errors';
import type { FailureCode } from '../../../src/domain/failures';

type Row = readonly [who: string, status: number | undefined, code: string, words: string, FailureCode, boolean];

const ROWS: readonly Row[] = [
  // by status
  ['a wrong key', 401, 'invalid_api_key', 'Incorrect API key provided', 'modelCredentials', false],
  ['a forbidden model', 403, '', 'Project does not have access to the model', 'modelCredentials', false],
  ['an unknown model', 404, 'model_not_found', 'The model `x` does not exist', 'modelNotFound', false],
  ['a wrong path', 404, '', 'Not Found', 'modelNotFound', false],
  ['a request timeout', 408, '', 'Request Timeout', 'modelTimeout', true],
  ['a conflict', 409, '', 'Conflict', 'modelServer', true],
  ['a rate limit', 429, 'rate_limit_exceeded', 'Rate limit reached for requests', 'rateLimited', true],
  ['an invalid request', 400, 'invalid_request_error', 'Invalid value for temperature', 'modelRequestInvalid', false],
  ['an unprocessable request', 422, '', 'field required', 'modelRequestInvalid', false],
  ['a server error', 500, 'server_error', 'The server had an error', 'modelServer', true],
  ['a bad gateway', 502, '', 'Bad Gateway', 'modelServer', true],
  ['an overload', 503, '', 'Service Unavailable', 'modelServer', true],
  ['an error in a stream', undefined, 'server_error', 'Provider disconnected', 'modelServer', true],
  // a prompt that is too long, in the words of those who say it
  [
    'OpenAI',
    400,
    'context_length_exceeded invalid_request_error',
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
    'contextOverflow',
    false,
  ],
  [
    'vLLM',
    400,
    'BadRequestError',
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
    'contextOverflow',
    false,
  ],
  [
    'vLLM, of the prompt alone',
    400,
    'BadRequestError',
    'The decoder prompt (length 9000) is longer than the maximum model length of 4096.',
    'contextOverflow',
    false,
  ],
  ['Ollama', 400, 'invalid_request_error', 'the input length exceeds the context length', 'contextOverflow', false],
  [
    'llama.cpp',
    400,
    'exceed_context_size_error',
    'the request exceeds the available context size, try increasing it',
    'contextOverflow',
    false,
  ],
  [
    'LiteLLM',
    400,
    '',
    'litellm.ContextWindowExceededError: litellm.BadRequestError: too many tokens',
    'contextOverflow',
    false,
  ],
  [
    'OpenRouter',
    400,
    '',
    "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens.",
    'contextOverflow',
    false,
  ],
  ['a gateway before Claude', 400, '', 'prompt is too long: 210000 tokens > 200000 maximum', 'contextOverflow', false],
  [
    'a gateway before Gemini',
    400,
    '',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
    'contextOverflow',
    false,
  ],
  ['a server that says it with 500', 500, '', 'maximum context length is 4096', 'contextOverflow', false],
  ['a proxy', 413, '', 'Request Entity Too Large', 'contextOverflow', false],
  // money
  [
    'OpenAI without quota',
    429,
    'insufficient_quota',
    'You exceeded your current quota, please check your plan and billing details.',
    'quotaExhausted',
    false,
  ],
  ['OpenAI at its hard limit', 400, 'billing_hard_limit_reached', 'Billing hard limit', 'quotaExhausted', false],
  ['OpenRouter without credit', 402, '', 'Insufficient credits. Add more using …', 'quotaExhausted', false],
  ['OpenRouter with a key that is used up', 403, '', 'Key limit exceeded (total limit)', 'quotaExhausted', false],
  [
    'OpenRouter without free requests today',
    429,
    '',
    'Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day',
    'quotaExhausted',
    false,
  ],
  ['OpenRouter in a busy minute', 429, '', 'Rate limit exceeded: free-models-per-min.', 'rateLimited', true],
  [
    'LiteLLM over its budget',
    400,
    'budget_exceeded',
    'Budget has been exceeded! Current cost: 0.1, Max budget: 0.05',
    'quotaExhausted',
    false,
  ],
  ['an empty balance', 400, '', 'Your credit balance is too low to access the API', 'quotaExhausted', false],
  ['a server error that speaks of billing', 500, '', 'billing service unavailable', 'modelServer', true],
  // content and models
  [
    'Azure, filtered',
    400,
    'content_filter',
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    'contentFiltered',
    false,
  ],
  [
    'OpenRouter, moderated',
    403,
    '',
    'Your chosen model requires moderation and your input was flagged',
    'contentFiltered',
    false,
  ],
  ['Ollama without the model', 404, '', 'model "qwen" not found, try pulling it first', 'modelNotFound', false],
  ['OpenRouter without the model', 400, '', 'qwen/none is not a valid model ID', 'modelNotFound', false],
  ['LiteLLM without the model', 400, '', '/chat/completions: Invalid model name passed in', 'modelNotFound', false],
  ['a model that failed its schema', 400, 'json_validate_failed', 'Failed to generate JSON', 'malformedAnswer', false],
];

describe('the table of errors', () => {
  it.each(ROWS)('knows %s (%s %s)', (_, status, code, words, expected, retryable) => {
    const failure = failureOf({ status, code, words, retryAfterMs: undefined });
    expect([failure.code, failure.retryable, failure.says]).toEqual([expected, retryable, words]);
  });

  it('takes words about credit for a rate when the endpoint says when to come again', () => {
    const said = { status: 429, code: '', words: 'Add credits to raise the limit', retryAfterMs: 5_000 };
    expect(failureOf(said)).toMatchObject({ code: 'rateLimited', retryable: true, retryAfterMs: 5_000 });
  });

  it('passes no pause on for what is not to be tried again', () => {
    expect(failureOf({ status: 401, code: '', words: 'no', retryAfterMs: 5_000 })).not.toHaveProperty('retryAfterMs');
  });
});

describe('the pause an endpoint asks for', () => {
  const now = Date.parse('2026-11-21T10:00:00Z');
  it.each([
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['a fraction of seconds', { 'retry-after': '0.5' }, 500],
    ['a date', { 'retry-after': 'Sat, 21 Nov 2026 10:00:30 GMT' }, 30_000],
    ['a date that is past', { 'retry-after': 'Sat, 21 Nov 2026 09:00:00 GMT' }, 0],
    ['milliseconds, before the seconds', { 'retry-after': '9', 'retry-after-ms': '250' }, 250],
    ['a year, cut to an hour', { 'retry-after': '31536000' }, 3_600_000],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['nothing', {}, undefined],
  ])('is read from %s', (_, headers, expected) => {
    expect(retryAfterOf(new Headers(headers as Record<string, string>), now)).toBe(expected);
  });

  it.each([
    ['Please try again in 20s. Visit the site', 20_000],
    ['Please try again in 1m2.5s.', 62_500],
    ['try again in 6ms', 6],
    ['Please retry in 34.07s.', 34_070],
    ['try again in 2m', 120_000],
    ['try again in a moment', undefined],
    ['try again later', undefined],
  ])('is read from the words %j', (words, expected) => {
    expect(retryAfterIn(words)).toBe(expected);
  });
});

describe('errors of the network', () => {
  it('are outages, named by the code of the system', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const wrapped = new Error('Connection error.', { cause: new TypeError('fetch failed', { cause }) });
    expect(networkFailureOf(wrapped)).toEqual({
      kind: 'failed',
      code: 'modelUnreachable',
      says: 'ECONNREFUSED',
      retryable: true,
    });
  });

  it('are timeouts when they say so', () => {
    const cause = Object.assign(new Error('Headers Timeout Error'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
    expect(networkFailureOf(new TypeError('fetch failed', { cause })).code).toBe('modelTimeout');
  });

  it('end although their causes go round in a ring', () => {
    const ring = new Error('ring');
    ring.cause = ring;
    expect(networkFailureOf(ring)).toMatchObject({ code: 'modelUnreachable', says: 'ring' });
  });
});

describe('what may be said', () => {
  it('has no key in it, known or not', () => {
    const said = sayable('Bad key sk-abcd****wxyz in Bearer abc123, token t0ps3cret', (text) =>
      text.replaceAll('t0ps3cret', '[redacted]'),
    );
    expect(said).toBe('Bad key [redacted] in Bearer [redacted] token [redacted]');
  });

  it('is one line of 500 characters at most', () => {
    const said = sayable(`first\nsecond ${'x'.repeat(900)}`, (text) => text);
    expect(said).toHaveLength(500);
    expect(said.startsWith('first second x')).toBe(true);
  });
});
