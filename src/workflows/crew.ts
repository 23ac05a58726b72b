/** The job's hands: starts tasks, tells them what they wait for, stops them. Every promise is counted until it is done. */
import {
  ActivityFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  TemporalFailure,
  TerminatedFailure,
  Trigger,
  uuid4,
} from '@temporalio/workflow';
import type { Unpublished } from '../activities/contract.js';
import { failure } from '../domain/failures.js';
import { contentOf, PREREQUISITES_MAX, type Prerequisite } from '../domain/job.js';
import { lineageOf } from '../domain/lineage.js';
import { fairnessKeyOf } from '../domain/permits.js';
import { defined } from '../domain/plain-object.js';
import { fieldOf, fieldText, type TaskSpec } from '../domain/task.js';
import { TAGS_MAX } from './attributes.js';
import { cancelWith } from './cancel-message.js';
import {
  allowanceSignal,
  cancelSignal,
  deadlineSignal,
  goSignal,
  grantSignal,
  holdSignal,
  placeSignal,
  reportToSignal,
} from './definitions.js';
import type { JobRun } from './job-run.js';
import {
  unreported,
  type Allowance,
  type Announcement,
  type BudgetQuestion,
  type CancelRequest,
  type DependencyRequest,
  type Go,
  type RestRequest,
  type Said,
  type StopAnswer,
  type TaskInput,
  type TaskResult,
} from './messages.js';
import { closeWorkspace, unpublish } from './proxies.js';
import { startTask, type TaskHandle } from './start-task.js';

/** Prerequisites in one signal: with their titles and branches they stay below 8 KB. */
const PREREQUISITES_AT_ONCE = 12;

/** Each has a work tree and a workflow, and `weaver waiting` shows no more of them. */
const RESTING_MAX = 200;
/** Tasks that wait for branches: as many as have places, and in a job of few places what others need can still begin. */
const WAITING_FOR_OTHERS_MIN = 8;

interface Life {
  readonly stop: Trigger<CancelRequest>;
  handle: TaskHandle | null;
  /** Settles when its end is booked, or is to be asked for. */
  over: Promise<void>;
}

export class Crew {
  private readonly lives = new Map<string, Life>();
  private inFlight = 0;
  /** What is to be said to children that were announced and are not there yet for sure. */
  private unsaid: { readonly path: string; readonly say: Say }[] = [];

  constructor(private readonly run: JobRun) {}

  /** Nothing is on its way to anybody. */
  get isQuiet(): boolean {
    return this.inFlight === 0 && this.unsaid.length === 0;
  }

  /** Tasks could begin, but there is nothing left that they could spend, and nobody works who might leave something over. */
  get isStarved(): boolean {
    const { ready, registry, ledger, paused } = this.run;
    return ready.length > 0 && registry.running === 0 && paused === null && ledger.spentKind() !== null;
  }

  /** Does all that can be done now. */
  act(): void {
    const { run } = this;
    for (const consequence of run.takeConsequences()) {
      const { path } = consequence;
      if (consequence.kind === 'go') this.go(path);
      else this.sendGo(path, { prerequisites: [], refused: consequence.why, state: consequence.state });
    }
    this.sayUnsaid();
    this.serveAskers();
    this.seatReturning();
    this.callDue();
    while (this.mayStart()) {
      const path = run.ready[0];
      if (path === undefined) break;
      if (run.registry.stateOf(path) !== 'pending') {
        run.ready.shift();
        continue;
      }
      const allowance = run.ledger.isLimited ? run.allowanceFor(path) : null;
      // Nothing left now; who works may leave something over.
      if (allowance === null && run.ledger.isLimited) break;
      run.ready.shift();
      this.start(path, allowance);
    }
    if (this.isSpentToDeath) this.endSpent();
    // What has just ended for lack of a prerequisite has consequences of its own.
    if (run.registry.hasConsequences) this.act();
  }

  /** Who has begun goes on before anybody begins. */
  private seatReturning(): void {
    for (const [path, number] of this.run.returning) {
      if (!this.hasRoom()) return;
      this.seat(path, number);
    }
  }

  private seat(path: string, number: number): void {
    const { run } = this;
    for (const without of [run.returning, run.resting, run.parked]) without.delete(path);
    this.send(path, (handle) => handle.signal(placeSignal, { number }));
  }

  /** Children before what has not begun at all: a task that was split is over sooner. */
  private callDue(): void {
    const { due, registry } = this.run;
    while (due.length > 0 && this.mayStart()) {
      const path = due.shift() ?? '';
      if (registry.stateOf(path) === 'pending') this.go(path);
    }
  }

