/** Which models can be asked: the providers of the file, and the one that the usual variables make. */
import { defined } from '../domain/plain-object.js';
import { KINDS, kindOfAddress, type OptionalField } from '../domain/provider-kinds.js';
import type { ModelChoice } from '../domain/task.js';
import type { ProviderSettings, Sampling } from '../ports.js';
import { nearest } from '../schemas/faults.js';
import { baseUrl, providerMap, type ConfigFile, type FileProvider } from './config-shape.js';

export interface Providers {
  readonly providers: readonly ProviderSettings[];
  readonly defaultModels: readonly ModelChoice[];
  readonly scripted: boolean;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/** The provider that OPENAI_BASE_URL, OPENAI_API_KEY and WEAVER_MODEL are about. */
const OPENAI = 'openai';
const OPENAI_URL = 'https://api.openai.com/v1';

/** Cheap, fast enough to wait for, keeps to a JSON schema; asked only where nobody names a model, and then it is said. */
const OPENAI_MODEL = 'gpt-5-mini';

interface Variables {
  readonly url: string | undefined;
  readonly key: string | undefined;
  readonly model: string | undefined;
}

/** The file's providers, overridden and added to by the variables. `file` names the file in faults. */
export function resolveProviders(
  content: ConfigFile,
  env: Readonly<Record<string, string | undefined>>,
  file: string,
): Providers {
  const variables = { url: env['OPENAI_BASE_URL'], key: env['OPENAI_API_KEY'], model: env['WEAVER_MODEL'] };
  const faults: string[] = [];
  const warnings: string[] = [];
  const named = Object.entries(content.providers).filter(([name]) => name !== OPENAI);
  const providers = named.flatMap(([name, provider]) => complete(name, provider, file, faults));
  const openai = openaiProvider(content, variables, file, faults, warnings);
  if (openai !== null) providers.push(openai);
  const names = [...named.map(([name]) => name), ...(openai === null ? [] : [OPENAI])];
  if (names.length === 0) {
    if (variables.model !== undefined)
      warnings.push(
        'WEAVER_MODEL is not used: there is no provider to ask (OPENAI_API_KEY, OPENAI_BASE_URL or weaver.config.yaml).',
      );
    faults.push(...unknownNames(content, names, file));
    return { providers, defaultModels: [], scripted: faults.length === 0, faults, warnings };
  }
  faults.push(...unknownNames(content, names, file));
  for (const { name, baseUrl: url, keyVariable } of providers)
    if (isOpenHttp(url) && env[keyVariable] !== undefined)
      warnings.push(`Provider ${name} is asked over http: its key travels unencrypted.`);
  warnings.push(...providers.flatMap(uncountedBudget));
  warnings.push(...providers.flatMap((provider) => kindWarnings(provider, env)));
  return {
    providers,
    defaultModels: defaultModels(content, names, openai !== null, variables),
    scripted: false,
    faults,
    warnings,
  };
}

/** A budget counts what is known to cost something. */
const uncountedBudget = ({ name, model, price, budget }: ProviderSettings): readonly string[] =>
  budget === undefined || price !== undefined
    ? []
    : [`Provider ${name} has a budget, and no price for ${model}: calls of it are not counted.`];

/** What would have no effect, or harm in silence. */
function kindWarnings(
  { name, baseUrl: url, kind = kindOfAddress(url), contextWindow, sampling = {}, headersEnv = {} }: ProviderSettings,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const { without } = KINDS[kind];
  const idle = SETTINGS.filter(([setting, field]) => sampling[setting] !== undefined && without.includes(field));
  const unset = Object.entries(headersEnv).filter(([, variable]) => env[variable] === undefined);
  return [
    ...idle.map(([setting]) => `Provider ${name}: ${setting} has no effect at ${kind} endpoints and is not sent.`),
    ...unset.map(
      ([header, variable]) => `Provider ${name}: ${variable} is not set, and calls need it for the header ${header}.`,
    ),
    ...(kind === 'ollama' && contextWindow === undefined
      ? [`Provider ${name}: Ollama cuts long prompts without a word; name its contextWindow (OLLAMA_CONTEXT_LENGTH).`]
      : []),
  ];
}

const SETTINGS: readonly (readonly [setting: keyof Sampling, field: OptionalField])[] = [
  ['temperature', 'temperature'],
  ['topP', 'top_p'],
  ['seed', 'seed'],
  ['reasoningEffort', 'reasoning_effort'],
  ['stop', 'stop'],
];

/** A provider of the file must say where it is and what to ask; some kinds are always in the same place. */
function complete(name: string, provider: FileProvider, file: string, faults: string[]): readonly ProviderSettings[] {
  const { model, kind = 'other' } = provider;
  const url = provider.baseUrl ?? KINDS[kind].baseUrl;
  if (url === null) faults.push(`${file}: providers.${name}.baseUrl is missing`);
  if (model === undefined) faults.push(`${file}: providers.${name}.model is missing`);
  faults.push(...unknownToApi(provider).map((field) => `${file}: providers.${name}.${field}`));
  return url === null || model === undefined ? [] : [settings(name, provider, url, model)];
}

/** Fields that have no place in the protocol that was chosen. */
const unknownToApi = ({ api, seed, stop }: Pick<FileProvider, 'api' | 'seed' | 'stop'>): readonly string[] =>
  api !== 'responses'
    ? []
    : [...(seed === undefined ? [] : ['seed']), ...(stop === undefined ? [] : ['stop'])].map(
        (field) => `${field} is unknown to the responses protocol`,
      );

function settings(name: string, provider: FileProvider, url: string, model: string): ProviderSettings {
  const { price, models, budget, kind, api, level, keyVariable, contextWindow, headersEnv, ...others } = provider;
  const { temperature, topP, seed, reasoningEffort, stop, ...unsampled } = others;
  const { requestsPerMinute, tokensPerMinute, windowSeconds, shared, breaker, ...rest } = unsampled;
  const modelPrices = Object.fromEntries(
    Object.entries(models).flatMap(([one, about]) => (about.price === undefined ? [] : [[one, about.price]])),
  );
  const own = Object.hasOwn(modelPrices, model) ? modelPrices[model] : price;
  const facts = KINDS[kind ?? 'other'];
  const sampling = defined({ temperature, topP, seed, reasoningEffort, stop });
  return {
    ...rest,
    name,
    baseUrl: url,
    model,
    keyVariable: keyVariable ?? facts.keyVariable,
    level: level === undefined || level === 'auto' ? facts.level : level,
    ...(level === 'auto' ? { autoLevel: true } : {}),
    ...defined({ kind, api, headersEnv, contextWindow: contextWindow ?? facts.contextWindow ?? undefined }),
    ...defined({ requestsPerMinute, tokensPerMinute, windowSeconds, shared, breaker }),
    ...(Object.keys(sampling).length === 0 ? {} : { sampling }),
    ...(own === undefined ? {} : { price: own }),
    ...(Object.keys(modelPrices).length === 0 ? {} : { modelPrices }),
    ...(budget === undefined ? {} : { budget }),
  };
}

/**
 * Made by the variables, or by the file and changed by them. A key alone makes no provider beside those of the file: it is
 * theirs (OPENAI_API_KEY is the default keyVariable), and must not go to another address.
 */
function openaiProvider(
  { providers }: ConfigFile,
  { url, key, model }: Variables,
  file: string,
  faults: string[],
  warnings: string[],
): ProviderSettings | null {
  const written = providers[OPENAI];
  const alone = Object.keys(providers).length === 0;
  if (written === undefined && url === undefined && (key === undefined || !alone)) return null;
  const { price, models, headersEnv, ...from } = written ?? providerMap.parse({});
  const address = url === undefined ? undefined : baseUrl.safeParse(url);
  if (address?.success === false)
    faults.push(...address.error.issues.map(({ message }) => `OPENAI_BASE_URL ${message}`));
  faults.push(...unknownToApi(from).map((field) => `providers.${OPENAI}.${field}`));
  const asked = model ?? from.model ?? OPENAI_MODEL;
  if (model === undefined && from.model === undefined)
    warnings.push(`No model is named (WEAVER_MODEL): ${OPENAI_MODEL} is asked.`);
  const ownUrl = from.baseUrl ?? KINDS[from.kind ?? OPENAI].baseUrl ?? OPENAI_URL;
  // A price is that of one model at one address.
  const isSamePlace = url === undefined || address?.data === ownUrl;
  const made = settings(
    OPENAI,
    {
      ...from,
      price: isSamePlace && asked === from.model ? price : undefined,
      models: isSamePlace ? models : {},
      headersEnv: isSamePlace ? headersEnv : undefined,
    },
    address?.data ?? ownUrl,
    asked,
  );
  const unused = made.price === undefined && price !== undefined ? [from.model ?? 'a model that it does not name'] : [];
  const others = Object.entries(models).flatMap(([name, about]) => (about.price === undefined ? [] : [name]));
  const priced = isSamePlace ? unused : [...unused, ...others];
  if (priced.length > 0)
    warnings.push(
      `${file}: the price of ${OPENAI} is for ${priced.join(', ')} at ${ownUrl}. It is not used for ${asked} at ${made.baseUrl}: calls there have no cost, and limits.costUsd does not end them.`,
    );
  return made;
}

function defaultModels(
  { models, defaultProvider }: ConfigFile,
  names: readonly string[],
  hasOpenai: boolean,
  { url, key, model }: Variables,
): readonly ModelChoice[] {
  if (models.length > 0) return models;
  const usual = hasOpenai && (url !== undefined || key !== undefined) ? OPENAI : names[0];
  const provider = defaultProvider ?? usual ?? OPENAI;
  // Without the provider that it is made for, WEAVER_MODEL is about the one that is asked.
  return [{ provider, ...(model !== undefined && !hasOpenai ? { model } : {}) }];
}

function unknownNames(
  { models, defaultProvider, shadow }: ConfigFile,
  names: readonly string[],
  file: string,
): readonly string[] {
  const both =
    models.length > 0 && defaultProvider !== undefined
      ? [`${file}: defaultProvider stands beside models: name one of them`]
      : [];
  const asked = [
    ...(defaultProvider === undefined ? [] : [{ place: 'defaultProvider', name: defaultProvider }]),
    ...models.map(({ provider }, index) => ({ place: `models[${index}].provider`, name: provider })),
    ...(shadow === undefined ? [] : [{ place: 'shadow.model.provider', name: shadow.model.provider }]),
  ];
  return [
    ...both,
    ...asked
      .filter(({ name }) => !names.includes(name))
      .map(({ place, name }) => `${file}: ${place} ${sayUnknown(name, names)}`),
  ];
}

function sayUnknown(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  if (near !== null) return `is none of the providers: did you mean ${near}?`;
  if (name === OPENAI) return 'is openai, which is not configured: set OPENAI_API_KEY, or add it under providers';
  return names.length === 0 ? 'names a provider, and none is configured' : `must be one of ${names.join(', ')}`;
}

function isOpenHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]|host\.docker\.internal)$/.test(hostname);
}
