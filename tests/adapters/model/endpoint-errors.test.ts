import { failureOf, networkFailureOf, sayable } from '../../../src/adapters/model/endpoint-errors';
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
  // the same in further words, as their users have met them
  [
    'vLLM, of messages',
    400,
    'BadRequestError',
    "This model's maximum context length is 200 tokens. However, your request has 203 input tokens. Please reduce the length of the input messages.",
    'contextOverflow',
    false,
  ],
  [
    'vLLM, of prompt and answer together',
    400,
    'BadRequestError',
    "You passed 4097 input tokens and requested 10 output tokens. However, the model's context length is only 4096 tokens, resulting in a maximum input length of 4086 tokens.",
    'contextOverflow',
    false,
  ],
  [
    'vLLM, when it had no room to answer',
    400,
    '',
    'max_tokens must be at least 1, got -186.',
    'contextOverflow',
    false,
  ],
  [
    'OpenAI, in words without a code',
    400,
    '',
    'Your input exceeds the context window of this model.',
    'contextOverflow',
    false,
  ],
  [
    'llama.cpp, with numbers',
    400,
    'exceed_context_size_error',
    'request (4476 tokens) exceeds the available context size (4096 tokens)',
    'contextOverflow',
    false,
  ],
  [
    'LM Studio, of a prompt that it would cut',
    400,
    '',
    'Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens',
    'contextOverflow',
    false,
  ],
  ['Gemini', 400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', 'modelCredentials', false],
  ['Gemini', 400, '', 'API key expired. Please renew the API key.', 'modelCredentials', false],
  ['LM Studio', 400, '', 'The number of tokens is greater than the context length', 'contextOverflow', false],
  ['Ollama, newer', 400, '', 'prompt too long; exceeded max context length by 12 tokens', 'contextOverflow', false],
  ['Bedrock', 400, '', 'Input is too long for requested model.', 'contextOverflow', false],
  [
    'xAI',
    400,
    '',
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    'contextOverflow',
    false,
  ],
  [
    'a gateway with a count of its own',
    400,
    '',
    'prompt token count of 130000 exceeds the limit of 128000',
    'contextOverflow',
    false,
  ],
  [
    'OpenAI, of a request beyond the tokens of a minute',
    429,
    'rate_limit_exceeded tokens',
    'Request too large for gpt-x in organization o on tokens per min (TPM): Limit 30000, Requested 45000.',
    'contextOverflow',
    false,
  ],
  // money, further
  [
    'LiteLLM, of a team',
    400,
    'budget_exceeded',
    'Budget has been exceeded! Team=t1 Current cost: 2, Max budget: 1',
    'quotaExhausted',
    false,
  ],
  [
    'LiteLLM, of a customer',
    400,
    'auth_error',
    'ExceededBudget: End User=u over budget. Spend=0.1, Budget=0.0001',
    'quotaExhausted',
    false,
  ],
  [
    'LiteLLM, of a model',
    429,
    'budget_exceeded',
    'LiteLLM User: u, exceeded budget for model=m',
    'quotaExhausted',
    false,
  ],
  [
    'LiteLLM, of a deployment',
    429,
    '',
    'No deployments available - crossed budget: Exceeded budget for deployment model_name: m',
    'quotaExhausted',
    false,
  ],
  [
    'OpenRouter, of one answer',
    402,
    '',
    'This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, but can only afford 2666.',
    'quotaExhausted',
    false,
  ],
  [
    'Gemini without a free tier for the model',
    429,
    'RESOURCE_EXHAUSTED',
    'You exceeded your current quota. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: m',
    'quotaExhausted',
    false,
  ],
  [
    'Gemini after its day',
    429,
    'RESOURCE_EXHAUSTED GenerateRequestsPerDayPerProjectPerModel-FreeTier',
    'Quota',
    'quotaExhausted',
    false,
  ],
  [
    'Gemini in a busy minute',
    429,
    'RESOURCE_EXHAUSTED',
    'Resource has been exhausted (e.g. check quota).',
    'rateLimited',
    true,
  ],
  ['Anthropic, overloaded', 529, 'overloaded_error', 'Overloaded', 'modelServer', true],
  // words that only look like others
  ['a server that failed to generate', 500, '', 'failed to generate a moderate number of tokens', 'modelServer', true],
  [
    'a request with accredited words',
    400,
    '',
    'field "accreditation" is unknown, operate with care',
    'modelRequestInvalid',
    false,
  ],
  ['a 429 that speaks of accreditation', 429, '', 'Too many requests from an accredited client', 'rateLimited', true],
  [
    'OpenRouter without a provider that knows tools',
    404,
    '',
    'No endpoints found that support tool use.',
    'modelRequestInvalid',
    false,
  ],
  // by the code of an event that has no status
  ['a rate limit in a stream', undefined, 'rate_limit_exceeded', 'Rate limit reached', 'rateLimited', true],
  ['an overload in a stream', undefined, 'overloaded_error', 'Overloaded', 'modelServer', true],
  ['a refused request in a stream', undefined, 'invalid_request_error', 'Bad', 'modelRequestInvalid', false],
  ['an unknown error in a stream', undefined, 'generate_error', 'It broke', 'modelServer', true],
  ['a gateway that gave up', 504, '', 'Gateway Timeout', 'modelTimeout', true],
  ['a proxy that gave up', 524, '', 'A timeout occurred', 'modelTimeout', true],
];

describe('MD-13, MD-17 the table of errors', () => {
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

  it.each([
    ['connect', { code: 'ECONNREFUSED', syscall: 'connect' }, true],
    ['connect', { code: 'ETIMEDOUT', syscall: 'connect' }, true],
    ['look up a name', { code: 'EAI_AGAIN', syscall: 'getaddrinfo' }, true],
    ['connect in time', { code: 'UND_ERR_CONNECT_TIMEOUT' }, true],
    ['believe a certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, true],
    ['believe a certificate', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, true],
    ['read', { code: 'ECONNRESET', syscall: 'read' }, undefined],
    ['read in time', { code: 'ETIMEDOUT', syscall: 'read' }, undefined],
    ['get headers in time', { code: 'UND_ERR_HEADERS_TIMEOUT' }, undefined],
    ['stay open', { code: 'UND_ERR_SOCKET' }, undefined],
  ])('tell whether anything has left: could not %s (%j): unsent %s', (_, about, unsent) => {
    const cause = Object.assign(new Error('none'), about);
    expect(networkFailureOf(new TypeError('fetch failed', { cause })).unsent).toBe(unsent);
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
