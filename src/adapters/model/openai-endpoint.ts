/** One request to an endpoint of one of OpenAI's protocols, through the official client, with real limits on time and size. */
import OpenAI, { APIConnectionError, APIError } from 'openai';
import type { Tokens } from '../../domain/record.js';
import { estimateTokens } from '../../domain/token-estimate.js';
import type { ToolCall } from '../../domain/tools.js';
import type { FinishReason } from '../../ports.js';
import { CHAT } from './chat-protocol.js';
import { adapt, factsOf, withNamedLimit, type Dialect } from './dialect.js';
import { failureOf, networkFailureOf, sayable, type EndpointFailure } from './endpoint-errors.js';
import {
  BrokenAnswer,
  ErrorInAnswer,
  finishReasonOf,
  holdsSomething,
  nothingGathered,
  toolCallsOf,
  type Gathered,
} from './gathered.js';
import type { Question } from './protocol.js';
import { charactersOfCalls, estimatePromptTokens, exceedsWindow } from './request-size.js';
import { RESPONSES } from './responses-protocol.js';
import { limitEndOf, retryAfterIn, retryAfterOf } from './retry-after.js';
import { saidIn } from './said.js';
import { withoutThinking } from './thinking.js';

/** Far above any answer that fits a context window; below what would hurt the process. */
const RESPONSE_BYTES_MAX = 8 * 1024 * 1024;
/** Timers of Node overflow at 2^31 ms. A day is longer than any call. */
const TIMEOUT_SECONDS_MAX = 86_400;
/** Of an error answer, enough to find its sentence. */
const ERROR_BYTES_MAX = 64 * 1024;
/** The sentence comes with the status or soon after; the headers say enough without it. */
const ERROR_BODY_TIMEOUT_MS = 5_000;

export interface EndpointRequest extends Question {
  /** Undefined or empty: the endpoint is asked without credentials, as local servers allow. */
  readonly apiKey: string | undefined;
  /** Beside those that every request has. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly redact: (text: string) => string;
  readonly signal: AbortSignal;
  /** Bytes of the response so far, told as they come. */
  readonly onBytes: (bytes: number) => void;
  /** What has been said so far, told whenever there is more of it. The same object each time. */
  readonly onGrowth?: (gathered: Readonly<Gathered>) => void;
}

export interface EndpointAnswer {
  readonly kind: 'answered';
  readonly text: string;
  /** Absent if there are none. */
  readonly toolCalls?: readonly ToolCall[];
  readonly finishReason: FinishReason;
  readonly model: string;
  readonly usage: Tokens;
  readonly usageEstimated: boolean;
}

/** `usage` is estimated, and there if the endpoint may have worked for us; `adapted` if asking in another dialect can help. */
export type EndpointResult =
  EndpointAnswer | (EndpointFailure & { readonly usage?: Tokens; readonly adapted?: Dialect });

/** Resolves for whatever happens out there. */
export async function askEndpoint(request: EndpointRequest, fetcher: typeof fetch = fetch): Promise<EndpointResult> {
  const refused = refusedHere(request);
  if (refused !== null) return refused;
  const protocol = request.provider.api === 'responses' ? RESPONSES : CHAT;
  const gathered = nothingGathered();
  const watch = startWatch(request, fetcher);
  try {
    const client = createClient(request, watch);
    const response = await protocol.send(client, request, watch.signal);
    const onContent = (): void => {
      watch.onContent();
      request.onGrowth?.(gathered);
    };
    await protocol.gather(response, client, gathered, onContent);
    if (watch.stopped() !== null) return failed(request, watch, gathered, null); // the client ends a stopped stream silently
    return answered(request, gathered);
  } catch (error) {
    return failed(request, watch, gathered, error);
  } finally {
    watch.end();
  }
}

/** What cannot succeed is not sent: a refusal costs time out there, and a prompt that is cut silently costs more. */
function refusedHere(request: EndpointRequest): EndpointFailure | null {
  const { provider, apiKey = '', headers = {} } = request;
  const isSigned = Object.keys(headers).some((name) => /^(authorization|x-api-key|api-key)$/i.test(name));
  if (apiKey.trim() === '' && !isSigned && !factsOf(provider).keyless)
    return refusal('modelCredentials', `${provider.keyVariable} is not set.`);
  if (exceedsWindow(request))
    return refusal('contextOverflow', `The prompt cannot fit into ${provider.contextWindow} tokens; it was not sent.`);
  return null;
}

const refusal = (code: EndpointFailure['code'], says: string): EndpointFailure => ({
  kind: 'failed',
  code,
  says,
  retryable: false,
  unsent: true,
});

