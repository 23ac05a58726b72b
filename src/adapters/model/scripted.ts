/**
 * An endpoint of the chat and the responses protocol of OpenAI that answers from a script: real HTTP, no model. It is what weaver asks when
 * nobody has named an endpoint, and what the tests play every kind of trouble with. It says what it is: `scripted-1`.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { isMap } from '../../domain/plain-object.js';
import { createScript, type Choice, type ScriptRule } from './script.js';
import { reply, replyError, SCRIPTED_MODEL, type ChatQuestion } from './scripted-reply.js';

export type { ScriptedAnswer, ScriptedToolCall, ScriptRule } from './script.js';

export interface ScriptedOptions {
  readonly script: readonly ScriptRule[];
  /** Any free one if absent. */
  readonly port?: number;
  /** If there is one, requests without it get a 401. */
  readonly apiKey?: string;
  /** Whether requests are remembered for `requests()`; true if absent. */
  readonly keepRequests?: boolean;
  /** What the list of models says; the one model if absent. */
  readonly models?: readonly unknown[];
}

/** One request for an answer. */
export interface ScriptedRequest {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
  /** Null if no rule matched. */
  readonly ruleIndex: number | null;
  /** The client left before the end of the answer. */
  readonly aborted: boolean;
}

export interface ScriptedEndpoint {
  /** `http://127.0.0.1:PORT/v1` */
  readonly baseUrl: string;
  /** Requests so far, also those that `requests()` has no room for. */
  readonly count: number;
  /** The requests in the order of arrival: the first 20,000 of them or 128 MB. */
  requests(): readonly ScriptedRequest[];
  /** Starts over with other rules; requests under way end as they began. */
  setScript(rules: readonly ScriptRule[]): void;
  /** Ends every connection. */
  stop(): Promise<void>;
}

/** What an endpoint may remember in days of work. */
const KEPT = { requests: 20_000, bytes: 128 * 1024 * 1024 } as const;
/** As much as the largest context window takes, several times over. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** Resolves when the endpoint listens, on the loopback address only. */
export async function startScriptedEndpoint(options: ScriptedOptions): Promise<ScriptedEndpoint> {
  const state = { script: createScript(options.script), count: 0 };
  const memory = createMemory(options.keepRequests ?? true);
  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => {
      if (response.destroyed) return; // the client has gone, and its request with it
      replyError(response, 500, `The scripted endpoint failed: ${String(error)}`);
    });
  });

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const at = Date.now();
    const body = await readBody(request);
    const route = `${request.method ?? ''} ${(request.url ?? '').replace(/\?.*$/, '')}`;
    if (!isAllowed(request, options.apiKey)) return replyError(response, 401, 'This is not the key of the endpoint.');
    if (/^GET .*\/models$/.test(route)) return replyModels(response, options.models ?? [MODEL]);
    const api = /^POST .*\/(chat\/completions|responses)$/.exec(route)?.[1];
    if (api === undefined) return replyError(response, 404, `There is no ${route}.`);
    state.count += 1;
    const question = parseQuestion(body, api === 'responses' ? 'responses' : 'chat');
    const choice =
      question === null ? null : state.script.choose(JSON.stringify(question.messages), JSON.stringify(question.body));
    const entry = {
      at,
      body: question?.body ?? body?.toString('utf8'),
      headers: request.headers,
      ...unanswered(choice),
    };
    memory.keep(entry, body?.length ?? 0);
    if (body === null) return replyError(response, 413, `More than ${BODY_BYTES_MAX} bytes.`);
    if (question === null) return replyError(response, 400, 'The request is no JSON object with a list of messages.');
    if (choice === null) return replyError(response, 400, 'No rule of the script matches this request.');
    entry.aborted = await reply(response, choice.answer, { ...question, number: state.count, at });
  };

  const port = await new Promise<number>((listening, fail) => {
    server.once('error', fail).listen(options.port ?? 0, '127.0.0.1', () => {
      const address = server.address();
      listening(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });

  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    get count() {
      return state.count;
    },
    requests: memory.kept,
    setScript(rules) {
      state.script = createScript(rules);
    },
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}

const unanswered = (choice: Choice | null) => ({ ruleIndex: choice?.ruleIndex ?? null, aborted: false });

interface Memory {
  keep(request: ScriptedRequest, bytes: number): void;
  kept(): readonly ScriptedRequest[];
}

function createMemory(wanted: boolean): Memory {
  const requests: ScriptedRequest[] = [];
  let total = 0;
  return {
    keep(request, bytes) {
      if (!wanted || requests.length >= KEPT.requests || total + bytes > KEPT.bytes) return;
      total += bytes;
      requests.push(request);
    },
    kept: () => requests,
  };
}

const isAllowed = ({ headers }: IncomingMessage, apiKey: string | undefined): boolean =>
  apiKey === undefined || headers.authorization === `Bearer ${apiKey}`;

/** Null if it is too large; read to its end all the same, so that the client hears of it. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return size > BODY_BYTES_MAX ? null : Buffer.concat(chunks);
}

function parseQuestion(
  bytes: Buffer | null,
  api: ChatQuestion['api'],
): (ChatQuestion & { readonly body: unknown }) | null {
  let body: unknown;
  try {
    body = JSON.parse(bytes?.toString('utf8') ?? '');
  } catch {
    return null;
  }
  if (!isMap(body)) return null;
  const messages = body[api === 'chat' ? 'messages' : 'input'];
  if (!Array.isArray(messages)) return null;
  const options = body['stream_options'];
  return {
    api,
    body,
    messages: messages as readonly unknown[],
    streams: body['stream'] === true,
    wantsUsage: isMap(options) && options['include_usage'] === true,
  };
}

const MODEL = { id: SCRIPTED_MODEL, object: 'model', created: 0, owned_by: 'weaver' };

function replyModels(response: ServerResponse, data: readonly unknown[]): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ object: 'list', data }));
}
