/** What probes have found, remembered in `<home>/probes.json`: read by workers, written by `weaver doctor --probe`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap } from '../../domain/plain-object.js';
import type { EndpointProbe, ProviderSettings } from '../../ports.js';
import { orDiskFault, writeWhole } from '../artifacts/durable-file.js';
import { unlessGone } from '../git/error-code.js';

export type Probed = Extract<EndpointProbe, { readonly kind: 'probed' }>;

/** Other forms than this are read as nothing: a probe is quickly done again. */
const VERSION = 1;
/** More endpoints than anybody has. The oldest go first. */
const PROBES_MAX = 200;

const fileIn = (home: string): string => join(home, 'probes.json');

/** By what names an endpoint: another address, model or protocol is another one. */
export async function readProbes(home: string): Promise<ReadonlyMap<string, Probed>> {
  const text = await orDiskFault('The probes cannot be read', () => readFile(fileIn(home), 'utf8').catch(unlessGone));
  return new Map(parse(text ?? '').map((probe) => [keyOf(probe), probe]));
}

/** Replaces what was known of the endpoint. The last of two that write at once counts: what is lost is a cache. */
export async function keepProbe(home: string, probe: Probed): Promise<void> {
  const known = await readProbes(home);
  const others = [...known.values()].filter((one) => keyOf(one) !== keyOf(probe));
  const probes = [...others.slice(Math.max(0, others.length - PROBES_MAX + 1)), probe];
  const text = `${JSON.stringify({ version: VERSION, probes }, null, 2)}\n`;
  await orDiskFault('The probe could not be kept', () => writeWhole(fileIn(home), text, { durable: false }));
}

/** The provider as its probe has found it, where it leaves the level to the probe; a window of its own goes before the probe's. */
export function withProbe(provider: ProviderSettings, probes: ReadonlyMap<string, Probed>): ProviderSettings {
  if (provider.autoLevel !== true) return provider;
  const probe = probeOf(provider, probes);
  if (probe === null) return provider;
  const contextWindow = provider.contextWindow ?? probe.contextWindow;
  return {
    ...provider,
    level: probe.level,
    dialect: probe.dialect,
    ...(contextWindow === undefined ? {} : { contextWindow }),
  };
}

/** What is remembered of this endpoint. */
export const probeOf = (provider: ProviderSettings, probes: ReadonlyMap<string, Probed>): Probed | null =>
  probes.get(keyOf(provider)) ?? null;

const keyOf = ({ baseUrl, model, api = 'chat' }: Pick<ProviderSettings, 'baseUrl' | 'model' | 'api'>): string =>
  [baseUrl, model, api].join('\n');

function parse(text: string): readonly Probed[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  if (!isMap(value) || value['version'] !== VERSION || !Array.isArray(value['probes'])) return [];
  return (value['probes'] as readonly unknown[]).filter(isProbe);
}

const LEVELS: readonly unknown[] = ['tools', 'json-schema', 'json-object', 'text'];
const STREAMING: readonly unknown[] = ['usage', 'bare', 'none'];

/** A person may have edited the file; what would break a request is passed over. */
function isProbe(value: unknown): value is Probed {
  if (!isMap(value) || !isMap(value['dialect'])) return false;
  const { level, tokensField, streaming, without = [] } = value['dialect'];
  return (
    value['kind'] === 'probed' &&
    ['at', 'baseUrl', 'model', 'api'].every((name) => typeof value[name] === 'string') &&
    LEVELS.includes(value['level']) &&
    LEVELS.slice(1).includes(level) &&
    (tokensField === 'max_tokens' || tokensField === 'max_completion_tokens') &&
    STREAMING.includes(streaming) &&
    Array.isArray(without)
  );
}