  /** Nothing is left, nobody works who may leave something over, and the file says that tasks die then. */
  private get isSpentToDeath(): boolean {
    const { ledger, registry, askers, parked } = this.run;
    return (
      ledger.limits.whenSpent === 'die' && ledger.spentKind() !== null && registry.running - parked.size <= askers.size
    );
  }

  /** The budget is spent to the end, and the file says that tasks die of it. */
  private endSpent(): void {
    const { run } = this;
    for (const [path, used] of run.askers) this.answer(path, used, 'never');
    run.askers.clear();
    if (run.ready.length > 0) this.giveUpOnBudget('dead');
  }

  /** Who rests leaves a place; but each is open, so there is an end to how many begin in the places of others. */
  private mayStart(): boolean {
    const { resting, spec } = this.run;
    return (
      this.hasRoom() &&
      resting.size < RESTING_MAX &&
      this.run.restingOn('resource') < Math.max(spec.concurrency, WAITING_FOR_OTHERS_MIN)
    );
  }

  private hasRoom(): boolean {
    const { run } = this;
    return run.paused === null && run.stop === null && run.freePlaces > 0;
  }

  private start(path: string, allowance: Allowance | null): void {
    const { run } = this;
    run.registry.begin(path, Date.now());
    const life: Life = { stop: new Trigger(), handle: null, over: Promise.resolve() };
    this.lives.set(path, life);
    const input = this.inputOf(path, allowance);
    life.over = this.carry(path, life, input);
  }

  /** Starts the task and waits for its end. */
  private async carry(path: string, life: Life, input: TaskInput): Promise<void> {
    const { run } = this;
    const taskId = run.taskId(path);
    const child = await this.started(input, taskId);
    if (typeof child === 'string') {
      run.ended(path, unreported(taskId, 'dead', failure('infrastructure', child)));
    } else {
      life.handle = child;
      void life.stop.then((request) => this.cancelTask(path, request));
      const result = await resultOf(child, input, taskId);
      // One that was cancelled in two messages has told its job before it ended.
      const isCut = result === null && run.registry.endedOf(path) === null && patched(ONE_MESSAGE_PATCH);
      if (isCut) run.cut.add(path);
      else run.ended(path, result ?? unreported(taskId, 'cancelled', failure('cancelled')));
    }
    this.lives.delete(path);
    run.isDirty = true;
  }

  /** Why it cannot be started, where it cannot: an input that is too large, an id that another job's task has. */
  private async started(input: TaskInput, taskId: string): Promise<TaskHandle | string> {
    this.inFlight += 1;
    try {
      return await startTask(input, taskId, this.priority(input));
    } catch (thrown) {
      if (!(thrown instanceof TemporalFailure)) throw thrown;
      return `The task could not be started: ${thrown.message}`;
    } finally {
      this.inFlight -= 1;
    }
  }

  private priority({ spec }: TaskInput): { readonly priorityKey?: number; readonly fairnessKey?: string } | null {
    const { run } = this;
    const own = fieldOf(spec, 'priority');
    if (run.isOne && typeof own !== 'number') return null;
    return {
      priorityKey: typeof own === 'number' ? own : run.spec.priority,
      fairnessKey: fairnessKeyOf(fieldText(fieldOf(spec, 'repo'), 'url')),
    };
  }

  private inputOf(path: string, allowance: Allowance | null): TaskInput {
    const { run } = this;
    const { jobId, input, isOne, spec } = run;
    const task = run.fileTask(path);
    const taskId = run.taskId(path);
    const prerequisites = run.registry.prerequisitesOf(path).slice(0, PREREQUISITES_MAX);
    const content = tagged(stacked(contentOf(spec, task), task.stackOn, prerequisites), spec.tags);
    const { resume } = input;
    const deadline = run.deadline ?? undefined;
    return {
      schemaVersion: 1,
      spec: content as unknown as TaskSpec,
      requester: (fieldText(input, 'requester') || 'unknown').slice(0, 100),
      lineage: resume?.lineage ?? lineageOf(taskId),
      suffix: uuid4().slice(0, 8),
      ...(isOne
        ? {}
        : {
            place: { jobId, path, watched: true, gated: false, prerequisites, allowance, ...defined({ deadline }) },
          }),
      ...(resume === undefined ? {} : { resume }),
    };
  }

  // ---- what tasks ask of the job

