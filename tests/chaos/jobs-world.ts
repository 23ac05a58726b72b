/** Jobs on a real server, endpoint and remote, with workers that may die: what became of every task, in figures. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { JobInput, JobResult } from '../../src/client/index';
import type { JobSpec, JobTask, JobTaskRow } from '../../src/domain/job';
import type { JobStatus, JobTasksPage } from '../../src/workflows/messages';
import type { ScriptedRequest, ScriptRule } from '../../src/adapters/model/scripted';
import { answerValue, branchesOf, git, until, valueFiles, World, type WorldOptions } from '../e2e/world';
import { seededRandom } from './points';

/** Rows of one answer, at most. */
const ROWS_AT_ONCE = 500;
/** The server asks a killed worker first, and the next one only when that has not answered. */
const QUERY_TRIES = 10;

/** So small that nothing but weaver itself takes time. */
const SMALL_CHECK = { name: 'value', run: 'grep -qx right value.txt', timeoutSeconds: 20 };
export const RIGHT = { kind: 'json', value: answerValue('right') } as const;

export interface JobAccount {
  readonly state: string;
  readonly counts: JobStatus['counts'];
  readonly spending: JobStatus['spending'];
  /** Requests that the endpoint got for it. */
  readonly requests: number;
  /** Requests that were the same as an earlier one. */
  readonly repeated: number;
  /** Workflows that ran twice, or not at all, or do so still. */
  readonly notOnce: readonly string[];
  /** Tasks that began before something that they wait for had ended. */
  readonly tooEarly: readonly string[];
  /** Branches with more or less than one commit, and those that no task has. */
  readonly oddBranches: readonly string[];
}

export class JobsWorld {
  readonly workers: ChildProcess[] = [];
  private readonly texts = new WeakMap<ScriptedRequest, string>();
  private constructor(
    readonly world: World,
    private readonly connection: Connection,
    readonly client: Client,
  ) {}

  static async start(options: WorldOptions): Promise<JobsWorld> {
    const world = await World.start({ ...options, workers: 0 });
    const connection = await Connection.connect({ address: world.server.address });
    const jobs = new JobsWorld(world, connection, new Client({ connection }));
    for (let n = 0; n < (options.workers ?? 1); n += 1) jobs.workers.push(await world.startWorker());
    return jobs;
  }

  async stop(): Promise<void> {
    await this.connection.close();
    await this.world.stop();
  }

  /** A job on a remote of its own, which has its name. */
  async submit(
    name: string,
    tasks: readonly JobTask[],
    more: Partial<JobSpec> = {},
    input: Partial<JobInput> = {},
  ): Promise<WorkflowHandle> {
    const job: JobSpec = {
      title: name,
      tasks,
      concurrency: 16,
      priority: 3,
      tags: [],
      budget: { whenSpent: 'wait' },
      ...more,
      defaults: {
        description: 'Make the value right.',
        repo: { url: this.world.repository(name, valueFiles()) },
        checks: [SMALL_CHECK],
        ...more.defaults,
      },
    };
    const args: [JobInput] = [{ schemaVersion: 1, job, requester: 'chaos', ...input }];
    return await this.client.workflow.start('job', { taskQueue: 'weaver', workflowId: `job/${name}`, args });
  }

  /** Work trees that are on disk. */
  worktrees(): readonly string[] {
    const folder = join(this.world.home, 'workspaces');
    return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
  }

  remote(name: string): string {
    return `${this.world.folder}/remotes/${name}.git`;
  }

  async rows(handle: WorkflowHandle): Promise<readonly JobTaskRow[]> {
    const rows: JobTaskRow[] = [];
    for (;;) {
      const page = await patiently(() =>
        handle.query<JobTasksPage, [{ from: number; limit: number }]>('jobTasks', {
          from: rows.length,
          limit: ROWS_AT_ONCE,
        }),
      );
      rows.push(...page.rows);
      if (rows.length >= page.total || page.rows.length === 0) return rows;
    }
  }

  status(handle: WorkflowHandle): Promise<JobStatus> {
    return patiently(() => handle.query<JobStatus>('jobStatus'));
  }

