/** Jobs that are played by chance against the register of their tasks, and how their tasks are written in a line. */
import { deepEqual } from 'node:assert/strict';
import type { Dependency, WhenPrerequisiteFails } from '../../src/domain/job';
import { NOTHING_SPENT } from '../../src/domain/record';
import type { TerminalState } from '../../src/domain/task';
import { TaskRegistry, type Consequence, type Ended, type NewTask } from '../../src/domain/task-registry';
import type { Chance } from './apply-edits/chance';

const edges = (...ons: readonly string[]): readonly Dependency[] =>
  ons.map((each) => {
    const [on = '', whenFailed = 'fail'] = each.split('/');
    return { on, whenFailed: whenFailed as WhenPrerequisiteFails };
  });

/** `b: a c/skip` waits for a and c; a word `gated` or `join` in front of the edges says that it is one. */
export function task(line: string, parent: string | null = null): NewTask {
  const [path = '', rest = ''] = line.split(':');
  const words = rest.split(' ').filter((word) => word !== '');
  const isJoin = words.includes('join');
  return {
    path,
    title: `Title of ${path}`,
    dependsOn: edges(...words.filter((word) => word !== 'gated' && word !== 'join')),
    parent,
    gated: isJoin || words.includes('gated'),
    ...(isJoin ? { join: true } : {}),
  };
}

export const ending = (state: TerminalState, more: Partial<Ended> = {}): Ended => ({
  state,
  attempts: 1,
  spending: { ...NOTHING_SPENT, callsSent: 1 },
  branch: null,
  commit: null,
  failure: state === 'succeeded' || state === 'decomposed' ? null : { code: 'checksFailed', detail: '' },
  summary: '',
  diff: null,
  endedAt: 7,
  ...more,
});

/**
 * A job that is played: whoever may begin does, whoever runs is split, asks for another task or ends, all by chance. What must
 * hold is written down from what happened, without asking the registry.
 */
export class Play {
  /** What stands beside it was carried over to a new run after every single thing that was told to it. */
  carried: TaskRegistry;
  readonly ready: string[] = [];
  readonly live = new Set<string>();
  private readonly asleep = new Set<string>();
  readonly endedAs = new Map<string, string>();
  readonly begunOnce = new Set<string>();
  readonly children = new Map<string, string[]>();
  private readonly waitsFor = new Map<string, Dependency[]>();
  private readonly unheard: Consequence[] = [];

  constructor(
    readonly registry: TaskRegistry,
    private readonly chance: Chance,
    tasks: readonly NewTask[],
  ) {
    this.carried = new TaskRegistry();
    this.tell((to) => to.add(tasks), tasks);
  }

  /** Tells both, takes what follows from both, and compares all that can be seen of them. */
  tell(what: (to: TaskRegistry) => void, added: readonly NewTask[] = []): void {
    for (const { path, dependsOn, parent } of added) {
      this.waitsFor.set(path, [...dependsOn]);
      if (parent !== null) this.children.set(parent, [...(this.children.get(parent) ?? []), path]);
    }
    what(this.registry);
    what(this.carried);
    // Where several things follow at once, their order may differ.
    const followed = this.registry.takeConsequences();
    deepEqual(sorted(this.carried.takeConsequences()), sorted(followed));
    this.unheard.push(...followed);
    this.carried = TaskRegistry.restore(JSON.parse(JSON.stringify(this.carried.carry())) as unknown[]);
  }

  /** All leaves of the subtree, or null while some of it has not ended. */
  private leaves(path: string): readonly string[] | null {
    const state = this.endedAs.get(path);
    const children = this.children.get(path) ?? [];
    if (state === undefined) return null;
    if (children.length === 0) return [state];
    const below = children.map((child) => this.leaves(child));
    return below.includes(null) ? null : below.flatMap((each) => each ?? []);
  }

  begin(path: string): void {
    deepEqual(this.begunOnce.has(path), false);
    for (const { on, whenFailed } of this.waitsFor.get(path) ?? []) {
      const leaves = this.leaves(on);
      deepEqual([path, on, leaves === null], [path, on, false]);
      if (whenFailed !== 'ignore') deepEqual([path, on, ...new Set(leaves)], [path, on, 'succeeded']);
    }
    this.begunOnce.add(path);
    this.live.add(path);
  }

  note(path: string, state: string): void {
    deepEqual([path, this.endedAs.get(path)], [path, undefined]);
    this.endedAs.set(path, state);
    this.live.delete(path);
  }

