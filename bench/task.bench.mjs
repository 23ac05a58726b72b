/** The same task by weaver on a warm worker, by the plain script and by the engine's floor, in turn, on one machine in one run. */
import { BenchWorld, ruleFor, taskFor } from './bench-world.mjs';
import { figure, summary, timed } from './figures.mjs';
import { firstTurnOf, medianSteps, profileLines, spanOf, stepsOf } from './timeline.mjs';

export const name = 'task';

const WARM_UPS = 3;
const RUNS = 20;

export default async function (context) {
  const titles = Array.from({ length: WARM_UPS + RUNS }, (_, n) => n).flatMap((n) => [
    titleOf('weaver', n),
    titleOf('script', n),
  ]);
  const world = await BenchWorld.start(
    context,
    titles.map((title) => ruleFor(title)),
  );
  try {
    await Promise.all([world.startWorker(), world.startFloorWorker(), world.connect()]);
    const repository = world.repository('task');
    const measured = { weaver: [], script: [], floor: [] };
    const histories = { weaver: [], floor: [] };
    for (let n = 0; n < WARM_UPS + RUNS; n += 1) {
      if (n % 5 === 0) context.say(`task: round ${n + 1} of ${WARM_UPS + RUNS}`);
      for (const who of inTurn(n)) {
        repository.move();
        const { ms, result } = await WAYS[who](world, repository, n);
        if (n < WARM_UPS) continue;
        measured[who].push(ms);
        if (who !== 'script') histories[who].push(await historiesOf(world, result));
      }
    }
    const results = resultsOf(measured, histories);
    for (const line of profileLines(results.profile)) context.say(line);
    return results;
  } finally {
    await world.stop();
  }
}

/** Each goes first, second and third equally often, so that what one leaves warm or busy helps or hurts all. */
const inTurn = (n) => ['weaver', 'script', 'floor'].map((_, place, all) => all[(place + n) % all.length]);

/** The end of one title must not be the beginning of another: the endpoint looks for it in the text. */
const titleOf = (who, n) => `Bench ${who} ${n}.`;

const WAYS = {
  async weaver(world, repository, n) {
    const title = titleOf('weaver', n);
    const { ms, result } = await timed(async () => {
      const job = await world.client.submit(taskFor(title, repository.url));
      return await world.client.result(job.jobId);
    });
    if (result.state !== 'completed') throw new Error(`the task did not land: ${JSON.stringify(result)}`);
    verify(repository, result.task.branch, title);
    return { ms, result: { jobId: result.jobId, taskId: result.task.taskId } };
  },
  async script(world, repository, n) {
    const title = titleOf('script', n);
    const branch = `script-${n}`;
    const { ms } = await timed(() => world.runScript({ url: repository.url, branch, title }));
    verify(repository, branch, title);
    return { ms };
  },
  async floor(world, _repository, n) {
    const jobId = `floor-${n}`;
    const { ms } = await timed(() => world.runFloor('floorJob', jobId));
    return { ms, result: { jobId, taskId: `${jobId}/t/0` } };
  },
};

function verify(repository, branch, title) {
  const value = repository.valueOn(branch);
  if (value !== `right: ${title}`) throw new Error(`${branch} says ${value}`);
}

async function historiesOf({ temporal }, { jobId, taskId }) {
  const [job, task] = await Promise.all([jobId, taskId].map((id) => temporal.workflow.getHandle(id).fetchHistory()));
  return { job, task };
}

function resultsOf({ weaver, script, floor }, histories) {
  const [w, s, f] = [weaver, script, floor].map(summary);
  return {
    figures: [
      figure('one task by weaver, warm worker (median of 20)', w.median, 'ms'),
      figure('the same by a plain shell script', s.median, 'ms'),
      figure("a workflow of the same shape that does nothing (the engine's floor)", f.median, 'ms'),
      figure('weaver beyond the floor', w.median - f.median, 'ms', { atMost: 100 }),
      figure('weaver beyond floor and script together', w.median - f.median - s.median, 'ms'),
      figure('weaver beyond the script', w.median - s.median, 'ms', { atMost: 600, aim: 100 }),
    ],
    weaver: w,
    script: s,
    floor: f,
    profile: { weaver: profileOf(histories.weaver), floor: profileOf(histories.floor) },
  };
}

const profileOf = (runs) => ({
  jobMs: summary(runs.map(({ job }) => spanOf(job))).median,
  taskMs: summary(runs.map(({ task }) => spanOf(task))).median,
  jobFirstTurnMs: summary(runs.map(({ job }) => firstTurnOf(job))).median,
  taskFirstTurnMs: summary(runs.map(({ task }) => firstTurnOf(task))).median,
  steps: medianSteps(runs.map(({ task }) => stepsOf(task))),
});
