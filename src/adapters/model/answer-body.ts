/** Reads an answer of the chat protocol: a stream of server-sent events or one JSON object, trusting neither. */
import type OpenAI from 'openai';
import { isMap } from '../../domain/plain-object.js';
import { eachEvent, parseBody, readBody } from './event-stream.js';
import { addCall, BrokenAnswer, ErrorInAnswer, stringOf, usageOf, type Gathered } from './gathered.js';

/**
 * Gathers the whole answer into `gathered`, calling `onContent` whenever some of it arrived. Throws BrokenAnswer,
 * ErrorInAnswer, an APIError of the client, or an error of the network.
 */
export async function gatherChat(
  response: Response,
  client: OpenAI,
  gathered: Gathered,
  onContent: () => void,
): Promise<void> {
  await readBody(
    response,
    (stream) => gatherStream(stream, client, gathered, onContent),
    (text) => gatherPlain(text, gathered),
  );
}

async function gatherStream(
  response: Response,
  client: OpenAI,
  gathered: Gathered,
  onContent: () => void,
): Promise<void> {
  const isDone = await eachEvent(response, client, (chunk) => {
    if (addChunk(chunk, gathered)) onContent();
  });
  if (!gathered.begun) throw new BrokenAnswer('The stream ended without an answer.');
  // Without its end the answer may be cut anywhere, and half an answer is never used.
  if (gathered.finish === null && !isDone) throw new BrokenAnswer('The stream ended before the end of the answer.');
}

/** Whether the chunk held any part of the answer. */
function addChunk(chunk: unknown, gathered: Gathered): boolean {
  addFacts(chunk, gathered);
  const choice = firstChoice(chunk);
  if (choice === null) return false;
  gathered.finish = finishOf(choice) ?? gathered.finish;
  const delta = choice['delta'] ?? choice['message'];
  return isMap(delta) && addMessage(delta, gathered);
}

function gatherPlain(text: string, gathered: Gathered): void {
  const parsed = parseBody(text);
  const body: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
  if (isMap(body) && body['error'] !== undefined && body['error'] !== null) throw new ErrorInAnswer(body['error']);
  addFacts(body, gathered);
  const choice = firstChoice(body);
  if (choice === null) throw new BrokenAnswer('The answer has no choice in it.');
  gathered.finish = finishOf(choice);
  if (!isMap(choice['message'])) throw new BrokenAnswer('The answer has no message in it.');
  addMessage(choice['message'], gathered);
}

/** Throws if the answer ended in an error: gateways say that of the server behind them in the choice. */
function finishOf(choice: Readonly<Record<string, unknown>>): string | null {
  if (isMap(choice['error'])) throw new ErrorInAnswer(choice['error']);
  const finish = stringOf(choice['finish_reason']);
  if (finish === 'error' || finish === 'abort')
    throw new BrokenAnswer('The endpoint broke the answer off with an error.');
  return finish;
}

function addFacts(body: unknown, gathered: Gathered): void {
  if (!isMap(body)) return;
  gathered.model = stringOf(body['model']) ?? gathered.model;
  gathered.usage = usageOf(body['usage']) ?? gathered.usage;
}

function addMessage(message: Readonly<Record<string, unknown>>, gathered: Gathered): boolean {
  const text = textOf(message['content']);
  const refusal = stringOf(message['refusal']) ?? '';
  const reasoning = stringOf(message['reasoning_content']) ?? stringOf(message['reasoning']) ?? '';
  const calls = callsIn(message);
  gathered.begun = true;
  gathered.text += text;
  gathered.refusal += refusal;
  gathered.reasoningCharacters += reasoning.length;
  for (const call of calls ?? []) addPart(call, gathered);
  return text !== '' || refusal !== '' || reasoning !== '' || calls !== null;
}

/** Null if it has none. Servers of before tools have one at most, in a field of its own, and some gateways fill both. */
function callsIn(message: Readonly<Record<string, unknown>>): readonly unknown[] | null {
  const [calls, only] = [message['tool_calls'], message['function_call']];
  if (Array.isArray(calls)) return calls;
  return isMap(only) ? [{ index: 0, function: only }] : null;
}

function addPart(part: unknown, { toolCalls }: Gathered): void {
  if (!isMap(part)) return;
  const given = isMap(part['function']) ? part['function'] : {};
  const id = stringOf(part['id']);
  const signature = signatureOf(part['extra_content']);
  addCall(toolCalls, typeof part['index'] === 'number' ? part['index'] : null, {
    ...(id === null ? {} : { id }),
    name: stringOf(given['name']) ?? '',
    arguments: argumentsText(given['arguments']),
    ...(signature === null ? {} : { signature }),
  });
}

/** Where Gemini keeps it. */
function signatureOf(extra: unknown): string | null {
  const google = isMap(extra) ? extra['google'] : null;
  return isMap(google) ? stringOf(google['thought_signature']) : null;
}

/** A text of JSON, or (some local servers) the object itself. */
const argumentsText = (given: unknown): string =>
  typeof given === 'string' ? given : isMap(given) ? JSON.stringify(given) : '';

/** Content is a text, or (some gateways) a list of parts; parts of thinking are no part of the answer. */
function textOf(content: unknown): string {
  if (!Array.isArray(content)) return stringOf(content) ?? '';
  return content
    .map((part: unknown) =>
      isMap(part) && part['type'] !== 'thinking' && part['type'] !== 'reasoning' ? (stringOf(part['text']) ?? '') : '',
    )
    .join('');
}

function firstChoice(body: unknown): Readonly<Record<string, unknown>> | null {
  const choices = isMap(body) ? body['choices'] : null;
  const first: unknown = Array.isArray(choices) ? choices[0] : null;
  return isMap(first) ? first : null;
}
