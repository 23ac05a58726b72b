/** The one table from what an endpoint or the network says to a failure code. */
import type { FailureCode } from '../../domain/failures.js';

export interface EndpointFailure {
  readonly kind: 'failed';
  readonly code: FailureCode;
  /** Without secrets, at most 500 characters. */
  readonly says: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly httpStatus?: number;
  /** True if surely no byte of it has left this host: it was refused here, or no connection came about. */
  readonly unsent?: boolean;
}

/** What is known of an error answer, whichever way it came (status line, JSON body with 200, frame of a stream). */
export interface EndpointSaid {
  readonly status: number | undefined;
  /** The endpoint's own code and type, and its words. */
  readonly code: string;
  readonly words: string;
  readonly retryAfterMs: number | undefined;
}

/** Room for the endpoint's sentence, none for a stack trace or a page of HTML. */
const SAYS_CHARACTERS_MAX = 500;

/** Whole phrases, never a part of a word: "generate" is no rate, and "accredited" is no credit. */
const anyOf = (...phrases: readonly RegExp[]): RegExp =>
  new RegExp(phrases.map(({ source }) => `(?:${source})`).join('|'), 'i');

const WORDS = {
  /** OpenAI, vLLM, Ollama, LiteLLM, OpenRouter, llama.cpp and the servers that gateways stand before, each in its own words. */
  contextOverflow: anyOf(
    /context[_ ]length[_ ]exceeded|exceed_context_size|ContextWindowExceeded|model_context_window_exceeded/,
    /maximum (context|model|prompt) length|context length (is|of) only \d/,
    /(exceed\w*|(larger|greater|longer) than) (the |its |this )?(available |model'?s? |max(imum)? )*context\b/,
    /context window exceeds|exceeded model token limit/,
    /(prompt|input)( is)? too long|input length exceeds|\binputs. must have less than \d+ tokens/,
    /reduce the length of (the |your )?(input )?(messages|prompt|text)/,
    /maximum number of tokens allowed|token count of \d+ exceeds the limit/,
    // LM Studio, in these words.
    /tokens when context the overflows|exceed context limit: \d/,
    // What vLLM said when the prompt alone had filled the window.
    /max_tokens must be at least 1, got -\d/,
    /\binputs. tokens \+ .max_new_tokens. must be <=/,
  ),
  /** Comes with 429, and no pause helps: the request alone is more than a minute's worth. */
  tooLargeForRate: /request too large for [^.]{0,200}tokens per min/i,
  contentFiltered: anyOf(
    /content[_ ]filter|content[_ ]policy|content management policy|ResponsibleAIPolicy|safety system/,
    /data_inspection_failed|flagged (by|as|for)|(input|prompt) was flagged|\bPROHIBITED_CONTENT\b|blocked by (a |the |your )?guardrail/,
  ),
  modelNotFound: anyOf(
    /model_not_found|model .{0,200}(not found|does not exist)|invalid model name|not a valid model|unknown model|no such model/,
  ),
  /** Gemini says so with 400. */
  credentials: anyOf(/\bAPI_KEY_INVALID\b|\bAPI key (not valid|expired|not found)/),
  /** Found, but not for such a request: OpenRouter says so with 404. */
  unfit: /no endpoints found that (support|can handle)/i,
  /** Gateways use these words for rates too, but then say when to come again. */
  quota: anyOf(/exceeded your current quota|\bbilling\b|\bcredits?\b|\bquota[_ ]exhausted\b|\bpayment\b/),
  /** These cannot be about a rate, whatever status they come with. */
  spent: anyOf(
    /insufficient_quota|insufficient (credits|balance|funds)|billing_(hard_limit_reached|not_active)/,
    // LiteLLM: of a key, a team, a user, a model behind it.
    /budget_exceeded|budget has been exceeded|\bExceededBudget\b|exceeded budget for\b|crossed budget/,
    /credit[_ ]balance[_ ](is )?too[_ ]low|key limit exceeded|requires more credits|prompt tokens limit exceeded/,
    // What is counted by the day is not back in a minute, although the answer may say so.
    /free-models-per-day|PerDay(Per|-|\b)|quota exceeded for metric: [^\n]*\blimit: 0\b/,
  ),
} as const;

/** Names the failure that an error answer stands for. */
export function failureOf(said: EndpointSaid): EndpointFailure {
  const [code, retryable] = classify({ ...said, status: said.status ?? statusOf(said.code) });
  return {
    kind: 'failed',
    code,
    says: said.words,
    retryable,
    ...(retryable && said.retryAfterMs !== undefined ? { retryAfterMs: said.retryAfterMs } : {}),
    ...(said.status === undefined ? {} : { httpStatus: said.status }),
  };
}

function classify(said: EndpointSaid): readonly [code: FailureCode, retryable: boolean] {
  const { status } = said;
  const about = `${said.code} ${said.words}`;
  if (isQuota(said, about)) return ['quotaExhausted', false];
  if (status === 429) return WORDS.tooLargeForRate.test(about) ? ['contextOverflow', false] : ['rateLimited', true];
  if (status === 401) return ['modelCredentials', false];
  if (status === 403) return [WORDS.contentFiltered.test(about) ? 'contentFiltered' : 'modelCredentials', false];
  if (status === 400 && WORDS.credentials.test(about)) return ['modelCredentials', false];
  if (status === 413) return ['contextOverflow', false];
  // Some servers answer these with 500, or inside a stream without any status; sending the same again cannot help.
  if (status !== 404 && WORDS.contextOverflow.test(about)) return ['contextOverflow', false];
  if (status !== 404 && WORDS.contentFiltered.test(about)) return ['contentFiltered', false];
  if (status === 404) return [WORDS.unfit.test(about) ? 'modelRequestInvalid' : 'modelNotFound', false];
  if (status === 400 && WORDS.modelNotFound.test(about)) return ['modelNotFound', false];
  if (/json_validate_failed/i.test(about)) return ['malformedAnswer', false]; // the model's doing, not the request's
  if (status !== undefined && TIMEOUTS.includes(status)) return ['modelTimeout', true];
  if (status === undefined || status === 409 || status === 425 || status >= 500) return ['modelServer', true];
  return ['modelRequestInvalid', false]; // 400, 422, redirects and whatever else refuses the request as it is
}

/** The last two are of proxies that gave up on the server behind them. */
const TIMEOUTS: readonly number[] = [408, 504, 522, 524];

function isQuota({ status, code, retryAfterMs }: EndpointSaid, about: string): boolean {
  if (status === 402) return true;
  if (status !== undefined && status !== 429 && status !== 403 && status !== 400) return false;
  if (WORDS.spent.test(about)) return true;
  return status === 429 && !/rate_limit/i.test(code) && retryAfterMs === undefined && WORDS.quota.test(about);
}

/** Codes of error objects that come without a status, in the middle of a stream: whole words of them. */
const CODE_STATUSES: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  invalid_argument: 400,
  failed_precondition: 400,
  badrequesterror: 400,
  authentication_error: 401,
  invalid_api_key: 401,
  unauthenticated: 401,
  permission_error: 403,
  permission_denied: 403,
  not_found_error: 404,
  model_not_found: 404,
  not_found: 404,
  timeout_error: 408,
  deadline_exceeded: 408,
  rate_limit_exceeded: 429,
  rate_limit_error: 429,
  resource_exhausted: 429,
  too_many_requests: 429,
  overloaded_error: 529,
};

