/** Work on workers that die: what became of it, in figures that a calm run has too. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { WeaverClient } from '../../src/client/weaver-client';
import { WeaverFault } from '../../src/client/weaver-fault';
import type { JobResult } from '../../src/workflows/messages';
import type { ScriptRule } from '../../src/adapters/model/scripted';
import { descendantsOf, isAlive, isRequestProcess, type Process } from './seen-processes';
import { endProcess, until, World } from '../e2e/world';

const PRELOAD = join(__dirname, 'kill-at.cjs');
/** Longest of all: a heartbeat limit of 15 s, a workflow task's limit of 10 s, a start, on a busy machine. */
const SETTLE_MS = 150_000;

/** What is carried out under fire, again and again; each time it has a home, a queue and a title of its own. */
export interface Story<Account extends object> {
  /** What the endpoint says when it is asked for the work of this title. */
  rules(title: string): readonly ScriptRule[];
  prepare(place: Place): Prepared<Account> | Promise<Prepared<Account>>;
}

export interface Place {
  readonly title: string;
  /** Its own, removed afterwards. */
  readonly folder: string;
}

export interface Prepared<Account extends object> {
  /** Task or job file. */
  readonly text: string;
  /** More variables for the workers. */
  readonly env?: Readonly<Record<string, string>>;
  /** What somebody says to the job meanwhile. */
  say?(client: WeaverClient, jobId: string): Promise<void>;
  account(ended: Ended): Promise<Account>;
  stop?(): Promise<void>;
}

export interface Ended {
  readonly client: WeaverClient;
  readonly result: JobResult;
  /** Requests that the endpoint got. */
  readonly requests: number;
}

export interface LeftBehind {
  /** Processes of the dead worker that were there when the work had ended. */
  readonly leftBehind: readonly string[];
}

export interface Run<Account extends object> {
  readonly account: Account & LeftBehind;
  /** From the submission to the end. */
  readonly tookMs: number;
}

export type Fire =
  | { readonly kind: 'none'; readonly countsFile?: string }
  | { readonly kind: 'point'; readonly point: string }
  | { readonly kind: 'moment'; readonly afterMs: number }
  /** Not the worker but its request process is killed. */
  | { readonly kind: 'requestProcess'; readonly afterMs: number };

/** Titles, as many for each kind: enough for every point and moment of a soak. */
const TITLES_MAX = 2_000;
const titleOf = (n: number): string => `Chaos ${String(n).padStart(4, '0')}.`;

/** Of three seconds each: a busy machine takes its time, a hanging one is a failure. */
const QUERY_TRIES = 10;

export class UnderFire<Kind extends string, Account extends object> {
  private titles = 0;
  private constructor(
    readonly world: World,
    private readonly connection: Connection,
    private readonly stories: Readonly<Record<Kind, Story<Account>>>,
    private readonly kinds: readonly Kind[],
  ) {}

  static async start<Kind extends string, Account extends object>(
    stories: Readonly<Record<Kind, Story<Account>>>,
  ): Promise<UnderFire<Kind, Account>> {
    const kinds = Object.keys(stories) as Kind[];
    const each = Math.floor(TITLES_MAX / kinds.length);
    const script = Array.from({ length: each }, (_, nth) =>
      kinds.flatMap((kind, at) => stories[kind].rules(titleOf(nth * kinds.length + at))),
    ).flat();
    const world = await World.start({ script, workers: 0 });
    const connection = await Connection.connect({ address: world.server.address });
    return new UnderFire(world, connection, stories, kinds);
  }

  async stop(): Promise<void> {
    await this.connection.close();
    await this.world.stop();
  }

