/** The job as its workflow holds it: registry, budget, who is paused or stopped. State only; `job.ts` acts on it. */
import { workflowInfo } from '@temporalio/workflow';
import type { NewEntry } from '../domain/entries.js';
import { failure } from '../domain/failures.js';
import { JobLedger, NOTICE_SHARE, type Used } from '../domain/job-budget.js';
import { contentOf, DECOMPOSITION, JOB_DEFAULTS, type JobSpec, type JobTask } from '../domain/job.js';
import { defined } from '../domain/plain-object.js';
import { totalTokens } from '../domain/record.js';
import { fieldOf, fieldText, isTerminalState, titleOf, type TerminalState } from '../domain/task.js';
import { TaskRegistry, type Consequence } from '../domain/task-registry.js';
import {
  unreported,
  type Announcement,
  type BudgetRequest,
  type CancelRequest,
  type JobInput,
  type JobResult,
  type JobStatus,
  type JobTasksPage,
  type JobTasksRequest,
  type Said,
  type StopAnswer,
  type TaskResult,
} from './messages.js';

/** Rows of one answer: some 150 KB at most. */
const ROWS_MAX = 500;
/** A dependent is told no more of it, and thousands are carried along. */
const SUMMARY_CHARACTERS_MAX = 120;
/** Paths named in the answer to a stop. */
const NAMED_MAX = 100;

interface Carried {
  readonly registry: readonly unknown[];
  readonly consequences: readonly Consequence[];
  readonly ledger: unknown;
  readonly ready: readonly string[];
  readonly askers: readonly (readonly [string, Used])[];
  readonly startedAt: number;
  readonly paused: Said | null;
  readonly stop: CancelRequest | null;
  readonly noticed: readonly string[];
  readonly unwanted: readonly string[];
  readonly parked: readonly string[];
  readonly stopped: readonly string[];
  readonly sequence: number;
  readonly spokesman: TaskResult | null;
}

export class JobRun {
  readonly jobId = workflowInfo().workflowId;
  readonly spec: JobSpec;
  readonly isOne: boolean;
  readonly registry: TaskRegistry;
  readonly ledger: JobLedger;
  /** Tasks that may begin, in the order in which they became ready. */
  readonly ready: string[];
  /** Tasks that have used their slice up, and what they had used then. */
  readonly askers: Map<string, Used>;
  readonly startedAt: number;
  /** Tasks whose end the job does not see by itself. */
  readonly unwatched: Set<string>;
  /** Tasks that wait for another one that they named on the way: they hold no place among those side by side. */
  readonly parked: Set<string>;
  /** Stopped with all that comes of them, also later. */
  private readonly stopped: Set<string>;
  /** When silent tasks are looked after next, epoch milliseconds. */
  lookAt: number;
  /** Tasks whose branches are to be deleted. */
  readonly unwanted: Set<string>;
  paused: Said | null;
  stop: CancelRequest | null;
  /** Something has happened that the main flow has not looked at yet. */
  isDirty = true;
  sequence: number;
  private readonly noticed: Set<string>;
  private readonly fileTasks = new Map<string, JobTask>();
  private unwritten: { sequence: number; record: unknown }[] = [];
  /** The task that the job's state is owed to: the first that ended badly, or the last one. */
  private spokesman: TaskResult | null;
  private endedAt: number | null = null;

  constructor(readonly input: JobInput) {
    const carried = input.carried as Carried | undefined;
    this.isOne = input.job === undefined;
    this.spec = input.job ?? jobOfOne(input);
    const { tasks, budget, concurrency } = this.spec;
    this.registry = carried === undefined ? new TaskRegistry() : TaskRegistry.restore(carried.registry);
    this.ledger =
      carried === undefined ? new JobLedger(budget, concurrency) : JobLedger.restore(carried.ledger, concurrency);
    this.registry.giveBack(carried?.consequences ?? []);
    this.ready = [...(carried?.ready ?? [])];
    this.askers = new Map(carried?.askers);
    this.startedAt = carried?.startedAt ?? Date.now();
    this.paused = carried?.paused ?? null;
    this.stop = carried?.stop ?? null;
    this.unwanted = new Set(carried?.unwanted);
    this.parked = new Set(carried?.parked);
    this.stopped = new Set(carried?.stopped);
    this.lookAt = Date.now();
    this.noticed = new Set(carried?.noticed);
    this.sequence = carried?.sequence ?? 0;
    this.spokesman = carried?.spokesman ?? null;
    for (const task of tasks) this.fileTasks.set(task.id, task);
    this.unwatched = new Set(carried === undefined ? [] : this.registry.paths.filter((path) => this.isMade(path)));
    for (const path of this.unwatched) if (this.registry.endedOf(path) !== null) this.unwatched.delete(path);
    if (carried === undefined)
      this.registry.add(
        tasks.map((task) => ({
          path: task.id,
          title: this.titleOf(task),
          dependsOn: task.dependsOn,
          parent: null,
          gated: false,
        })),
      );
  }

