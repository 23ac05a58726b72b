/**
 * `node bench/map/draw.mjs SEED`: draws real tasks from pairs of releases that follow each other and keeps which ones they are
 * in bench/map/drawn-SEED.json. What they say is not kept: it is read again from the archives.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchRelease, filesOf, versionsOf } from './archives.mjs';
import { PACKAGES } from './packages.mjs';
import { taskOf } from './task-of.mjs';

/** Of one package, so that none weighs too much; pairs side by side share archives. */
const TASKS_MAX = 2;
const PAIRS_TRIED = 5;
/** Older ones no longer build with today's tools, and pip builds what it fetches. */
const RECENT = { npm: 120, pypi: 40, wheel: 40, go: 60 };

const seed = process.argv[2] ?? '1';

/** The same number for the same seed and package, from 0 up to 1. */
const chance = (...parts) =>
  createHash('sha256')
    .update([seed, ...parts].join('\n'))
    .digest()
    .readUInt32BE() /
  2 ** 32;

/** Registries answer slowly; more at once would be a burden to them. */
const AT_ONCE = 8;

const found = new Map();
const waiting = [...PACKAGES];
await Promise.all(Array.from({ length: AT_ONCE }, work));
const drawn = PACKAGES.flatMap((from) => found.get(from) ?? []);
const file = path.join(path.dirname(fileURLToPath(import.meta.url)), `drawn-${seed}.json`);
writeFileSync(file, `${JSON.stringify({ seed, tasks: drawn }, null, 2)}\n`);
process.stdout.write(`${drawn.length} tasks in ${file}\n`);

async function work() {
  for (let from = waiting.shift(); from !== undefined; from = waiting.shift()) {
    try {
      found.set(from, await drawFrom(from));
    } catch (error) {
      process.stderr.write(`${from.name}: ${String(error.stderr ?? error).slice(0, 300)}\n`);
    }
  }
}

async function drawFrom(from) {
  const pairs = patchPairs(await versionsOf(from)).slice(-RECENT[from.registry]);
  const first = Math.floor(chance(from.name) * Math.max(1, pairs.length - PAIRS_TRIED));
  const tasks = [];
  for (const [base, fixed] of pairs.slice(first, first + PAIRS_TRIED)) {
    if (tasks.length === TASKS_MAX) break;
    const task = await tryPair(from, base, fixed);
    process.stderr.write(`  ${from.name} ${base} -> ${fixed}: ${typeof task === 'string' ? task : 'drawn'}\n`);
    if (typeof task !== 'string') tasks.push(task);
  }
  return tasks;
}

function minor(version) {
  return version.split('.').slice(0, 2).join('.');
}

/** Versions that follow each other and differ in their last number alone. */
function patchPairs(versions) {
  const pairs = versions.slice(1).map((fixed, index) => [versions[index], fixed]);
  return pairs.filter(([base, fixed]) => minor(base) === minor(fixed));
}

async function tryPair(from, base, fixed) {
  try {
    const [old, now] = [
      await fetchRelease({ ...from, version: base }),
      await fetchRelease({ ...from, version: fixed }),
    ];
    const [before, after] = [await filesOf(from, old.file), await filesOf(from, now.file)];
    const task = taskOf({ base, fixed }, before, after);
    if (typeof task === 'string') return task;
    return { ...from, base, fixed, sha256: [old.sha256, now.sha256], changed: task.changed };
  } catch (error) {
    return `not to be had: ${String(error.stderr || error)
      .trim()
      .split('\n')
      .at(-1)
      .slice(0, 120)}`;
  }
}
