/** Cold start: from a command to a pushed commit when nothing of weaver runs yet. */
import path from 'node:path';
import { existsSync, mkdirSync } from 'node:fs';
import { BenchWorld, run, ruleFor, taskFor } from './bench-world.mjs';
import { figure, summary, timed } from './figures.mjs';

export const name = 'start';

const RUNS = 5;
const title = (n) => `Bench start ${n}.`;

export default async function (context) {
  const world = await BenchWorld.start(
    context,
    [...Array(2 * RUNS).keys()].map((n) => ruleFor(title(n))),
  );
  try {
    const repository = world.repository('start');
    const fresh = [];
    const known = [];
    const home = path.join(world.folder, 'known-home');
    for (let n = 0; n < RUNS; n += 1) {
      context.say(`start: round ${n + 1} of ${RUNS}`);
      fresh.push(await weaverRun(world, repository, path.join(world.folder, `fresh-home-${n}`), n));
      known.push(await weaverRun(world, repository, home, RUNS + n));
    }
    const demo = await npmStart(context, world);
    const [first, again] = [summary(fresh), summary(known.slice(1))];
    return {
      figures: [
        figure('`weaver run`, no server, no worker, empty home, to the pushed commit', first.median, 'ms'),
        figure('`weaver run` again on the same home', again.median, 'ms'),
        figure('`npm start`, warm', summary(demo).median, 'ms', { atMost: 10_000 }),
      ],
      emptyHome: first,
      knownHome: again,
      npmStart: summary(demo),
    };
  } finally {
    await world.stop();
  }
}

async function weaverRun(world, repository, home, n) {
  mkdirSync(home, { recursive: true });
  const { TEMPORAL_ADDRESS: _embedded, ...variables } = world.variables();
  const branch = `start-${n}`;
  const file = world.file(`start-${n}.json`, taskFor(title(n), repository.url, branch));
  const { ms } = await timed(() => world.runWeaver(['run', file, '--json'], { ...variables, WEAVER_HOME: home }));
  if (repository.valueOn(branch) !== `right: ${title(n)}`) throw new Error(`${branch} has not the right value`);
  return ms;
}

/** The demo on a home of its own, from the second time on. */
async function npmStart({ root, say }, world) {
  const program = path.join(root, 'scripts', 'start.mjs');
  if (!existsSync(program)) throw new Error('scripts/start.mjs is missing');
  const env = { ...world.environment(), WEAVER_HOME: path.join(world.folder, 'demo-home') };
  const times = [];
  for (let n = 0; n <= RUNS; n += 1) {
    say(`start: npm start ${n + 1} of ${RUNS + 1}`);
    const { ms } = await timed(() => run(process.execPath, [program], { cwd: root, env }));
    if (n > 0) times.push(ms);
  }
  return times;
}
