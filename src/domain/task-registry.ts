/**
 * The tasks of a job: who waits for whom, who has begun, how each ended. Pure: it only changes by what is told to it, so that
 * the job's workflow can be replayed. Work is linear in tasks and edges, since a job may have thousands of both.
 */
import { failure, type FailureCode } from './failures.js';
import type { ArtifactRef } from './outcome.js';
import { PREREQUISITES_MAX, type Dependency, type JobState, type JobTaskRow, type Prerequisite } from './job.js';
import { cutToBytes, utf8Bytes } from './payload-limit.js';
import { NOTHING_SPENT, sumSpending, type Spending } from './record.js';
import { isTerminalState, type TaskState, type TerminalState } from './task.js';

/** What is kept of an ended task: small, since it is carried along when the job continues as new. */
export interface Ended {
  readonly state: TerminalState;
  readonly attempts: number;
  readonly spending: Spending;
  readonly branch: string | null;
  readonly commit: string | null;
  readonly failure: { readonly code: FailureCode; readonly detail: string } | null;
  readonly summary: string;
  /** Its patch, for its dependents' prompts. */
  readonly diff: ArtifactRef | null;
  readonly endedAt: number;
}

export interface NewTask {
  readonly path: string;
  readonly title: string;
  readonly dependsOn: readonly Dependency[];
  readonly parent: string | null;
  /** True if its workflow runs already and only waits for the word to go. */
  readonly gated: boolean;
  /** True if it stands for the whole of its siblings. */
  readonly join?: boolean;
}

/** What the job has to do now. */
export type Consequence =
  | { readonly kind: 'start'; readonly path: string }
  /** Tell a gated task that it may begin. */
  | { readonly kind: 'go'; readonly path: string }
  /** Tell a gated task that it must not begin; `state` says how it ends. */
  | { readonly kind: 'refuse'; readonly path: string; readonly state: 'dead' | 'cancelled'; readonly why: string };

interface Node extends NewTask {
  dependsOn: readonly Dependency[];
  state: TaskState;
  /** Prerequisites whose subtrees have not ended. */
  open: number;
  readonly children: string[];
  /** Children whose subtrees have not ended. */
  openChildren: number;
  startedAt: number | null;
  ended: Ended | null;
}

/** What fits into one signal: twenty of these are below 8 KB. */
const TITLE_CHARACTERS_MAX = 80;
const SUMMARY_CHARACTERS_MAX = 120;
const FAILED_SHOWN_MAX = 20;
/** What is kept of a detail while the job goes on; the task's own record has it whole. */
const DETAIL_CHARACTERS_MAX = 200;

export class TaskRegistry {
  private readonly nodes = new Map<string, Node>();
  private readonly dependents = new Map<string, string[]>();
  private consequences: Consequence[] = [];
  /** Ended, and not yet looked at what follows. A list, since one end may bring a chain of thousands with it. */
  private closing: Node[] = [];
  private live = 0;
  private unended = 0;

  get size(): number {
    return this.nodes.size;
  }

  /** Tasks that have begun and not ended. */
  get running(): number {
    return this.live;
  }

  get isOver(): boolean {
    return this.unended === 0;
  }

  has(path: string): boolean {
    return this.nodes.has(path);
  }

  stateOf(path: string): TaskState {
    return this.node(path).state;
  }

  /** Has begun and not ended. */
  isLive(path: string): boolean {
    const { state, ended } = this.node(path);
    return ended === null && state !== 'pending';
  }

  isGated(path: string): boolean {
    return this.node(path).gated;
  }

  get hasConsequences(): boolean {
    return this.consequences.length > 0;
  }

  /** Puts back what was taken and could not be done. */
  giveBack(consequences: readonly Consequence[]): void {
    this.consequences = [...consequences, ...this.consequences];
  }

  /** What follows from all that was told since the last time. */
  takeConsequences(): readonly Consequence[] {
    const taken = this.consequences;
    this.consequences = [];
    return taken;
  }

  /** Tasks may name others of the same list in any order. Harmless twice: what is known stays as it is. */
  add(tasks: readonly NewTask[]): void {
    const added = tasks.filter(({ path }) => !this.nodes.has(path));
    for (const task of added) this.insert(task);
    for (const { path } of added) this.admit(this.node(path));
  }

