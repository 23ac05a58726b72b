/**
 * Sixteen tasks at once on one worker against sixteen scripts at once, and sixteen workflows of the same shape that do nothing:
 * what the engine takes of the cores before anybody has done anything.
 */
import { availableParallelism } from 'node:os';
import { BenchWorld, ruleFor, taskFor } from './bench-world.mjs';
import { figure, median, round, timed } from './figures.mjs';

export const name = 'throughput';

const AT_ONCE = 16;
const ROUNDS = 5;
/** A model that answers at once shows every other cost; real ones think for a second at least, mostly for many. */
const LATENCIES_MS = [0, 200, 1_000];

export default async function (context) {
  const rules = LATENCIES_MS.flatMap((latencyMs) =>
    rounds().flatMap((turn) =>
      ['weaver', 'script'].flatMap((who) =>
        places().map((place) => ruleFor(titleOf(who, latencyMs, turn, place), latencyMs)),
      ),
    ),
  );
  const world = await BenchWorld.start(context, rules);
  try {
    await Promise.all([world.startWorker(), world.startFloorWorker(), world.connect()]);
    const repository = world.repository('throughput');
    const results = [];
    for (const latencyMs of LATENCIES_MS) results.push(await measure(context, world, repository, latencyMs));
    const floorMs = round(median(results[0].rounds.floor));
    return {
      figures: [
        ...results.flatMap(({ latencyMs, weaverMs, scriptMs, ratio }) => [
          figure(`${AT_ONCE} tasks at once by weaver, model answers in ${latencyMs} ms`, weaverMs, 'ms'),
          figure(`${AT_ONCE} scripts at once, model answers in ${latencyMs} ms`, scriptMs, 'ms'),
          figure(`weaver's throughput by the script's, model answers in ${latencyMs} ms`, ratio, 'ratio', {
            atLeast: 0.8,
            aim: 0.95,
          }),
        ]),
        figure(`${AT_ONCE} workflows of the same shape at once that do nothing`, floorMs, 'ms'),
        figure(
          'throughput by the script of script and such workflows together, model answers in 0 ms',
          round(results[0].scriptMs / (results[0].scriptMs + floorMs), 2),
          'ratio',
        ),
      ],
      cores: availableParallelism(),
      latencies: results,
    };
  } finally {
    await world.stop();
  }
}

const rounds = () => Array.from({ length: ROUNDS + 1 }, (_, n) => n);
const places = () => Array.from({ length: AT_ONCE }, (_, n) => n);
const titleOf = (who, latencyMs, turn, place) => `Bench ${who} ${latencyMs}-${turn}-${place}.`;

/** A workflow that does nothing asks no model: beside the one that answers at once it is measured, and no more. */
const waysAt = (latencyMs) => (latencyMs === 0 ? ['weaver', 'script', 'floor'] : ['weaver', 'script']);

/** The first round warms up. */
async function measure({ say }, world, repository, latencyMs) {
  const ways = waysAt(latencyMs);
  const measured = Object.fromEntries(ways.map((who) => [who, []]));
  for (const turn of rounds()) {
    say(`throughput: model ${latencyMs} ms, round ${turn + 1} of ${ROUNDS + 1}`);
    for (const who of turn % 2 === 0 ? ways : ways.toReversed()) {
      repository.move();
      const { ms, result: branches } = await timed(() =>
        Promise.all(places().map((place) => WAYS[who](world, repository, latencyMs, turn, place))),
      );
      if (who !== 'floor')
        for (const place of places()) verify(repository, branches[place], titleOf(who, latencyMs, turn, place));
      if (turn > 0) measured[who].push(ms);
    }
  }
  const [weaverMs, scriptMs] = [measured.weaver, measured.script].map(median);
  return {
    latencyMs,
    weaverMs: round(weaverMs),
    scriptMs: round(scriptMs),
    ratio: round(scriptMs / weaverMs, 2),
    weaverTasksPerSecond: round((AT_ONCE * 1_000) / weaverMs),
    scriptTasksPerSecond: round((AT_ONCE * 1_000) / scriptMs),
    rounds: Object.fromEntries(ways.map((who) => [who, measured[who].map((ms) => round(ms))])),
  };
}

const WAYS = {
  async weaver({ client }, { url }, ...at) {
    const job = await client.submit(taskFor(titleOf('weaver', ...at), url));
    const result = await client.result(job.jobId);
    if (result.state !== 'completed') throw new Error(`the task did not land: ${JSON.stringify(result)}`);
    return result.task.branch;
  },
  async script(world, { url }, ...at) {
    const branch = ['script', ...at].join('-');
    await world.runScript({ url, branch, title: titleOf('script', ...at) });
    return branch;
  },
  floor: (world, _repository, ...at) => world.runFloor('floorJob', ['floor', ...at].join('-')),
};

function verify(repository, branch, title) {
  const value = repository.valueOn(branch);
  if (value !== `right: ${title}`) throw new Error(`${branch} says ${value}`);
}
