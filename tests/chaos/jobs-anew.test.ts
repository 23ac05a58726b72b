/**
 * The moments in which a job could lose something: it continues as new while its tasks report, split, ask for budget and are
 * stopped; a worker dies while a task is being split. Looking after silent tasks is off, so that nothing lost is found again.
 */
import type { WorkflowHandle } from '@temporalio/client';
import type { JobResult } from '../../src/client/index';
import type { JobTask } from '../../src/domain/job';
import type { ScriptRule } from '../../src/adapters/model/scripted';
import { until } from '../e2e/world';
import { childOf, JobsWorld, randomDag, RIGHT, type JobAccount } from './jobs-world';
import { keepFigures } from './keep-figures';
import { seededRandom } from './points';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const SEED = 20_261_121;
const SIZE = SOAK
  ? { tasks: 40, wrongFirstEvery: 4, splitEvery: 10 }
  : { tasks: 14, wrongFirstEvery: 4, splitEvery: 7 };
const ROUNDS = SOAK ? 10 : 1;
/** A few tasks long: there are many moments at which something could be lost. */
const EVENTS_MAX = SOAK ? 50 : 24;
/** Retries have to ask for more: the slices of so few attempts are of one each. */
const BUDGET = { whenSpent: 'wait', attempts: 120 } as const;
const STOPPED = ['slow0', 'slow1', 'slow2'];
const SPLITS_AT_ONCE = SOAK ? 5 : 2;
const SPLITS = SOAK ? 25 : SPLITS_AT_ONCE;
const CHILDREN = SOAK ? 6 : 4;
/** From the answer of the model to the last start of a child. */
const SPLITTING_MS = 400;
const NEVER_SECONDS = 86_400;
const TIMEOUT_MS = SOAK ? 60 * 60_000 : 240_000;

let jobs: JobsWorld;

const anewName = (round: number): string => `anew${String(round).padStart(2, '0')}`;
const splitName = (n: number): string => `split${String(n).padStart(2, '0')}`;

beforeAll(async () => {
  const anew = Array.from({ length: ROUNDS }, (_, round) => anewName(round)).flatMap((name, round): ScriptRule[] => [
    { when: { contains: `# ${name} slow` }, answers: [{ ...RIGHT, delayMs: 600_000 }] },
    ...randomDag(name, { ...SIZE, seed: SEED + round }, 50).script,
  ]);
  const splits = Array.from({ length: SPLITS }, (_, n) => splitName(n)).map((name): ScriptRule => {
    const children = Array.from({ length: CHILDREN }, (_, at) => childOf(`${name} part ${at + 1}.`));
    const plan = { children, join: false, notes: '', question: null };
    return { when: { contains: `# ${name} whole.` }, answers: [{ kind: 'json', value: plan }] };
  });
  jobs = await JobsWorld.start({ script: [...anew, ...splits, { answers: [RIGHT] }], workers: 2 });
}, 120_000);

afterAll(async () => jobs?.stop(), 60_000);

const resultOf = async (handle: WorkflowHandle): Promise<JobResult> => (await handle.result()) as JobResult;

it.each(Array.from({ length: ROUNDS }, (_, round) => anewName(round)))(
  'loses no signal when the job continues as new again and again: %s',
  async (name) => {
    const dag = randomDag(name, { ...SIZE, seed: SEED + Number(name.slice(-2)) });
    const slow = STOPPED.map((id): JobTask => ({ id, dependsOn: [], content: { title: `${name} ${id}.` } }));
    const handle = await jobs.submit(
      name,
      [...slow, ...dag.tasks],
      { concurrency: 8, budget: BUDGET },
      { eventsMax: EVENTS_MAX, lookAfterSeconds: NEVER_SECONDS },
    );
    const ending = Promise.all([resultOf(handle), stopEach(name, handle)]);
    const fire = { seed: SEED + Number(name.slice(-2)), pauseMs: [4_000, 9_000] as const };
    const { result, kills } = await jobs.underFire(ending, fire);
    const account = await jobs.account(name, result[0]);
    const whole: JobAccount = {
      state: 'failed',
      counts: { ...dag.counts, cancelled: STOPPED.length },
      spending: expect.objectContaining({ callsInDoubt: 0 }) as unknown as JobAccount['spending'],
      requests: expect.any(Number) as unknown as number,
      repeated: 0,
      notOnce: [],
      tooEarly: [],
      oddBranches: [],
    };
    expect(account).toEqual(whole);
    const asked = jobs.prompts(name).filter((prompt) => !prompt.includes(`# ${name} slow`)).length;
    expect(asked).toBe(dag.calls);
    const runs = await runsOf(name);
    keepFigures(`continued as new, ${name}`, { tasks: SIZE.tasks, runs, kills });
    expect(runs).toBeGreaterThan(4);
  },
  TIMEOUT_MS,
);