  private insert(task: NewTask): void {
    this.nodes.set(task.path, {
      ...task,
      dependsOn: eachOnce(task.dependsOn),
      state: 'pending',
      open: 0,
      children: [],
      openChildren: 0,
      startedAt: null,
      ended: null,
    });
    this.unended += 1;
    if (task.parent === null) return;
    const parent = this.node(task.parent);
    parent.children.push(task.path);
    parent.openChildren += 1;
  }

  /** Counts what it waits for; what has ended already counts at once. */
  private admit(node: Node): void {
    for (const edge of node.dependsOn) {
      if (node.ended !== null) return;
      this.wait(node, edge);
    }
    this.release(node);
  }

  private wait(node: Node, edge: Dependency): void {
    this.link(edge.on, node.path);
    if (!this.isSubtreeOver(edge.on)) node.open += 1;
    else this.refuseIfBad(node, edge);
  }

  private link(on: string, dependent: string): void {
    const dependents = this.dependents.get(on);
    if (dependents === undefined) this.dependents.set(on, [dependent]);
    else dependents.push(dependent);
  }

  private release(node: Node): void {
    if (node.ended !== null || node.open > 0) return;
    this.consequences.push({ kind: node.gated ? 'go' : 'start', path: node.path });
  }

  /** A task waits for one more. Null if that is granted; otherwise why it is not. */
  addDependency(path: string, on: string): string | null {
    if (!this.nodes.has(on)) return `there is no task ${on} in the job`;
    const cycle = this.pathBetween(on, path);
    if (cycle !== null) return `it would close a cycle: ${[path, ...cycle].join(' → ')}`;
    const node = this.node(path);
    if (node.dependsOn.every((edge) => edge.on !== on)) {
      const edge: Dependency = { on, whenFailed: 'ignore' };
      node.dependsOn = [...node.dependsOn, edge];
      this.wait(node, edge);
    }
    if (node.open === 0) this.consequences.push({ kind: 'go', path });
    return null;
  }

  /**
   * From a task along what it waits for to another; null if there is no way. A parent waits for its children, and what is over
   * for nobody.
   */
  private pathBetween(from: string, to: string): readonly string[] | null {
    const cameFrom = new Map<string, string | null>([[from, null]]);
    const queue = [from];
    for (let at = 0; at < queue.length; at += 1) {
      const path = queue[at] ?? '';
      if (path === to) return trail(cameFrom, path);
      if (this.isSubtreeOver(path)) continue;
      const { dependsOn, children } = this.node(path);
      for (const next of [...dependsOn.map(({ on }) => on), ...children]) {
        if (cameFrom.has(next)) continue;
        cameFrom.set(next, path);
        queue.push(next);
      }
    }
    return null;
  }

  begin(path: string, nowMs: number): void {
    const node = this.node(path);
    if (node.state !== 'pending') return;
    node.state = 'running';
    node.startedAt = nowMs;
    this.live += 1;
  }

  /** Harmless twice: a task ends once. False if it had ended. */
  end(path: string, ended: Ended): boolean {
    const node = this.node(path);
    if (node.ended !== null) return false;
    if (node.state !== 'pending') this.live -= 1;
    const detail = ended.failure?.detail.slice(0, DETAIL_CHARACTERS_MAX) ?? '';
    node.ended = { ...ended, failure: ended.failure === null ? null : { code: ended.failure.code, detail } };
    node.state = ended.state;
    this.unended -= 1;
    this.closeSubtrees(node);
    return true;
  }

  /** Ends a task that never began. */
  endPending(path: string, state: Unbegun, code: FailureCode, why: string, nowMs: number): void {
    this.end(path, unbegun(state, code, why, nowMs));
  }

  /** The same for many at once: none of them ends for another's sake, whatever waits for whom. */
  endAllPending(paths: readonly string[], state: Unbegun, code: FailureCode, why: string, nowMs: number): void {
    const nodes = paths.map((path) => this.node(path)).filter(({ ended }) => ended === null);
    for (const node of nodes) {
      // An announced child counts as begun before there is a workflow of it.
      if (node.state !== 'pending') this.live -= 1;
      node.ended = unbegun(state, code, why, nowMs);
      node.state = state;
      this.unended -= 1;
    }
    for (const node of nodes) this.closeSubtrees(node);
  }

