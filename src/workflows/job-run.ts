/** The job as its workflow holds it: registry, budget, who is paused or stopped. State only; `job.ts` acts on it. */
import { patched, workflowInfo } from '@temporalio/workflow';
import type { NewEntry } from '../domain/entries.js';
import { failure } from '../domain/failures.js';
import { JobLedger, NOTICE_SHARE, type Used } from '../domain/job-budget.js';
import { contentOf, DECOMPOSITION, JOB_DEFAULTS, type JobSpec, type JobTask } from '../domain/job.js';
import type { WaitingOn } from '../domain/outcome.js';
import { CARRIED_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import { defined } from '../domain/plain-object.js';
import { totalTokens } from '../domain/record.js';
import { fieldOf, fieldText, isTerminalState, titleOf, type TerminalState } from '../domain/task.js';
import { TaskRegistry, type Consequence } from '../domain/task-registry.js';
import { Heard, type CarriedAnswers } from './heard.js';
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
  type LiveTask,
  type Said,
  type StopAnswer,
  type TaskResult,
} from './messages.js';

/** Rows of one answer: some 150 KB at most. */
const ROWS_MAX = 500;
/** Whoever asks looks each of them up in a list of so many. */
const LIVE_TASKS_MAX = 1_000;
/** A dependent is told no more of it, and thousands are carried along. */
const SUMMARY_CHARACTERS_MAX = 120;
const PLACES_PATCH = 'children-take-places';
/** Paths named in the answer to a stop. */
const NAMED_MAX = 100;

interface Carried {
  readonly registry: readonly unknown[];
  readonly consequences: readonly Consequence[];
  readonly ledger: unknown;
  /** Rows of the register, as for `unwanted`; paths in histories of before. */
  readonly ready: readonly (number | string)[];
  /** Absent in histories of before, whose children took no places. */
  readonly due?: readonly (number | string)[];
  readonly takesPlaces?: boolean;
  readonly heard?: CarriedAnswers;
  readonly askers: readonly (readonly [string, Used])[];
  readonly startedAt: number;
  readonly paused: Said | null;
  readonly stop: CancelRequest | null;
  readonly noticed: readonly string[];
  readonly unwanted: readonly (number | string)[];
  readonly parked: readonly string[];
  /** These three are absent in histories of before. */
  readonly resting?: readonly (readonly [row: number, on: WaitingOn])[];
  readonly returning?: readonly (readonly [row: number, number: number])[];
  readonly order?: number;
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
  /** Children that wait only for a place among those that run side by side, in their order. */
  readonly due: string[];
  /** What was answered to whom says something twice. */
  readonly heard: Heard;
  /** Tasks that have used their slice up, and what they had used then. */
  readonly askers: Map<string, Used>;
  readonly startedAt: number;
  /** Tasks whose end the job does not see by itself. */
  readonly unwatched: Set<string>;
  /** Tasks that wait for another one that they named on the way: they hold no place among those side by side. */
  readonly parked: Set<string>;
  /** Tasks that have given their place to others, and what they wait for. */
  readonly resting: Map<string, WaitingOn>;
  /** Those among them that could go on, in the order in which they said so, and which wait of theirs it was. */
  readonly returning: Map<string, number>;
  /** Stopped with all that comes of them, also later. */
  private readonly stopped: Set<string>;
  /** Tasks that have ended as cancelled, and of which is not known yet what they had come to. */
  readonly cut = new Set<string>();
  /** When silent tasks are looked after next, epoch milliseconds. */
  lookAt: number;
  /** Tasks whose branches are to be deleted. */
  readonly unwanted: Set<string>;
  paused: Said | null;
  stop: CancelRequest | null;
  /** Something has happened that the main flow has not looked at yet. */
  isDirty = true;
  /** What it would carry along is more than a server takes: it goes on in its one run. */
  isTooLarge = false;
  sequence: number;
  private order: number;
  private readonly noticed: Set<string>;
  /** Whether children wait for a place like all others; those of jobs that split one before did not. */
  private takesPlaces: boolean;
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
    for (const task of tasks) this.fileTasks.set(task.id, task);
    this.registry =
      carried === undefined
        ? new TaskRegistry()
        : TaskRegistry.restore(carried.registry, (path) => this.fileTitle(path));
    this.ledger =
      carried === undefined ? new JobLedger(budget, concurrency) : JobLedger.restore(carried.ledger, concurrency);
    this.registry.giveBack(carried?.consequences ?? []);
    this.ready = this.pathsOf(carried?.ready);
    this.due = this.pathsOf(carried?.due);
    this.takesPlaces = carried?.takesPlaces ?? false;
    this.heard = new Heard(carried?.heard);
    this.askers = new Map(carried?.askers);
    this.startedAt = carried?.startedAt ?? Date.now();
    this.paused = carried?.paused ?? null;
    this.stop = carried?.stop ?? null;
    this.unwanted = new Set(this.pathsOf(carried?.unwanted));
    this.parked = new Set(carried?.parked);
    this.resting = this.byPath(carried?.resting);
    this.returning = this.byPath(carried?.returning);
    this.order = carried?.order ?? 0;
    this.stopped = new Set(carried?.stopped);
    this.lookAt = Date.now();
    this.noticed = new Set(carried?.noticed);
    this.sequence = carried?.sequence ?? 0;
    this.spokesman = carried?.spokesman ?? null;
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

