/**
 * Jobs of many tasks: what a task costs must not depend on how many there are beside it. `npm run soak` compares 1,000 with
 * 100, `npm test` 50 with 5; a cancel stops 100 tasks (10) within ten seconds.
 */
import { readFileSync } from 'node:fs';
import type { WorkflowHandle } from '@temporalio/client';
import type { JobResult } from '../../src/client/index';
import type { JobTask } from '../../src/domain/job';
import { until } from '../e2e/world';
import { keepFigures } from './keep-figures';
import { childOf, JobsWorld, RIGHT, type JobAccount } from './jobs-world';
import { descendantsOf, isRequestProcess, type Process } from './seen-processes';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const FEW = SOAK ? 100 : 5;
const MANY = SOAK ? 1_000 : 50;
/** Of each size, in turn, so that a slow hour of the machine meets both. */
const ROUNDS = SOAK ? 3 : 1;
/** Time per task of many by that of few. A short run says little: there only what grows with the square would be seen. */
const RATIO_MAX = SOAK ? 1.3 : 3;
/** Events of the job for each task, with its share of workflow tasks. */
const JOB_EVENTS_PER_TASK_MAX = 12;
const CANCELLED = SOAK ? 100 : 10;
/** Of the four places that a provider has. */
const SLOW = 2;
/** Of the places for checks, of which a small machine has two: those that wait for one hold a place for steps. */
const CHECKED = 1;
const CANCEL_WITHIN_MS = 10_000;
const TIMEOUT_MS = SOAK ? 2 * 60 * 60_000 : 240_000;

const SPLIT = {
  children: ['cancel later a.', 'cancel later b.'].map(childOf),
  join: false,
  notes: '',
  question: null,
};

let jobs: JobsWorld;

beforeAll(async () => {
  const script = [
    { when: { contains: '# cancel slow' }, answers: [{ ...RIGHT, delayMs: 600_000 }] },
    // Answers at once that they come back later. It does not say when: a pause would hold for all the others too.
    { when: { contains: '# cancel later' }, answers: [{ kind: 'status' as const, status: 429 }] },
    { when: { contains: '# cancel split' }, answers: [{ kind: 'json' as const, value: SPLIT }] },
    { answers: [RIGHT] },
  ];
  jobs = await JobsWorld.start({ script });
}, 120_000);

afterAll(async () => jobs?.stop(), 60_000);

const resultOf = async (handle: WorkflowHandle): Promise<JobResult> => (await handle.result()) as JobResult;
const idOf = (n: number): string => `t${String(n).padStart(4, '0')}`;
const oneAttempt = (name: string, count: number): readonly JobTask[] =>
  Array.from({ length: count }, (_, n) => ({
    id: idOf(n),
    dependsOn: [],
    content: { title: `${name} task ${idOf(n)}.` },
  }));

it(
  'a task of many takes as long as one of few',
  async () => {
    await measure('warm', FEW);
    const samples: { few: number[]; many: number[] } = { few: [], many: [] };
    const cpu: { few: number[]; many: number[] } = { few: [], many: [] };
    let sizes: Sizes | null = null;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const few = await measure(`few-${round}`, FEW);
      const many = await measure(`many-${round}`, MANY);
      samples.few.push(few.msPerTask);
      samples.many.push(many.msPerTask);
      cpu.few.push(few.cpuMsPerTask);
      cpu.many.push(many.cpuMsPerTask);
      sizes = many.sizes;
    }
    const ratio = median(samples.many) / median(samples.few);
    const perTask = { samplesMsPerTask: samples, ratio, workerCpuMsPerTask: cpu };
    keepFigures('time per task', { few: FEW, many: MANY, ...perTask, history: sizes });
    expect(ratio).toBeLessThan(RATIO_MAX);
    expect((sizes?.jobEvents ?? Infinity) / MANY).toBeLessThan(JOB_EVENTS_PER_TASK_MAX);
    // Design 3.
    expect(sizes?.taskEvents).toBeLessThanOrEqual(60);
  },
  TIMEOUT_MS,
);

interface Measured {
  readonly msPerTask: number;
  /** Of the worker, without git and the checks: tells a slow weaver from a busy machine. */
  readonly cpuMsPerTask: number;
  readonly sizes: Sizes;
}

async function measure(name: string, count: number): Promise<Measured> {
  const cpuBefore = workerCpuMs();
  const startedAt = performance.now();
  const handle = await jobs.submit(name, oneAttempt(name, count), { defaults: { limits: { attempts: 1 } } });
  const result = await resultOf(handle);
  const msPerTask = (performance.now() - startedAt) / count;
  const cpuMsPerTask = (workerCpuMs() - cpuBefore) / count;
  const whole: JobAccount = {
    state: 'completed',
    counts: { succeeded: count },
    spending: expect.objectContaining({ callsSent: count, callsInDoubt: 0 }) as unknown as JobAccount['spending'],
    requests: count,
    repeated: 0,
    notOnce: [],
    tooEarly: [],
    oddBranches: [],
  };
  expect(await jobs.account(name, result)).toEqual(whole);
  return { msPerTask, cpuMsPerTask, sizes: await sizesOf(name) };
}