  private closeSubtrees(from: Node): void {
    this.closing.push(from);
    // What a dependent is refused for ends that one too: it is taken up by the loop that is under way.
    if (this.closing.length > 1) return;
    for (const node of this.closing) this.closeUpwards(node);
    this.closing = [];
  }

  /** A decomposed task is over when its last child is. */
  private closeUpwards(from: Node): void {
    let node: Node | null = from;
    while (node !== null && this.isSubtreeOver(node.path)) {
      this.resolveDependents(node.path);
      const parent: Node | null = node.parent === null ? null : this.node(node.parent);
      if (parent !== null) parent.openChildren -= 1;
      node = parent;
    }
  }

  private resolveDependents(path: string): void {
    for (const dependent of this.dependents.get(path) ?? []) {
      const node = this.node(dependent);
      for (const edge of node.dependsOn.filter(({ on }) => on === path)) {
        node.open -= 1;
        this.refuseIfBad(node, edge);
      }
      if (node.state === 'pending') this.release(node);
      else if (node.ended === null && node.open === 0) this.consequences.push({ kind: 'go', path: dependent });
    }
  }

  private refuseIfBad(node: Node, { on, whenFailed }: Dependency): void {
    if (whenFailed === 'ignore' || node.state !== 'pending') return;
    const bad = this.leavesOf(on).find((leaf) => leaf.state !== 'succeeded');
    if (bad === undefined) return;
    const state = whenFailed === 'skip' ? 'cancelled' : 'dead';
    const why = `${bad.path} ended ${bad.state}`;
    if (node.gated) this.consequences.push({ kind: 'refuse', path: node.path, state, why });
    const code = whenFailed === 'skip' ? 'skipped' : 'dependencyFailed';
    this.endPending(node.path, state, code, why, bad.ended?.endedAt ?? 0);
  }

  private isSubtreeOver(path: string): boolean {
    const { ended, openChildren } = this.node(path);
    return ended !== null && openChildren === 0;
  }

  private leavesOf(path: string): readonly Node[] {
    const node = this.node(path);
    return node.children.length === 0 ? [node] : node.children.flatMap((child) => this.leavesOf(child));
  }

  /** What a dependent is told: of a decomposed task its join, or else every leaf. */
  prerequisitesOf(path: string): readonly Prerequisite[] {
    return this.node(path)
      .dependsOn.flatMap(({ on }) => this.standsFor(on))
      .map((node) => ({
        id: node.path,
        title: node.title.slice(0, TITLE_CHARACTERS_MAX),
        state: node.state,
        branch: node.ended?.branch ?? null,
        commit: node.ended?.commit ?? null,
        summary: (node.ended?.summary ?? '').slice(0, SUMMARY_CHARACTERS_MAX),
        diff: node.ended?.diff ?? null,
      }));
  }

  private standsFor(path: string): readonly Node[] {
    const node = this.node(path);
    if (node.children.length === 0) return [node];
    const join = node.children.find((child) => this.node(child).join === true);
    return (join === undefined ? node.children : [join]).flatMap((child) => this.standsFor(child));
  }

  /** A task with all that came of it, parents before children. */
  subtree(path: string): readonly string[] {
    return [path, ...this.node(path).children.flatMap((child) => this.subtree(child))];
  }

  get paths(): readonly string[] {
    return [...this.nodes.keys()];
  }

  /** Tasks that were proposed while the job ran. */
  get proposed(): number {
    let count = 0;
    for (const { parent } of this.nodes.values()) if (parent !== null) count += 1;
    return count;
  }

  counts(): Readonly<Partial<Record<TaskState, number>>> {
    const counts: Partial<Record<TaskState, number>> = {};
    for (const { state } of this.nodes.values()) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  }

  spending(): Spending {
    return sumSpending([...this.nodes.values()].flatMap(({ ended }) => (ended === null ? [] : [ended.spending])));
  }

  attempts(): number {
    let sum = 0;
    for (const { ended } of this.nodes.values()) sum += ended?.attempts ?? 0;
    return sum;
  }

  /** Computed from the leaves; a decomposed task is neutral, and so is one that was skipped. */
  jobState(isCancelled: boolean): JobState {
    // Nothing to do is not the same as done.
    if (!this.isOver || this.size === 0) return 'running';
    if (isCancelled) return 'cancelled';
    const leaves = [...this.nodes.values()].filter(({ children }) => children.length === 0);
    if (leaves.some(({ state }) => state === 'dead')) return 'failed';
    if (leaves.some(({ state }) => state === 'stuck')) return 'stuck';
    if (leaves.some(({ state, ended }) => state === 'cancelled' && ended?.failure?.code !== 'skipped')) return 'failed';
    return 'completed';
  }

