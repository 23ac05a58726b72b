/** What the budgets of the providers have left: as their keepers have it for all workers, else as the ledger of this host. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../../config.js';
import { standingsOf, type Spent } from '../../domain/costs.js';
import type { LimitsStanding } from '../../domain/provider-limits.js';
import type { Costs, ProviderSettings } from '../../ports.js';
import type { ProviderStanding } from '../render-costs.js';
import type { WeaverClient } from '../weaver-client.js';
import { WeaverFault } from '../weaver-fault.js';
import type { House } from './house.js';
import { connectClient, openTemporal } from './temporal-session.js';

/** What is shown beside a ledger must not take longer than the ledger. */
const CONNECT_MS_MAX = 1_500;

/** By provider; null = its keeper has not answered, or there is none. */
export type KeepersSay = ReadonlyMap<string, LimitsStanding | null>;

export const NOBODY_ASKED: KeepersSay = new Map();

export const askKeepers = async (
  client: Pick<WeaverClient, 'providerLimits'>,
  providers: readonly ProviderSettings[],
): Promise<KeepersSay> =>
  new Map(await Promise.all(providers.map(async ({ name }) => [name, await client.providerLimits(name)] as const)));

export const standingsOfProviders = (
  said: KeepersSay,
  costs: Costs,
  { providers }: Config,
): Promise<readonly ProviderStanding[]> =>
  Promise.all(withBudget(providers).map((provider) => standingOf(said, costs, provider)));

const withBudget = (providers: readonly ProviderSettings[]): readonly ProviderSettings[] =>
  providers.filter(({ budget }) => budget !== undefined);

async function standingOf(
  said: KeepersSay,
  costs: Costs,
  { name: provider, budget = {} }: ProviderSettings,
): Promise<ProviderStanding> {
  const nowMs = Date.now();
  const money = said.get(provider)?.money ?? null;
  if (money !== null) return { provider, source: 'keeper', standings: standingsOf(budget, money, nowMs) };
  const use = useOf(await costs.spent(provider, nowMs));
  return { provider, source: 'host', standings: standingsOf(budget, use, nowMs) };
}

const useOf = ({ dayUsdMicros, monthUsdMicros }: Spent): Parameters<typeof standingsOf>[1] => ({
  day: { spentUsdMicros: dayUsdMicros, reservedUsdMicros: 0 },
  month: { spentUsdMicros: monthUsdMicros, reservedUsdMicros: 0 },
});

/** With a server if one answers soon, and only where somebody has a budget. */
export async function standingsHere(house: House, config: Config, costs: Costs): Promise<readonly ProviderStanding[]> {
  const wanted = withBudget(config.providers);
  if (wanted.length === 0) return [];
  return await standingsOfProviders(await askedSoon(house, config, wanted), costs, config);
}

async function askedSoon(house: House, config: Config, wanted: readonly ProviderSettings[]): Promise<KeepersSay> {
  const client = await Promise.race([connected(house, config), pause(CONNECT_MS_MAX, null, { ref: false })]);
  try {
    return client === null ? NOBODY_ASKED : await askKeepers(client, wanted);
  } catch (thrown) {
    if (thrown instanceof WeaverFault) return NOBODY_ASKED;
    throw thrown;
  } finally {
    await client?.close();
  }
}

/** Null where there is no server, or none that can be reached. */
async function connected(house: House, config: Config): Promise<WeaverClient | null> {
  try {
    const session = await openTemporal(house, config, 'join');
    if (session === null) return null;
    const client = await connectClient(session, config);
    await session.leave();
    return client;
  } catch (thrown) {
    if (thrown instanceof WeaverFault) return null;
    throw thrown;
  }
}
