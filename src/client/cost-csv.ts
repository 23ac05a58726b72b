/** Costs as comma-separated values after RFC 4180: lines end with CR LF, what needs quotes has them. */
import { dollarText, type CostRow } from '../domain/costs.js';
import type { CostReport } from './cost-rows.js';

type Column = readonly [name: string, of: (row: CostRow) => string | number];

const COLUMNS: readonly Column[] = [
  ['calls', ({ calls }) => calls],
  ['failed', ({ failed }) => failed],
  ['in_doubt', ({ inDoubt }) => inDoubt],
  ['unpriced', ({ unpriced }) => unpriced],
  ['prompt_tokens', ({ tokens }) => tokens.prompt],
  ['cached_tokens', ({ tokens }) => tokens.cached],
  ['completion_tokens', ({ tokens }) => tokens.completion],
  ['reasoning_tokens', ({ tokens }) => tokens.reasoning],
  ['cost_usd_micros', ({ costUsdMicros }) => costUsdMicros],
  ['cost_usd', ({ costUsdMicros }) => dollarText(costUsdMicros)],
];

/** A header, then a line for each row; sums are for the reader to make. */
export const costsAsCsv = ({ by, rows }: CostReport): string =>
  [[by, ...COLUMNS.map(([name]) => name)], ...rows.map((row) => [row.key, ...COLUMNS.map(([, of]) => String(of(row)))])]
    .map((cells) => `${cells.map(quoted).join(',')}\r\n`)
    .join('');

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
