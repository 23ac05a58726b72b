/** What the budgets of the providers have left: as their keepers have it for all workers, else as the ledger of this host. */
import type { Config } from '../../config.js';
import { standingsOf, type Spent } from '../../domain/costs.js';
import type { Costs, ProviderSettings } from '../../ports.js';
import type { ProviderStanding } from '../render-costs.js';
import type { WeaverClient } from '../weaver-client.js';
import { WeaverFault } from '../weaver-fault.js';
import type { House } from './house.js';
import { connectClient, openTemporal } from './temporal-session.js';

/** What is shown beside a ledger must not take longer than the ledger. */
const CONNECT_MS_MAX = 1_500;

/** @param client null = nobody can be asked */
export async function standingsOfProviders(
  client: Pick<WeaverClient, 'providerLimits'> | null,
  costs: Costs,
  { providers }: Config,
): Promise<readonly ProviderStanding[]> {
  const withBudget = providers.filter(({ budget }) => budget !== undefined);
  return await Promise.all(withBudget.map((provider) => standingOf(client, costs, provider)));
}

async function standingOf(
  client: Pick<WeaverClient, 'providerLimits'> | null,
  costs: Costs,
  { name: provider, budget = {} }: ProviderSettings,
): Promise<ProviderStanding> {
  const nowMs = Date.now();
  const money = (await client?.providerLimits(provider))?.money ?? null;
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
  if (config.providers.every(({ budget }) => budget === undefined)) return [];
  const client = await soon(connected(house, config));
  try {
    return await standingsOfProviders(client, costs, config);
  } catch (thrown) {
    if (!(thrown instanceof WeaverFault)) throw thrown;
    return await standingsOfProviders(null, costs, config);
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

function soon<T>(promise: Promise<T | null>): Promise<T | null> {
  return new Promise((settle, fail) => {
    const timer = setTimeout(() => settle(null), CONNECT_MS_MAX);
    promise.then(settle, fail).finally(() => clearTimeout(timer));
  });
}
