/** Sums up requests of the ledger as they come, one row for each job, task, model, provider or day. */
import {
  addCosts,
  costsOf,
  groupOf,
  NO_COSTS,
  orderRows,
  type CostGroup,
  type CostRow,
  type CostSums,
} from '../domain/costs.js';
import type { Costs } from '../ports.js';

export interface CostReport {
  readonly by: CostGroup;
  readonly rows: readonly CostRow[];
  readonly total: CostSums;
  /** Files of the ledger that could not be read; the first of them. */
  readonly damaged: { readonly files: number; readonly first: string | null };
}

/** More rows than anybody reads are summed up in one, so that memory stays bounded whatever the ledger holds. */
const ROWS_MAX = 20_000;
export const OTHERS = '(others)';

export async function sumCosts(requests: ReturnType<Costs['requests']>, by: CostGroup): Promise<CostReport> {
  const sums = new Map<string, CostSums>();
  let total = NO_COSTS;
  let damaged: CostReport['damaged'] = { files: 0, first: null };
  for await (const request of requests) {
    if ('damaged' in request) {
      damaged = { files: damaged.files + 1, first: damaged.first ?? request.damaged };
      continue;
    }
    const costs = costsOf(request);
    const group = groupOf(request, by);
    const key = sums.has(group) || sums.size < ROWS_MAX ? group : OTHERS;
    sums.set(key, addCosts(sums.get(key) ?? NO_COSTS, costs));
    total = addCosts(total, costs);
  }
  const rows = orderRows(
    [...sums].map(([key, each]) => ({ key, ...each })),
    by,
  );
  return { by, rows, total, damaged };
}
