/** Costs and budgets for a person; pure. */
import { dollarText, leftOf, minuteText, type CostRow, type Standing } from '../domain/costs.js';
import { usd } from '../domain/report.js';
import type { CostReport } from './cost-rows.js';
import { table } from './render-list.js';

export function costTable({ by, rows, total, damaged }: CostReport, width: number): readonly string[] {
  if (rows.length === 0) return ['No calls.', ...damagedLines(damaged)];
  const all = rows.length === 1 ? [] : [{ key: '(all)', ...total }];
  return [
    ...table([...NUMBERS, by.toUpperCase()], aligned([...rows, ...all].map(cellsOf)), width),
    ...(total.unpriced === 0
      ? []
      : [
          `≥: ${total.unpriced} ${total.unpriced === 1 ? 'call has' : 'calls have'} no price and ${total.unpriced === 1 ? 'is' : 'are'} not in the sum.`,
        ]),
    ...damagedLines(damaged),
  ];
}

const NUMBERS = ['CALLS', 'FAILED', 'IN DOUBT', 'PROMPT', 'CACHED', 'COMPLETION', 'REASONING', 'COST'];

const cellsOf = ({ key, calls, failed, inDoubt, unpriced, tokens, costUsdMicros }: CostRow): readonly string[] => [
  ...[calls, failed, inDoubt, tokens.prompt, tokens.cached, tokens.completion, tokens.reasoning].map(String),
  usd({ costUsdMicros, unpriced: unpriced > 0 }),
  key,
];

/** Numbers stand below each other by their last digit; what follows them begins where it begins. */
function aligned(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const widths = NUMBERS.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)));
}

const damagedLines = ({ files, first }: CostReport['damaged']): readonly string[] =>
  files === 0
    ? []
    : [
        `${files} ${files === 1 ? 'file' : 'files'} of the ledger cannot be read and ${files === 1 ? 'is' : 'are'} left out: ${first}`,
      ];

export interface ProviderStanding {
  readonly provider: string;
  /** Of `host` are the calls of this host alone: no keeper has told of the others. */
  readonly source: 'keeper' | 'host';
  readonly standings: readonly Standing[];
}

export const budgetLines = (budgets: readonly ProviderStanding[]): readonly string[] =>
  budgets.flatMap(({ provider, source, standings }) =>
    standings.map((standing) => `${provider}: ${standingWords(standing)}${sourceWords(source)}`),
  );

/** Where only one host was looked at, it is said. */
export const sourceWords = (source: ProviderStanding['source']): string =>
  source === 'host' ? ' (calls of this host alone)' : '';

/** `$4.20 of $5.00 spent today, $0.30 held by calls under way, $0.50 left until 2026-11-22 00:00 UTC`. */
export function standingWords(standing: Standing): string {
  const { period, limitUsdMicros, spentUsdMicros, reservedUsdMicros, freeAt } = standing;
  const held = reservedUsdMicros === 0 ? '' : `, $${dollarText(reservedUsdMicros)} held by calls under way`;
  const when = period === 'day' ? 'today' : 'this month';
  return `$${dollarText(spentUsdMicros)} of $${dollarText(limitUsdMicros)} spent ${when}${held}, $${dollarText(leftOf(standing))} left until ${minuteText(freeAt)}`;
}
