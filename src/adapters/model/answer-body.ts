/** Reads what an endpoint sends as its answer: a stream of server-sent events or one JSON object, trusting neither. */
import type OpenAI from 'openai';
import { Stream } from 'openai/core/streaming';
import type { Tokens } from '../../domain/record.js';
import type { ToolCall } from '../../domain/tools.js';
import type { FinishReason } from '../../ports.js';

/** What has arrived so far; of use also when the rest never comes. */
export interface Gathered {
  text: string;
  refusal: string;
  readonly toolCalls: GatheredCall[];
  /** Hidden reasoning is not kept, but it is paid. */
  reasoningCharacters: number;
  finish: string | null;
  model: string | null;
  usage: Tokens | null;
  /** An answer had begun: some message or part of one was there. */
  begun: boolean;
}

export const nothingGathered = (): Gathered => ({
  text: '',
  refusal: '',
  toolCalls: [],
  reasoningCharacters: 0,
  finish: null,
  model: null,
  usage: null,
  begun: false,
});

/** A call of a tool as far as it has come. */
interface GatheredCall {
  /** Its place in the answer, in the endpoint's words; null if it names none. */
  readonly index: number | null;
  id: string;
  name: string;
  arguments: string;
}

/** The endpoint broke the protocol, in words fit for a report. */
export class BrokenAnswer extends Error {}

/** An error object where the answer should be. */
export class ErrorInAnswer extends Error {
  constructor(readonly body: unknown) {
    super('error object instead of an answer');
  }
}

/**
 * Gathers the whole answer into `gathered`, calling `onContent` whenever some of it arrived. Throws BrokenAnswer,
 * ErrorInAnswer, an APIError of the client, or an error of the network.
 */
export async function gather(
  response: Response,
  client: OpenAI,
  gathered: Gathered,
  onContent: () => void,
): Promise<void> {
  if (/event-stream/i.test(response.headers.get('content-type') ?? ''))
    return gatherStream(response, client, gathered, onContent);
  const text = await response.text();
  // Some servers stream under another content type.
  if (/^\s*(data|event|id|retry)?:/.test(text)) return gatherStream(new Response(text), client, gathered, onContent);
  gatherPlain(text, gathered);
}

/** The answer's text as it is handed on: without the reasoning that some servers leave in front of it. */
export const withoutThinking = (text: string): string => text.replace(/^\s*<think>[\s\S]*?(<\/think>\s*|$)/, '');

/** The calls of the answer. Local servers leave ids out or give one twice; the answers to the calls need them apart. */
export function toolCallsOf({ toolCalls }: Gathered): readonly ToolCall[] {
  const taken = new Set<string>();
  return toolCalls.map(({ id, name, arguments: given }, index) => {
    const own = id === '' || taken.has(id) ? `${id === '' ? 'call' : id}_${index + 1}` : id;
    taken.add(own);
    return { id: own, name, arguments: given };
  });
}

/** The endpoint's word for the end of an answer, in ours. */
export function finishReasonOf({ finish, refusal, toolCalls }: Gathered): FinishReason {
  if (refusal !== '') return 'refusal';
  switch (finish) {
    case 'tool_calls':
    case 'function_call':
      return toolCalls.length > 0 ? 'stop' : 'other';
    case 'stop':
    case 'content_filter':
      return finish;
    case 'length':
    case 'max_tokens':
      return 'length';
    default:
      return 'other';
  }
}

async function gatherStream(
  response: Response,
  client: OpenAI,
  gathered: Gathered,
  onContent: () => void,
): Promise<void> {
  const [forStream, forEnd] = watchEnd(response);
  try {
    for await (const chunk of Stream.fromSSEResponse<unknown>(forStream, new AbortController(), client)) {
      if (addChunk(chunk, gathered)) onContent();
    }
  } catch (error) {
    throw error instanceof SyntaxError ? new BrokenAnswer('An event of the stream is not JSON.') : error;
  }
  if (!gathered.begun) throw new BrokenAnswer('The stream ended without an answer.');
  // Without its end the answer may be cut anywhere, and half an answer is never used.
  if (gathered.finish === null && !forEnd()) throw new BrokenAnswer('The stream ended before the end of the answer.');
}

/** Whether the last event was `[DONE]`, which the client library keeps to itself. */
function watchEnd(response: Response): readonly [Response, () => boolean] {
  let tail = '';
  if (response.body === null) return [response, () => false];
  const watched = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(bytes, controller) {
        tail = (tail + Buffer.from(bytes.subarray(-32)).toString('latin1')).slice(-32);
        controller.enqueue(bytes);
      },
    }),
  );
  return [new Response(watched, { headers: response.headers }), () => /\[DONE\]\s*$/.test(tail)];
}