  /** Leaves that ended badly, in the order of the file. */
  failed(): readonly { readonly path: string; readonly state: TaskState; readonly failure: string | null }[] {
    return [...this.nodes.values()]
      .filter(({ children, ended }) => children.length === 0 && ended !== null && ended.state !== 'succeeded')
      .slice(0, FAILED_SHOWN_MAX)
      .map(({ path, state, ended }) => ({ path, state, failure: ended?.failure?.code ?? null }));
  }

  endedOf(path: string): Ended | null {
    return this.node(path).ended;
  }

  titleOf(path: string): string {
    return this.node(path).title;
  }

  rows(jobId: string, from: number, limit: number, waits: (path: string) => string | null): readonly JobTaskRow[] {
    return [...this.nodes.values()].slice(from, from + limit).map((node) => this.rowOf(node, jobId, waits));
  }

  private rowOf(node: Node, jobId: string, waits: (path: string) => string | null): JobTaskRow {
    const { path, title, state, parent, children, dependsOn, ended, startedAt } = node;
    const tokens = ended === null ? 0 : ended.spending.tokens.prompt + ended.spending.tokens.completion;
    return {
      path,
      taskId: `${jobId}/t/${path}`,
      title,
      state,
      parent,
      children,
      dependsOn,
      waitsFor: ended === null ? ((state === 'pending' ? this.waitsFor(node) : null) ?? waits(path)) : null,
      attempts: ended?.attempts ?? 0,
      tokens,
      costUsdMicros: ended?.spending.costUsdMicros ?? 0,
      branch: ended?.branch ?? null,
      failure: ended?.failure?.code ?? null,
      startedAt,
      endedAt: ended?.endedAt ?? null,
    };
  }

  /** The prerequisites that have not ended, in words. */
  private waitsFor({ dependsOn }: Node): string | null {
    const open = dependsOn.filter(({ on }) => !this.isSubtreeOver(on)).map(({ on }) => on);
    if (open.length === 0) return null;
    const more = open.length > 3 ? ` and ${open.length - 3} more` : '';
    return `dependency ${open.slice(0, 3).join(', ')}${more}`;
  }

  /** What tasks wait for that have not begun, or have given their place to others; most of them first. */
  bottlenecks(
    waits: (path: string) => string | null,
  ): readonly { readonly waitsFor: string; readonly tasks: number }[] {
    const counts = new Map<string, number>();
    for (const node of this.nodes.values()) {
      if (node.ended !== null) continue;
      const edges = node.state === 'pending' ? node.dependsOn : [];
      const open = edges.filter(({ on }) => !this.isSubtreeOver(on)).map(({ on }) => `dependency ${on}`);
      const reasons = open.length > 0 ? open : [waits(node.path)].filter((why) => why !== null);
      for (const why of reasons) counts.set(why, (counts.get(why) ?? 0) + 1);
    }
    return [...counts]
      .map(([waitsFor, tasks]) => ({ waitsFor, tasks }))
      .toSorted((a, b) => b.tasks - a.tasks)
      .slice(0, FAILED_SHOWN_MAX);
  }

  /**
   * For the next run of a job that continues as new: without what no dependent will ask for any more. Where that is too much,
   * what dependents will be told is made shorter, then the branches go that only people ask for. Null if even that is too much.
   */
  carry(): readonly unknown[];
  carry(options: CarryOptions): readonly unknown[] | null;
  carry({ bytesMax = Infinity, knownTitle = unknownTitle }: CarryOptions = {}): readonly unknown[] | null {
    const told = this.told();
    const whole = this.packedRows(knownTitle, told);
    if (bytesMax === Infinity || bytesOf(whole) <= bytesMax) return whole;
    const left = bytesMax - bytesOf(this.packedRows(knownTitle, new Map()));
    const shorter =
      left >= 0
        ? this.packedRows(knownTitle, shortened(told, left))
        : this.packedRows(knownTitle, new Map(), (path) => told.has(path));
    return bytesOf(shorter) <= bytesMax ? shorter : null;
  }