  /** Rejects if the fire never came: then nothing has been shown. */
  async run(kind: Kind, fire: Fire): Promise<Run<Account>> {
    const work = await this.prepare(kind);
    const { client } = work;
    const workers: ChildProcess[] = [];
    try {
      const first = await this.startWorker(work, fire);
      workers.push(first);
      const submittedAt = performance.now();
      const { jobId } = await client.submit(work.text);
      const ending = client.result(jobId, { signal: AbortSignal.timeout(SETTLE_MS) });
      const saying = work.say(client, jobId);
      // Awaited below, unless the fire fails first.
      for (const promise of [ending, saying]) promise.catch(() => undefined);
      const below = await this.waitForDeath(first, fire, work, ending);
      if (first.signalCode !== null) workers.push(await this.world.startWorker({ env: work.env }));
      await saying;
      const result = await ending;
      const tookMs = performance.now() - submittedAt;
      const leftBehind = below.filter((one) => !isRequestProcess(one) && isAlive(one)).map(({ command }) => command);
      const account = await work.account({ client, result, requests: this.world.requestsFor(work.title) });
      return { account: { ...account, leftBehind }, tookMs };
    } finally {
      await this.cleanUp(work, workers);
    }
  }

  private async prepare(kind: Kind): Promise<Work<Account>> {
    const n = this.kinds.length * this.titles + this.kinds.indexOf(kind);
    this.titles += 1;
    if (n >= TITLES_MAX) throw new RangeError(`The endpoint knows ${TITLES_MAX} titles only.`);
    const title = titleOf(n);
    const folder = join(this.world.folder, `work-${n}`);
    const home = join(folder, 'home');
    mkdirSync(home, { recursive: true });
    const taskQueue = `chaos-${n}`;
    const client = new WeaverClient(new Client({ connection: this.connection }), { taskQueue, requester: 'chaos' });
    const { env = {}, ...prepared } = await this.stories[kind].prepare({ title, folder });
    return {
      say: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      ...prepared,
      title,
      folder,
      home,
      client,
      env: { ...env, WEAVER_HOME: home, WEAVER_TASK_QUEUE: taskQueue },
      mark: join(folder, 'mark.json'),
    };
  }

  private async startWorker(work: Work<Account>, fire: Fire): Promise<ChildProcess> {
    const counts = fire.kind === 'none' && fire.countsFile !== undefined ? { WEAVER_KILL_COUNTS: fire.countsFile } : {};
    const point = fire.kind === 'point' ? { WEAVER_KILL_AT: fire.point, WEAVER_KILL_MARK: work.mark } : {};
    const before = this.world.processes.length;
    try {
      return await this.world.startWorker({
        nodeArgs: ['--require', PRELOAD],
        env: { ...work.env, ...counts, ...point },
      });
    } catch (error) {
      // Some points lie before the worker says that it polls.
      const child = this.world.processes[before];
      if (child === undefined || !existsSync(work.mark)) throw error;
      return child;
    }
  }

  /** Gives the processes that the worker had below it when it died. */
  private async waitForDeath(
    worker: ChildProcess,
    fire: Fire,
    work: Work<Account>,
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
    if (!existsSync(work.mark)) throw new Error(`the worker never came to ${fire.point}`);
    await died;
    return (JSON.parse(readFileSync(work.mark, 'utf8')) as { readonly below: readonly Process[] }).below;
  }

  /** The request process would stay for a minute, with its memory: too long for hundreds of homes. */
  private async cleanUp(work: Work<Account>, workers: readonly ChildProcess[]): Promise<void> {
    const ours = descendantsOf(1).concat(descendantsOf(process.pid));
    await Promise.all(workers.map(endProcess));
    for (const one of ours.filter((other) => isRequestProcess(other) && other.command.includes(work.home))) {
      if (isAlive(one)) process.kill(one.pid, 'SIGTERM');
    }
    await work.stop();
    rmSync(work.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

interface Work<Account extends object> extends Required<Prepared<Account>>, Place {
  readonly home: string;
  readonly client: WeaverClient;
  readonly mark: string;
}

/** Kinds of what a task has decided. The server asks the killed worker first, and the next one only when that has not answered. */
export async function decisionsOf(client: WeaverClient, id: string): Promise<readonly string[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return (await client.decisions(id)).map(({ decision }) => decision.kind);
    } catch (thrown) {
      if (!(thrown instanceof WeaverFault) || thrown.code !== 'temporalUnreachable' || tries >= QUERY_TRIES)
        throw thrown;
    }
  }
}
