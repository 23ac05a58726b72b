/**
 * What an endpoint understands of the protocol. Endpoints that call themselves compatible differ in a few fields;
 * one that rejects a field by name is asked again without it. Pure.
 */
import { KINDS, kindOfAddress, type KindFacts, type OptionalField } from '../../domain/provider-kinds.js';
import type { CallRequest, ChatMessage, EndpointDialect, ProviderSettings } from '../../ports.js';
import { callsApart } from './calls-apart.js';
import type { EndpointFailure } from './endpoint-errors.js';
import { limitsIn } from './named-limits.js';
import type { Question } from './protocol.js';
import { OUTPUT_TOKENS_MIN, outputTokensOf } from './request-size.js';

export type Dialect = EndpointDialect;

/** What is known of the provider's kind; one that names none is known by its address. */
export const factsOf = ({ kind, baseUrl }: Pick<ProviderSettings, 'kind' | 'baseUrl'>): KindFacts =>
  KINDS[kind ?? kindOfAddress(baseUrl)];

/** Where a call to the provider starts: at what a probe has found, else at what is usual for its kind. */
export function dialectOf(provider: ProviderSettings): Dialect {
  if (provider.dialect !== undefined) return provider.dialect;
  const { tokensField, without } = factsOf(provider);
  return {
    level: provider.level === 'tools' ? 'json-schema' : provider.level,
    tokensField,
    streaming: 'usage',
    ...(without.length === 0 ? {} : { without }),
  };
}

/** The dialect to try next after this refusal, or null if the refusal is not about the dialect. */
export function adapt(dialect: Dialect, refusal: EndpointFailure): Dialect | null {
  if (refusal.code !== 'modelRequestInvalid' || (refusal.httpStatus !== 400 && refusal.httpStatus !== 422)) return null;
  const says = refusal.says;
  if (/stream_options/i.test(says)) return dialect.streaming === 'usage' ? { ...dialect, streaming: 'bare' } : null;
  if (/response_format|text\.format|json_schema|json_object|structured output|guided (json|decoding)/i.test(says))
    return oneLevelDown(dialect);
  if (!UNSUPPORTED.test(says)) return null;
  if (/max_(completion_)?tokens/i.test(says)) return otherTokensField(dialect, says);
  const field = FIELDS.find(([, names]) => names.test(says))?.[0];
  if (field !== undefined) return leaveOut(dialect, field);
  if (/\bstream(ing)?\b/i.test(says)) return dialect.streaming === 'none' ? null : { ...dialect, streaming: 'none' };
  return null;
}

/** The dialect with the limit that the refusal names, or null if that leaves no room or asks for no less. */
export function withNamedLimit(question: Question, { code, says }: EndpointFailure): Dialect | null {
  if (code !== 'modelRequestInvalid' && code !== 'contextOverflow') return null;
  const { answerMax, window, prompt } = limitsIn(says);
  // Where the prompt was not counted, only words about the answer say that it was the answer.
  if (answerMax === undefined && prompt === undefined && !/max_\w*tokens/i.test(says)) return null;
  const { room: _, ...known } = question.dialect;
  const dialect: Dialect = {
    ...known,
    ...(answerMax === undefined ? {} : { answerTokensMax: answerMax }),
    ...(window === undefined ? {} : { contextWindow: window }),
    ...(window === undefined || prompt === undefined ? {} : { room: window - prompt }),
  };
  const hasRoom = Math.min(answerMax ?? Infinity, dialect.room ?? Infinity) >= OUTPUT_TOKENS_MIN;
  return hasRoom && outputTokensOf({ ...question, dialect }) < outputTokensOf(question) ? dialect : null;
}

/** What holds for other questions too. */
export function lasting(dialect: Dialect): Dialect {
  const { room: _, ...others } = dialect;
  return others;
}

/** Whether a request in this dialect has the field. */
export const knows = ({ without = [] }: Dialect, field: OptionalField): boolean => !without.includes(field);

/** Whether the schema is said in words: JSON mode promises JSON and not this one, some endpoints not even that. */
const tellsSchema = (dialect: Dialect): boolean =>
  dialect.level === 'json-object' || (dialect.level === 'json-schema' && !knows(dialect, 'response_format'));

/** The messages as the endpoint takes them: each call apart, and the schema in words where nothing else tells it. */
export function messagesFor(
  dialect: Dialect,
  { provider, messages, schema }: Pick<CallRequest, 'provider' | 'messages' | 'schema'>,
): readonly ChatMessage[] {
  const apart = callsApart(messages);
  const told = schema !== undefined && tellsSchema(dialect) ? tellSchema(apart, schema) : apart;
  return factsOf(provider).systemFirst ? systemFirst(told) : told;
}

const UNSUPPORTED =
  /unsupported|not supported|does not support|unrecognized|unknown|unexpected|extra (input|field)|not permitted|instead|must be verified|cannot find field/i;

const FIELDS: readonly (readonly [field: OptionalField, names: RegExp])[] = [
  ['strict', /\bstrict\b/i],
  ['reasoning_effort', /\breasoning([_.]effort)?\b/i],
  ['temperature', /\btemperature\b/i],
  ['top_p', /\btop_p\b/i],
  ['seed', /\bseed\b/i],
  ['stop', /['"`]stop['"`]|\bstop sequences?\b/i],
  ['store', /['"`]store['"`]/i],
];

function leaveOut(dialect: Dialect, field: OptionalField): Dialect | null {
  const { without = [] } = dialect;
  return without.includes(field) ? null : { ...dialect, without: [...without, field] };
}

function oneLevelDown(dialect: Dialect): Dialect | null {
  if (dialect.level === 'text') return null;
  return { ...dialect, level: dialect.level === 'json-schema' ? 'json-object' : 'text' };
}

function otherTokensField(dialect: Dialect, says: string): Dialect | null {
  const other = dialect.tokensField === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
  return says.includes(dialect.tokensField) ? { ...dialect, tokensField: other } : null;
}

function tellSchema(
  messages: readonly ChatMessage[],
  schema: NonNullable<CallRequest['schema']>,
): readonly ChatMessage[] {
  const told = `Answer with one JSON object that is valid under this JSON schema, and nothing else:\n${JSON.stringify(schema.schema)}`;
  const [first, ...rest] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: told }, ...messages];
  return [{ role: 'system', content: `${first.content}\n\n${told}` }, ...rest];
}

/** All of them in one message at the beginning, in their order. */
function systemFirst(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const system = messages.filter(({ role }) => role === 'system');
  if (system.length === 0) return messages;
  const content = system.map((message) => message.content).join('\n\n');
  return [{ role: 'system', content }, ...messages.filter(({ role }) => role !== 'system')];
}
