/** What has arrived of an answer so far, whichever protocol it comes in; nothing of it is trusted. */
import { isMap } from '../../domain/plain-object.js';
import type { Tokens } from '../../domain/record.js';
import type { ToolCall } from '../../domain/tools.js';
import type { FinishReason } from '../../ports.js';

/** Of use also when the rest never comes. */
export interface Gathered {
  text: string;
  refusal: string;
  toolCalls: GatheredCall[];
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

/** Whether the endpoint has worked for us. */
export const holdsSomething = ({ text, refusal, toolCalls, reasoningCharacters }: Gathered): boolean =>
  text !== '' || refusal !== '' || toolCalls.length > 0 || reasoningCharacters > 0;

/** A call of a tool as far as it has come. */
export interface GatheredCall {
  /** Its place in the answer, in the endpoint's words; null if it names none. */
  readonly index: number | null;
  id: string;
  name: string;
  arguments: string;
  signature: string;
}

/** The endpoint broke the protocol, in words fit for a report. */
export class BrokenAnswer extends Error {}

/** An error object where the answer should be. */
export class ErrorInAnswer extends Error {
  constructor(readonly body: unknown) {
    super('error object instead of an answer');
  }
}

/** More calls in one answer are no work of a model that means something. */
const CALLS_MAX = 200;
/** Signatures of some models hold all that was thought, enciphered. A longer one would crowd out the conversation. */
const SIGNATURE_CHARACTERS_MAX = 100_000;

/** A part belongs to the call of its index; without one, a part with a name begins a call and any other goes on with the last. */
export function addCall(calls: GatheredCall[], index: number | null, part: Partial<Omit<GatheredCall, 'index'>>): void {
  const name = part.name ?? '';
  const known = index === null ? (name === '' ? calls.at(-1) : undefined) : calls.find((call) => call.index === index);
  const call = known ?? { index, id: '', name: '', arguments: '', signature: '' };
  if (known === undefined && calls.length < CALLS_MAX) calls.push(call);
  call.id = part.id ?? call.id;
  // Some servers repeat the name with every part.
  call.name = name === '' ? call.name : name;
  call.arguments += part.arguments ?? '';
  call.signature = part.signature ?? call.signature;
}

/** The calls of the answer. Some servers leave ids out or give one twice; the answers to the calls need them apart. */
export function toolCallsOf({ toolCalls }: Gathered): readonly ToolCall[] {
  const taken = new Set<string>();
  return toolCalls.map(({ id, name, arguments: given, signature }, index) => {
    const own = id === '' || taken.has(id) ? `${id === '' ? 'call' : id}_${index + 1}` : id;
    taken.add(own);
    const signed = signature !== '' && signature.length <= SIGNATURE_CHARACTERS_MAX;
    return { id: own, name, arguments: given, ...(signed ? { signature } : {}) };
  });
}

/** The endpoint's word for the end of an answer, in ours. Gateways hand on those of the servers behind them. */
export function finishReasonOf({ finish, refusal, toolCalls }: Gathered): FinishReason {
  if (refusal !== '') return 'refusal';
  // "content_filter: RECITATION" and the like say more after the colon.
  switch (finish?.toLowerCase().replace(/:.*$/s, '')) {
    case 'tool_calls':
    case 'function_call':
    case 'tool_use':
      return toolCalls.length > 0 ? 'stop' : 'other';
    case 'stop':
    case 'end_turn':
    case 'stop_sequence':
    case 'eos':
    case 'eos_token':
      return 'stop';
    case 'content_filter':
    case 'safety':
    case 'recitation':
    case 'blocklist':
    case 'prohibited_content':
    case 'spii':
      return 'content_filter';
    case 'refusal':
      return 'refusal';
    case 'length':
    case 'max_tokens':
    case 'max_output_tokens':
    case 'model_length':
    case 'model_context_window_exceeded':
      return 'length';
    default:
      return 'other';
  }
}

/** No call has so many: whoever reports them counts something else, and would empty every budget at once. */
const TOKENS_MAX = 100_000_000;

/**
 * Tokens in the words of either protocol; null if the endpoint counted nothing, for a prompt is never of no tokens, and where
 * it counts what cannot be. What a total has beyond prompt and answer was thought: some endpoints count it there alone, and
 * all of them charge for it.
 */
export function usageOf(usage: unknown): Tokens | null {
  if (!isMap(usage)) return null;
  const prompt = countOf(usage['prompt_tokens'] ?? usage['input_tokens']);
  const said = countOf(usage['completion_tokens'] ?? usage['output_tokens']);
  if (prompt + said === 0) return null;
  const total = countOf(usage['total_tokens']);
  const hidden = Math.max(0, total - prompt - said);
  const completion = said + hidden;
  const cached = countOf(
    detailOf(usage['prompt_tokens_details'] ?? usage['input_tokens_details'], 'cached_tokens') ??
      usage['prompt_cache_hit_tokens'],
  );
  const details = usage['completion_tokens_details'] ?? usage['output_tokens_details'];
  const reasoning = Math.max(hidden, countOf(detailOf(details, 'reasoning_tokens')));
  if (Math.max(prompt, said, total, cached, reasoning) > TOKENS_MAX) return null;
  return { prompt, cached: Math.min(cached, prompt), completion, reasoning: Math.min(reasoning, completion) };
}

const detailOf = (details: unknown, name: string): unknown => (isMap(details) ? details[name] : undefined);
const countOf = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.round(value) : 0);

/** Null for what is no text. */
export const stringOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