  /** Kills one of the workers and starts another in its place, again and again by the seed, until the work is done. */
  async underFire<T>(
    work: Promise<T>,
    fire: { readonly seed: number; readonly pauseMs: readonly [number, number] },
  ): Promise<{ readonly result: T; readonly kills: number }> {
    const random = seededRandom(fire.seed);
    const [shortest, longest] = fire.pauseMs;
    let kills = 0;
    const over = work.then(() => true);
    // Awaited below; the fire ends with it.
    over.catch(() => undefined);
    for (;;) {
      const pauseMs = shortest + random() * (longest - shortest);
      const pause = new Promise<false>((wake) => setTimeout(() => wake(false), pauseMs));
      if (await Promise.race([over, pause])) return { result: await work, kills };
      await this.killWorker(Math.floor(random() * this.workers.length));
      kills += 1;
    }
  }

  /** With SIGKILL; another one polls when it resolves. */
  async killWorker(index: number): Promise<void> {
    const worker = this.workers[index];
    if (worker === undefined) throw new RangeError(`no worker ${index}`);
    const died = once(worker, 'exit');
    worker.kill('SIGKILL');
    await died;
    this.workers[index] = await this.world.startWorker();
  }

  /** All at once; as many others poll when it resolves. */
  async killAll(): Promise<void> {
    const dead = this.workers.map((worker) => {
      const died = once(worker, 'exit');
      worker.kill('SIGKILL');
      return died;
    });
    await Promise.all(dead);
    for (const index of this.workers.keys()) this.workers[index] = await this.world.startWorker();
  }

  /** Of a job that has ended. */
  async account(name: string, result: JobResult): Promise<JobAccount> {
    const handle = this.client.workflow.getHandle(`job/${name}`);
    const rows = await this.rows(handle);
    const { counts, spending } = await this.status(handle);
    const prompts = this.prompts(name);
    return {
      state: result.state,
      counts,
      spending,
      requests: prompts.length,
      repeated: prompts.length - new Set(prompts).size,
      notOnce: await this.notOnce(name, rows),
      tooEarly: tooEarly(rows),
      oddBranches: this.oddBranches(name, rows),
    };
  }

  /** What the endpoint was asked for the job; its tasks' titles begin with its name. */
  prompts(name: string): readonly string[] {
    const bodies = this.world.endpoint.requests().map((request) => this.textOf(request));
    return bodies.filter((body) => body.includes(`# ${name} `));
  }

  /** Some wait for a request by looking through all of them again and again. */
  private textOf(request: ScriptedRequest): string {
    const text = this.texts.get(request) ?? JSON.stringify(request.body);
    this.texts.set(request, text);
    return text;
  }

  private async notOnce(name: string, rows: readonly JobTaskRow[]): Promise<readonly string[]> {
    const begun = rows.filter(({ startedAt }) => startedAt !== null).map(({ taskId }) => taskId);
    let runs: readonly { readonly workflowId: string; readonly isOpen: boolean }[] = [];
    const twice = () =>
      runs.filter(({ workflowId }, at) => runs.findIndex((one) => one.workflowId === workflowId) !== at);
    const open = () => runs.filter(({ isOpen }) => isOpen);
    const missing = () => begun.filter((id) => runs.every(({ workflowId }) => workflowId !== id));
    // The list of the server is some moments behind.
    await until(async () => {
      runs = await this.runsOf(name);
      return (open().length === 0 && missing().length === 0) || twice().length > 0;
    }, 'the server lists the ends of all tasks').catch(() => undefined);
    return [...[...twice(), ...open()].map(({ workflowId }) => workflowId), ...missing()];
  }

  private async runsOf(name: string) {
    const runs: { readonly workflowId: string; readonly isOpen: boolean }[] = [];
    const query = `WorkflowId STARTS_WITH 'job/${name}/t/'`;
    for await (const { workflowId, status } of this.client.workflow.list({ query }))
      runs.push({ workflowId, isOpen: status.name === 'RUNNING' });
    return runs;
  }

