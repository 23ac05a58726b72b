/** What the ledger of a home tells about money, for readers: nothing is written but the name of the home, once. */
import { dayOf, monthOf, type Spent } from '../../domain/costs.js';
import type { Costs } from '../../ports.js';
import { readHostId } from '../home/host-id.js';
import { createLedger } from './ledger.js';
import { walkLedger } from './ledger-walk.js';

export function createCosts(home: string): Costs {
  // Only numbers and names are read, so there is nothing to take out.
  const ledger = createLedger(home, (text) => text);
  const requests: Costs['requests'] = (wanted) => walkLedger(home, ledger, wanted);
  let id: Promise<string> | null = null;
  const name = (): Promise<string> => {
    id ??= readHostId(home);
    id.catch(() => (id = null)); // a disk that was full may have room later
    return id;
  };
  return {
    requests,
    home: name,
    spent: (provider, nowMs) => spentIn(requests, provider, nowMs),
  };
}

/** A request whose end nobody knows counts with its most: it may have cost that much. What cannot be read cannot be counted; `weaver costs` names it. */
async function spentIn(requests: Costs['requests'], provider: string, nowMs: number): Promise<Spent> {
  const [day, month] = [dayOf(nowMs), monthOf(nowMs)];
  let [dayUsdMicros, monthUsdMicros] = [0, 0];
  for await (const found of requests({ sinceMs: Date.parse(`${month}-01T00:00:00Z`), wants: () => true })) {
    if ('damaged' in found || found.provider !== provider || monthOf(found.startedAt) !== month) continue;
    const { state, mostUsdMicros, costUsdMicros, startedAt } = found;
    const usdMicros = state === 'open' ? (mostUsdMicros ?? costUsdMicros) : costUsdMicros;
    monthUsdMicros += usdMicros;
    if (dayOf(startedAt) === day) dayUsdMicros += usdMicros;
  }
  return { day, dayUsdMicros, monthUsdMicros };
}