type Stopped = 'total' | 'idle' | 'tooLarge' | 'cancelled';

interface Watch {
  readonly signal: AbortSignal;
  readonly fetch: typeof fetch;
  onContent(): void;
  bytes(): number;
  /** Whether the request was handed to the network. */
  isSent(): boolean;
  /** Whether the endpoint refused it by its status. */
  isRefused(): boolean;
  /** Body of an error answer as it came; the client library keeps only one of the forms it may have. */
  errorText(): string;
  stopped(): Stopped | null;
  end(): void;
}

/**
 * Stops the request when its time is over, when it falls silent in the middle of the answer, when it grows too large or
 * when the caller wants no more. Silence counts from the first content on: a model that thinks first may be quiet for long.
 */
function startWatch({ provider, signal, onBytes }: EndpointRequest, fetcher: typeof fetch): Watch {
  const controller = new AbortController();
  let stopped: Stopped | null = null;
  let bytes = 0;
  let sent = false;
  let refused = false;
  let errorText = '';
  let idle: NodeJS.Timeout | null = null;
  const stop = (why: Stopped): void => {
    stopped ??= why;
    controller.abort();
  };
  const onAbort = (): void => stop('cancelled');
  const total = setTimeout(() => stop('total'), timeoutMs(provider.callTimeoutSeconds));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const onChunk = (length: number): void => {
    bytes += length;
    idle?.refresh();
    onBytes(bytes);
    if (bytes > RESPONSE_BYTES_MAX) stop('tooLarge');
  };
  return {
    signal: controller.signal,
    fetch: async (url, init) => {
      sent = true;
      // Redirects are not followed: the key is for this address alone.
      const response = counted(await fetcher(url, { ...init, redirect: 'manual' }), onChunk);
      if (response.ok) return response;
      refused = true;
      errorText = await readStart(response);
      const { status, headers } = response;
      return new Response(NO_BODY_STATUSES.includes(status) ? null : errorText, { status, headers });
    },
    onContent: () => {
      idle ??= setTimeout(() => stop('idle'), timeoutMs(provider.idleTimeoutSeconds));
    },
    bytes: () => bytes,
    isSent: () => sent,
    isRefused: () => refused,
    errorText: () => errorText,
    stopped: () => stopped,
    end: () => {
      clearTimeout(total);
      if (idle !== null) clearTimeout(idle);
      signal.removeEventListener('abort', onAbort);
      controller.abort(); // frees the connection of an answer that was not read to its end
    },
  };
}

/** Fractions of a second are fine, fractions of a millisecond are none to the client library. */
const timeoutMs = (seconds: number): number => Math.ceil(Math.min(seconds, TIMEOUT_SECONDS_MAX) * 1_000);

/** Counts every body, those of errors too. */
function counted(response: Response, onChunk: (length: number) => void): Response {
  if (response.body === null) return response;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      onChunk(chunk.length);
      controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(counter), { status, statusText, headers });
}

/** Statuses whose responses may not be built with a body. */
const NO_BODY_STATUSES: readonly number[] = [204, 205, 304];

/** What there is of it in time. */
async function readStart({ body }: Response): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((tell) => (timer = setTimeout(() => tell(null), ERROR_BODY_TIMEOUT_MS)));
  try {
    for (let size = 0; size < ERROR_BYTES_MAX;) {
      const read = await Promise.race([reader.read(), late]);
      if (read === null || read.done) break;
      chunks.push(read.value);
      size += read.value.length;
    }
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => undefined); // nobody reads the rest
  }
  return Buffer.concat(chunks).subarray(0, ERROR_BYTES_MAX).toString('utf8');
}

/** Everything that the client would take from the environment is given by hand. Temporal is the only layer that retries. */
function createClient({ provider, apiKey, headers }: EndpointRequest, watch: Watch): OpenAI {
  const key = apiKey?.trim() ?? '';
  return new OpenAI({
    baseURL: provider.baseUrl,
    apiKey: key === '' ? 'none' : key,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: timeoutMs(provider.callTimeoutSeconds) + 1_000, // ours comes first and knows why
    logLevel: 'off',
    fetch: watch.fetch,
    defaultHeaders: { ...factsOf(provider).headers, ...(key === '' ? { Authorization: null } : {}), ...headers },
  });
}

