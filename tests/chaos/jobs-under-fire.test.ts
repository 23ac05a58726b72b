/**
 * A job of many tasks in a random order of dependencies, while its workers are killed again and again: every task ends once,
 * after all that it waits for, and costs what it costs on a calm day. `npm run soak` has 200 tasks, `npm test` a twentieth.
 */
import type { WorkflowHandle } from '@temporalio/client';
import type { JobResult } from '../../src/client/index';
import { keepFigures } from './keep-figures';
import { JobsWorld, randomDag, type JobAccount } from './jobs-world';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const SEED = 20_261_121;
const SIZE = SOAK
  ? { tasks: 200, seed: SEED, wrongFirstEvery: 9, splitEvery: 40 }
  : { tasks: 10, seed: SEED, wrongFirstEvery: 6, splitEvery: 5 };
/** The model thinks so long, so that there is a time in which a request is under way. */
const THINKING_MS = 150;
/** A few seconds; the first deaths must come before a small job is done. */
const PAUSE_MS = [1_000, 4_000] as const;
const TIMEOUT_MS = SOAK ? 60 * 60_000 : 300_000;

let jobs: JobsWorld;

beforeAll(async () => {
  const script = ['calm', 'fire'].flatMap((name) => randomDag(name, SIZE, THINKING_MS).script);
  jobs = await JobsWorld.start({ script, workers: 2 });
}, 120_000);

afterAll(async () => jobs?.stop(), 60_000);

const resultOf = async (handle: WorkflowHandle): Promise<JobResult> => (await handle.result()) as JobResult;

it(
  'loses nothing, does nothing twice and keeps the order while its workers are killed',
  async () => {
    const dag = randomDag('calm', SIZE);
    const calm = await run('calm', false);
    const whole: JobAccount = {
      state: 'completed',
      counts: dag.counts,
      spending: expect.objectContaining({ callsSent: dag.calls, callsInDoubt: 0 }) as unknown as JobAccount['spending'],
      requests: dag.calls,
      repeated: 0,
      notOnce: [],
      tooEarly: [],
      oddBranches: [],
    };
    expect(calm.account).toEqual(whole);
    const fire = await run('fire', true);
    expect(fire.account).toEqual(whole);
    expect(fire.account.spending).toEqual(calm.account.spending);
    // Otherwise nothing was shown.
    expect(fire.kills).toBeGreaterThan(SOAK ? 20 : 1);
    const figures = { tasks: SIZE.tasks, seed: SEED, calmMs: calm.tookMs, fireMs: fire.tookMs, kills: fire.kills };
    keepFigures('jobs under fire', { ...figures, spending: fire.account.spending });
  },
  TIMEOUT_MS,
);

async function run(name: string, isUnderFire: boolean) {
  const { tasks } = randomDag(name, SIZE);
  const startedAt = Date.now();
  const ending = resultOf(await jobs.submit(name, tasks, { concurrency: 8 }));
  const { result, kills } = isUnderFire
    ? await jobs.underFire(ending, { seed: SEED, pauseMs: PAUSE_MS })
    : { result: await ending, kills: 0 };
  const tookMs = Date.now() - startedAt;
  return { account: await jobs.account(name, result), kills, tookMs };
}
