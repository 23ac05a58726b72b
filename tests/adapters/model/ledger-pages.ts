/** Rows as the courier writes them, for tests that need many calls without asking for them. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnsweredRow, IntentRow, LedgerRow } from '../../../src/adapters/model/ledger-rows';

export const NOON = Date.parse('2026-11-15T12:00:00Z');

export const intentRow = (more: Partial<IntentRow> = {}): IntentRow => ({
  kind: 'intent',
  send: 1,
  provider: 'test',
  model: 'm',
  startedAt: NOON,
  requestSha256: '00',
  price: { promptUsdMicros: 1_000_000, cachedUsdMicros: 100_000, completionUsdMicros: 2_000_000, date: '2026-11-01' },
  priceDate: '2026-11-01',
  promptTokensEstimated: 50,
  ...more,
});

export const answeredRow = (more: Partial<AnsweredRow> = {}): AnsweredRow => ({
  kind: 'answered',
  send: 1,
  text: 'yes',
  finishReason: 'stop',
  model: 'm',
  usage: { prompt: 100, cached: 0, completion: 10, reasoning: 0 },
  usageEstimated: false,
  latencyMs: 5,
  costUsdMicros: 120,
  unpriced: false,
  endedAt: NOON + 5,
  ...more,
});

export const callIdOf = (n: number): string => n.toString(16).padStart(40, '0');

export const ledgerText = (rows: readonly LedgerRow[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const timeOf = (row: LedgerRow): number =>
  row.kind === 'intent' ? row.startedAt : row.kind === 'inDoubt' ? row.foundAt : row.endedAt;

/** Writes the file of a call, as old as its last row; the folder is made where it is missing. */
export function writeCall(home: string, lineage: string, n: number, rows: readonly LedgerRow[]): string {
  const folder = join(home, 'ledger', lineage);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${callIdOf(n)}.jsonl`);
  writeFileSync(file, ledgerText(rows));
  const seconds = Math.max(...rows.map(timeOf)) / 1_000;
  utimesSync(file, seconds, seconds);
  return file;
}