/** Each as soon as the job has begun one more run: in the middle of a handing over, or just after it. */
async function stopEach(name: string, handle: WorkflowHandle): Promise<void> {
  let runs = 1;
  for (const path of STOPPED) {
    const before = runs;
    await until(async () => (runs = await runsOf(name)) > before, 'the job continues as new', TIMEOUT_MS);
    await handle.executeUpdate('stop', { args: [{ path, reason: 'not wanted', requester: 'chaos' }] });
  }
}

async function runsOf(name: string): Promise<number> {
  const { count } = await jobs.client.workflow.count(`WorkflowId = 'job/${name}'`);
  return count;
}

it.each(Array.from({ length: SPLITS / SPLITS_AT_ONCE }, (_, at) => at * SPLITS_AT_ONCE))(
  'makes no child twice and loses none when the worker dies while a task is split: from %i',
  async (first) => {
    const names = Array.from({ length: SPLITS_AT_ONCE }, (_, n) => splitName(first + n));
    const handles: WorkflowHandle[] = [];
    // One after the other is killed over; those that are under way already live through the next deaths too.
    for (const name of names) handles.push(await killedWhileSplit(name));
    const results = await Promise.all(handles.map(resultOf));
    const accounts = await Promise.all(names.map((name, n) => jobs.account(name, results[n] as JobResult)));
    const calls = 1 + CHILDREN;
    const whole: JobAccount = {
      state: 'completed',
      counts: { decomposed: 1, succeeded: CHILDREN },
      spending: expect.objectContaining({ callsSent: calls, callsInDoubt: 0 }) as unknown as JobAccount['spending'],
      requests: calls,
      repeated: 0,
      notOnce: [],
      tooEarly: [],
      oddBranches: [],
    };
    expect(accounts).toEqual(names.map(() => whole));
    const paths = ['p', ...Array.from({ length: CHILDREN }, (_, at) => `p.${at + 1}`)];
    const rows = await Promise.all(handles.map((handle) => jobs.rows(handle)));
    expect(rows.map((each) => each.map(({ path }) => path))).toEqual(names.map(() => paths));
  },
  TIMEOUT_MS,
);

/** Every second one as soon as the server has seen the first child, the others at any moment from the plan on. */
async function killedWhileSplit(name: string): Promise<WorkflowHandle> {
  const n = Number(name.slice(-2));
  const random = seededRandom(SEED + n);
  const task: JobTask = { id: 'p', dependsOn: [], content: { title: `${name} whole.`, handler: 'plan' } };
  const handle = await jobs.submit(name, [task], {}, { lookAfterSeconds: NEVER_SECONDS });
  if (n % 2 === 0) await until(() => isThere(`job/${name}/t/p.1`), 'the first child is there', 120_000);
  else {
    await until(() => jobs.prompts(name).length > 0, 'the plan is asked for', 120_000);
    await new Promise((wake) => setTimeout(wake, random() * SPLITTING_MS));
  }
  await jobs.killAll();
  return handle;
}

async function isThere(workflowId: string): Promise<boolean> {
  try {
    await jobs.client.workflow.getHandle(workflowId).describe();
    return true;
  } catch {
    return false;
  }
}