  announce(announcement: Announcement): void {
    const { run } = this;
    const { path, sequence, children } = announcement;
    const refused = run.announced(announcement);
    // Whoever has to wait would hold what somebody needs whom it waits for; it asks when it begins.
    const gatedAsk = refused === null && run.ledger.isLimited && patched(GATED_ASK_PATCH);
    const served = gatedAsk ? children.filter(({ id }) => !run.registry.isGated(`${path}.${id}`)) : children;
    const allowances = refused === null ? served.map(({ id }) => run.allowanceFor(`${path}.${id}`)) : [];
    // Slices grow smaller, and all children are told the same: no more than the last of them was given.
    const allowance = run.ledger.isLimited ? (allowances.at(-1) ?? NOTHING_LEFT) : null;
    const queued = refused === null ? run.queuedOf(announcement) : [];
    const grant = {
      sequence,
      refused,
      allowance,
      ...(queued.length === 0 ? {} : { queued }),
      ...(gatedAsk ? { gatedAsk } : {}),
    };
    this.send(path, (handle) => handle.signal(grantSignal, grant));
    const { paused } = run;
    if (paused !== null && refused === null) {
      const hold = { ...paused, held: true, order: run.nextOrder() };
      for (const { id } of children) this.send(`${path}.${id}`, (handle) => handle.signal(holdSignal, hold));
    }
    run.isDirty = true;
  }

  askBudget({ path, used }: BudgetQuestion): void {
    const { run } = this;
    run.askers.set(path, used);
    if (!this.serve(path, used)) this.answer(path, used, this.isSpentToDeath ? 'never' : 'later');
    run.notice();
    run.isDirty = true;
  }

  private answer(path: string, used: BudgetQuestion['used'], left: 'later' | 'never'): void {
    const answer = { allowance: { ...used }, left, order: this.run.nextOrder() };
    this.send(path, (handle) => handle.signal(allowanceSignal, answer));
  }

  private serveAskers(): void {
    for (const [path, used] of this.run.askers) this.serve(path, used);
  }

  private serve(path: string, used: BudgetQuestion['used']): boolean {
    const allowance = this.run.ledger.grant(path, used);
    if (allowance === null) return false;
    this.run.askers.delete(path);
    const answer = { allowance, left: 'now', order: this.run.nextOrder() } as const;
    this.send(path, (handle) => handle.signal(allowanceSignal, answer));
    return true;
  }

  /** There is less than was given out: whoever has a slice asks before its next call, and gets what is left by then. */
  recallSlices(): void {
    const { run } = this;
    // The task of a job of one has no slice: it never asks.
    const hasSlice = (path: string): boolean => !run.askers.has(path) && (!run.isOne || path.includes('.'));
    const paths = run.livePaths().filter(hasSlice);
    run.ledger.recall(paths);
    for (const path of paths) {
      const recall = { allowance: NOTHING_LEFT, left: 'ask', order: run.nextOrder() } as const;
      this.send(path, (handle) => handle.signal(allowanceSignal, recall));
    }
  }

  depend({ path, on }: DependencyRequest): void {
    const { registry } = this.run;
    const refused = registry.has(path) ? registry.addDependency(path, on) : `there is no task ${path} in the job`;
    if (refused === null) this.run.parked.add(path);
    else this.sendGo(path, { prerequisites: [], refused });
    this.run.isDirty = true;
  }

  /** A task gives its place to others, or wants one again. */
  rest({ path, number, on }: RestRequest): void {
    const { run } = this;
    if (!run.registry.has(path)) return;
    if (on !== null && run.registry.isLive(path)) run.resting.set(path, on);
    else if (on !== null) return;
    else if (run.resting.has(path) || run.parked.has(path)) run.returning.set(path, number);
    else this.seat(path, number);
    run.isDirty = true;
  }

  private go(path: string): void {
    const { registry } = this.run;
    registry.begin(path, Date.now());
    // Who has given up waiting for another one goes on when there is a place, and not before.
    if (!this.run.returning.has(path)) this.run.parked.delete(path);
    this.sendGo(path, { prerequisites: registry.prerequisitesOf(path), refused: null });
  }

  private sendGo(path: string, go: Go): void {
    const parts = chunks(go.prerequisites, PREREQUISITES_AT_ONCE);
    // Signals that are sent side by side may overtake each other.
    const inAll = parts.length > 1 ? { total: go.prerequisites.length } : {};
    for (const [index, prerequisites] of parts.entries())
      this.send(path, (handle) =>
        handle.signal(goSignal, {
          ...go,
          prerequisites,
          ...(index < parts.length - 1 ? { more: true } : {}),
          ...inAll,
        }),
      );
  }

  // ---- what people ask of the job

