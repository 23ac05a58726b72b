/** Reads an answer of the responses protocol: a stream of events or one object, trusting neither. */
import type OpenAI from 'openai';
import { isMap } from '../../domain/plain-object.js';
import { eachEvent, parseBody, readBody } from './event-stream.js';
import { addCall, BrokenAnswer, ErrorInAnswer, stringOf, usageOf, type Gathered } from './gathered.js';

type Fields = Readonly<Record<string, unknown>>;

/** As `gatherChat`. */
export async function gatherResponses(
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

function gatherPlain(text: string, gathered: Gathered): void {
  const parsed = parseBody(text);
  const body: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
  if (!isMap(body)) throw new BrokenAnswer('The answer has no output in it.');
  takeWhole(body, gathered);
  if (gathered.finish === null) throw new BrokenAnswer('The answer does not say that it is whole.');
}

async function gatherStream(
  response: Response,
  client: OpenAI,
  gathered: Gathered,
  onContent: () => void,
): Promise<void> {
  await eachEvent(response, client, (event) => {
    if (isMap(event) && takeEvent(event, gathered)) onContent();
  });
  if (!gathered.begun) throw new BrokenAnswer('The stream ended without an answer.');
  if (gathered.finish === null) throw new BrokenAnswer('The stream ended before the end of the answer.');
}

/** Whether the event held any part of the answer. */
function takeEvent(event: Fields, gathered: Gathered): boolean {
  const delta = stringOf(event['delta']) ?? '';
  switch (event['type']) {
    case 'response.output_text.delta':
      gathered.text += delta;
      break;
    case 'response.refusal.delta':
      gathered.refusal += delta;
      break;
    case 'response.reasoning_text.delta':
    case 'response.reasoning_summary_text.delta':
      gathered.reasoningCharacters += delta.length;
      break;
    case 'response.output_item.added':
      if (!isMap(event['item']) || event['item']['type'] !== 'function_call') return false;
      addCall(gathered.toolCalls, indexOf(event), callFields(event['item']));
      break;
    case 'response.function_call_arguments.delta':
      addCall(gathered.toolCalls, indexOf(event), { arguments: delta });
      break;
    case 'response.completed':
    case 'response.incomplete':
    case 'response.failed':
      if (isMap(event['response'])) takeWhole(event['response'], gathered);
      return false;
    case 'error':
      throw new ErrorInAnswer(event);
    default:
      return false;
  }
  gathered.begun = true;
  return true;
}

const indexOf = ({ output_index: index }: Fields): number | null => (typeof index === 'number' ? index : null);

const callFields = (item: Fields) => ({
  id: stringOf(item['call_id']) ?? '',
  name: stringOf(item['name']) ?? '',
  arguments: stringOf(item['arguments']) ?? '',
});

/** The answer as one object. Of a stream it comes last, and is what counts; some servers leave its output out there. */
function takeWhole(whole: Fields, gathered: Gathered): void {
  if (isMap(whole['error'])) throw new ErrorInAnswer(whole['error']);
  gathered.model = stringOf(whole['model']) ?? gathered.model;
  gathered.usage = usageOf(whole['usage']) ?? gathered.usage;
  gathered.finish = finishOf(whole) ?? gathered.finish;
  gathered.begun = true;
  const output: unknown = whole['output'];
  if (!Array.isArray(output) || output.length === 0) return;
  gathered.text = '';
  gathered.refusal = '';
  gathered.toolCalls = [];
  for (const [index, item] of (output as readonly unknown[]).entries())
    if (isMap(item)) takeItem(item, index, gathered);
}

function takeItem(item: Fields, index: number, gathered: Gathered): void {
  if (item['type'] === 'function_call') return addCall(gathered.toolCalls, index, callFields(item));
  if (item['type'] !== 'message' || !Array.isArray(item['content'])) return;
  for (const part of item['content'] as readonly unknown[]) {
    if (!isMap(part)) continue;
    if (part['type'] === 'output_text') gathered.text += stringOf(part['text']) ?? '';
    if (part['type'] === 'refusal') gathered.refusal += stringOf(part['refusal']) ?? '';
  }
}

/** The state of a response in the words of the chat protocol. */
function finishOf(whole: Fields): string | null {
  switch (whole['status']) {
    case 'completed':
      return 'stop';
    case 'incomplete':
      return (
        (isMap(whole['incomplete_details']) ? stringOf(whole['incomplete_details']['reason']) : null) ?? 'incomplete'
      );
    case 'failed':
    case 'cancelled':
      throw new BrokenAnswer(`The endpoint broke the answer off: ${String(whole['status'])}.`);
    default:
      return null;
  }
}
