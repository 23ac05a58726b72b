/** scripts/bench.mjs: which benchmarks it runs, and what it keeps of them. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Checkout } from './checkout';

const README = '# Title\n\nBefore.\n\n<!-- bench -->\n\nold table\n\n<!-- /bench -->\n\nAfter.\n';

let checkout: Checkout;

beforeAll(async () => {
  checkout = Checkout.withSources();
  checkout.program('temporal', 'echo "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"');
  const { code, stderr } = await checkout.node('build.mjs');
  if (code !== 0) throw new Error(stderr);
});
afterAll(() => checkout.remove());

beforeEach(() => {
  checkout.write('README.md', README);
  checkout.write('bench/results/latest.json', '"of an earlier run"');
  bench('task', [{ name: 'one task', value: 1234.5, unit: 'ms', atMost: 2000, aim: 900, met: true }]);
  bench('other', [
    { name: 'throughput', value: 0.5, unit: 'ratio', atLeast: 0.8, met: false },
    { name: 'size', value: 12, unit: 'MB', met: null },
  ]);
});

it('runs all, what was promised first, and keeps figures and machine in a file and the README', async () => {
  const { code, stdout, stderr } = await checkout.node('bench.mjs');
  expect(code).toBe(0);
  const rows = stdout.trim().split('\n').slice(2);
  expect(rows).toEqual([
    '| one task | 1,235 ms | ≤ 2,000, aim 900 |',
    '| throughput | 0.5 | ≥ 0.8 (missed) |',
    '| size | 12 MB |  |',
  ]);
  expect(stderr).toMatch(/1 of 2 promises are not kept: throughput/);
  const kept = JSON.parse(read('bench/results/latest.json')) as Record<string, Record<string, unknown>>;
  expect(Object.keys(kept['benches'] ?? {})).toEqual(['task', 'other']);
  expect(kept['machine']).toMatchObject({
    cores: expect.any(Number),
    node: process.versions.node,
    temporal: 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)',
  });
  const readme = read('README.md');
  expect(readme).toMatch(/^# Title\n\nBefore\.\n\n<!-- bench -->\n\n\| +\| +measured \| promised +\|\n/);
  expect(readme).toMatch(/\| one task +\| 1,235 ms \|[^]*<!-- \/bench -->\n\nAfter\.\n$/);
  expect(readme).not.toMatch(/old table/);
});

it('shows what is asked for by name, and keeps nothing of it', async () => {
  const { code, stdout } = await checkout.node('bench.mjs', ['other']);
  expect(code).toBe(0);
  expect(stdout).not.toMatch(/one task/);
  expect(read('README.md')).toBe(README);
  expect(read('bench/results/latest.json')).toBe('"of an earlier run"');
});

it('runs the others when one fails, says so, and keeps nothing', async () => {
  checkout.write('bench/task.bench.mjs', `export default async () => { throw new Error('no endpoint'); };\n`);
  const { code, stdout, stderr } = await checkout.node('bench.mjs');
  expect(code).toBe(1);
  expect(stderr).toMatch(/bench task failed: Error: no endpoint/);
  expect(stdout).toMatch(/throughput/);
  expect(read('bench/results/latest.json')).toBe('"of an earlier run"');
});

it('refuses a name that there is not, with those that there are', async () => {
  const { code, stderr } = await checkout.node('bench.mjs', ['speed']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/no benchmark is called speed\.\n +There are: task, other\./);
});

it('leaves a README without a place for the table as it is', async () => {
  checkout.write('README.md', 'no place for a table\n');
  expect((await checkout.node('bench.mjs')).code).toBe(0);
  expect(read('README.md')).toBe('no place for a table\n');
  expect(existsSync(path.join(checkout.folder, 'bench/results/latest.json'))).toBe(true);
});

const read = (file: string): string => readFileSync(path.join(checkout.folder, file), 'utf8');

const bench = (name: string, figures: readonly unknown[]): string =>
  checkout.write(`bench/${name}.bench.mjs`, `export default async () => (${JSON.stringify({ figures })});\n`);
