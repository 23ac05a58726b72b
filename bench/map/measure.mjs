/**
 * `node bench/map/measure.mjs SEED [LABEL]`: for how many of the drawn tasks the map shows a file that the real fix changed,
 * in its first 1,024 tokens. With a label the figures are kept in bench/results/map-2026-11-21.json under it.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchRelease, filesOf } from './archives.mjs';
import { taskOf } from './task-of.mjs';

const TOKENS = 1_024;
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const load = createRequire(path.join(root, 'package.json'));
const { MockActivityEnvironment } = load('@temporalio/testing');
const { repositoryMap } = load('./dist/activities/repository-map.js');
const { createSourceParser } = load('./dist/adapters/source/source-parser.js');
const { languageOf } = load('./dist/domain/map/languages.js');
const { isNoise } = load('./dist/domain/choose-files.js');

const [seed = '1', label] = process.argv.slice(2);
const { tasks } = JSON.parse(readFileSync(path.join(here, `drawn-${seed}.json`), 'utf8'));
const sourceParser = createSourceParser();
const rows = [];
for (const task of tasks) rows.push(await measure(task));
sourceParser.close();
const figures = figuresOf(rows);
for (const row of rows) process.stderr.write(`${row.any ? 'in ' : 'OUT'} ${JSON.stringify(row)}\n`);
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
if (label !== undefined) keep();

async function measure(drawn) {
  const { base, fixed, sha256 } = drawn;
  const archives = [await fetchRelease({ ...drawn, version: base }), await fetchRelease({ ...drawn, version: fixed })];
  if (archives.some((archive, index) => archive.sha256 !== sha256[index]))
    throw new Error(`${drawn.name} is not what was drawn`);
  const [before, after] = [await filesOf(drawn, archives[0].file), await filesOf(drawn, archives[1].file)];
  const task = taskOf(drawn, before, after);
  if (typeof task === 'string') throw new Error(`${drawn.name} ${fixed} is no task any more: ${task}`);
  const { title, description, changed } = task;
  const words = { title, description, criteria: [], relatedFiles: [] };
  const startedAt = performance.now();
  const { lines } = await new MockActivityEnvironment().run(() =>
    repositoryMap(portsOver(before), { url: '', tree: '', entries: entriesOf(before), words }),
  );
  const tookMs = Math.round(performance.now() - startedAt);
  if (lines.join('\n').length > 4 * TOKENS) throw new Error('the map is over its budget');
  const shown = lines.filter((line) => !line.startsWith(' ')).map((line) => line.replace(/: .*/, ''));
  const places = changed.map((file) => shown.indexOf(file) + 1);
  const found = places.filter((place) => place > 0);
  return {
    package: drawn.name,
    base,
    fixed,
    sources: [...before.keys()].filter((file) => languageOf(file) !== undefined && !isNoise(file)).length,
    shown: shown.length - 1,
    changed,
    places,
    any: found.length > 0,
    all: found.length === changed.length,
    listed: changed.some((file) => listedFirst(before).includes(file)),
    tookMs,
  };
}

function oidOf(bytes) {
  return createHash('sha1').update(bytes).digest('hex');
}

function entriesOf(files) {
  return [...files].map(([file, bytes]) => ({
    path: file,
    mode: '100644',
    oid: oidOf(bytes),
    sizeBytes: bytes.length,
  }));
}

function portsOver(files) {
  const memory = new Map();
  return {
    git: {
      read: async (_url, _tree, paths) =>
        new Map(paths.map((file) => [file, { mode: '100644', bytes: files.get(file) }])),
    },
    records: {
      recall: async (name) => memory.get(name),
      remember: async (name, value) => void memory.set(name, value),
    },
    sourceParser,
    settings: { mapTokens: TOKENS },
  };
}

/** What a plain list of source files has room for. */
function listedFirst(files) {
  let left = 4 * TOKENS;
  return [...files.keys()]
    .filter((file) => languageOf(file) !== undefined && !isNoise(file))
    .toSorted()
    .filter((file) => (left -= file.length + 1) >= 0);
}

function figuresOf(all) {
  const share = (count, of = all.length) => Math.round((1_000 * count) / of) / 10;
  const places = all.flatMap((row) => Math.min(...row.places.filter((place) => place > 0))).toSorted((a, b) => a - b);
  return {
    tasks: all.length,
    percentAnyInMap: share(all.filter((row) => row.any).length),
    percentAllInMap: share(all.filter((row) => row.all).length),
    percentFirstThree: share(places.filter((place) => place <= 3).length),
    percentInPlainList: share(all.filter((row) => row.listed).length),
    percentOfSourcesShown: share(all.reduce((sum, row) => sum + row.shown / row.sources, 0)),
    byRegistry: Object.fromEntries(
      ['npm', 'pypi', 'wheel', 'go'].map((registry) => {
        const of = all.filter((_, index) => tasks[index].registry === registry);
        return [registry, `${of.filter((row) => row.any).length} of ${of.length}`];
      }),
    ),
    over100Sources: (() => {
      const of = all.filter((row) => row.sources > 100);
      return `${of.filter((row) => row.any).length} of ${of.length}`;
    })(),
    medianColdMs: all.map((row) => row.tookMs).toSorted((a, b) => a - b)[Math.floor(all.length / 2)],
  };
}

function keep() {
  const file = path.join(root, 'bench', 'results', 'map-2026-11-21.json');
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  kept[label] = { date: new Date().toISOString(), node: process.version, seed, ...figures, rows };
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
}
