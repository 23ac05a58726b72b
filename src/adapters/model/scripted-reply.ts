/** Sends a scripted answer in the form of either protocol of OpenAI: as a stream of events or as one object. */
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { estimateTokens } from '../../domain/token-estimate.js';
import type { ScriptedAnswer, ScriptedToolCall, ScriptedUsage } from './script.js';
import { cutInPieces } from './scripted-pieces.js';
import { responsesPieces, type ScriptedResponse } from './scripted-responses.js';

/** The only model there is, and it says so in every answer. */
export const SCRIPTED_MODEL = 'scripted-1';

/** What a request says of the form of its answer. */
export interface ChatQuestion {
  readonly api: 'chat' | 'responses';
  readonly messages: readonly unknown[];
  readonly streams: boolean;
  readonly wantsUsage: boolean;
}

export interface NumberedQuestion extends ChatQuestion {
  readonly number: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Resolves when the answer is over, with whether the client left before that. */
export async function reply(
  response: ServerResponse,
  answer: ScriptedAnswer,
  question: NumberedQuestion,
): Promise<boolean> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  try {
    if (answer.delayMs !== undefined) await pause(answer.delayMs, undefined, { signal: left.signal });
    if (answer.kind === 'hang') await until(left.signal);
    else await send(response, answer, question, left.signal);
    return left.signal.aborted && answer.kind !== 'cut';
  } catch (error) {
    if (left.signal.aborted) return true;
    throw error;
  }
}

/** An error in the words of the protocol. */
export function replyError(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(errorBody(message));
}

const errorBody = (message: string): string =>
  JSON.stringify({ error: { message, type: 'scripted_endpoint', param: null, code: null } });

const until = (signal: AbortSignal): Promise<void> =>
  new Promise((over) => {
    if (signal.aborted) over();
    signal.addEventListener('abort', () => over(), { once: true });
  });

type Sent = Exclude<ScriptedAnswer, { readonly kind: 'hang' }>;

async function send(
  response: ServerResponse,
  answer: Sent,
  question: NumberedQuestion,
  signal: AbortSignal,
): Promise<void> {
  if (answer.kind === 'status') return sendStatus(response, answer);
  response.writeHead(200, { 'content-type': question.streams ? 'text/event-stream' : 'application/json' });
  if (answer.kind === 'broken') {
    response.end(question.streams ? 'data: {"choices": [{"delta": \n\n' : '{"choices": [{"message": ');
    return;
  }
  const pieces = piecesOf(answer, question);
  if (answer.kind === 'cut') return cutOff(response, pieces.join(''), answer.afterBytes);
  const pauseMs = (answer.latencyMs ?? 0) / Math.max(1, pieces.length - 1);
  if (answer.latencyMs === undefined) return void response.end(pieces.join(''));
  for (const [index, piece] of pieces.entries()) {
    if (index > 0 || pieces.length === 1) await pause(pauseMs, undefined, { signal });
    response.write(piece);
  }
  response.end();
}

function piecesOf(answer: Worded, question: NumberedQuestion): readonly string[] {
  if (question.api === 'responses') return responsesPieces(answered(answer, question), question.streams);
  return question.streams ? streamed(answer, question) : [plain(answer, question)];
}

/** The same answer, without a form. */
function answered(answer: Worded, question: NumberedQuestion): ScriptedResponse {
  const { text, finishReason, calls = [] } = wordsOf(answer);
  const { usage } = answer;
  return {
    number: question.number,
    at: question.at,
    model: answer.model ?? SCRIPTED_MODEL,
    text,
    isRefusal: answer.kind === 'refusal',
    finishReason,
    calls: calls.map((call, index) => wholeCall(call, index, question)),
    usage: usage === null ? null : countedUsage(answer, question, text + textOf(calls)),
  };
}

function sendStatus(response: ServerResponse, answer: Extract<ScriptedAnswer, { kind: 'status' }>): void {
  const { status, headers, body = null } = answer;
  const text = typeof body === 'string' ? body : body === null ? errorBody(`Status ${status}.`) : JSON.stringify(body);
  const contentType = typeof body === 'string' ? 'text/plain' : 'application/json';
  response.writeHead(status, { 'content-type': contentType, ...headers });
  response.end(text);
}

