/**
 * `npm run bench [-- name…]`: runs bench/*.bench.mjs and shows their figures. A run of all of them is kept in
 * bench/results/latest.json and in the README; a run of some is only shown, so that kept figures come from one run.
 */
import { readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describeMachine, keepResults, tableOf } from './bench-report.mjs';
import { ensureBuilt } from './build.mjs';
import { checkNodeVersion } from './node-version.mjs';
import { ensurePackages } from './packages.mjs';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
import { findTemporal } from './temporal-binary.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** As they are read: what was promised first. Others follow by name. */
const ORDER = ['task', 'throughput', 'start', 'memory', 'history'];

/** Beyond this somebody else is at work on the machine, and the figures are about both. */
const IDLE_LOAD = 0.5;

await runScript(async () => {
  checkNodeVersion();
  await ensurePackages();
  await ensureBuilt();
  const { path: temporalBinary } = await findTemporal({ log: say });
  const all = benchNames();
  const chosen = choose(all, process.argv.slice(2));
  const load = loadavg()[0];
  if (load > IDLE_LOAD)
    say(`the machine is not idle (load ${load.toFixed(1)}): the figures will be worse than they are`);
  const machine = await describeMachine(root, temporalBinary);
  const benches = {};
  for (const name of chosen) benches[name] = await runBench(name, temporalBinary);
  const results = { date: new Date().toISOString(), loadBefore: load, machine, benches };
  process.stdout.write(`${tableOf(results)}\n`);
  tellMisses(benches);
  const whole = chosen.length === all.length && Object.values(benches).every(({ error }) => error === undefined);
  if (whole) await keepResults(root, results);
  else say('not kept: only a whole run without errors is');
  if (Object.values(benches).some(({ error }) => error !== undefined)) process.exitCode = 1;
});

function benchNames() {
  const names = readdirSync(path.join(root, 'bench'))
    .filter((file) => file.endsWith('.bench.mjs'))
    .map((file) => file.slice(0, -'.bench.mjs'.length))
    .toSorted();
  return [...ORDER.filter((name) => names.includes(name)), ...names.filter((name) => !ORDER.includes(name))];
}

function choose(all, wanted) {
  const unknown = wanted.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    throw new SetupFault(`no benchmark is called ${unknown.join(', ')}.`, {
      next: `There are: ${all.join(', ')}.`,
      exitCode: 2,
    });
  }
  return wanted.length === 0 ? all : all.filter((name) => wanted.includes(name));
}

/** A benchmark that fails is told and recorded; the others still run. */
async function runBench(name, temporalBinary) {
  const startedAt = performance.now();
  say(`bench ${name}`);
  try {
    const { default: run } = await import(pathToFileURL(path.join(root, 'bench', `${name}.bench.mjs`)).href);
    const results = await run({ root, temporalBinary, say });
    say(`bench ${name}: ${seconds(startedAt)}`);
    return results;
  } catch (error) {
    say(`bench ${name} failed: ${error instanceof Error ? error.stack : String(error)}`);
    return { error: error instanceof Error ? error.message : String(error), figures: [] };
  }
}

function tellMisses(benches) {
  const promised = Object.values(benches).flatMap(({ figures }) => figures.filter(({ met }) => met !== null));
  const missed = promised.filter(({ met }) => !met);
  if (promised.length === 0) return;
  say(
    missed.length === 0
      ? `all ${promised.length} promises are kept`
      : `${missed.length} of ${promised.length} promises are not kept: ${missed.map(({ name }) => name).join('; ')}`,
  );
}
