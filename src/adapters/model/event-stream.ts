/** A stream of server-sent events, read through the official client, with the question whether it came to its end. */
import type OpenAI from 'openai';
import { Stream } from 'openai/core/streaming';
import { BrokenAnswer } from './gathered.js';

/** Reads a body by what it is: a stream of events, or a text with one object of JSON. */
export async function readBody(
  response: Response,
  asStream: (stream: Response) => Promise<void>,
  asText: (text: string) => void,
): Promise<void> {
  if (isEventStream(response)) return await asStream(response);
  const text = await response.text();
  if (looksLikeEvents(text)) return await asStream(new Response(text));
  asText(text);
}

/** Some servers stream under another content type, and some begin with a comment. */
const looksLikeEvents = (text: string): boolean => /^\s*(data|event|id|retry)?:/.test(text);

const isEventStream = ({ headers }: Response): boolean => /event-stream/i.test(headers.get('content-type') ?? '');

/** Hands each event over; resolves with whether the last one said `[DONE]`, which the client library keeps to itself. */
export async function eachEvent(
  response: Response,
  client: OpenAI,
  onEvent: (event: unknown) => void,
): Promise<boolean> {
  const [forStream, isDone] = watchEnd(response);
  try {
    const events = Stream.fromSSEResponse<unknown>(forStream, new AbortController(), client);
    for await (const event of events) onEvent(event);
  } catch (error) {
    throw error instanceof SyntaxError ? new BrokenAnswer('An event of the stream is not JSON.') : error;
  }
  return isDone();
}

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

/** One object of JSON in place of a stream. */
export function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BrokenAnswer(/^\s*</.test(text) ? 'The answer is a web page, not JSON.' : 'The answer is not JSON.');
  }
}
