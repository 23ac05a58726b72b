/** One task on workers that die: what became of it, in figures that a calm run has too. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { WeaverClient } from '../../src/client/weaver-client';
import { WeaverFault } from '../../src/client/weaver-fault';
import type { JobResult } from '../../src/workflows/messages';
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import { descendantsOf, isAlive, isRequestProcess, type Process } from './seen-processes';
import { answerValue, endProcess, git, makeRepository, until, World } from '../e2e/world';

const PRELOAD = join(__dirname, 'kill-at.cjs');
/** Longest of all: a heartbeat limit of 15 s, a workflow task's limit of 10 s, a start, on a busy machine. */
const SETTLE_MS = 150_000;
/** The model thinks so long, so that there is a time in which a request is under way. */
const THINKING_MS = 150;

export type Kind = 'plain' | 'troubled';

export interface Account {
  readonly state: string;
  readonly decisions: readonly string[];
  /** Requests that the endpoint got. */
  readonly requests: number;
  /** Requests that weaver has booked. */
  readonly booked: number;
  readonly inDoubt: number;
  readonly commits: number;
  /** Content of the branch. */
  readonly tree: string;
  readonly otherBranches: readonly string[];
  /** Processes of the dead worker that were there when the task had ended. */
  readonly leftBehind: readonly string[];
}

export interface Run {
  readonly account: Account;
  /** From the submission to the end. */
  readonly tookMs: number;
}

export type Fire =
  | { readonly kind: 'none'; readonly countsFile?: string }
  | { readonly kind: 'point'; readonly point: string }
  | { readonly kind: 'moment'; readonly afterMs: number }
  /** Not the worker but its request process is killed. */
  | { readonly kind: 'requestProcess'; readonly afterMs: number };

/** Titles, half of them for each kind: enough for every point and moment of a soak. */
const TASKS_MAX = 2_000;
const titleOf = (n: number): string => `Chaos ${String(n).padStart(4, '0')}.`;

const right: ScriptedAnswer = { kind: 'json', value: answerValue('right'), delayMs: THINKING_MS };
const ANSWERS: Readonly<Record<Kind, readonly ScriptedAnswer[]>> = {
  plain: [right],
  // A repair turn, a red check, and only then the right thing.
  troubled: [
    { kind: 'text', text: 'Let me think about it first.', delayMs: THINKING_MS },
    { kind: 'json', value: answerValue('wrong again'), delayMs: THINKING_MS },
    right,
  ],
};

/** The check takes a moment, so that it can be interrupted. */
const FILES = {
  'value.txt': 'wrong\n',
  'check.sh': 'sleep 0.15; grep -qx right value.txt || { echo "value is $(cat value.txt)"; exit 1; }\n',
};

/** Of three seconds each: a busy machine takes its time, a hanging one is a failure. */
const QUERY_TRIES = 10;

export class UnderFire {
  private tasks = 0;
  private constructor(
    readonly world: World,
    private readonly connection: Connection,
    private readonly template: string,
  ) {}

  static async start(config?: string): Promise<UnderFire> {
    const numbers = Array.from({ length: TASKS_MAX }, (_, n) => n);
    const script = numbers.map((n) => ({ when: { contains: titleOf(n) }, answers: ANSWERS[kindOf(n)] }));
    const world = await World.start({ script, workers: 0, ...(config === undefined ? {} : { config }) });
    const connection = await Connection.connect({ address: world.server.address });
    const template = makeRepository(join(world.folder, 'template.git'), FILES);
    return new UnderFire(world, connection, template);
  }

  async stop(): Promise<void> {
    await this.connection.close();
    await this.world.stop();
  }

  /** Rejects if the fire never came: then nothing has been shown. */
  async run(kind: Kind, fire: Fire): Promise<Run> {
    const task = this.prepare(kind);
    const workers: ChildProcess[] = [];
    try {
      const first = await this.startWorker(task, fire);
      workers.push(first);
      const submittedAt = performance.now();
      const { jobId } = await task.client.submit(task.text);
      const ending = task.client.result(jobId, { signal: AbortSignal.timeout(SETTLE_MS) });
      // Awaited below, unless the fire fails first.
      ending.catch(() => undefined);
      const below = await this.waitForDeath(first, fire, task, ending);
      if (first.signalCode !== null) workers.push(await this.world.startWorker({ env: task.env }));
      const result = await ending;
      const tookMs = performance.now() - submittedAt;
      const leftBehind = below.filter((one) => !isRequestProcess(one) && isAlive(one)).map(({ command }) => command);
      return { account: { ...(await this.account(task, result)), leftBehind }, tookMs };
    } finally {
      await this.cleanUp(task, workers);
    }
  }

  private async account(
    { client, title, url }: Task,
    { jobId, task }: JobResult,
  ): Promise<Omit<Account, 'leftBehind'>> {
    const decisions = await decisionsOf(client, jobId);
    const branches = git(url, 'for-each-ref', '--format=%(refname:short)', 'refs/heads').split('\n');
    return {
      state: task.state,
      decisions: decisions.map(({ decision }) => decision.kind),
      requests: this.world.requestsFor(title),
      booked: task.spending.callsSent,
      inDoubt: task.spending.callsInDoubt,
      commits: Number(git(url, 'rev-list', '--count', 'main..refs/heads/chaos')),
      tree: git(url, 'rev-parse', 'refs/heads/chaos^{tree}'),
      otherBranches: branches.filter((name) => name !== 'main' && name !== 'chaos'),
    };
  }

