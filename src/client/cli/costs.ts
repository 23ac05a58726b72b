/** `weaver costs`: what calls have cost, from the ledger of this home; a server is asked for what budgets have left, if one is there. */
import { leftOf, type CostGroup } from '../../domain/costs.js';
import { lineagesOf } from '../../domain/housekeeping.js';
import { lineageOf, tasksPrefixOf } from '../../domain/lineage.js';
import { costsAsCsv } from '../cost-csv.js';
import { sumCosts } from '../cost-rows.js';
import { budgetLines, costTable } from '../render-costs.js';
import { idsOf } from '../task-id.js';
import { usageFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import { standingsHere } from './provider-budgets.js';

export interface CostFlags {
  readonly job?: string;
  readonly task?: string;
  /** `2026-11-01`. */
  readonly since?: string;
  readonly by?: CostGroup;
  readonly csv?: boolean;
}

export async function costs(context: Context, flags: CostFlags): Promise<number> {
  const { house, terminal, json, config } = context;
  if (json && flags.csv === true)
    throw usageFault('--json and --csv are two forms of one answer.', 'Give one of them.');
  const wanted = { sinceMs: sinceOf(flags), wants: filterOf(flags) };
  const ledger = await house.costs(config);
  const report = await sumCosts(ledger.requests(wanted), groupFor(flags));
  if (flags.csv === true) {
    terminal.raw(costsAsCsv(report));
    return 0;
  }
  const budgets = await standingsHere(house, config, ledger);
  if (json) {
    const left = budgets.map(({ provider, source, standings }) => ({
      provider,
      source,
      standings: standings.map((each) => ({ ...each, leftUsdMicros: leftOf(each) })),
    }));
    terminal.json({ since: flags.since ?? null, ...report, budgets: left });
    return 0;
  }
  for (const line of costTable(report, terminal.columns)) terminal.out(line);
  const lines = budgetLines(budgets);
  for (const line of lines.length === 0 ? [] : ['', 'Budgets:', ...lines]) terminal.out(line);
  return 0;
}

/** One level below what was asked for. */
const groupFor = ({ by, job, task }: CostFlags): CostGroup =>
  by ?? (task !== undefined ? 'model' : job !== undefined ? 'task' : 'job');

function sinceOf({ since }: CostFlags): number {
  if (since === undefined) return 0;
  const at = /^\d{4}-\d{2}-\d{2}$/.test(since) ? Date.parse(`${since}T00:00:00Z`) : Number.NaN;
  // The calendar has no 31 November: such a day would be read as another.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== since)
    throw usageFault(`“${since.slice(0, 40)}” is no day.`, 'Write it as 2026-11-01; it begins at 00:00 UTC.');
  return at;
}

/** Calls are kept by lineage: what a retry or a rerun has paid is with the task that it goes on from. */
export function filterOf({ job, task }: CostFlags): (lineage: string) => boolean {
  if (job !== undefined && task !== undefined)
    throw usageFault('--job and --task name different things.', 'Give one of them.');
  if (task !== undefined) {
    const lineages = new Set(lineagesOf(idsOf(task).taskId));
    return (lineage) => lineages.has(lineage);
  }
  if (job === undefined) return () => true;
  // Comparisons and probes have no tasks: their row is their lineage.
  const [own, isComparison] = [lineageOf(job), job.startsWith('compare/')];
  const prefixes = isComparison ? [] : lineagesOf(idsOf(job).jobId).map(tasksPrefixOf);
  return (lineage) => lineage === own || lineage === job || prefixes.some((prefix) => lineage.startsWith(prefix));
}