function answered(request: EndpointRequest, gathered: Gathered): EndpointAnswer {
  const finishReason = finishReasonOf(gathered);
  const toolCalls = toolCallsOf(gathered);
  return {
    kind: 'answered',
    text: finishReason === 'refusal' ? gathered.refusal : withoutThinking(gathered.text),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    finishReason,
    model: gathered.model ?? request.provider.model,
    usage: gathered.usage ?? estimateUsage(request, gathered),
    usageEstimated: gathered.usage === null,
  };
}

function estimateUsage(request: EndpointRequest, gathered: Gathered): Tokens {
  const reasoning = estimateTokens(gathered.reasoningCharacters);
  const said = gathered.text.length + gathered.refusal.length + charactersOfCalls(gathered.toolCalls);
  const completion = estimateTokens(said) + reasoning;
  return { prompt: estimatePromptTokens(request), cached: 0, completion, reasoning };
}

function failed(request: EndpointRequest, watch: Watch, gathered: Gathered, error: unknown): EndpointResult {
  const failure = nameFailure(request, watch, error);
  const clean = { ...failure, says: sayable(failure.says, request.redact) };
  if (mayHaveWorked(clean, watch, gathered, error))
    return { ...clean, usage: gathered.usage ?? estimateUsage(request, gathered) };
  // First the limits: their words are about a field too.
  const adapted = withNamedLimit(request, clean) ?? adapt(request.dialect, clean);
  return adapted === null ? clean : { ...clean, adapted };
}

function nameFailure({ provider }: EndpointRequest, watch: Watch, error: unknown): EndpointFailure {
  switch (watch.stopped()) {
    case 'total':
      return timedOut(`No whole answer within ${provider.callTimeoutSeconds} s.`);
    case 'idle':
      return timedOut(`The answer stopped for ${provider.idleTimeoutSeconds} s in its middle.`);
    case 'tooLarge':
      return {
        kind: 'failed',
        code: 'malformedAnswer',
        says: `The answer is larger than ${RESPONSE_BYTES_MAX} bytes.`,
        retryable: false,
      };
    case 'cancelled':
      return { kind: 'failed', code: 'cancelled', says: 'Cancelled while it was under way.', retryable: false };
    default:
      return nameError(error, watch.errorText());
  }
}

function nameError(error: unknown, errorText: string): EndpointFailure {
  if (error instanceof BrokenAnswer)
    return { kind: 'failed', code: 'modelServer', says: error.message, retryable: true };
  if (error instanceof ErrorInAnswer) return nameSaid(error.body);
  if (error instanceof APIError && !(error instanceof APIConnectionError)) return nameApiError(error, errorText);
  return networkFailureOf(error);
}

function nameApiError(error: APIError, errorText: string): EndpointFailure {
  const said = saidIn(error.error ?? bodyIn(errorText));
  const headers = error.headers instanceof Headers ? error.headers : undefined;
  const status = error.status ?? said.status;
  if (status !== undefined && status >= 300 && status < 400) {
    const says = `The endpoint answers ${status}: it has moved, and redirects are not followed with the key.`;
    return { kind: 'failed', code: 'modelRequestInvalid', says, retryable: false, httpStatus: status };
  }
  const words = said.words === '' ? error.message : said.words;
  const asked = retryAfterOf(headers, Date.now()) ?? said.retryAfterMs ?? retryAfterIn(words);
  // Every answer has the headers about limits; they mean something where a limit was the reason.
  const retryAfterMs = asked ?? (status === 429 ? limitEndOf(headers, Date.now()) : undefined);
  return failureOf({ code: said.code, words, status, retryAfterMs });
}

function nameSaid(body: unknown): EndpointFailure {
  const said = saidIn(body);
  return failureOf({ ...said, retryAfterMs: said.retryAfterMs ?? retryAfterIn(said.words) });
}

/** The body of an error, JSON or not. */
function bodyIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const timedOut = (says: string): EndpointFailure => ({ kind: 'failed', code: 'modelTimeout', says, retryable: true });

/** A request that got no clear refusal may have been worked on, and is booked: a lower bound of what it costs. */
function mayHaveWorked(
  { code, unsent = false }: EndpointFailure,
  watch: Watch,
  gathered: Gathered,
  error: unknown,
): boolean {
  if (unsent || watch.isRefused()) return false;
  if (holdsSomething(gathered)) return true;
  // An error object is a refusal too, whatever status it comes with.
  if (watch.stopped() === null && isErrorObject(error)) return false;
  return watch.bytes() > 0 || (watch.isSent() && (code === 'modelTimeout' || code === 'cancelled'));
}

const isErrorObject = (error: unknown): boolean =>
  error instanceof ErrorInAnswer || (error instanceof APIError && !(error instanceof APIConnectionError));