  private prepare(kind: Kind): Task {
    // Even numbers are plain, odd ones troubled.
    const n = 2 * this.tasks + (kind === 'plain' ? 0 : 1);
    this.tasks += 1;
    if (n >= TASKS_MAX) throw new RangeError(`The endpoint knows ${TASKS_MAX} tasks only.`);
    const title = titleOf(n);
    const folder = join(this.world.folder, `task-${n}`);
    const home = join(folder, 'home');
    mkdirSync(home, { recursive: true });
    const url = join(folder, 'remote.git');
    cpSync(this.template, url, { recursive: true });
    const taskQueue = `chaos-${n}`;
    const text = JSON.stringify({
      title,
      description: 'Make the value right.',
      repo: { url, branch: 'chaos' },
      setup: [{ name: 'prepare', run: 'mkdir -p made && echo made > made/file', timeoutSeconds: 20, network: false }],
      checks: [{ name: 'value', run: 'sh check.sh', timeoutSeconds: 20 }],
    });
    const client = new WeaverClient(new Client({ connection: this.connection }), { taskQueue, requester: 'chaos' });
    const env = { WEAVER_HOME: home, WEAVER_TASK_QUEUE: taskQueue };
    return { title, folder, home, url, text, client, env, mark: join(folder, 'mark.json') };
  }

  private async startWorker(task: Task, fire: Fire): Promise<ChildProcess> {
    const counts = fire.kind === 'none' && fire.countsFile !== undefined ? { WEAVER_KILL_COUNTS: fire.countsFile } : {};
    const point = fire.kind === 'point' ? { WEAVER_KILL_AT: fire.point, WEAVER_KILL_MARK: task.mark } : {};
    const before = this.world.processes.length;
    try {
      return await this.world.startWorker({
        nodeArgs: ['--require', PRELOAD],
        env: { ...task.env, ...counts, ...point },
      });
    } catch (error) {
      // Some points lie before the worker says that it polls.
      const child = this.world.processes[before];
      if (child === undefined || !existsSync(task.mark)) throw error;
      return child;
    }
  }

  /** Gives the processes that the worker had below it when it died. */
  private async waitForDeath(
    worker: ChildProcess,
    fire: Fire,
    task: Task,
    ending: Promise<JobResult>,
  ): Promise<readonly Process[]> {
    if (fire.kind === 'none') return [];
    if (fire.kind !== 'point') await new Promise((wake) => setTimeout(wake, fire.afterMs));
    if (fire.kind === 'requestProcess') {
      let found: Process | undefined;
      // It starts beside the worker, and on a busy machine after it.
      await until(() => {
        found = descendantsOf(worker.pid ?? 0).find(isRequestProcess);
        return found !== undefined;
      }, 'the request process runs');
      if (found !== undefined) process.kill(found.pid, 'SIGKILL');
      return [];
    }
    if (fire.kind === 'moment') {
      const below = descendantsOf(worker.pid ?? 0);
      worker.kill('SIGKILL');
      await until(() => worker.signalCode === 'SIGKILL', 'the worker dies');
      return below;
    }
    const early = ending.then(() => 'ended' as const);
    early.catch(() => undefined);
    const died = until(() => worker.signalCode !== null, `the worker dies at ${fire.point}`, SETTLE_MS).then(
      () => 'died' as const,
    );
    died.catch(() => undefined);
    // A point behind the last answer to the server is reached all the same.
    if ((await Promise.race([early, died])) === 'ended')
      await Promise.race([died, new Promise((wake) => setTimeout(wake, 2_000))]);
    if (!existsSync(task.mark)) throw new Error(`the worker never came to ${fire.point}`);
    await died;
    return (JSON.parse(readFileSync(task.mark, 'utf8')) as { readonly below: readonly Process[] }).below;
  }

  /** The request process would stay for a minute, with its memory: too long for hundreds of homes. */
  private async cleanUp(task: Task, workers: readonly ChildProcess[]): Promise<void> {
    const ours = descendantsOf(1).concat(descendantsOf(process.pid));
    await Promise.all(workers.map(endProcess));
    for (const one of ours.filter((other) => isRequestProcess(other) && other.command.includes(task.home))) {
      if (isAlive(one)) process.kill(one.pid, 'SIGTERM');
    }
    rmSync(task.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

interface Task {
  readonly title: string;
  readonly folder: string;
  readonly home: string;
  readonly url: string;
  readonly text: string;
  readonly client: WeaverClient;
  readonly env: Readonly<Record<string, string>>;
  readonly mark: string;
}

const kindOf = (n: number): Kind => (n % 2 === 0 ? 'plain' : 'troubled');

/** The server asks the killed worker first, and the next one only when that has not answered. */
async function decisionsOf(client: WeaverClient, jobId: string): ReturnType<WeaverClient['decisions']> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await client.decisions(jobId);
    } catch (thrown) {
      if (!(thrown instanceof WeaverFault) || thrown.code !== 'temporalUnreachable' || tries >= QUERY_TRIES)
        throw thrown;
    }
  }
}
