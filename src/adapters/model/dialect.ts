/**
 * What an endpoint understands of the chat protocol. Endpoints that call themselves compatible differ in a few fields;
 * one that rejects a field by name is asked again without it. Pure.
 */
import type { CallRequest, ChatMessage, ProviderSettings, StructureLevel } from '../../ports.js';
import type { ToolDeclaration } from '../../domain/tools.js';
import type { EndpointFailure } from './endpoint-errors.js';

export interface Dialect {
  readonly level: StructureLevel;
  readonly tokensField: 'max_tokens' | 'max_completion_tokens';
  /** `usage`: streams and reports usage at its end; `bare`: streams; `none`: plain JSON only. */
  readonly streaming: 'usage' | 'bare' | 'none';
  /** True if the endpoint does not know the field that binds calls of tools to their schemas. */
  readonly looseTools?: boolean;
}

/** Where a call to the provider starts. OpenAI's newer models know the newer field only, most others the older one. */
export const dialectOf = ({ baseUrl, level }: ProviderSettings): Dialect => ({
  level: level === 'tools' ? 'json-schema' : level,
  tokensField: /^https:\/\/api\.openai\.com\b/i.test(baseUrl) ? 'max_completion_tokens' : 'max_tokens',
  streaming: 'usage',
});

/** The dialect to try next after this refusal, or null if the refusal is not about the dialect. */
export function adapt(dialect: Dialect, refusal: EndpointFailure): Dialect | null {
  if (refusal.code !== 'modelRequestInvalid' || (refusal.httpStatus !== 400 && refusal.httpStatus !== 422)) return null;
  const says = refusal.says;
  if (/stream_options/i.test(says)) return dialect.streaming === 'usage' ? { ...dialect, streaming: 'bare' } : null;
  if (/response_format|json_schema|json_object|structured output/i.test(says)) return oneLevelDown(dialect);
  if (!UNSUPPORTED.test(says)) return null;
  if (/\bstrict\b/i.test(says)) return dialect.looseTools === true ? null : { ...dialect, looseTools: true };
  if (/max_(completion_)?tokens/i.test(says)) return otherTokensField(dialect, says);
  if (/\bstream(ing)?\b/i.test(says)) return dialect.streaming === 'none' ? null : { ...dialect, streaming: 'none' };
  return null;
}

/** The fields of the request body that depend on the dialect, and the messages with the schema in them where it must be. */
export function speak(
  dialect: Dialect,
  { provider, messages, schema, tools = [] }: Pick<CallRequest, 'provider' | 'messages' | 'schema' | 'tools'>,
): { readonly messages: readonly ChatMessage[]; readonly fields: Readonly<Record<string, unknown>> } {
  const format = schema === undefined ? 'text' : dialect.level;
  const withSchema = schema !== undefined && format === 'json-object' ? tellSchema(messages, schema) : messages;
  return {
    messages: withSchema,
    fields: {
      [dialect.tokensField]: provider.maxOutputTokens,
      stream: dialect.streaming !== 'none',
      ...(dialect.streaming === 'usage' ? { stream_options: { include_usage: true } } : {}),
      ...(schema !== undefined && format === 'json-schema'
        ? {
            response_format: {
              type: 'json_schema',
              json_schema: { name: schema.name, strict: true, schema: schema.schema },
            },
          }
        : {}),
      ...(format === 'json-object' ? { response_format: { type: 'json_object' } } : {}),
      ...(tools.length === 0 ? {} : { tools: tools.map((tool) => declared(tool, dialect)) }),
    },
  };
}

const declared = ({ name, description, parameters }: ToolDeclaration, { looseTools }: Dialect) => ({
  type: 'function',
  function: { name, description, parameters, ...(looseTools === true ? {} : { strict: true }) },
});

const UNSUPPORTED =
  /unsupported|not supported|does not support|unrecognized|unknown|unexpected|extra (input|field)|not permitted|instead|must be verified/i;

function oneLevelDown(dialect: Dialect): Dialect | null {
  if (dialect.level === 'text') return null;
  return { ...dialect, level: dialect.level === 'json-schema' ? 'json-object' : 'text' };
}

function otherTokensField(dialect: Dialect, says: string): Dialect | null {
  const other = dialect.tokensField === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
  return says.includes(dialect.tokensField) ? { ...dialect, tokensField: other } : null;
}

/** JSON mode promises JSON, not this schema, so the schema is said in words. */
function tellSchema(
  messages: readonly ChatMessage[],
  schema: NonNullable<CallRequest['schema']>,
): readonly ChatMessage[] {
  const told = `Answer with one JSON object that is valid under this JSON schema, and nothing else:\n${JSON.stringify(schema.schema)}`;
  const [first, ...rest] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: told }, ...messages];
  return [{ role: 'system', content: `${first.content}\n\n${told}` }, ...rest];
}
