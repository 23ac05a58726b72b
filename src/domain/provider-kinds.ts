/**
 * What is known of the endpoints that speak the protocols of OpenAI: where they are, what holds their key, and where they
 * differ from each other. What a provider names itself goes before it. Pure facts.
 */

export const PROVIDER_KINDS = [
  'openai',
  'ollama',
  'vllm',
  'litellm',
  'openrouter',
  'anthropic',
  'gemini',
  'other',
] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** Parts of a request that are left out where an endpoint does not know them: it works without, if less exactly. */
export type OptionalField =
  'response_format' | 'strict' | 'temperature' | 'top_p' | 'seed' | 'stop' | 'reasoning_effort' | 'store';

export interface KindFacts {
  /** Null = there is no usual place. */
  readonly baseUrl: string | null;
  readonly keyVariable: string;
  /** It may answer without a key, or we do not know. */
  readonly keyless: boolean;
  readonly level: 'tools' | 'json-schema' | 'json-object' | 'text';
  /** Tokens; null = depends on the model or the server. */
  readonly contextWindow: number | null;
  readonly tokensField: 'max_tokens' | 'max_completion_tokens';
  readonly without: readonly OptionalField[];
  /** Only one system message counts, at the beginning: more of them are put together there. */
  readonly systemFirst: boolean;
  /** Calls of tools bear a signature, and a conversation in which one is missing is refused. */
  readonly signsCalls: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** How the list of models wants the key: as an answer does, or in a header of its own. */
  readonly listHeaders: { readonly key: string | null; readonly others: Readonly<Record<string, string>> };
  /** In words, for the page about models. */
  readonly peculiar: string;
}

const USUAL: Omit<KindFacts, 'peculiar'> = {
  baseUrl: null,
  keyVariable: 'OPENAI_API_KEY',
  keyless: true,
  level: 'tools',
  contextWindow: null,
  tokensField: 'max_tokens',
  without: [],
  systemFirst: false,
  signsCalls: false,
  headers: {},
  listHeaders: { key: null, others: {} },
};

export const KINDS: Readonly<Record<ProviderKind, KindFacts>> = {
  openai: {
    ...USUAL,
    baseUrl: 'https://api.openai.com/v1',
    keyless: false,
    // Its newer models know this field only.
    tokensField: 'max_completion_tokens',
    peculiar: 'Knows `api: responses` too.',
  },
  ollama: {
    ...USUAL,
    baseUrl: 'http://127.0.0.1:11434/v1',
    keyVariable: 'OLLAMA_API_KEY',
    peculiar:
      'Needs no key. Cuts prompts that are too long without a word: set `contextWindow` to what the server runs with (`OLLAMA_CONTEXT_LENGTH`), and weaver refuses them before they are sent.',
  },
  vllm: {
    ...USUAL,
    baseUrl: 'http://127.0.0.1:8000/v1',
    keyVariable: 'VLLM_API_KEY',
    peculiar:
      'Needs a key only if it was started with one. Tells its window in the list of models; the probe reads it.',
  },
  litellm: {
    ...USUAL,
    baseUrl: 'http://127.0.0.1:4000/v1',
    keyVariable: 'LITELLM_API_KEY',
    peculiar:
      'Its own budgets are `quotaExhausted`, whichever status they come with. It hands on no `Retry-After`, and ends a stream that broke off behind it as if it were whole.',
  },
  openrouter: {
    ...USUAL,
    baseUrl: 'https://openrouter.ai/api/v1',
    keyVariable: 'OPENROUTER_API_KEY',
    keyless: false,
    headers: { 'X-Title': 'weaver' },
    peculiar: 'Tells failures of the server behind it with status 200; they are read from the answer.',
  },
  anthropic: {
    ...USUAL,
    baseUrl: 'https://api.anthropic.com/v1',
    keyVariable: 'ANTHROPIC_API_KEY',
    keyless: false,
    contextWindow: 200_000,
    // It takes these without a word and does nothing with them: a schema that is not told in words is not known.
    without: ['response_format', 'strict', 'seed', 'reasoning_effort'],
    systemFirst: true,
    listHeaders: { key: 'x-api-key', others: { 'anthropic-version': '2023-06-01' } },
    peculiar: 'The schema is told in words. `seed` and `reasoningEffort` have no effect there and are not sent.',
  },
  gemini: {
    ...USUAL,
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
    keyVariable: 'GEMINI_API_KEY',
    keyless: false,
    contextWindow: 1_048_576,
    // Refuses whatever it does not know.
    without: ['strict'],
    signsCalls: true,
    peculiar: 'Calls of tools come without ids and with signatures that go back to it; thinking is counted as output.',
  },
  other: { ...USUAL, peculiar: 'Any other endpoint that speaks the chat protocol of OpenAI.' },
};

const HOSTS: Readonly<Record<string, ProviderKind>> = {
  'api.openai.com': 'openai',
  'openrouter.ai': 'openrouter',
  'api.anthropic.com': 'anthropic',
  'generativelanguage.googleapis.com': 'gemini',
};

/** The kind of a provider that names none: known addresses are known, anything else is `other`. */
export const kindOfAddress = (baseUrl: string): ProviderKind =>
  HOSTS[/^https?:\/\/([^/:]+)/i.exec(baseUrl)?.[1]?.toLowerCase() ?? ''] ?? 'other';