  /** It is shown, and searched for, on each task. */
  tellDeadline(): void {
    const { run } = this;
    const { deadline } = run;
    const order = run.nextOrder();
    for (const path of run.registry.paths.filter((each) => run.registry.endedOf(each) === null && run.isMade(each)))
      this.send(path, (handle) => handle.signal(deadlineSignal, deadline, order));
  }

  hold(said: Said, held: boolean): void {
    const { run } = this;
    run.paused = held ? said : null;
    run.book({ kind: 'said', update: held ? 'pause' : 'resume', detail: '', ...said });
    const hold = { ...said, held, order: run.nextOrder() };
    for (const path of run.registry.paths.filter((each) => run.registry.endedOf(each) === null && run.isMade(each)))
      this.send(path, (handle) => handle.signal(holdSignal, hold));
    run.isDirty = true;
  }

  stopAll(request: CancelRequest, deleteBranches = false): StopAnswer {
    const { run } = this;
    const isFirst = run.stop === null;
    run.stop ??= request;
    return this.stop(undefined, request, deleteBranches, isFirst);
  }

  /** Signal, update and Temporal's own cancel may all say the same: it is booked once. */
  stop(path: string | undefined, request: CancelRequest, deleteBranches = false, isNew = true): StopAnswer {
    const { run } = this;
    const { answer, paths, stopping } = run.stopSubtree(path, request);
    if (deleteBranches) for (const each of paths) run.unwanted.add(each);
    if (!run.isOne && isNew)
      run.book({ kind: 'said', update: 'stop', by: request.requester, why: request.reason, detail: path ?? 'all' });
    for (const each of stopping) this.stopOne(each, request);
    return answer;
  }

  private stopOne(path: string, request: CancelRequest): void {
    const life = this.lives.get(path);
    if (life !== undefined) {
      life.stop.resolve(request);
      return;
    }
    this.cancelTask(path, request);
  }

  /** In flight until it has arrived, also when the job continues as new. */
  private cancelTask(path: string, request: CancelRequest): void {
    this.send(path, async (handle) => {
      if (patched(ONE_MESSAGE_PATCH)) return await cancelWith(handle, request);
      // The reason first: they would overtake each other.
      await handle.signal(cancelSignal, request);
      await handle.cancel();
    });
  }

  /** Branches that nobody wants any more, as soon as it is known what was pushed: success wins over a cancel. */
  async unpublishUnwanted(): Promise<void> {
    const { run } = this;
    for (const path of run.unwanted) {
      const ended = run.registry.endedOf(path);
      if (ended === null) continue;
      run.unwanted.delete(path);
      if (ended.branch === null || ended.commit === null) continue;
      const branches = [{ branch: ended.branch, commit: ended.commit }];
      const options = { summary: `delete ${ended.branch}`.slice(0, 120) };
      const detail = await this.unpublished(ended.branch, () =>
        unpublish.executeWithOptions(options, [{ url: run.urlOf(path), branches }]),
      );
      run.book({ kind: 'said', update: 'stop', by: 'weaver', why: 'asked for with the cancel', detail });
    }
  }

  /** In words. A remote that cannot be reached is no reason for the job to fail. */
  private async unpublished(branch: string, work: () => Promise<Unpublished>): Promise<string> {
    try {
      const { kept } = await work();
      return kept.length === 0 ? `${branch} deleted` : `${branch} has moved on and stays`;
    } catch (thrown) {
      if (!(thrown instanceof ActivityFailure)) throw thrown;
      return `${branch} could not be deleted: ${thrown.cause?.message ?? thrown.message}`.slice(0, 500);
    }
  }

  /** Nobody has raised the budget, or the file says to die of it. */
  giveUpOnBudget(state: 'dead' | 'stuck'): void {
    const { run } = this;
    const kind = run.ledger.spentKind();
    const code = kind === 'tokens' ? 'budgetTokens' : kind === 'attempts' ? 'budgetAttempts' : 'budgetCost';
    const pending = run.ready.splice(0).filter((path) => run.registry.stateOf(path) === 'pending');
    run.registry.endAllPending(pending, state, code, 'The budget of the job is spent.', Date.now());
    run.isDirty = true;
  }

  /** Before the job continues as new: whoever runs is told to report, and whoever has ended meanwhile is heard. */
  async handOver(): Promise<void> {
    await Promise.all(
      [...this.lives].map(async ([path, life]) => {
        if (life.handle === null) return;
        try {
          await life.handle.signal(reportToSignal, this.run.jobId);
          // Its report may have been quicker than the answer to this.
          if (this.run.registry.endedOf(path) === null) this.run.unwatched.add(path);
        } catch {
          // It has ended: its result is on the way here.
          await life.over;
        }
      }),
    );
  }

