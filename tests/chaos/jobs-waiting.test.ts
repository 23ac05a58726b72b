/**
 * Tasks that wait for a retry cost a worker no memory that grows: it keeps as many in its cache as it may, and the others are
 * only with the server. `npm run soak` has 5,000 of them for ten minutes, `npm test` 250 for half a minute.
 */
import { readFileSync } from 'node:fs';
import type { WorkflowHandle } from '@temporalio/client';
import type { JobTask } from '../../src/domain/job';
import { until } from '../e2e/world';
import { keepFigures } from './keep-figures';
import { JobsWorld } from './jobs-world';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const TASKS = SOAK ? 5_000 : 250;
/** Submitted one after the other: thousands that begin at once would measure how the server's queue is worked off. */
const TASKS_PER_JOB = SOAK ? 100 : 50;
const COUNT_EVERY_MS = 500;
/**
 * One in ten waits for an endpoint that is left alone and looks at it every five minutes, the others for one that has told them
 * for how long. If all of them looked, 2 cores would do nothing else: 17 looks a second at 60 ms each.
 */
const LOOK_EVERY_NTH = 10;
/** Of those that look some are always awake. */
const ASLEEP_SHARE = 0.9;
const WATCHED_MS = SOAK ? 600_000 : 30_000;
const SAMPLE_MS = SOAK ? 10_000 : 1_000;
/**
 * From the first to the last sample, by the line that fits all of them. What the garbage collector leaves and takes again
 * makes some 100 MB up and down, and of that a line sees a part; what grows with each of the thousands that ask again is more.
 */
const GROWTH_MB_MAX = 60;
const TIMEOUT_MS = SOAK ? 4 * 60 * 60_000 : 240_000;

let jobs: JobsWorld;

beforeAll(async () => {
  const config = `providers:
  openai: { baseUrl: '{endpoint}', model: scripted-1 }
  broken: { baseUrl: '{endpoint}', model: scripted-1, breaker: { failures: 1, pauseSeconds: 3600 } }
`;
  const pausing = { kind: 'status', status: 429, headers: { 'retry-after': '3600' } } as const;
  jobs = await JobsWorld.start({
    config,
    script: [{ when: { contains: LOOKS }, answers: [{ kind: 'status', status: 500 }] }, { answers: [pausing] }],
  });
}, 120_000);

afterAll(async () => jobs?.stop(), 120_000);

it(
  'the worker does not grow while tasks wait for a retry',
  async () => {
    const names = Array.from({ length: TASKS / TASKS_PER_JOB }, (_, n) => `w${n}`);
    const emptyMb = residentMb();
    const handles: WorkflowHandle[] = [];
    const filledAt = Date.now();
    for (const name of names) {
      handles.push(await jobs.submit(name, waiters(name), { concurrency: TASKS_PER_JOB }));
      const enough = TASKS_PER_JOB * ASLEEP_SHARE;
      await until(async () => (await asleep(name)) >= enough, `the tasks of ${name} wait`, TIMEOUT_MS / 4);
    }
    const filledMs = Date.now() - filledAt;
    const before = jobs.world.endpoint.count;
    const samples = await watch();
    const growthMb = slopeOf(samples) * (samples.length - 1);
    keepFigures('memory of waiting tasks', {
      tasks: TASKS,
      watchedMs: WATCHED_MS,
      filledMs,
      emptyMb: Math.round(emptyMb),
      samplesMb: samples.map((mb) => Math.round(mb)),
      growthMb: Number(growthMb.toFixed(1)),
      askedAgain: jobs.world.endpoint.count - before,
    });
    expect(growthMb).toBeLessThan(GROWTH_MB_MAX);
    const statuses = await Promise.all(handles.map((handle) => jobs.status(handle)));
    expect(statuses.map(({ counts }) => counts)).toEqual(names.map(() => ({ running: TASKS_PER_JOB })));
  },
  TIMEOUT_MS,
);

const LOOKS = 'looks again';

const waiters = (name: string): readonly JobTask[] =>
  Array.from({ length: TASKS_PER_JOB }, (_, n) => ({
    id: `t${n}`,
    dependsOn: [],
    content:
      n % LOOK_EVERY_NTH === 0
        ? { title: `${name} ${n} ${LOOKS}`, models: [{ provider: 'broken' }] }
        : { title: `${name} ${n}` },
  }));

/** As the server lists them, some moments late. It counts by reading: asked without a pause it would be what takes longest. */
async function asleep(name: string): Promise<number> {
  await new Promise((wake) => setTimeout(wake, COUNT_EVERY_MS));
  const query = `WorkflowId STARTS_WITH 'job/${name}/t/' AND WeaverPhase = 'waiting'`;
  return (await jobs.client.workflow.count(query)).count;
}

async function watch(): Promise<readonly number[]> {
  const samples: number[] = [];
  const end = Date.now() + WATCHED_MS;
  while (Date.now() < end) {
    await new Promise((wake) => setTimeout(wake, SAMPLE_MS));
    samples.push(residentMb());
  }
  return samples;
}

/** Of the only worker; its request process and its starter are others. */
function residentMb(): number {
  const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${jobs.workers[0]?.pid}/status`, 'utf8')) ?? [];
  if (kb === undefined) throw new Error('resident memory is read from /proc, which this system has not');
  return Number(kb) / 1_024;
}

/** By the method of least squares, for each step from sample to sample. */
function slopeOf(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((a, b) => a + b, 0) / samples.length;
  let up = 0;
  let down = 0;
  for (const [at, value] of samples.entries()) {
    up += (at - middle) * (value - mean);
    down += (at - middle) ** 2;
  }
  return up / down;
}