  private oddBranches(name: string, rows: readonly JobTaskRow[]): readonly string[] {
    const url = this.remote(name);
    const branches = branchesOf(url).filter((branch) => branch !== 'main');
    const ours = new Set(
      rows.flatMap(({ state, branch }) => (state === 'succeeded' && branch !== null ? [branch] : [])),
    );
    const odd = branches.filter(
      (branch) => !ours.has(branch) || git(url, 'rev-list', '--count', `main..refs/heads/${branch}`) !== '1',
    );
    return [...odd, ...[...ours].filter((branch) => !branches.includes(branch))];
  }
}

/** Repeats what a dead worker was asked. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (thrown) {
      if (tries >= QUERY_TRIES) throw thrown;
    }
  }
}

/** A dependent of a task that was split waits for all that came of it. */
function tooEarly(rows: readonly JobTaskRow[]): readonly string[] {
  const byPath = new Map(rows.map((row) => [row.path, row]));
  const leaves = (path: string): readonly JobTaskRow[] => {
    const row = byPath.get(path);
    if (row === undefined) return [];
    return row.children.length === 0 ? [row] : row.children.flatMap(leaves);
  };
  return rows
    .filter(({ startedAt }) => startedAt !== null)
    .filter(({ startedAt, dependsOn }) =>
      dependsOn.some(({ on }) => leaves(on).some(({ endedAt }) => (endedAt ?? Infinity) > (startedAt ?? 0))),
    )
    .map(({ path }) => path);
}

/** What the tasks of a job are like. */
export interface DagOptions {
  readonly tasks: number;
  readonly seed: number;
  /** Every so-many-th answers wrongly first. */
  readonly wrongFirstEvery: number;
  /** Which tasks are split into two. */
  readonly splitEvery: number;
}

export interface Dag {
  readonly tasks: readonly JobTask[];
  readonly script: readonly ScriptRule[];
  /** Requests that the whole costs when nothing goes amiss. */
  readonly calls: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Each task waits for up to three earlier ones. The same seed makes the same job under every name. */
export function randomDag(name: string, { tasks, seed, wrongFirstEvery, splitEvery }: DagOptions, thinkingMs = 0): Dag {
  const random = seededRandom(seed);
  const made: JobTask[] = [];
  const script: ScriptRule[] = [];
  const right = { ...RIGHT, delayMs: thinkingMs };
  const wrong = { kind: 'json', value: answerValue('wronger'), delayMs: thinkingMs } as const;
  let calls = 0;
  let splits = 0;
  for (let n = 0; n < tasks; n += 1) {
    const id = idOf(n);
    const title = `${name} task ${id}.`;
    const before = Array.from({ length: Math.floor(random() * 4) }, () => idOf(Math.floor(random() * n)));
    const isSplit = n % splitEvery === splitEvery - 1;
    const isWrongFirst = !isSplit && n % wrongFirstEvery === 1;
    made.push({
      id,
      dependsOn: n === 0 ? [] : [...new Set(before)].map((on) => ({ on, whenFailed: 'fail' as const })),
      content: { title, ...(isSplit ? { handler: 'plan' } : {}) },
    });
    if (isSplit) {
      const children = ['a', 'b'].map((part) => childOf(`${name} part ${id}${part}.`));
      const plan = { children, join: false, notes: '', question: null };
      script.push({ when: { contains: `# ${title}` }, answers: [{ kind: 'json', value: plan, delayMs: thinkingMs }] });
      splits += 1;
    }
    if (isWrongFirst) script.push({ when: { contains: `# ${title}` }, answers: [wrong, right] });
    calls += isSplit ? 3 : isWrongFirst ? 2 : 1;
  }
  script.push({ when: { contains: `# ${name} ` }, answers: [right] });
  return {
    tasks: made,
    script,
    calls,
    counts: { succeeded: tasks + splits, ...(splits > 0 ? { decomposed: splits } : {}) },
  };
}

const idOf = (n: number): string => `t${String(n).padStart(4, '0')}`;

export const childOf = (title: string) => ({
  title,
  description: 'Make the value right.',
  acceptanceCriteria: [],
  relatedFiles: [],
  checks: [],
  dependsOn: [],
});