  carry(): Carried {
    const { ready, askers, startedAt, paused, stop, sequence, spokesman } = this;
    return {
      registry: this.registry.carry(),
      consequences: this.registry.takeConsequences(),
      ledger: this.ledger.carry(),
      ready,
      askers: [...askers],
      startedAt,
      paused,
      stop,
      noticed: [...this.noticed],
      unwanted: [...this.unwanted],
      parked: [...this.parked],
      stopped: [...this.stopped],
      sequence,
      spokesman,
    };
  }

  private titleOf({ content, id }: JobTask): string {
    return (titleOf(content) || titleOf(this.spec.defaults) || id).slice(0, 100);
  }

  taskId(path: string): string {
    return `${this.jobId}/t/${path}`;
  }

  /** Of the file; a task that was proposed is not in it. */
  fileTask(path: string): JobTask {
    const task = this.fileTasks.get(path);
    if (task === undefined) throw new RangeError(`no task ${path} in the file`);
    return task;
  }
  livePaths(): readonly string[] {
    const { registry } = this;
    return registry.paths.filter((path) => registry.isLive(path));
  }

  /** Children work on the repository of the task that they came of. */
  urlOf(path: string): string {
    const [root = path] = path.split('.');
    return fieldText(fieldOf(contentOf(this.spec, this.fileTask(root)), 'repo'), 'url');
  }

  get deadline(): number | null {
    const { deadlineSeconds } = this.ledger.limits;
    return deadlineSeconds === undefined ? null : this.startedAt + deadlineSeconds * 1_000;
  }

  /** Moves what has become ready into the queue; the rest is for the caller to tell the tasks. */
  takeConsequences(): readonly Exclude<Consequence, { kind: 'start' }>[] {
    const told: Exclude<Consequence, { kind: 'start' }>[] = [];
    for (const consequence of this.registry.takeConsequences()) {
      if (consequence.kind !== 'start') told.push(consequence);
      else if (this.registry.stateOf(consequence.path) === 'pending') this.ready.push(consequence.path);
    }
    return told;
  }

  /** A slice for a task that begins; null if nothing is left of some kind. */
  allowanceFor(path: string): ReturnType<JobLedger['grant']> {
    return this.ledger.grant(path, { costUsdMicros: 0, tokens: 0, attempts: 0 });
  }

  ended(path: string, result: TaskResult): void {
    const { registry } = this;
    const state: TerminalState = isTerminalState(result.state) ? result.state : 'dead';
    const { attempts, spending, landing, failure: failed } = result;
    const isNew = registry.end(path, {
      state,
      attempts,
      spending,
      branch: landing === null ? null : landing.branch,
      commit: landing?.commit ?? null,
      failure: failed,
      summary: (result.summary ?? '').slice(0, SUMMARY_CHARACTERS_MAX),
      diff: result.diff,
      endedAt: Date.now(),
    });
    this.unwatched.delete(path);
    this.parked.delete(path);
    if (!isNew) {
      // A child that was refused: its slice is free again.
      this.ledger.release(path);
      return;
    }
    this.askers.delete(path);
    this.ledger.settle(path, { costUsdMicros: spending.costUsdMicros, tokens: totalTokens(spending), attempts });
    // One that was ended from outside may have made some of them: those report, the others are looked after.
    if (state !== 'decomposed' && failed?.code !== 'terminated') this.endUnmade(path);
    if (this.spokesman === null || isGood(this.spokesman)) this.spokesman = result;
    this.notice();
    this.isDirty = true;
  }

