/** A scripted answer in the form of the responses protocol. */
import { cutInPieces } from './scripted-pieces.js';
import type { ScriptedUsage } from './script.js';

export interface ScriptedResponse {
  readonly number: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly model: string;
  readonly text: string;
  readonly isRefusal: boolean;
  /** In the words of the chat protocol. */
  readonly finishReason: string;
  readonly calls: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly usage: ScriptedUsage | null;
}

type ScriptedEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

/** What goes over the wire: events, or one object. */
export const responsesPieces = (answer: ScriptedResponse, streams: boolean): readonly string[] =>
  streams ? eventsOf(answer) : [JSON.stringify(whole(answer))];

function eventsOf(answer: ScriptedResponse): readonly string[] {
  const begun = { ...head(answer), status: 'in_progress', output: [], usage: null };
  const said = answer.text === '' ? 0 : 1;
  const words = cutInPieces(answer.text).map((delta) => ({
    type: answer.isRefusal ? 'response.refusal.delta' : 'response.output_text.delta',
    output_index: 0,
    content_index: 0,
    delta,
  }));
  const events: readonly ScriptedEvent[] = [
    { type: 'response.created', response: begun },
    ...words,
    ...answer.calls.flatMap((call, index) => callEvents(call, index + said)),
    { type: `response.${stateOf(answer)}`, response: whole(answer) },
  ];
  return events.map(
    (event, index) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: index })}\n\n`,
  );
}

function callEvents(call: ScriptedResponse['calls'][number], outputIndex: number): readonly ScriptedEvent[] {
  const place = { output_index: outputIndex };
  const item = callItem(call);
  return [
    { type: 'response.output_item.added', ...place, item: { ...item, arguments: '', status: 'in_progress' } },
    ...cutInPieces(item.arguments).map((delta) => ({
      type: 'response.function_call_arguments.delta',
      ...place,
      item_id: item.id,
      delta,
    })),
    { type: 'response.output_item.done', ...place, item },
  ];
}

const callItem = ({ id, function: { name, arguments: given } }: ScriptedResponse['calls'][number]) => ({
  type: 'function_call',
  id: `fc_${id}`,
  call_id: id,
  name,
  arguments: given,
  status: 'completed',
});

const head = ({ number, at, model }: ScriptedResponse) => ({
  id: `resp_scripted_${number}`,
  object: 'response',
  created_at: Math.floor(at / 1_000),
  model,
  error: null,
});

/** The reasons for which an answer is not whole, in the words of this protocol. */
const REASONS: Readonly<Record<string, string>> = { length: 'max_output_tokens', content_filter: 'content_filter' };

const stateOf = ({ finishReason }: ScriptedResponse): 'completed' | 'incomplete' =>
  REASONS[finishReason] === undefined ? 'completed' : 'incomplete';

function whole(answer: ScriptedResponse): object {
  const { text, isRefusal, finishReason, calls, usage } = answer;
  const reason = REASONS[finishReason];
  const content = isRefusal
    ? { type: 'refusal', refusal: text }
    : { type: 'output_text', text, annotations: [], logprobs: [] };
  const message = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [content] };
  return {
    ...head(answer),
    status: stateOf(answer),
    incomplete_details: reason === undefined ? null : { reason },
    output: [...(text === '' ? [] : [message]), ...calls.map(callItem)],
    usage: usage === null ? null : usageOf(usage),
  };
}

const usageOf = ({ prompt, completion, cached = 0, reasoning = 0 }: ScriptedUsage) => ({
  input_tokens: prompt,
  input_tokens_details: { cached_tokens: cached },
  output_tokens: completion,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: prompt + completion,
});