  hear({ kind, path }: Consequence): void {
    if (kind === 'start' && this.registry.stateOf(path) === 'pending') this.ready.push(path);
    if (kind !== 'go') return;
    if (this.begunOnce.has(path)) deepEqual(this.asleep.delete(path), true);
    else this.tellBegin(path);
  }

  tellBegin(path: string): void {
    this.begin(path);
    this.tell((to) => to.begin(path, 1));
  }

  /** Tasks that have ended because of others: seen here first. */
  noteRefused(): void {
    const refused = this.registry.paths.filter(
      (path) => !this.endedAs.has(path) && this.registry.endedOf(path) !== null,
    );
    for (const path of refused) this.note(path, this.registry.stateOf(path));
    for (const path of refused) {
      const bad = (this.waitsFor.get(path) ?? []).filter(({ on, whenFailed }) => {
        const leaves = this.leaves(on);
        return whenFailed !== 'ignore' && leaves !== null && leaves.some((state) => state !== 'succeeded');
      });
      deepEqual([path, this.begunOnce.has(path), bad.length > 0], [path, false, true]);
    }
  }

  step(): void {
    const awake = [...this.live].filter((path) => !this.asleep.has(path));
    const path = awake[this.chance.below(awake.length)];
    if (this.ready.length > 0 && (path === undefined || this.chance.below(2) === 0)) {
      const next = this.ready.splice(this.chance.below(this.ready.length), 1)[0] ?? '';
      if (this.registry.stateOf(next) === 'pending') this.tellBegin(next);
      return;
    }
    if (path === undefined) throw new Error('nobody can go on');
    const what = this.chance.below(10);
    if (what === 0 && path.split('.').length < 3) this.split(path);
    else if (what === 1) this.ask(path);
    else this.end(path, this.chance.of(['succeeded', 'succeeded', 'succeeded', 'succeeded', 'dead', 'stuck']));
  }

  private split(parent: string): void {
    const count = 1 + this.chance.below(4);
    const children = Array.from({ length: count }, (_, n) => {
      const before = Array.from({ length: n }, (_none, k) => `${parent}.${k + 1}`);
      const ons = before.filter(() => this.chance.below(3) === 0);
      return task(`${parent}.${n + 1}: ${ons.length > 0 ? 'gated' : ''} ${ons.join(' ')}`, parent);
    });
    this.tell((to) => to.add(children), children);
    for (const { path, gated } of children) if (!gated) this.tellBegin(path);
    this.end(parent, 'decomposed');
  }

  private ask(path: string): void {
    const on = this.registry.paths[this.chance.below(this.registry.size)] ?? path;
    const answers: (string | null)[] = [];
    this.tell((to) => answers.push(to.addDependency(path, on)));
    deepEqual(answers[1], answers[0]);
    if (answers[0] === null) this.asleep.add(path);
  }

  end(path: string, state: TerminalState): void {
    this.note(path, state);
    this.tell((to) => to.end(path, ending(state, { branch: `weaver/${path}`, summary: `did ${path}` })));
  }

  settle(): void {
    this.noteRefused();
    for (let next = this.unheard.shift(); next !== undefined; next = this.unheard.shift()) {
      this.hear(next);
      this.noteRefused();
    }
  }
}

export function randomTasks(chance: Chance, count: number): readonly NewTask[] {
  const names = Array.from({ length: count }, (_, n) => `t${n}`);
  const tasks = names.map((path, n) => {
    const ons = names.slice(Math.max(0, n - 12), n).filter(() => chance.below(6) === 0);
    const policies = ['', '', '', '/skip', '/ignore'] as const;
    return task(`${path}: ${ons.map((on) => `${on}${chance.of(policies)}`).join(' ')}`);
  });
  // A file may name tasks before those that they wait for.
  return tasks.toSorted(() => chance.below(3) - 1);
}

/** All that can be seen of a job. */
export const seen = (of: TaskRegistry) => ({
  rows: of.rows('job/x', 0, 500, () => null),
  counts: of.counts(),
  bottlenecks: of.bottlenecks(() => null).toSorted((a, b) => (a.waitsFor < b.waitsFor ? -1 : 1)),
  running: of.running,
  isOver: of.isOver,
  state: of.jobState(false),
  spending: of.spending(),
  // Of a task that asks for another one at run time it may be late to be told what that has done.
  prerequisites: of.paths.map((path) => (of.stateOf(path) === 'pending' ? of.prerequisitesOf(path) : [])),
});

const sorted = (all: readonly Consequence[]): readonly string[] => all.map((each) => JSON.stringify(each)).toSorted();
