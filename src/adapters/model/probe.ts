/**
 * Asks an endpoint what it can, with questions of a few words: whether it lists its models, streams, counts tokens, keeps to a
 * schema and calls tools. Every question is booked in the ledger as any call is, under the lineage `probe`.
 */
import { randomBytes } from 'node:crypto';
import { isMap } from '../../domain/plain-object.js';
import { TOOLS, type ToolDeclaration } from '../../domain/tools.js';
import type { CallRequest, EndpointProbe, ProviderSettings, StructureLevel } from '../../ports.js';
import { endOf, intentOf } from './courier.js';
import { dialectOf, lasting, type Dialect } from './dialect.js';
import type { Ledger } from './ledger.js';
import { listHeaders } from './list-headers.js';
import { askEndpoint, type EndpointResult } from './openai-endpoint.js';

/** Two questions, and one more try for each where a field is refused. */
const CALLS_MAX = 4;
/** A model that thinks needs room for that before it says its word. */
const OUTPUT_TOKENS_MAX = 2_000;
/** A list is short, and comes at once or not at all. */
const LIST_TIMEOUT_MS = 5_000;
const LIST_BYTES_MAX = 4 * 1024 * 1024;
const LINEAGE = 'probe';

export interface ProbeParts {
  readonly ledger: Ledger;
  readonly apiKey: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly redact: (text: string) => string;
  readonly signal: AbortSignal;
}

/** Resolves for whatever the endpoint does; rejects (PortFault) if the ledger cannot be written. */
export async function probeEndpoint(provider: ProviderSettings, parts: ProbeParts): Promise<EndpointProbe> {
  const asker = new Asker(
    { ...provider, maxOutputTokens: Math.min(provider.maxOutputTokens, OUTPUT_TOKENS_MAX) },
    parts,
  );
  const list = await listModels(provider, parts);
  const schema = await findSchema(asker);
  const tools = schema.kind === 'failed' ? schema : await findTools(asker);
  const { calls, tokens, costUsdMicros, unpriced, dialect } = asker;
  const spent = { calls, tokens, costUsdMicros, unpriced };
  const about = {
    at: new Date().toISOString(),
    baseUrl: provider.baseUrl,
    model: provider.model,
    api: provider.api ?? 'chat',
    listed: list?.listed ?? null,
    ...spent,
  };
  if (schema.kind === 'failed') return { ...about, kind: 'failed', code: schema.code, says: schema.says };
  if (tools.kind === 'failed') return { ...about, kind: 'failed', code: tools.code, says: tools.says };
  return {
    ...about,
    kind: 'probed',
    level: tools.works ? 'tools' : schema.level,
    dialect: { ...lasting(dialect), level: schema.level },
    countsTokens: asker.countsTokens,
    ...(list?.contextWindow === undefined ? {} : { contextWindow: list.contextWindow }),
  };
}

type Failed = Extract<EndpointResult, { kind: 'failed' }>;

/** Keeps what was learned of the dialect, and what it cost to learn. */
class Asker {
  dialect: Dialect;
  calls = 0;
  tokens = 0;
  costUsdMicros = 0;
  unpriced = false;
  countsTokens = true;

  constructor(
    private readonly provider: ProviderSettings,
    private readonly parts: ProbeParts,
  ) {
    // What an earlier probe has found is no news.
    const { dialect: _, ...unprobed } = provider;
    this.dialect = dialectOf({ ...unprobed, level: 'json-schema' });
  }

  get hasCallsLeft(): boolean {
    return this.calls < CALLS_MAX;
  }

  /** Asks again without a field that was refused, as long as there are calls. */
  async ask(question: Pick<CallRequest, 'messages' | 'schema' | 'tools'>): Promise<EndpointResult> {
    for (;;) {
      const result = await this.askOnce(question);
      if (result.kind === 'answered' || result.adapted === undefined) return result;
      this.dialect = result.adapted;
      if (!this.hasCallsLeft) return result;
    }
  }