  private packedRows(
    knownTitle: KnownTitle,
    told: ReadonlyMap<string, Told>,
    keepsBranch: (path: string) => boolean = () => true,
  ): readonly Carried[] {
    const rowOf = new Map(this.paths.map((path, row) => [path, row]));
    return [...this.nodes.values()].map((node): Carried => {
      const { path, title, dependsOn, parent, gated, join, state, startedAt, ended } = node;
      const edges = dependsOn.map(({ on, whenFailed }): PackedEdge => {
        const row = rowOf.get(on) ?? 0;
        return whenFailed === 'fail' ? row : [row, whenFailed];
      });
      const flags = (gated ? 1 : 0) + (join === true ? 2 : 0);
      const branch = ended !== null && keepsBranch(path) ? ended : NO_BRANCH;
      const kept = ended === null ? null : packed({ ...ended, ...branchOf(branch), ...(told.get(path) ?? NOT_TOLD) });
      return [path, title === knownTitle(path) ? '' : title, edges, parent, flags, state, startedAt, kept];
    });
  }

  /** Of each ended task what those that have not ended will be told. */
  private told(): ReadonlyMap<string, Told> {
    const told = new Map<string, Told>();
    for (const { ended, dependsOn } of this.nodes.values()) {
      if (ended !== null) continue;
      const all = dependsOn.flatMap(({ on }) => this.standsFor(on)).slice(0, PREREQUISITES_MAX);
      for (const node of all)
        if (node.ended !== null) told.set(node.path, { summary: node.ended.summary, diff: node.ended.diff });
    }
    return told;
  }

  /** The inverse of `carry`; what had been taken as a consequence before stays taken. */
  static restore(carried: readonly unknown[], knownTitle: KnownTitle = unknownTitle): TaskRegistry {
    const registry = new TaskRegistry();
    const rows = carried as readonly Carried[];
    for (const [path, written, edges, parent, flags] of rows) {
      const title = written === '' ? (knownTitle(path) ?? '') : written;
      const dependsOn = edges.map((edge): Dependency => {
        const [row, whenFailed] = typeof edge === 'number' ? ([edge, 'fail'] as const) : edge;
        return { on: rows[row]?.[0] ?? '', whenFailed };
      });
      registry.insert({ path, title, dependsOn, parent, gated: (flags & 1) === 1, join: (flags & 2) === 2 });
      for (const { on } of dependsOn) registry.link(on, path);
    }
    for (const [path, , , , , state, startedAt, ended] of rows) {
      const node = registry.node(path);
      node.state = state;
      node.startedAt = startedAt;
      node.ended = ended === null ? null : unpacked(state, ended);
      if (ended !== null) registry.unended -= 1;
      else if (state !== 'pending') registry.live += 1;
    }
    registry.recount();
    return registry;
  }

  private recount(): void {
    // Children come after their parents, so from the end on every child is known before its parent.
    for (const node of [...this.nodes.values()].toReversed())
      node.openChildren = node.children.filter((child) => !this.isSubtreeOver(child)).length;
    for (const node of this.nodes.values())
      node.open = node.dependsOn.filter(({ on }) => !this.isSubtreeOver(on)).length;
  }

  private node(path: string): Node {
    const node = this.nodes.get(path);
    if (node === undefined) throw new RangeError(`there is no task ${path}`);
    return node;
  }
}

interface CarryOptions {
  /** Bytes of it as JSON, where that is to be bounded. */
  readonly bytesMax?: number;
  /** What the next run knows without being told: titles of the file. */
  readonly knownTitle?: KnownTitle;
}
type KnownTitle = (path: string) => string | null;
const unknownTitle: KnownTitle = () => null;

/** What dependents will be told of a task, beside its branch. */
type Told = Pick<Ended, 'summary' | 'diff'>;
const NOT_TOLD: Told = { summary: '', diff: null };
const NO_BRANCH = { branch: null, commit: null };
const branchOf = ({ branch, commit }: Pick<Ended, 'branch' | 'commit'>) => ({ branch, commit });

const bytesOf = (rows: readonly unknown[]): number => utf8Bytes(JSON.stringify(rows));

/** Of a row that has something to tell: two fields of a list, and what stands for a failure that it has not. */
const TOLD_BYTES = 16;
/** A summary below this says nothing; then the patch is worth more. */
const SUMMARY_BYTES_MIN = 24;

