/** What a waiting task costs a worker: resident memory with none, a hundred and five hundred tasks told to come back later. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { BenchWorld, taskFor } from './bench-world.mjs';
import { figure, round } from './figures.mjs';

export const name = 'memory';

const STEPS = [100, 500];
/** The endpoint sends the first away for an hour, and the others are not sent: each task opens its workspace, and waits. */
const LATER = { answers: [{ kind: 'status', status: 429, headers: { 'retry-after': '3600' } }] };
const SUBMITTED_AT_ONCE = 20;
/** Opening a workspace takes a tenth of a second, on a busy machine several. */
const SETTLE_TIMEOUT_MS = 15 * 60_000;
/** What a garbage collector gives back late. */
const REST_MS = 10_000;

export default async function (context) {
  const world = await BenchWorld.start(context, [LATER]);
  try {
    const worker = await world.startWorker();
    await world.connect();
    const repository = world.repository('memory');
    await oneTask(world, repository);
    await pause(REST_MS);
    const rows = [{ waiting: 0, rssMb: residentMb(worker.pid) }];
    for (const waiting of STEPS) {
      context.say(`memory: ${waiting} tasks waiting`);
      await submit(world, repository, rows.at(-1).waiting, waiting);
      await untilWaiting(world, waiting);
      await pause(REST_MS);
      rows.push({ waiting, rssMb: residentMb(worker.pid) });
    }
    const [none, last] = [rows[0], rows.at(-1)];
    const perTaskKb = ((last.rssMb - none.rssMb) * 1_024) / last.waiting;
    return {
      figures: [
        figure('worker memory, no task', none.rssMb, 'MB'),
        ...rows.slice(1).map(({ waiting, rssMb }) => figure(`worker memory, ${waiting} tasks waiting`, rssMb, 'MB')),
        figure('worker memory for each waiting task', perTaskKb, 'KB'),
      ],
      rows: rows.map(({ waiting, rssMb }) => ({ waiting, rssMb: round(rssMb) })),
    };
  } finally {
    await world.stop();
  }
}

/** Loads everything that the first task loads, so that it is not counted for the others. */
async function oneTask(world, repository) {
  const { jobId } = await world.client.submit(taskFor('First', repository.url, 'first'));
  await untilWaiting(world, 1);
  await world.client.cancel(jobId, { reason: 'was only the first' });
  await world.client.result(jobId);
}

async function submit({ client }, { url }, from, to) {
  for (let first = from; first < to; first += SUBMITTED_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(SUBMITTED_AT_ONCE, to - first) }, (_, n) => first + n);
    await Promise.all(numbers.map((n) => client.submit(taskFor(`Waiting ${n}`, url, `waiting-${n}`))));
  }
}

async function untilWaiting({ temporal }, wanted) {
  const end = Date.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const { count } = await temporal.workflow.count(
      "WorkflowType = 'codingTask' AND ExecutionStatus = 'Running' AND WeaverWaitingOn = 'resource'",
    );
    if (count >= wanted) return;
    if (Date.now() > end) throw new Error(`only ${count} of ${wanted} tasks wait`);
    await pause(1_000);
  }
}

function residentMb(pid) {
  const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kb === undefined) throw new Error('resident memory is read from /proc, which this system has not');
  return Number(kb) / 1_024;
}