/** Resolves when the bytes are out and the connection is gone. */
const cutOff = (response: ServerResponse, text: string, afterBytes: number): Promise<void> =>
  new Promise((gone) => {
    response.once('close', () => gone());
    response.flushHeaders();
    // An empty write would be the end of a chunked body.
    if (afterBytes <= 0) return void response.socket?.destroy();
    response.write(Buffer.from(text).subarray(0, afterBytes), () => response.socket?.destroy());
  });

type Worded = Exclude<Sent, { readonly kind: 'status' | 'broken' }>;

interface Words {
  readonly text: string;
  readonly finishReason: string;
  readonly calls?: readonly ScriptedToolCall[];
}

function wordsOf(answer: Worded): Words {
  switch (answer.kind) {
    case 'json':
      return { text: JSON.stringify(answer.value), finishReason: 'stop' };
    case 'text':
      return { text: answer.text, finishReason: answer.finishReason ?? 'stop' };
    case 'tools':
      return { text: answer.text ?? '', finishReason: answer.finishReason ?? 'tool_calls', calls: answer.calls };
    case 'refusal':
      return { text: answer.text, finishReason: 'stop' };
    case 'truncated':
      return { text: answer.text, finishReason: 'length' };
    case 'cut':
      return { text: '.'.repeat(Math.max(1, answer.afterBytes)), finishReason: 'stop' }; // more than is let out
    default:
      return answer satisfies never;
  }
}

function streamed(answer: Worded, question: NumberedQuestion): readonly string[] {
  const { text, finishReason, calls = [] } = wordsOf(answer);
  const field = answer.kind === 'refusal' ? 'refusal' : 'content';
  const head = { ...headOf(answer, question), object: 'chat.completion.chunk' };
  const event = (fields: object): string => `data: ${JSON.stringify({ ...head, ...fields })}\n\n`;
  const chunk = (delta: object, finish_reason: string | null): string =>
    event({ choices: [{ index: 0, delta, finish_reason }] });
  return [
    chunk({ role: 'assistant', [field]: '' }, null),
    ...cutInPieces(text).map((piece) => chunk({ [field]: piece }, null)),
    ...calls.flatMap((call, index) =>
      callParts(call, index, question).map((part) => chunk({ tool_calls: [part] }, null)),
    ),
    chunk({}, finishReason),
    ...(question.wantsUsage && answer.usage !== null
      ? [event({ choices: [], usage: usageOf(answer, question, text + textOf(calls)) })]
      : []),
    'data: [DONE]\n\n',
  ];
}

function plain(answer: Worded, question: NumberedQuestion): string {
  const { text, finishReason, calls = [] } = wordsOf(answer);
  const isRefusal = answer.kind === 'refusal';
  const message = {
    role: 'assistant',
    content: isRefusal ? null : text,
    refusal: isRefusal ? text : null,
    ...(calls.length === 0 ? {} : { tool_calls: calls.map((call, index) => wholeCall(call, index, question)) }),
  };
  return JSON.stringify({
    ...headOf(answer, question),
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: finishReason }],
    ...(answer.usage === null ? {} : { usage: usageOf(answer, question, text + textOf(calls)) }),
  });
}

/** What the calls take of an answer, for counting. */
const textOf = (calls: readonly ScriptedToolCall[]): string => (calls.length === 0 ? '' : JSON.stringify(calls));

const wholeCall = ({ name, arguments: given, id }: ScriptedToolCall, index: number, { number }: NumberedQuestion) => ({
  id: id ?? `call_${number}_${index + 1}`,
  type: 'function',
  function: { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) },
});

/** As endpoints stream a call: its name first, then its arguments in pieces. */
function callParts(call: ScriptedToolCall, index: number, question: NumberedQuestion): readonly object[] {
  const { id, type, function: whole } = wholeCall(call, index, question);
  const pieces = cutInPieces(whole.arguments).map((piece) => ({ index, function: { arguments: piece } }));
  return [{ index, id, type, function: { name: whole.name, arguments: '' } }, ...pieces];
}

const headOf = ({ model }: Worded, { number, at }: NumberedQuestion) => ({
  id: `chatcmpl-scripted-${number}`,
  created: Math.floor(at / 1_000),
  model: model ?? SCRIPTED_MODEL,
});

const countedUsage = ({ usage }: Worded, { messages }: ChatQuestion, text: string): ScriptedUsage =>
  usage ?? { prompt: estimateTokens(JSON.stringify(messages).length), completion: estimateTokens(text.length) };

function usageOf(answer: Worded, question: ChatQuestion, text: string): object {
  const { prompt, completion, cached = 0, reasoning = 0 } = countedUsage(answer, question, text);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}