  /** Bounded: the register gets what the rest leaves of it. Null if a server would not take it. */
  carry(): Carried | null {
    const { askers, startedAt, paused, stop, sequence, spokesman, takesPlaces } = this;
    const rowOf = new Map(this.registry.paths.map((path, row) => [path, row]));
    const rows = (paths: Iterable<string>): readonly number[] => [...paths].map((path) => rowOf.get(path) ?? 0);
    const byRow = <T>(all: ReadonlyMap<string, T>) =>
      [...all].map(([path, each]) => [rowOf.get(path) ?? 0, each] as const);
    // What has become ready meanwhile is one number in place of a sentence.
    const consequences = this.takeConsequences();
    const rest = {
      consequences,
      ledger: this.ledger.carry(),
      ready: rows(this.ready),
      due: rows(this.due),
      takesPlaces,
      heard: this.heard.carry(),
      askers: [...askers],
      startedAt,
      paused,
      stop,
      noticed: [...this.noticed],
      unwanted: rows(this.unwanted),
      parked: [...this.parked],
      resting: byRow(this.resting),
      returning: byRow(this.returning),
      order: this.order,
      stopped: [...this.stopped],
      sequence,
      spokesman,
    };
    const bytesMax = CARRIED_BYTES_MAX - utf8Bytes(JSON.stringify(rest));
    const registry = this.registry.carry({ bytesMax, knownTitle: (path) => this.fileTitle(path) });
    if (registry === null) this.registry.giveBack(consequences);
    return registry === null ? null : { ...rest, registry };
  }

  /** Of rows that were carried. */
  private pathsOf(rows: readonly (number | string)[] = []): string[] {
    const { paths } = this.registry;
    return rows.map((row) => (typeof row === 'string' ? row : (paths[row] ?? '')));
  }

  private byPath<T>(carried: readonly (readonly [row: number, T])[] = []): Map<string, T> {
    const { paths } = this.registry;
    return new Map(carried.map(([row, each]) => [paths[row] ?? '', each]));
  }

  private fileTitle(path: string): string | null {
    const task = this.fileTasks.get(path);
    return task === undefined ? null : this.titleOf(task);
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
      const { kind, path } = consequence;
      const isPending = this.registry.stateOf(path) === 'pending';
      if (kind === 'go' && isPending && this.takesPlaces) this.due.push(path);
      else if (kind !== 'start') told.push(consequence);
      else if (isPending) this.ready.push(path);
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
    this.resting.delete(path);
    this.returning.delete(path);
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
    let places = this.placesFor();
    registry.add(
      children.map(({ id, title, dependsOn }, index) => ({
        path: `${path}.${id}`,
        title,
        dependsOn: dependsOn.map((on) => ({ on: `${path}.${on}`, whenFailed: 'fail' as const })),
        parent: path,
        gated: dependsOn.length > 0 || (places -= 1) < 0,
        ...(joins && index === children.length - 1 ? { join: true } : {}),
      })),
    );
    for (const child of paths) {
      this.unwatched.add(child);
      if (!registry.isGated(child)) registry.begin(child, Date.now());
    }
    return null;
  }

  /** How many children may begin at once: the place of their parent is theirs, for it ends when they have started. */
  private placesFor(): number {
    this.takesPlaces ||= patched(PLACES_PATCH);
    if (!this.takesPlaces) return Infinity;
    return Math.max(0, this.freePlaces) + 1;
  }

  /** Below zero where a task that waited for another one has come back to a full house. */
  get freePlaces(): number {
    return this.spec.concurrency - this.registry.running + this.parked.size + this.resting.size;
  }

  restingOn(what: WaitingOn): number {
    let count = 0;
    for (const on of this.resting.values()) if (on === what) count += 1;
    return count;
  }

  /** For what is said to tasks: what comes later has a greater one. */
  nextOrder(): number {
    this.order += 1;
    return this.order;
  }

  /** Children of a granted announcement that wait for nothing but a place. */
  queuedOf({ path, children }: Announcement): readonly string[] {
    const isQueued = (id: string): boolean => this.registry.isGated(`${path}.${id}`);
    return children.filter(({ id, dependsOn }) => dependsOn.length === 0 && isQueued(id)).map(({ id }) => id);
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

  /** True if there is less to spend than before. */
  changeBudget({ costUsdMicros, tokens, attempts, deadlineSeconds }: BudgetRequest): boolean {
    const isLess = this.ledger.change(defined({ costUsdMicros, tokens, attempts, deadlineSeconds }));
    this.noticed.clear();
    this.notice();
    this.isDirty = true;
    return isLess;
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
    const [ready, due] = [new Set(this.ready), new Set(this.due)];
    const spent = this.paused === null ? this.ledger.spentKind() : null;
    const full = `resource (${this.spec.concurrency} tasks run side by side)`;
    const held = this.paused === null ? full : 'human (the job is paused)';
    // Children were given their slices when they were announced.
    const why = spent === null ? held : `budget (${spent})`;
    return (path) => {
      if (ready.has(path)) return why;
      const on = this.resting.get(path);
      return due.has(path) || this.returning.has(path) ? held : on === undefined ? null : RESTING_WORDS[on];
    };
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
      ...(this.ledger.isLimited ? { left: this.ledger.left() } : {}),
    };
  }

  liveTasks(): readonly LiveTask[] {
    const waits = (path: string): boolean => [this.resting, this.parked, this.returning].some((all) => all.has(path));
    const paths = this.livePaths().slice(0, LIVE_TASKS_MAX);
    return paths.map((path) => ({ path, waits: waits(path) }));
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

/** What a task that has begun waits for. */
const RESTING_WORDS: Readonly<Record<WaitingOn, string>> = {
  human: 'human (it has asked)',
  budget: 'more budget',
  dependency: 'dependency',
  resource: 'resource (its branch)',
};

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
  // For the children that its task may be split into.
  concurrency: JOB_DEFAULTS.concurrency,
  priority: JOB_DEFAULTS.priority,
  tags: [],
  ...(fieldText(fieldOf(input, 'spec'), 'key') === '' ? {} : { key: fieldText(fieldOf(input, 'spec'), 'key') }),
});