  private async askOnce(question: Pick<CallRequest, 'messages' | 'schema' | 'tools'>): Promise<EndpointResult> {
    const { provider, dialect } = this;
    const { ledger, apiKey, headers, redact, signal } = this.parts;
    const request = { ...question, callId: randomBytes(20).toString('hex'), lineage: LINEAGE, provider };
    const intent = intentOf(request, 1);
    await ledger.append(LINEAGE, request.callId, intent);
    this.calls += 1;
    const result = await askEndpoint({
      ...request,
      apiKey,
      headers,
      dialect,
      redact,
      signal,
      onBytes: () => undefined,
    });
    const end = endOf(intent, result);
    await ledger.append(LINEAGE, request.callId, end);
    this.tokens += (result.usage?.prompt ?? 0) + (result.usage?.completion ?? 0);
    this.costUsdMicros += end.costUsdMicros;
    this.unpriced ||= end.unpriced;
    if (result.kind === 'answered' && result.usageEstimated) this.countsTokens = false;
    return result;
  }
}

/** Asked for nothing like it, a model gives this form only if something holds it to the schema. */
const SCHEMA = {
  name: 'word',
  schema: {
    type: 'object',
    properties: { word: { type: 'string' } },
    required: ['word'],
    additionalProperties: false,
  },
} as const;

type Schema = { readonly kind: 'found'; readonly level: StructureLevel } | Failed;

async function findSchema(asker: Asker): Promise<Schema> {
  for (;;) {
    const result = await asker.ask({ messages: [{ role: 'user', content: 'Say hello.' }], schema: SCHEMA });
    if (result.kind === 'failed') return result;
    const { level } = asker.dialect;
    if (keepsToSchema(result.text)) return { kind: 'found', level };
    // One call is left for the tools.
    if (level !== 'json-schema' || asker.calls >= CALLS_MAX - 1) return { kind: 'found', level: 'text' };
    asker.dialect = { ...asker.dialect, level: 'json-object' };
  }
}

function keepsToSchema(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return isMap(value) && typeof value['word'] === 'string' && Object.keys(value).length === 1;
  } catch {
    return false;
  }
}

type Tools = { readonly kind: 'found'; readonly works: boolean } | Failed;

/** The tool of weaver's that has the fewest fields to fill in. */
const TOOL: ToolDeclaration | undefined = TOOLS.find(({ name }) => name === 'list_files');

async function findTools(asker: Asker): Promise<Tools> {
  if (TOOL === undefined || !asker.hasCallsLeft) return { kind: 'found', works: false };
  const content = `Call the tool ${TOOL.name} once, for all files.`;
  const result = await asker.ask({ messages: [{ role: 'user', content }], tools: [TOOL] });
  if (result.kind === 'answered')
    return { kind: 'found', works: (result.toolCalls ?? []).some(({ name }) => name === TOOL.name) };
  // An endpoint that refuses the question does not know tools; one that cannot be reached has not said so.
  return result.retryable || result.code === 'quotaExhausted' ? result : { kind: 'found', works: false };
}

interface List {
  /** Whether the model is in it. */
  readonly listed: boolean;
  readonly contextWindow?: number;
}

/** Null where there is no list: many endpoints have none, and that is no fault. */
async function listModels(provider: ProviderSettings, { apiKey, headers, signal }: ProbeParts): Promise<List | null> {
  try {
    const response = await fetch(`${provider.baseUrl}/models`, {
      headers: { ...listHeaders(provider, apiKey), ...headers },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]),
    });
    const text = await response.text();
    if (!response.ok || text.length > LIST_BYTES_MAX) return null;
    return readList(JSON.parse(text), provider.model);
  } catch {
    return null;
  }
}

function readList(body: unknown, model: string): List | null {
  const data: unknown = isMap(body) ? body['data'] : null;
  if (!Array.isArray(data)) return null;
  const found = data.filter(isMap).find(({ id }) => id === model || id === `models/${model}`);
  if (found === undefined) return { listed: false };
  // vLLM's word for it, and OpenRouter's.
  const window = [found['max_model_len'], found['context_length']].find((one) => typeof one === 'number' && one > 0);
  return { listed: true, ...(typeof window === 'number' ? { contextWindow: window } : {}) };
}
