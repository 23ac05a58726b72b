/** A call of a model in the words of OpenTelemetry's conventions for generative AI: names and figures, no contents. Pure. */
import type { Attributes } from '@opentelemetry/api';
import { defined } from '../../domain/plain-object.js';
import { kindOfAddress, type ProviderKind } from '../../domain/provider-kinds.js';
import type { TracedCall, TracedTool } from '../../ports.js';

/** As the conventions name them where they do; else our name. Unknown endpoints speak OpenAI's protocol, and that is what it tells. */
const PROVIDER_NAMES: Readonly<Record<ProviderKind, string>> = {
  openai: 'openai',
  anthropic: 'anthropic',
  gemini: 'gcp.gemini',
  openrouter: 'openrouter',
  litellm: 'litellm',
  ollama: 'ollama',
  vllm: 'vllm',
  other: 'openai',
};

/** The boundaries that the conventions name, in seconds and in tokens. */
export const DURATION_BUCKETS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
export const TOKEN_BUCKETS = [
  1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
];

/** Ids come from models: a long one is cut. */
const ID_CHARACTERS_MAX = 100;
const MICROS = 1_000_000;

/** What a call has in common with others of its kind: few values, so metrics may have it. */
export function callKind({ provider, end }: TracedCall): Attributes {
  const { baseUrl, model, kind = kindOfAddress(baseUrl) } = provider;
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': PROVIDER_NAMES[kind],
    'gen_ai.request.model': model,
    ...serverOf(baseUrl),
    ...(end.kind === 'answered' ? { 'gen_ai.response.model': end.model } : { 'error.type': end.code }),
  };
}

/** What it has besides, for its span. */
export function callDetails({ callId, provider, purpose, output, sent, end }: TracedCall): Attributes {
  const { tokens, costUsdMicros, unpriced, number } = sent;
  return {
    'gen_ai.output.type': output,
    'gen_ai.request.max_tokens': provider.maxOutputTokens,
    ...samplingOf(provider),
    ...(end.kind === 'answered' ? { 'gen_ai.response.finish_reasons': [end.finishReason] } : {}),
    ...(tokens === undefined
      ? {}
      : {
          'gen_ai.usage.input_tokens': tokens.prompt,
          'gen_ai.usage.output_tokens': tokens.completion,
          'gen_ai.usage.cache_read.input_tokens': tokens.cached,
          'gen_ai.usage.reasoning.output_tokens': tokens.reasoning,
        }),
    'weaver.provider': provider.name,
    'weaver.call.id': callId,
    'weaver.call.number': number,
    'weaver.call.purpose': purpose,
    // An unknown price is no price of nothing.
    ...(unpriced ? {} : { 'weaver.call.cost_usd': costUsdMicros / MICROS }),
  };
}

export const toolAttributes = ({ tool, callId, isError }: TracedTool): Attributes => ({
  'gen_ai.operation.name': 'execute_tool',
  'gen_ai.tool.name': tool,
  'gen_ai.tool.call.id': callId.slice(0, ID_CHARACTERS_MAX),
  'gen_ai.tool.type': 'function',
  ...(isError ? { 'error.type': 'toolRefused' } : {}),
});

function samplingOf({ sampling = {} }: TracedCall['provider']): Attributes {
  const { temperature, topP, seed, stop } = sampling;
  return defined({
    'gen_ai.request.temperature': temperature,
    'gen_ai.request.top_p': topP,
    'gen_ai.request.seed': seed,
    'gen_ai.request.stop_sequences': stop === undefined ? undefined : [...stop],
  });
}

const PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 };

function serverOf(baseUrl: string): Attributes {
  const { hostname, port, protocol } = new URL(baseUrl);
  return { 'server.address': hostname, 'server.port': port === '' ? (PORTS[protocol] ?? 0) : Number(port) };
}
