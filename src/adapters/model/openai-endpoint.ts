/** One request to an OpenAI-compatible endpoint, through the official client, with real limits on time and size. */
import OpenAI, { APIConnectionError, APIError } from 'openai';
import type { ChatCompletionCreateParams, ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { Tokens } from '../../domain/record.js';
import type { ToolCall } from '../../domain/tools.js';
import type { CallRequest, ChatMessage, FinishReason } from '../../ports.js';
import {
  BrokenAnswer,
  ErrorInAnswer,
  finishReasonOf,
  gather,
  nothingGathered,
  toolCallsOf,
  withoutThinking,
  type Gathered,
} from './answer-body.js';
import { adapt, speak, type Dialect } from './dialect.js';
import {
  failureOf,
  networkFailureOf,
  retryAfterIn,
  retryAfterOf,
  sayable,
  type EndpointFailure,
} from './endpoint-errors.js';
import { estimateTokens } from './price.js';

/** Far above any answer that fits a context window; below what would hurt the process. */
const RESPONSE_BYTES_MAX = 8 * 1024 * 1024;
/** Timers of Node overflow at 2^31 ms. A day is longer than any call. */
const TIMEOUT_SECONDS_MAX = 86_400;
/** Of an error answer, enough to find its sentence. */
const ERROR_BYTES_MAX = 64 * 1024;

export interface EndpointRequest extends Pick<CallRequest, 'provider' | 'messages' | 'schema' | 'tools'> {
  /** Undefined or empty: the endpoint is asked without credentials, as local servers allow. */
  readonly apiKey: string | undefined;
  readonly dialect: Dialect;
  readonly redact: (text: string) => string;
  readonly signal: AbortSignal;
  /** Bytes of the response so far, told as they come. */
  readonly onBytes: (bytes: number) => void;
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
  const gathered = nothingGathered();
  const watch = startWatch(request, fetcher);
  try {
    const client = createClient(request, watch);
    const sent = client.chat.completions.create(bodyOf(request), { signal: watch.signal });
    await gather(await sent.asResponse(), client, gathered, watch.onContent);
    if (watch.stopped() !== null) return failed(request, watch, gathered, null); // the client ends a stopped stream silently
    return answered(request, gathered);
  } catch (error) {
    return failed(request, watch, gathered, error);
  } finally {
    watch.end();
  }
}

/** What the prompt will cost at least, before anything is known. */
export const estimatePromptTokens = ({
  messages,
  schema,
  tools,
}: Pick<CallRequest, 'messages' | 'schema' | 'tools'>): number =>
  estimateTokens(
    messages.reduce(
      (sum, { content, toolCalls = [] }) => sum + content.length + charactersOf(toolCalls),
      lengthOf(schema) + lengthOf(tools),
    ),
  );

const lengthOf = (value: unknown): number => (value === undefined ? 0 : JSON.stringify(value).length);
const charactersOf = (calls: readonly ToolCall[]): number =>
  calls.reduce((sum, { name, arguments: given }) => sum + name.length + given.length, 0);

type Stopped = 'total' | 'idle' | 'tooLarge' | 'cancelled';

interface Watch {
  readonly signal: AbortSignal;
  readonly fetch: typeof fetch;
  onContent(): void;
  bytes(): number;
  /** Whether the request was handed to the network. */
  isSent(): boolean;
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
      errorText = await readStart(response);
      const { status, headers } = response;
      return new Response(NO_BODY_STATUSES.includes(status) ? null : errorText, { status, headers });
    },
    onContent: () => {
      idle ??= setTimeout(() => stop('idle'), timeoutMs(provider.idleTimeoutSeconds));
    },
    bytes: () => bytes,
    isSent: () => sent,
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

async function readStart(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= ERROR_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).subarray(0, ERROR_BYTES_MAX).toString('utf8');
}

/** Everything that the client would take from the environment is given by hand. Temporal is the only layer that retries. */
function createClient({ provider, apiKey }: EndpointRequest, watch: Watch): OpenAI {
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
    ...(key === '' ? { defaultHeaders: { Authorization: null } } : {}),
  });
}

function bodyOf(request: EndpointRequest): ChatCompletionCreateParams {
  const { messages, fields } = speak(request.dialect, request);
  return {
    model: request.provider.model,
    messages: messages.map(wireMessage),
    ...fields,
  };
}

function wireMessage({ role, content, toolCalls, toolCallId }: ChatMessage): ChatCompletionMessageParam {
  switch (role) {
    case 'tool':
      return { role, content, tool_call_id: toolCallId ?? '' };
    case 'assistant':
      if (toolCalls === undefined) return { role, content };
      return { role, content: content === '' ? null : content, tool_calls: toolCalls.map(wireCall) };
    case 'system':
    case 'user':
      return { role, content };
    default:
      throw new TypeError(`unknown role ${JSON.stringify(role satisfies never)}`);
  }
}

/** Endpoints read the arguments of earlier calls again, and refuse the whole request over one that is no JSON. */
const wireCall = ({ id, name, arguments: given }: ToolCall) => ({
  id,
  type: 'function' as const,
  function: { name, arguments: isObjectText(given) ? given : JSON.stringify({ malformed: given }) },
});

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
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
  const said = gathered.text.length + gathered.refusal.length + charactersOf(gathered.toolCalls);
  const completion = estimateTokens(said) + reasoning;
  return { prompt: estimatePromptTokens(request), cached: 0, completion, reasoning };
}

function failed(request: EndpointRequest, watch: Watch, gathered: Gathered, error: unknown): EndpointResult {
  const failure = nameFailure(request, watch, error);
  const clean = { ...failure, says: sayable(failure.says, request.redact) };
  if (mayHaveWorked(clean, watch)) return { ...clean, usage: gathered.usage ?? estimateUsage(request, gathered) };
  const adapted = adapt(request.dialect, clean);
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
  if (error instanceof ErrorInAnswer) return failureOf({ ...saidIn(error.body), retryAfterMs: undefined });
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
  return failureOf({
    code: said.code,
    words,
    status,
    retryAfterMs: retryAfterOf(headers, Date.now()) ?? retryAfterIn(words),
  });
}

/** The body of an error, JSON or not. */
function bodyIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The error objects of compatible endpoints: `{message, code, type}`, a bare `detail` or a bare text. */
function saidIn(body: unknown): { readonly status: number | undefined; readonly code: string; readonly words: string } {
  if (typeof body === 'string') return { status: undefined, code: '', words: body };
  if (typeof body !== 'object' || body === null) return { status: undefined, code: '', words: '' };
  const { code, type, message, detail } = body as Readonly<Record<'code' | 'type' | 'message' | 'detail', unknown>>;
  const words = [message, detail].find((one) => typeof one === 'string');
  return {
    // Gateways put the status of the model's server into the code of an error that comes with 200.
    status: typeof code === 'number' && code >= 400 && code < 600 ? code : undefined,
    code: [code, type].filter((one) => typeof one === 'string').join(' '),
    words: typeof words === 'string' ? words : JSON.stringify(body),
  };
}

const timedOut = (says: string): EndpointFailure => ({ kind: 'failed', code: 'modelTimeout', says, retryable: true });

/** A request that got no clear refusal may have been worked on, and is booked: a lower bound of what it costs. */
function mayHaveWorked({ code, httpStatus }: EndpointFailure, watch: Watch): boolean {
  if (httpStatus !== undefined) return false;
  return watch.bytes() > 0 || (watch.isSent() && (code === 'modelTimeout' || code === 'cancelled'));
}
