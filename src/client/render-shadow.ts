/** What shadow calls say together, for a person; pure. */
import { usd } from '../domain/report.js';
import type { ShadowSummary } from '../domain/shadow.js';
import { table } from './render-list.js';
import { duration } from './render-task.js';

const HEAD = [
  'SHADOW',
  'CALLS',
  'SAME',
  'DIFFERENT',
  'FAILED',
  'SAME GATE',
  'COST',
  'OF THE REAL ONES',
  'MEDIAN',
  'P95',
  'GAP',
];

export function shadowTable(models: readonly ShadowSummary[], width: number): readonly string[] {
  if (models.length === 0) return ['No shadow calls.'];
  return table(HEAD, models.map(cellsOf), width);
}

const cellsOf = (summary: ShadowSummary): readonly string[] => {
  const { provider, model, calls, agreements, gated, sameGate, latencyMs, latencyGapMs } = summary;
  const gap = latencyGapMs.median;
  return [
    `${provider}/${model}`,
    String(calls),
    String(agreements.same),
    String(agreements.different),
    String(agreements.shadowFailed + agreements.bothFailed),
    gated === 0 ? '-' : `${sameGate} of ${gated}`,
    usd(summary),
    usd({ costUsdMicros: summary.primaryCostUsdMicros, unpriced: summary.unpriced }),
    duration(latencyMs.median),
    duration(latencyMs.p95),
    `${gap < 0 ? '-' : '+'}${duration(Math.abs(gap))}`,
  ];
};