  /** A task that has ended by itself meanwhile needs no telling. What tells the tasks of a cancel must not end by it. */
  private send(path: string, say: Say): void {
    if (!this.run.isParentOver(path)) {
      this.unsaid.push({ path, say });
      return;
    }
    const handle = getExternalWorkflowHandle(this.run.taskId(path));
    void CancellationScope.nonCancellable(() => this.sent(say(handle)));
  }

  /** Until nothing is on its way to anybody. Whoever waits to be told something is told it as soon as it is there. */
  async untilQuiet(isDone: () => boolean = () => true): Promise<void> {
    const canSay = (): boolean => this.unsaid.some(({ path }) => this.run.isParentOver(path));
    do {
      await condition(() => (isDone() && this.isQuiet) || canSay());
      if (canSay()) this.sayUnsaid();
    } while (!this.isQuiet);
  }

  /** Their parents have ended: whoever was announced is there now, or never will be. */
  private sayUnsaid(): void {
    const waiting = this.unsaid;
    this.unsaid = [];
    for (const { path, say } of waiting) if (this.run.registry.has(path)) this.send(path, say);
  }

  private async sent(saying: Promise<void>): Promise<void> {
    this.inFlight += 1;
    try {
      await saying;
    } catch (thrown) {
      ignoreEnded(thrown);
    }
    this.inFlight -= 1;
    this.run.isDirty = true;
  }
}

type Say = (handle: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>;

/** Jobs that were stopped before said the reason first, and then cancelled. */
const ONE_MESSAGE_PATCH = 'reason-with-the-cancel';

/** Jobs that began before give every announced child a slice. */
const GATED_ASK_PATCH = 'gated-children-ask';

const NOTHING_LEFT = { costUsdMicros: 0, tokens: 0, attempts: 0 };

/** Temporal's own failures say that there is nobody to tell; anything else is a fault of ours. */
function ignoreEnded(thrown: unknown): void {
  if (!(thrown instanceof Error) || thrown instanceof TypeError || thrown instanceof RangeError) throw thrown;
}

function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  if (all.length === 0) return [[]];
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}

/** A stacked task starts from its prerequisite's branch. */
function stacked(
  content: Readonly<Record<string, unknown>>,
  stackOn: string | undefined,
  prerequisites: readonly Prerequisite[],
): Readonly<Record<string, unknown>> {
  if (stackOn === undefined) return content;
  // Of one that was split its join stands for it.
  const standIns = prerequisites.filter(({ id }) => id === stackOn || id.startsWith(`${stackOn}.`));
  const branch = standIns.length === 1 ? (standIns[0]?.branch ?? null) : null;
  if (branch === null) return content;
  return { ...content, repo: { ...(content['repo'] as object), baseBranch: branch } };
}

/** A job's tags are its tasks' too, so that they are found by them. */
function tagged(
  content: Readonly<Record<string, unknown>>,
  tags: readonly string[],
): Readonly<Record<string, unknown>> {
  if (tags.length === 0) return content;
  const own = Array.isArray(content['tags']) ? (content['tags'] as readonly unknown[]) : [];
  return { ...content, tags: [...new Set([...own, ...tags])].slice(0, TAGS_MAX) };
}

/** What a task that was terminated has spent is in the ledger; a job's budget and account must have it. */
async function terminated({ lineage }: TaskInput, taskId: string): Promise<TaskResult> {
  const result = unreported(taskId, 'dead', failure('terminated'));
  if (!patched(TERMINATED_PATCH)) return result;
  try {
    const { spending } = await CancellationScope.nonCancellable(() => closeWorkspace({ lineage }));
    return { ...result, spending };
  } catch (thrown) {
    if (!(thrown instanceof ActivityFailure)) throw thrown;
    return result; // the janitor removes what it left; its account stays unknown, as it was
  }
}

/** Jobs of before took a terminated task for one that had spent nothing. */
const TERMINATED_PATCH = 'terminated-is-settled';

/** Null of one that ended as cancelled: the job is told no more of it. */
async function resultOf(child: TaskHandle, input: TaskInput, taskId: string): Promise<TaskResult | null> {
  try {
    return await child.result();
  } catch (thrown) {
    if (!(thrown instanceof ChildWorkflowFailure)) throw thrown;
    const { cause } = thrown;
    if (cause instanceof CancelledFailure || isCancellation(thrown)) return null;
    if (cause instanceof TerminatedFailure) return await terminated(input, taskId);
    return unreported(taskId, 'dead', failure('infrastructure', cause?.message ?? ''));
  }
}