  /** A parent that ended otherwise while it was splitting has made none of the children that it had announced. */
  private endUnmade(path: string): void {
    const unmade = this.registry.subtree(path).slice(1);
    for (const child of unmade) {
      this.unwatched.delete(child);
      this.ledger.release(child);
    }
    this.registry.endAllPending(unmade, 'cancelled', 'cancelled', `${path} ended before it began`, Date.now());
  }

  /** Null if granted; the children are known from now on. */
  announced({ path, children, joins }: Announcement): string | null {
    const { registry } = this;
    const paths = children.map(({ id }) => `${path}.${id}`);
    // A signal may come twice.
    if (paths.every((child) => registry.has(child))) return null;
    const refused = this.refusalOf(path, children.length - (joins ? 1 : 0));
    if (refused !== null) return refused;
    registry.add(
      children.map(({ id, title, dependsOn }, index) => ({
        path: `${path}.${id}`,
        title,
        dependsOn: dependsOn.map((on) => ({ on: `${path}.${on}`, whenFailed: 'fail' as const })),
        parent: path,
        gated: dependsOn.length > 0,
        ...(joins && index === children.length - 1 ? { join: true } : {}),
      })),
    );
    for (const child of paths) {
      this.unwatched.add(child);
      if (!registry.isGated(child)) registry.begin(child, Date.now());
    }
    return null;
  }

  private refusalOf(path: string, children: number): string | null {
    const { registry } = this;
    const { childrenMax, depthMax, proposedMax } = DECOMPOSITION;
    const depth = path.split('.').length;
    if (this.stop !== null) return `the job is being stopped: ${this.stop.reason}`;
    if (!registry.has(path)) return `there is no task ${path} in the job`;
    if (ancestry(path).some((each) => this.stopped.has(each))) return `the task is being stopped`;
    if (children < 1) return 'decomposition without children';
    if (children > childrenMax) return `${children} children; at most ${childrenMax} are allowed`;
    if (depth > depthMax) return `the children would be ${depth} levels deep; at most ${depthMax} are allowed`;
    if (registry.proposed + children > proposedMax)
      return `the job would have ${registry.proposed + children} proposed tasks; at most ${proposedMax} are allowed`;
    const spent = this.ledger.spentKind();
    return spent === null ? null : `the budget of the job is spent (${spent})`;
  }

  changeBudget({ costUsdMicros, tokens, attempts, deadlineSeconds }: BudgetRequest): void {
    this.ledger.change(defined({ costUsdMicros, tokens, attempts, deadlineSeconds }));
    this.noticed.clear();
    this.notice();
    this.isDirty = true;
  }

  notice(): void {
    for (const kind of this.ledger.past(NOTICE_SHARE)) {
      if (this.noticed.has(kind)) continue;
      this.noticed.add(kind);
      const limit = this.ledger.limits[kind] ?? 0;
      this.book({ kind: 'notice', budget: kind, used: Math.round(this.ledger.usedShare(kind) * limit), limit });
    }
  }

  /** An entry of the job's own account. */
  book(entry: NewEntry): void {
    this.unwritten.push({ sequence: this.sequence, record: { ...entry, sequence: this.sequence, at: Date.now() } });
    this.sequence += 1;
  }

  get hasEntries(): boolean {
    return this.unwritten.length > 0;
  }

  takeEntries(): readonly { readonly sequence: number; readonly record: unknown }[] {
    const entries = this.unwritten;
    this.unwritten = [];
    return entries;
  }

  /** What is to be stopped of a task and all that came of it; what had not begun is ended with this. */
  stopSubtree(path: string | undefined, { reason, requester }: CancelRequest): Stopping {
    const { registry } = this;
    const paths = path === undefined ? registry.paths : registry.subtree(path);
    if (path !== undefined) this.stopped.add(path);
    const stopping: string[] = [];
    const ended: string[] = [];
    const neverBegun: string[] = [];
    for (const each of paths) {
      if (isTerminalState(registry.stateOf(each))) ended.push(each);
      else if (this.isMade(each)) stopping.push(each);
      else neverBegun.push(each);
    }
    registry.endAllPending(neverBegun, 'cancelled', 'cancelled', `${requester}: ${reason}`, Date.now());
    this.isDirty = true;
    const counts = { stopping: stopping.length, ended: ended.length, neverBegun: neverBegun.length };
    const answer = {
      stopping: stopping.slice(0, NAMED_MAX),
      ended: ended.slice(0, NAMED_MAX),
      neverBegun: neverBegun.slice(0, NAMED_MAX),
      counts,
    };
    return { answer, paths, stopping };
  }