/** The same room for each: a shorter summary first, then no patch, then neither. */
function shortened(told: ReadonlyMap<string, Told>, bytes: number): ReadonlyMap<string, Told> {
  const room = Math.floor(bytes / told.size) - TOLD_BYTES;
  return new Map([...told].map(([path, each]) => [path, fitting(each, room)]));
}

function fitting({ summary, diff }: Told, room: number): Told {
  const diffBytes = diff === null ? 0 : utf8Bytes(JSON.stringify(diff));
  if (room < SUMMARY_BYTES_MIN) return NOT_TOLD;
  const isRoomForBoth = room - diffBytes >= SUMMARY_BYTES_MIN;
  return { summary: cutAsJson(summary, isRoomForBoth ? room - diffBytes : room), diff: isRoomForBoth ? diff : null };
}

/** Escaped, a character may take six bytes. */
function cutAsJson(text: string, bytes: number): string {
  for (let max = bytes; max >= SUMMARY_BYTES_MIN; max = Math.floor(max / 2)) {
    const cut = cutToBytes(text, max);
    if (utf8Bytes(JSON.stringify(cut)) <= bytes) return cut;
  }
  return '';
}

type Carried = readonly [
  path: string,
  title: string,
  dependsOn: readonly PackedEdge[],
  parent: string | null,
  flags: number,
  state: TaskState,
  startedAt: number | null,
  ended: Packed | null,
];

/** Number of the prerequisite's row; what is not `fail` is named. */
type PackedEdge = number | readonly [row: number, whenFailed: Dependency['whenFailed']];

/** A job of thousands carries this for each: no names, nothing that is not asked for, and no empty end. */
type Packed = readonly [
  attempts: number,
  spending: readonly number[],
  endedAt: number,
  branch?: string | null,
  commit?: string | null,
  failure?: readonly [FailureCode, string] | null,
  summary?: string,
  diff?: ArtifactRef | null,
];

function packed({ attempts, spending, branch, commit, failure: why, summary, diff, endedAt }: Ended): Packed {
  const { callsSent, callsInDoubt, tokens, costUsdMicros, unpriced } = spending;
  const { prompt, cached, completion, reasoning } = tokens;
  const spent = [callsSent, callsInDoubt, prompt, cached, completion, reasoning, costUsdMicros, unpriced ? 1 : 0];
  // Its code is shown; the detail stands in the task's own record.
  const failed = why === null ? null : ([why.code, ''] as const);
  const all = [branch, commit, failed, summary, diff];
  while (all.length > 0 && (all.at(-1) ?? '') === '') all.pop();
  return [attempts, spent, endedAt, ...all] as unknown as Packed;
}

function unpacked(state: TaskState, [attempts, spent, endedAt, ...rest]: Packed): Ended {
  const [branch = null, commit = null, why = null, summary = '', diff = null] = rest;
  const [callsSent = 0, callsInDoubt = 0, prompt = 0, cached = 0, completion = 0, reasoning = 0, cost = 0, flag = 0] =
    spent;
  return {
    state: isTerminalState(state) ? state : 'dead',
    attempts,
    spending: {
      callsSent,
      callsInDoubt,
      tokens: { prompt, cached, completion, reasoning },
      costUsdMicros: cost,
      unpriced: flag === 1,
    },
    branch,
    commit,
    failure: why === null ? null : { code: why[0], detail: why[1] },
    summary,
    diff,
    endedAt,
  };
}

type Unbegun = 'dead' | 'cancelled' | 'stuck';

const unbegun = (state: Unbegun, code: FailureCode, why: string, endedAt: number): Ended => ({
  state,
  attempts: 0,
  spending: NOTHING_SPENT,
  branch: null,
  commit: null,
  failure: failure(code, why.slice(0, DETAIL_CHARACTERS_MAX)),
  summary: '',
  diff: null,
  endedAt,
});

/** Of two edges to the same task the first counts. */
function eachOnce(edges: readonly Dependency[]): readonly Dependency[] {
  const seen = new Set<string>();
  return edges.filter(({ on }) => !seen.has(on) && seen.add(on));
}

function trail(cameFrom: ReadonlyMap<string, string | null>, end: string): readonly string[] {
  const path: string[] = [];
  for (let at: string | null = end; at !== null; at = cameFrom.get(at) ?? null) path.push(at);
  return path.toReversed();
}
