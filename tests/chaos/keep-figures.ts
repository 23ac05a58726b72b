/** What the tests under fire have measured: printed always, and kept with its date by a soak. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join, resolve } from 'node:path';

const RESULTS = resolve(__dirname, '../../bench/results');

/** One file a day; the same measurement of a later run on that day takes the place of the earlier one. */
export function keepFigures(name: string, figures: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${name}: ${JSON.stringify(figures)}\n`);
  if (process.env['WEAVER_SOAK'] !== '1') return;
  const date = new Date().toISOString();
  const file = join(RESULTS, `jobs-${date.slice(0, 10)}.json`);
  mkdirSync(RESULTS, { recursive: true });
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : {};
  const measured = { date, node: process.version, cores: availableParallelism(), load: loadavg()[0], ...figures };
  writeFileSync(file, `${JSON.stringify({ ...kept, [name]: measured }, null, 2)}\n`);
}