const statusOf = (code: string): number | undefined =>
  code
    .toLowerCase()
    .split(/\s+/)
    .map((word) => CODE_STATUSES[word])
    .find((status) => status !== undefined);

const TIMEOUT_CODES = ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'];

/** The failure behind an error of the network; its cause chain holds the system's code. */
export function networkFailureOf(error: unknown): EndpointFailure {
  const codes = causes(error).flatMap((cause) =>
    'code' in cause && typeof cause.code === 'string' ? [cause.code] : [],
  );
  const code = codes.some((one) => TIMEOUT_CODES.includes(one)) ? 'modelTimeout' : 'modelUnreachable';
  const deepest = causes(error).at(-1);
  const says = codes.at(-1) ?? cut(deepest?.message ?? String(error));
  return { kind: 'failed', code, says, retryable: true, ...(causes(error).some(isBefore) ? { unsent: true } : {}) };
}

/** Whether it came before the first byte: no address, no connection, or no certificate that is believed. */
function isBefore(cause: Error): boolean {
  if ('syscall' in cause && typeof cause.syscall === 'string') return /^(connect|getaddrinfo)$/.test(cause.syscall);
  return 'code' in cause && typeof cause.code === 'string' && NO_CONNECTION.test(cause.code);
}

/** The first is of Node's fetch, the others of OpenSSL and of Node's own check of a certificate. */
const NO_CONNECTION = /^(UND_ERR_CONNECT_TIMEOUT|ERR_TLS_CERT_\w+|CERT_\w+|\w*SELF_SIGNED_CERT\w*|UNABLE_TO_\w+)$/;

/** Text of the endpoint as it may be kept: no known secret, nothing that looks like a key, no line breaks, cut. */
export function sayable(text: string, redact: (text: string) => string): string {
  const clean = redact(text)
    .replace(/\bBearer\s+\S+/gi, 'Bearer [redacted]')
    .replace(/\b(sk|key|pk|rk)-[\w*.-]{6,}/g, '[redacted]')
    .replace(/\s+/g, ' ');
  return cut(clean.trim());
}

const cut = (text: string): string =>
  text.length > SAYS_CHARACTERS_MAX ? `${text.slice(0, SAYS_CHARACTERS_MAX - 1)}…` : text;

/** The error and what caused it, outermost first; at most eight, since a chain may be a ring. */
function causes(error: unknown): readonly Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 8; at = innerOf(at)) chain.push(at);
  return chain;
}

const innerOf = (error: Error): unknown =>
  error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error.cause;
