/** What a waiting task costs a worker: resident memory with none, a hundred and five hundred tasks waiting for an endpoint. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { BenchWorld, ruleFor, taskFor } from './bench-world.mjs';
import { figure, round } from './figures.mjs';

export const name = 'memory';

const STEPS = [100, 500];
/** Nothing listens on the discard port: the request is refused at once, and the task waits for the endpoint to come back. */
const UNREACHABLE = { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' };
const SUBMITTED_AT_ONCE = 20;
/** A probe is four tries in seven seconds. So many are seen between two probes, and the others wait between two tries. */
const SEEN_BETWEEN_PROBES = 0.6;
const SETTLE_TIMEOUT_MS = 5 * 60_000;
/** What a garbage collector gives back late. */
const REST_MS = 5_000;

export default async function (context) {
  const world = await BenchWorld.start(context, [ruleFor('Nobody asks')]);
  try {
    const worker = await world.startWorker(UNREACHABLE);
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
  const query = `WorkflowType='codingTask' AND ExecutionStatus='Running' AND WeaverPhase='waiting'`;
  for (;;) {
    const { count } = await temporal.workflow.count(query);
    if (count >= SEEN_BETWEEN_PROBES * wanted) return;
    if (Date.now() > end) throw new Error(`only ${count} of ${wanted} tasks wait after ${SETTLE_TIMEOUT_MS / 1_000} s`);
    await pause(500);
  }
}

function residentMb(pid) {
  const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kb === undefined) throw new Error('resident memory is read from /proc, which this system has not');
  return Number(kb) / 1_024;
}