  /** A child that was announced is there for sure when its parent has ended. */
  isParentOver(path: string): boolean {
    const parent = ancestry(path)[1];
    return parent === undefined || this.registry.endedOf(parent) !== null;
  }

  /** Whether there is a workflow of it: a gated child waits inside its own. */
  isMade(path: string): boolean {
    return this.registry.stateOf(path) !== 'pending' || this.registry.isGated(path);
  }

  /** Why pending tasks have not begun, beside their prerequisites: one reason holds for all that are ready. */
  private waits(): (path: string) => string | null {
    const ready = new Set(this.ready);
    const spent = this.paused === null ? this.ledger.spentKind() : null;
    const full = `resource (${this.spec.concurrency} tasks run side by side)`;
    const why = this.paused !== null ? 'human (the job is paused)' : spent === null ? full : `budget (${spent})`;
    return (path) => (ready.has(path) ? why : null);
  }

  get state(): JobStatus['state'] {
    const isDeadline = this.stop?.code === 'deadline';
    const state = this.registry.jobState(this.stop !== null && !isDeadline);
    return isDeadline && state === 'failed' ? 'stuck' : state;
  }

  status(): JobStatus {
    return {
      jobId: this.jobId,
      title: this.spec.title,
      state: this.state,
      paused: this.paused !== null,
      total: this.registry.size,
      counts: this.registry.counts(),
      spending: this.registry.spending(),
      budget: this.ledger.limits,
      bottlenecks: this.registry.bottlenecks(this.waits()),
      startedAt: this.startedAt,
      endedAt: this.endedAt,
      deadline: this.deadline,
      concurrency: this.spec.concurrency,
    };
  }

  tasks({ from = 0, limit = ROWS_MAX }: Partial<JobTasksRequest> = {}): JobTasksPage {
    const { registry, jobId } = this;
    return { total: registry.size, rows: registry.rows(jobId, from, Math.min(limit, ROWS_MAX), this.waits()) };
  }

  close(): JobResult {
    this.endedAt = Date.now();
    const { jobId, registry, state } = this;
    const [first = '0'] = registry.paths;
    const task = this.spokesman ?? unreported(this.taskId(first), 'cancelled', failure('cancelled', this.stop?.reason));
    const isOver = state === 'running' ? 'failed' : state;
    if (this.isOne && registry.size === 1) return { jobId, state: isOver, task };
    const summary = {
      total: registry.size,
      counts: registry.counts(),
      spending: registry.spending(),
      failed: registry.failed(),
    };
    return { jobId, state: isOver, task, summary };
  }
}

/** What a stop amounts to: the answer names some paths, these are all. */
interface Stopping {
  readonly answer: StopAnswer;
  readonly paths: readonly string[];
  readonly stopping: readonly string[];
}

/** `a.2.1` → itself, `a.2`, `a`. */
function ancestry(path: string): readonly string[] {
  const parts = path.split('.');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('.'));
}

const isGood = ({ state }: TaskResult): boolean => state === 'succeeded' || state === 'decomposed';

/** A single task is a job of one. Any client may start a job, so anything may stand in it. */
const jobOfOne = (input: JobInput): JobSpec => ({
  title: titleOf(fieldOf(input, 'spec')),
  tasks: [{ id: '0', dependsOn: [], content: (fieldOf(input, 'spec') ?? {}) as JobTask['content'] }],
  defaults: {},
  budget: { whenSpent: JOB_DEFAULTS.whenSpent },
  concurrency: 1,
  priority: JOB_DEFAULTS.priority,
  tags: [],
  ...(fieldText(fieldOf(input, 'spec'), 'key') === '' ? {} : { key: fieldText(fieldOf(input, 'spec'), 'key') }),
});