/** Ticks of a hundredth of a second, as Linux counts them for programs. */
function workerCpuMs(): number {
  const stat = readFileSync(`/proc/${jobs.workers[0]?.pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

interface Sizes {
  /** Of all runs of the job together. */
  readonly jobRuns: number;
  readonly jobEvents: number;
  readonly jobBytes: number;
  /** The largest start input of a run that was continued as new. */
  readonly carriedBytes: number;
  /** Of its first task. */
  readonly taskEvents: number;
  readonly taskBytes: number;
}

async function sizesOf(name: string): Promise<Sizes> {
  const { workflow } = jobs.client;
  const { historyLength: taskEvents, historySize: taskBytes = 0 } = await workflow
    .getHandle(`job/${name}/t/t0000`)
    .describe();
  const runs: { readonly events: number; readonly bytes: number; readonly input: number }[] = [];
  for await (const { runId } of workflow.list({ query: `WorkflowId = 'job/${name}'` })) {
    const handle = workflow.getHandle(`job/${name}`, runId);
    const { historyLength: events, historySize: bytes = 0 } = await handle.describe();
    const first = (await handle.fetchHistory()).events?.[0]?.workflowExecutionStartedEventAttributes;
    const input = first?.continuedExecutionRunId ? (first.input?.payloads?.[0]?.data?.length ?? 0) : 0;
    runs.push({ events, bytes, input });
  }
  return {
    jobRuns: runs.length,
    jobEvents: sum(runs.map(({ events }) => events)),
    jobBytes: sum(runs.map(({ bytes }) => bytes)),
    carriedBytes: Math.max(...runs.map(({ input }) => input)),
    taskEvents,
    taskBytes,
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

it(
  'a cancel stops every task of a job, wherever it stands',
  async () => {
    const below = () => descendantsOf(jobs.workers[0]?.pid ?? 0).filter((one) => !isRequestProcess(one));
    const processesBefore = below().length;
    const worktreesBefore = jobs.worktrees().length;
    const tasks = oneAttempt('cancel', CANCELLED).map((task, n) => {
      const kind = kindOf(n);
      const checks = kind === 'checked' ? { checks: [{ name: 'long', run: 'sleep 601', timeoutSeconds: 900 }] } : {};
      return { ...task, content: { title: `cancel ${kind} ${task.id}.`, ...checks } };
    });
    // Its children are not the job's own: it hears of them only what they tell it.
    const split: JobTask = { id: 'p', dependsOn: [], content: { title: 'cancel split.', handler: 'plan' } };
    const handle = await jobs.submit('cancel', [split, ...tasks], { concurrency: CANCELLED + SPLIT.children.length });
    await until(() => isEverywhere(below()), 'tasks wait, ask and run checks', TIMEOUT_MS / 4);
    const startedAt = performance.now();
    await handle.signal('requestCancel', { reason: 'all of it', requester: 'chaos' });
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    const tookMs = performance.now() - startedAt;
    const rows = await jobs.rows(handle);
    expect(rows.filter(({ state }) => state !== 'cancelled').map(({ path, state }) => [path, state])).toEqual([
      ['p', 'decomposed'],
    ]);
    expect(rows.length).toBe(CANCELLED + 3);
    await until(() => below().length <= processesBefore, 'nothing runs on', CANCEL_WITHIN_MS);
    expect(jobs.worktrees().length).toBe(worktreesBefore);
    const query = `WorkflowId STARTS_WITH 'job/cancel' AND ExecutionStatus = 'Running'`;
    await until(
      async () => (await jobs.client.workflow.count(query)).count === 0,
      'no workflow is open',
      CANCEL_WITHIN_MS,
    );
    keepFigures('cancel', { tasks: CANCELLED, tookMs });
    expect(tookMs).toBeLessThan(CANCEL_WITHIN_MS);
  },
  TIMEOUT_MS,
);

/** A few hold places for calls and for checks, too few to keep the others from asking; these are sent away until later. */
function kindOf(n: number): 'later' | 'checked' | 'slow' {
  if (n < SLOW) return 'slow';
  return n < SLOW + CHECKED ? 'checked' : 'later';
}

function isEverywhere(below: readonly Process[]): boolean {
  const sentAway = CANCELLED - SLOW - CHECKED + SPLIT.children.length;
  return asked('later') >= sentAway && asked('slow') >= SLOW && below.some(({ command }) => command === 'sleep 601');
}

const asked = (kind: string): number => jobs.prompts(`cancel ${kind}`).length;
