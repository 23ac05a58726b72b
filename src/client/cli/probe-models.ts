/** `weaver doctor --probe`: what the endpoints can, asked with a few small calls each, and what that has cost. */
import type { Config } from '../../config.js';
import { catalogueEntry } from '../../domain/failures.js';
import { usd } from '../../domain/report.js';
import type { EndpointProbe, ProviderSettings } from '../../ports.js';
import type { Finding, House } from './house.js';

/** One after the other: the endpoints may be one machine. */
export async function probeModels(house: House, config: Config, wanted: string | true): Promise<readonly Finding[]> {
  const chosen = config.providers.filter(({ name }) => wanted === true || name === wanted);
  if (chosen.length === 0) return [unknown(wanted === true ? '' : wanted, config)];
  const findings: Finding[] = [];
  for (const provider of chosen) findings.push(findingOf(provider, await house.probeModel(config, provider)));
  return findings;
}

/** What is known of the endpoints whose level is left to a probe; nobody is asked. */
export async function checkProbes(house: House, config: Config): Promise<readonly Finding[]> {
  const left = config.providers.filter(({ autoLevel }) => autoLevel === true);
  return await Promise.all(left.map(async (provider) => remembered(provider, await house.probed(config, provider))));
}

function remembered(provider: ProviderSettings, probe: EndpointProbe | null): Finding {
  const name = `probe ${provider.name}`;
  if (probe?.kind === 'probed')
    return { name, verdict: 'ok', says: `${abilitiesOf(probe)}, as of ${probe.at.slice(0, 10)}`, next: null };
  const says = `level auto, and ${provider.model} was never probed: the highest level is tried`;
  return { name, verdict: 'warn', says, next: `Run weaver doctor --probe ${provider.name}.` };
}

function unknown(name: string, { providers }: Config): Finding {
  const names = providers.map((provider) => provider.name).join(', ');
  const says = name === '' ? 'no provider is configured' : `there is no provider ${JSON.stringify(name)}`;
  const next = names === '' ? 'Name one in weaver.config.yaml, or set OPENAI_API_KEY.' : `Name one of: ${names}.`;
  return { name: 'probe', verdict: 'fail', says, next };
}

function findingOf(provider: ProviderSettings, probe: EndpointProbe): Finding {
  const name = `probe ${provider.name}`;
  const cost = costOf(probe);
  if (probe.kind === 'failed')
    return { name, verdict: 'fail', says: `${probe.says} (${cost})`, next: catalogueEntry(probe.code).next };
  const says = `${abilitiesOf(probe)} (${cost})`;
  const configured = provider.autoLevel === true ? probe.level : provider.level;
  if (probe.listed === false)
    return { name, verdict: 'warn', says, next: `Its list of models does not have ${provider.model}: check the name.` };
  if (LEVELS.indexOf(configured) < LEVELS.indexOf(probe.level))
    return { name, verdict: 'warn', says, next: `Set level: ${probe.level} of the provider, or level: auto.` };
  return { name, verdict: 'ok', says, next: null };
}

/** From the highest to the lowest. */
const LEVELS: readonly string[] = ['tools', 'json-schema', 'json-object', 'text'];

function abilitiesOf({
  level,
  dialect,
  countsTokens,
  contextWindow,
}: Extract<EndpointProbe, { kind: 'probed' }>): string {
  const { without = [], streaming } = dialect;
  return [
    `level ${level}`,
    level === 'tools' ? `answers by ${dialect.level}` : 'no tools',
    streaming === 'none' ? 'does not stream' : 'streams',
    countsTokens ? 'counts tokens' : 'counts no tokens, they are estimated',
    ...(contextWindow === undefined ? [] : [`window ${contextWindow}`]),
    ...(without.length === 0 ? [] : [`without ${without.join(', ')}`]),
  ].join(', ');
}

const costOf = ({ calls, tokens, costUsdMicros, unpriced }: EndpointProbe): string =>
  `${calls} ${calls === 1 ? 'call' : 'calls'}, ${tokens} tokens, ${usd({ costUsdMicros, unpriced })}`;