/** Whether the chunk held any part of the answer. */
function addChunk(chunk: unknown, gathered: Gathered): boolean {
  addFacts(chunk, gathered);
  const choice = firstChoice(chunk);
  if (choice === null) return false;
  gathered.finish = stringOf(choice['finish_reason']) ?? gathered.finish;
  const delta = choice['delta'] ?? choice['message'];
  return isRecord(delta) && addMessage(delta, gathered);
}

function gatherPlain(text: string, gathered: Gathered): void {
  const body = parse(text);
  if (isRecord(body) && isRecord(body['error'])) throw new ErrorInAnswer(body['error']);
  addFacts(body, gathered);
  const choice = firstChoice(body);
  if (choice === null) throw new BrokenAnswer('The answer has no choice in it.');
  if (!isRecord(choice['message'])) throw new BrokenAnswer('The answer has no message in it.');
  gathered.finish = stringOf(choice['finish_reason']);
  addMessage(choice['message'], gathered);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BrokenAnswer(/^\s*</.test(text) ? 'The answer is a web page, not JSON.' : 'The answer is not JSON.');
  }
}

function addFacts(body: unknown, gathered: Gathered): void {
  if (!isRecord(body)) return;
  gathered.model = stringOf(body['model']) ?? gathered.model;
  gathered.usage = usageOf(body['usage']) ?? gathered.usage;
}

function addMessage(message: Readonly<Record<string, unknown>>, gathered: Gathered): boolean {
  const text = textOf(message['content']);
  const refusal = stringOf(message['refusal']) ?? '';
  const reasoning = stringOf(message['reasoning_content']) ?? stringOf(message['reasoning']) ?? '';
  const calls = message['tool_calls'];
  gathered.begun = true;
  gathered.text += text;
  gathered.refusal += refusal;
  gathered.reasoningCharacters += reasoning.length;
  if (Array.isArray(calls)) for (const call of calls as readonly unknown[]) addCall(call, gathered.toolCalls);
  return text !== '' || refusal !== '' || reasoning !== '' || Array.isArray(calls);
}

/** More calls in one answer are no work of a model that means something. */
const CALLS_MAX = 200;

/** A part belongs to the call of its index; without one, a part with a name begins a call and any other goes on with the last. */
function addCall(part: unknown, calls: GatheredCall[]): void {
  if (!isRecord(part)) return;
  const given = isRecord(part['function']) ? part['function'] : {};
  const index = typeof part['index'] === 'number' ? part['index'] : null;
  const name = stringOf(given['name']) ?? '';
  const known = index === null ? (name === '' ? calls.at(-1) : undefined) : calls.find((call) => call.index === index);
  const call = known ?? { index, id: '', name: '', arguments: '' };
  if (known === undefined && calls.length < CALLS_MAX) calls.push(call);
  call.id = stringOf(part['id']) ?? call.id;
  // Some servers repeat the name with every part.
  call.name = name === '' ? call.name : name;
  call.arguments += argumentsText(given['arguments']);
}

/** A text of JSON, or (some local servers) the object itself. */
const argumentsText = (given: unknown): string =>
  typeof given === 'string' ? given : isRecord(given) ? JSON.stringify(given) : '';

/** Content is a text, or (some gateways) a list of parts. */
function textOf(content: unknown): string {
  if (!Array.isArray(content)) return stringOf(content) ?? '';
  return content.map((part: unknown) => (isRecord(part) ? (stringOf(part['text']) ?? '') : '')).join('');
}

function firstChoice(body: unknown): Readonly<Record<string, unknown>> | null {
  const choices = isRecord(body) ? body['choices'] : null;
  const first: unknown = Array.isArray(choices) ? choices[0] : null;
  return isRecord(first) ? first : null;
}

/** Null if the endpoint counted nothing: a prompt is never of no tokens. */
function usageOf(usage: unknown): Tokens | null {
  if (!isRecord(usage)) return null;
  const prompt = countOf(usage['prompt_tokens']);
  const completion = countOf(usage['completion_tokens']);
  if (prompt + completion === 0) return null;
  const cached = countOf(detailOf(usage['prompt_tokens_details'], 'cached_tokens'));
  const reasoning = countOf(detailOf(usage['completion_tokens_details'], 'reasoning_tokens'));
  return { prompt, cached: Math.min(cached, prompt), completion, reasoning: Math.min(reasoning, completion) };
}

const detailOf = (details: unknown, name: string): unknown => (isRecord(details) ? details[name] : 0);
const countOf = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0;
const stringOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
