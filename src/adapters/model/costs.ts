/** What the ledger and the budgets of a home tell about money, for readers: nothing is written. */
import type { Costs } from '../../ports.js';
import { standingsIn } from './budget-book.js';
import { createLedger } from './ledger.js';
import { walkLedger } from './ledger-walk.js';

export function createCosts(home: string): Costs {
  // Only numbers and names are read, so there is nothing to take out.
  const ledger = createLedger(home, (text) => text);
  return {
    requests: (wanted) => walkLedger(home, ledger, wanted),
    standings: (providers, nowMs) =>
      Promise.all(
        providers
          .filter(({ budget }) => budget !== undefined)
          .map(async (provider) => ({
            provider: provider.name,
            standings: await standingsIn({ home, ledger }, provider, nowMs),
          })),
      ),
  };
}
