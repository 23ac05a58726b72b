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
/** An endpoint that asks for more than an hour is asked again after an hour: it may be back. */
const RETRY_AFTER_MS_MAX = 3_600_000;

const WORDS = {
  /** OpenAI, vLLM, Ollama, LiteLLM, llama.cpp and the gateways in front of others, each in its own words. */
  contextOverflow:
    /context_length_exceeded|maximum context length|maximum model length|exceeds? the (available |model'?s? )?(maximum )?context|exceed_context_size|context ?window|prompt is too long|input is too long|input length exceeds|reduce the length of the (messages|prompt)|maximum number of tokens allowed/i,
  contentFiltered:
    /content[_ ]filter|content[_ ]policy|content management policy|ResponsibleAIPolicy|safety system|data_inspection_failed|flagged (by|as|for)|(input|prompt) was flagged/i,
  modelNotFound:
    /model_not_found|model .{0,200}(not found|does not exist)|invalid model name|not a valid model|unknown model|no such model/i,
  /** Gateways use these words for rates too, but then say when to come again. */
  quota: /exceeded your current quota|billing|credit|quota[_ ]exhausted|payment/i,
  /** These cannot be about a rate, whatever status they come with. */
  spent:
    /insufficient_quota|insufficient (credits|balance|funds)|billing_(hard_limit_reached|not_active)|budget_exceeded|budget has been exceeded|credit balance is too low|key limit exceeded/i,
} as const;

/** Names the failure that an error answer stands for. */
export function failureOf(said: EndpointSaid): EndpointFailure {
  const [code, retryable] = classify(said);
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
  if (status === 429) return ['rateLimited', true];
  if (status === 401) return ['modelCredentials', false];
  if (status === 403) return [WORDS.contentFiltered.test(about) ? 'contentFiltered' : 'modelCredentials', false];
  if (status === 413) return ['contextOverflow', false];
  // Some servers answer these with 500, or inside a stream without any status; sending the same again cannot help.
  if (status !== 404 && WORDS.contextOverflow.test(about)) return ['contextOverflow', false];
  if (status !== 404 && WORDS.contentFiltered.test(about)) return ['contentFiltered', false];
  if (status === 404 || (status === 400 && WORDS.modelNotFound.test(about))) return ['modelNotFound', false];
  if (/json_validate_failed/i.test(about)) return ['malformedAnswer', false]; // the model's doing, not the request's
  if (status === 408) return ['modelTimeout', true];
  if (status === undefined || status === 409 || status === 425 || status >= 500) return ['modelServer', true];
  return ['modelRequestInvalid', false]; // 400, 422, redirects and whatever else refuses the request as it is
}

function isQuota({ status, code, retryAfterMs }: EndpointSaid, about: string): boolean {
  if (status === 402) return true;
  if (status !== undefined && status !== 429 && status !== 403 && status !== 400) return false;
  if (WORDS.spent.test(about)) return true;
  return status === 429 && !/rate_limit/i.test(code) && retryAfterMs === undefined && WORDS.quota.test(about);
}

const TIMEOUT_CODES = ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'];

/** The failure behind an error of the network; its cause chain holds the system's code. */
export function networkFailureOf(error: unknown): EndpointFailure {
  const codes = causes(error).flatMap((cause) =>
    'code' in cause && typeof cause.code === 'string' ? [cause.code] : [],
  );
  const code = codes.some((one) => TIMEOUT_CODES.includes(one)) ? 'modelTimeout' : 'modelUnreachable';
  const deepest = causes(error).at(-1);
  return { kind: 'failed', code, says: codes.at(-1) ?? cut(deepest?.message ?? String(error)), retryable: true };
}

/** The pause the endpoint asks for: `retry-after-ms`, or `retry-after` in seconds or as a date. */
export function retryAfterOf(headers: Headers | undefined, nowMs: number): number | undefined {
  const ms = numberIn(headers?.get('retry-after-ms'));
  if (ms !== undefined) return boundPause(ms);
  const text = headers?.get('retry-after');
  const seconds = numberIn(text);
  if (seconds !== undefined) return boundPause(seconds * 1_000);
  // Begins with a weekday; of a bare number Date.parse would make a year.
  const date = /^\s*[A-Za-z]{3,9},?\s/.test(text ?? '') ? Date.parse(text ?? '') : Number.NaN;
  return Number.isNaN(date) ? undefined : boundPause(date - nowMs);
}

/** The same where only the sentence says it: "try again in 1m2.5s", "retry in 340ms". */
export function retryAfterIn(words: string): number | undefined {
  const found = /\b(?:try again|retry) in (?:(\d{1,4})m(?!s))?(?:(\d{1,6}(?:\.\d+)?)(ms|s)\b)?/i.exec(words);
  const [, minutes, amount, unit] = found ?? [];
  if (minutes === undefined && amount === undefined) return undefined;
  const rest = Number(amount ?? 0) * (unit?.toLowerCase() === 'ms' ? 1 : 1_000);
  return boundPause(Number(minutes ?? 0) * 60_000 + rest);
}

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

const boundPause = (ms: number): number => Math.min(Math.max(0, Math.round(ms)), RETRY_AFTER_MS_MAX);

const numberIn = (text: string | null | undefined): number | undefined =>
  text !== null && text !== undefined && /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;

/** The error and what caused it, outermost first; at most eight, since a chain may be a ring. */
function causes(error: unknown): readonly Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 8; at = innerOf(at)) chain.push(at);
  return chain;
}

const innerOf = (error: Error): unknown =>
  error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error.cause;
