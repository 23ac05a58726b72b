import { CARRIED_BYTES_MAX, JOB_INPUT_BYTES_MAX } from '../../src/domain/payload-limit';
import { NOTHING_SPENT } from '../../src/domain/record';
import type { TerminalState } from '../../src/domain/task';
import { TaskRegistry } from '../../src/domain/task-registry';
import { chanceFrom } from './apply-edits/chance';
import { ending, Play, randomTasks, seen, task } from './job-play';

function jobOf(...lines: readonly string[]): TaskRegistry {
  const registry = new TaskRegistry();
  registry.add(lines.map((line) => task(line)));
  return registry;
}

/** `start a`, `go a.2`, `refuse b dead`. */
const said = (registry: TaskRegistry): readonly string[] =>
  registry
    .takeConsequences()
    .map((each) => [each.kind, each.path, ...(each.kind === 'refuse' ? [each.state] : [])].join(' '));

function begun(registry: TaskRegistry, ...paths: readonly string[]): void {
  for (const path of paths) registry.begin(path, 1);
}

function ended(registry: TaskRegistry, state: TerminalState, ...paths: readonly string[]): void {
  begun(registry, ...paths);
  for (const path of paths) registry.end(path, ending(state));
}

/** `p` has begun and announced these. */
function split(registry: TaskRegistry, parent: string, ...lines: readonly string[]): void {
  begun(registry, parent);
  registry.add(lines.map((line) => task(line, parent)));
  for (const path of lines.map((line) => line.split(':')[0] ?? '')) if (!registry.isGated(path)) begun(registry, path);
  registry.end(parent, ending('decomposed'));
}

const statesOf = (registry: TaskRegistry): Readonly<Record<string, string>> =>
  Object.fromEntries(registry.paths.map((path) => [path, registry.stateOf(path)]));

/** Milliseconds for so many tasks that wait for one. */
const msFor = (count: number): number => {
  const startedAt = performance.now();
  const registry = jobOf('a', ...Array.from({ length: count }, (_, n) => `t${n}: a`));
  ended(registry, 'succeeded', 'a');
  registry.takeConsequences();
  return performance.now() - startedAt;
};

/** A job whose tasks have ended so. */
const jobAfter = (...states: readonly TerminalState[]): TaskRegistry => {
  const registry = jobOf(...states.map((_, n) => `t${n}`));
  states.forEach((state, n) => ended(registry, state, `t${n}`));
  return registry;
};

const carriedOver = (of: TaskRegistry) => TaskRegistry.restore(JSON.parse(JSON.stringify(of.carry())) as unknown[]);
const waits = (path: string): string | null => (path === 'a' ? 'resource (1 task runs side by side)' : null);
const asks = (path: string): string | null => (path === 'a' ? 'human (it has asked)' : null);

describe('a task of a job', () => {
  it('WT-13 is pending when it is added, and may start if it waits for nobody', () => {
    const registry = jobOf('a');
    expect(registry.counts()).toEqual({ pending: 1 });
    expect(registry.running).toBe(0);
    expect(said(registry)).toEqual(['start a']);
    expect(said(registry)).toEqual([]);
  });

  it('WT-14 runs when it has begun, from then on', () => {
    const registry = jobOf('a');
    registry.begin('a', 5);
    registry.begin('a', 9);
    expect(registry.counts()).toEqual({ running: 1 });
    expect([registry.running, registry.isLive('a')]).toEqual([1, true]);
    expect(registry.rows('job/x', 0, 10, () => null)).toMatchObject([{ taskId: 'job/x/t/a', startedAt: 5 }]);
  });

  it('WT-15 counts where it has ended', () => {
    const registry = jobOf('a');
    ended(registry, 'succeeded', 'a');
    expect(registry.counts()).toEqual({ succeeded: 1 });
    expect([registry.running, registry.isOver]).toEqual([0, true]);
  });

  it('ends once: what is told later changes nothing', () => {
    const registry = jobOf('a', 'b: a');
    begun(registry, 'a');
    expect(registry.end('a', ending('succeeded'))).toBe(true);
    said(registry);
    expect(registry.end('a', ending('dead'))).toBe(false);
    registry.endPending('a', 'cancelled', 'cancelled', 'late', 9);
    expect(statesOf(registry)).toEqual({ a: 'succeeded', b: 'pending' });
    expect(said(registry)).toEqual([]);
    expect(registry.attempts()).toBe(1);
  });

  it('D-06 keeps what it did: branch, commit and summary reach the tasks after it', () => {
    const registry = jobOf('a', 'b: a');
    begun(registry, 'a');
    const summary = 'Wrote the parser. '.repeat(20);
    const diff = { kind: 'diff', sha256: 'd1ff', sizeBytes: 3 } as const;
    registry.end('a', ending('succeeded', { branch: 'weaver/a', commit: 'c0ffee', summary, diff }));
    expect(registry.prerequisitesOf('b')).toEqual([
      {
        id: 'a',
        title: 'Title of a',
        state: 'succeeded',
        branch: 'weaver/a',
        commit: 'c0ffee',
        summary: summary.slice(0, 120),
        diff,
      },
    ]);
    expect(registry.rows('job/x', 0, 1, () => null)[0]).toMatchObject({ branch: 'weaver/a', attempts: 1 });
  });

  it('keeps the beginning of a long failure', () => {
    const registry = jobOf('a');
    begun(registry, 'a');
    registry.end('a', ending('dead', { failure: { code: 'checksFailed', detail: 'x'.repeat(1_000) } }));
    expect(registry.endedOf('a')?.failure?.detail).toHaveLength(200);
  });

  it('D-11 of a stopped job ends without having begun, and none for the sake of another', () => {
    const registry = jobOf('a', 'b: a', 'c: b/skip', 'p');
    begun(registry, 'p');
    registry.add([task('p.1', 'p'), task('p.2: gated p.1', 'p')]);
    begun(registry, 'p.1');
    registry.end('p', ending('cancelled'));
    const stopped = ['a', 'b', 'c', 'p.1', 'p.2'];
    registry.endAllPending(stopped, 'cancelled', 'cancelled', 'ana: not wanted', 9);
    expect(registry.counts()).toEqual({ cancelled: 6 });
    expect(stopped.map((path) => registry.endedOf(path)?.failure)).toEqual(
      stopped.map(() => ({ code: 'cancelled', detail: 'ana: not wanted' })),
    );
    // p.1 counted as begun when it was announced.
    expect([registry.running, registry.isOver, registry.jobState(true)]).toEqual([0, true, 'cancelled']);
    registry.endAllPending(stopped, 'dead', 'cancelled', 'again', 10);
    expect(registry.counts()).toEqual({ cancelled: 6 });
  });

  it('that is not there is named', () => {
    expect(() => jobOf('a').stateOf('b')).toThrow('there is no task b');
  });
});

describe('dependencies', () => {
  it('WT-22 keep a task from starting', () => {
    const registry = jobOf('b: a', 'a');
    expect(said(registry)).toEqual(['start a']);
    expect(registry.counts()).toEqual({ pending: 2 });
    expect(registry.rows('job/x', 0, 1, () => null)[0]?.waitsFor).toBe('dependency a');
  });

  it('WT-23 let it start when the task before it is done', () => {
    const registry = jobOf('a', 'b: a');
    said(registry);
    ended(registry, 'succeeded', 'a');
    expect(said(registry)).toEqual(['start b']);
  });

  it('WT-24 let it start only when all of them are done', () => {
    const registry = jobOf('a', 'b', 'c: a b');
    said(registry);
    ended(registry, 'succeeded', 'a');
    expect(said(registry)).toEqual([]);
    ended(registry, 'succeeded', 'b');
    expect(said(registry)).toEqual(['start c']);
  });

  it('count once, however often they are named', () => {
    const registry = jobOf('a', 'b', 'c: a a/ignore b');
    said(registry);
    ended(registry, 'succeeded', 'a');
    expect(said(registry)).toEqual([]);
    expect(registry.prerequisitesOf('c').map(({ id }) => id)).toEqual(['a', 'b']);
    ended(registry, 'succeeded', 'b');
    expect(said(registry)).toEqual(['start c']);
  });

  it.each(['dead', 'cancelled', 'stuck'] as const)(
    'D-12 end, skip or start the tasks after one that ended %s, as each edge says',
    (state) => {
      const registry = jobOf('a', 'f: a', 's: a/skip', 'i: a/ignore', 'g: f');
      said(registry);
      ended(registry, state, 'a');
      expect(statesOf(registry)).toEqual({ a: state, f: 'dead', s: 'cancelled', i: 'pending', g: 'dead' });
      expect(registry.endedOf('f')?.failure).toEqual({ code: 'dependencyFailed', detail: `a ended ${state}` });
      expect(registry.endedOf('s')?.failure).toEqual({ code: 'skipped', detail: `a ended ${state}` });
      expect(registry.endedOf('g')?.failure?.detail).toBe('f ended dead');
      expect(said(registry)).toEqual(['start i']);
    },
  );

  it('end a task at the first bad prerequisite, while others still run', () => {
    const registry = jobOf('a', 'b', 'c: a b');
    begun(registry, 'b');
    ended(registry, 'dead', 'a');
    expect(registry.stateOf('c')).toBe('dead');
    ended(registry, 'succeeded', 'b');
    expect(said(registry)).toEqual(['start a', 'start b']);
    expect(registry.isOver).toBe(true);
  });

  it('on what has ended already are decided at once', () => {
    const registry = jobOf('a', 'b');
    ended(registry, 'succeeded', 'a');
    ended(registry, 'dead', 'b');
    said(registry);
    registry.add([task('c: a'), task('d: b'), task('e: b/skip'), task('f: b/ignore')]);
    expect(said(registry)).toEqual(['start c', 'start f']);
    expect([registry.stateOf('d'), registry.stateOf('e')]).toEqual(['dead', 'cancelled']);
  });

  it('fall one after the other when the first of 5,000 in a row dies, without running out of stack', () => {
    const count = 5_000;
    const registry = jobOf('t0', ...Array.from({ length: count - 1 }, (_, n) => `t${n + 1}: t${n}`));
    ended(registry, 'dead', 't0');
    expect(registry.counts()).toEqual({ dead: count });
    expect(registry.isOver).toBe(true);
  });

  it('on one task take time that grows with their number only', () => {
    msFor(2_000); // compiled by now
    // Ten times as many; a square would be a hundred times.
    expect(msFor(20_000)).toBeLessThan(msFor(2_000) * 50 + 300);
  });
});

describe('a dependency that is added while the task runs', () => {
  it('lets the task go on when the other has ended, however it ended', () => {
    const registry = jobOf('a', 'b');
    begun(registry, 'a', 'b');
    said(registry);
    expect(registry.addDependency('a', 'b')).toBeNull();
    expect(said(registry)).toEqual([]);
    registry.end('b', ending('dead'));
    expect(said(registry)).toEqual(['go a']);
    expect(registry.stateOf('a')).toBe('running');
  });

  it('lets it go on at once when the other has ended before', () => {
    const registry = jobOf('a', 'b');
    ended(registry, 'succeeded', 'b');
    begun(registry, 'a');
    said(registry);
    expect(registry.addDependency('a', 'b')).toBeNull();
    expect(registry.addDependency('a', 'b')).toBeNull();
    expect(said(registry)).toEqual(['go a', 'go a']);
  });

  it('is one, though it is asked for twice', () => {
    const registry = jobOf('a', 'b', 'c');
    begun(registry, 'a', 'b', 'c');
    said(registry);
    registry.addDependency('a', 'b');
    registry.addDependency('a', 'b');
    registry.end('b', ending('succeeded'));
    expect(said(registry)).toEqual(['go a']);
    registry.addDependency('a', 'c');
    registry.end('c', ending('succeeded'));
    expect(said(registry)).toEqual(['go a']);
  });

  it('D-13 is refused with the way around when it would close a cycle', () => {
    const registry = jobOf('a', 'b: a', 'c: b');
    begun(registry, 'a');
    expect(registry.addDependency('a', 'c')).toBe('it would close a cycle: a → c → b → a');
    expect(registry.addDependency('a', 'a')).toBe('it would close a cycle: a → a');
    expect(registry.addDependency('a', 'x')).toBe('there is no task x in the job');
  });

  it('D-13 is no cycle where two ways meet, nor through what is over', () => {
    const registry = jobOf('a', 'b: a', 'c: a b', 'd: c', 'e');
    begun(registry, 'e');
    expect(registry.addDependency('e', 'd')).toBeNull();
    expect(registry.addDependency('e', 'b')).toBeNull();
    const later = jobOf('x', 'y', 'z: x y/ignore');
    ended(later, 'dead', 'x');
    begun(later, 'y');
    // z has ended for lack of x, and waits for y no more.
    expect(later.addDependency('y', 'z')).toBeNull();
  });

  it('on the own parent, or on what waits for it, is a cycle', () => {
    const registry = jobOf('p', 'z: p');
    split(registry, 'p', 'p.1', 'p.2');
    expect(registry.addDependency('p.1', 'p')).toBe('it would close a cycle: p.1 → p → p.1');
    expect(registry.addDependency('p.1', 'z')).toBe('it would close a cycle: p.1 → z → p → p.1');
    expect(registry.addDependency('p.1', 'p.2')).toBeNull();
  });
});

describe('a task that was split', () => {
  it('WT-25 has its children in order, knows them and is known by them; two run and none waits', () => {
    const registry = jobOf('p');
    split(registry, 'p', 'p.1', 'p.2');
    const rows = registry.rows('job/x', 0, 10, () => null);
    expect(rows.map(({ path, parent, children }) => [path, parent, children])).toEqual([
      ['p', null, ['p.1', 'p.2']],
      ['p.1', 'p', []],
      ['p.2', 'p', []],
    ]);
    expect(registry.counts()).toEqual({ decomposed: 1, running: 2 });
    expect(registry.proposed).toBe(2);
  });

  it('D-05 has children that are seen wherever the job is looked at', () => {
    const registry = jobOf('p');
    split(registry, 'p', 'p.1', 'p.2');
    registry.end('p.1', ending('succeeded', { attempts: 3 }));
    registry.end('p.2', ending('dead', { attempts: 2 }));
    expect(registry.size).toBe(3);
    expect(registry.counts()).toEqual({ decomposed: 1, succeeded: 1, dead: 1 });
    expect(registry.spending().callsSent).toBe(3);
    expect(registry.attempts()).toBe(6);
    expect(registry.failed()).toEqual([{ path: 'p.2', state: 'dead', failure: 'checksFailed' }]);
    expect(registry.subtree('p')).toEqual(['p', 'p.1', 'p.2']);
  });

  it('is over for those who wait for it when the last of its children is', () => {
    const registry = jobOf('p', 'z: p');
    split(registry, 'p', 'p.1', 'p.2');
    said(registry);
    ended(registry, 'succeeded', 'p.1');
    split(registry, 'p.2', 'p.2.1');
    expect(said(registry).filter((each) => each !== 'start p.2.1')).toEqual([]);
    ended(registry, 'succeeded', 'p.2.1');
    expect(said(registry)).toEqual(['start z']);
  });

  it('is bad for them when one of its leaves is', () => {
    const registry = jobOf('p', 'z: p', 'i: p/ignore');
    split(registry, 'p', 'p.1', 'p.2');
    said(registry);
    ended(registry, 'dead', 'p.1');
    expect(said(registry)).toEqual([]);
    ended(registry, 'succeeded', 'p.2');
    expect(said(registry)).toEqual(['start i']);
    expect(registry.endedOf('z')?.failure).toEqual({ code: 'dependencyFailed', detail: 'p.1 ended dead' });
  });

  it('tells its gated children when to go, and which must not', () => {
    const registry = jobOf('p');
    split(registry, 'p', 'p.1', 'p.2: gated p.1', 'p.3: join p.1 p.2');
    said(registry);
    expect(registry.counts()).toEqual({ decomposed: 1, running: 1, pending: 2 });
    ended(registry, 'succeeded', 'p.1');
    expect(said(registry)).toEqual(['go p.2']);
    ended(registry, 'dead', 'p.2');
    expect(said(registry)).toEqual(['refuse p.3 dead']);
    // The refused one reports its end as well, when it hears of it.
    expect(registry.end('p.3', ending('dead', { attempts: 0, spending: NOTHING_SPENT }))).toBe(false);
    expect(registry.isOver).toBe(true);
  });

  it('is represented by its join, or else by all its leaves', () => {
    const registry = jobOf('p', 'q', 'z: p q');
    split(registry, 'p', 'p.1', 'p.2: join p.1');
    split(registry, 'q', 'q.1', 'q.2');
    split(registry, 'q.2', 'q.2.1');
    expect(registry.prerequisitesOf('z').map(({ id }) => id)).toEqual(['p.2', 'q.1', 'q.2.1']);
  });

  it('D-17 keeps the children that it has when they are told again, and gets those that are new', () => {
    const registry = jobOf('p');
    split(registry, 'p', 'p.1', 'p.2');
    ended(registry, 'succeeded', 'p.1');
    registry.add(['p.1', 'p.2', 'p.3'].map((path) => task(path, 'p')));
    expect(registry.rows('job/x', 0, 1, () => null)[0]?.children).toEqual(['p.1', 'p.2', 'p.3']);
    expect(statesOf(registry)).toEqual({ p: 'decomposed', 'p.1': 'succeeded', 'p.2': 'running', 'p.3': 'pending' });
  });
});

describe('the state of a job', () => {
  it('WT-58 is running when it is new', () => {
    expect(jobOf('a').jobState(false)).toBe('running');
  });

  it('WT-59 takes in tasks that are added', () => {
    const registry = jobAfter('succeeded');
    expect(registry.jobState(false)).toBe('completed');
    registry.add([task('more')]);
    expect([registry.size, registry.jobState(false)]).toEqual([2, 'running']);
  });

  it('WT-60 and D-03 is completed when all have succeeded', () => {
    expect(jobAfter('succeeded', 'succeeded', 'succeeded').jobState(false)).toBe('completed');
  });

  it.each(['running', 'pending', 'waiting'])('WT-61 is running while one of four is %s', (what) => {
    const registry = jobOf('a', 'b', 'c', 'd', 'e: d');
    ended(registry, 'succeeded', 'a', 'b', 'c');
    if (what !== 'pending') begun(registry, 'd');
    // To a job, a task between two attempts has begun and not ended.
    if (what === 'waiting') registry.end('d', ending('succeeded'));
    expect(registry.jobState(false)).toBe('running');
    expect(registry.jobState(true)).toBe('running');
  });

  it('WT-62 is failed when one is dead', () => {
    expect(jobAfter('succeeded', 'dead').jobState(false)).toBe('failed');
    expect(jobAfter('dead', 'stuck').jobState(false)).toBe('failed');
  });

  it('WT-63 is never completed without a task', () => {
    expect(new TaskRegistry().jobState(false)).toBe('running');
  });

  it('D-04 does not depend on a task that was split, only on what came of it', () => {
    const registry = jobOf('p');
    split(registry, 'p', 'p.1', 'p.2');
    ended(registry, 'succeeded', 'p.1');
    expect(registry.jobState(false)).toBe('running');
    ended(registry, 'succeeded', 'p.2');
    expect(registry.jobState(false)).toBe('completed');
    const other = jobOf('p');
    split(other, 'p', 'p.1');
    ended(other, 'dead', 'p.1');
    expect(other.jobState(false)).toBe('failed');
  });

  it('is stuck, failed or cancelled where tasks are; who was skipped is neutral', () => {
    expect(jobAfter('succeeded', 'stuck').jobState(false)).toBe('stuck');
    expect(jobAfter('succeeded', 'cancelled').jobState(false)).toBe('failed');
    expect(jobAfter('succeeded', 'cancelled').jobState(true)).toBe('cancelled');
    const registry = jobOf('a', 'b');
    ended(registry, 'succeeded', 'a');
    registry.endPending('b', 'cancelled', 'skipped', 'x ended dead', 1);
    expect(registry.jobState(false)).toBe('completed');
  });
});

/** So many ended tasks with much to say, each with one that waits for it. */
function talkative(count: number): TaskRegistry {
  const registry = new TaskRegistry();
  const title = '長'.repeat(100);
  const pairs = Array.from({ length: count }, (_, n) => [task(`done-${n}`), task(`waits-${n}: done-${n}`)]).flat();
  registry.add(pairs.map((each) => ({ ...each, title })));
  const told = {
    summary: '"句'.repeat(60),
    diff: { kind: 'diff', sha256: 'd'.repeat(64), sizeBytes: 123_456 },
  } as const;
  for (let n = 0; n < count; n += 1) {
    registry.begin(`done-${n}`, 1_763_719_579_000);
    const branch = `weaver/${'a'.repeat(40)}-abcdefgh`;
    registry.end(
      `done-${n}`,
      ending('succeeded', { ...told, branch, commit: 'c'.repeat(40), endedAt: 1_763_719_599_000 }),
    );
  }
  return registry;
}
const knownTitle = (): string => '長'.repeat(100);
/** What was proposed is not in the file. */
const titleInFile = (path: string): string | null => (path.includes('.') ? null : knownTitle());
/** As long as an id may be. */
const long = (n: number): string => `${n}-`.padEnd(40, 'x');
const bytesOf = (rows: readonly unknown[]): number => Buffer.byteLength(JSON.stringify(rows));

describe('what is carried over', () => {
  it('of 5,000 ended tasks leaves room below the two megabytes of a start input', () => {
    const count = 5_000;
    const lines = Array.from({ length: count }, (_, n) =>
      n < 3 ? `task-${n}` : `task-${n}: task-${n - 1} task-${n - 2} task-${n - 3}`,
    );
    const registry = jobOf(...lines);
    for (const path of registry.paths) {
      registry.begin(path, 1_763_719_579_000);
      const told = { branch: `weaver/title-of-${path}-abcdefgh`, commit: 'c'.repeat(40), summary: 's'.repeat(300) };
      registry.end(path, ending('succeeded', { ...told, endedAt: 1_763_719_599_000 }));
    }
    expect(JSON.stringify(registry.carry()).length).toBeLessThan(1_200_000);
  });

  it('of 5,000 tasks with long summaries fits beside the largest input of a job', () => {
    const registry = talkative(2_500);
    const bytesMax = CARRIED_BYTES_MAX - 100_000;
    expect(CARRIED_BYTES_MAX + JOB_INPUT_BYTES_MAX).toBeLessThan(2 * 1_024 * 1_024 - 16_384);
    expect(bytesOf(registry.carry())).toBeGreaterThan(bytesMax);
    const carried = registry.carry({ bytesMax, knownTitle }) ?? [];
    expect(bytesOf(carried)).toBeLessThanOrEqual(bytesMax);
    const restored = TaskRegistry.restore(JSON.parse(JSON.stringify(carried)) as unknown[], knownTitle);
    const [before, after] = [registry, restored].map((each) => each.prerequisitesOf('waits-7')[0]);
    expect(after).toEqual({ ...before, summary: after?.summary });
    expect(before?.summary.startsWith(after?.summary.slice(0, 20) ?? 'nothing')).toBe(true);
    expect(after?.summary.length).toBeGreaterThan(20);
  });

  it('of many more loses the words first, then the branches that nobody waits for, and never an end', () => {
    const registry = talkative(500);
    for (const path of registry.paths.filter((each) => each.startsWith('waits-')).slice(0, 400))
      ended(registry, 'succeeded', path);
    for (const bytesMax of [170_000, 120_000, 100_000]) {
      const carried = registry.carry({ bytesMax, knownTitle }) ?? [];
      const restored = TaskRegistry.restore(JSON.parse(JSON.stringify(carried)) as unknown[], knownTitle);
      expect(bytesOf(carried)).toBeLessThanOrEqual(bytesMax);
      expect(restored.counts()).toEqual(registry.counts());
      expect(restored.prerequisitesOf('waits-450')[0]?.branch).toMatch(/^weaver\//);
    }
  });

  it('is nothing at all where even the least is too much, so that nobody tries to go on with it', () => {
    const registry = talkative(500);
    const least = [95_000, 90_000, 85_000, 80_000, 75_000, 70_000].find(
      (bytesMax) => registry.carry({ bytesMax, knownTitle }) === null,
    );
    expect(least).toBeDefined();
    expect(registry.counts()).toEqual({ succeeded: 500, pending: 500 });
  });

  it('of 5,000 tasks and all that may come of them, with the longest names, fits at last', () => {
    const registry = new TaskRegistry();
    const proposed = Array.from({ length: 220 }, (_, n) => `${long(n % 11)}.${Math.floor(n / 11) + 1}.20.20.20`);
    registry.add(Array.from({ length: 5_000 }, (_, n) => ({ ...task(long(n)), title: '長'.repeat(100) })));
    registry.add(proposed.map((path, n) => ({ ...task(path, long(n % 11)), title: '長'.repeat(100) })));
    const spending = {
      callsSent: 9_999,
      callsInDoubt: 99,
      tokens: { prompt: 99_999_999, cached: 99_999_999, completion: 9_999_999, reasoning: 9_999_999 },
      costUsdMicros: 999_999_999,
      unpriced: true,
    };
    const failure = { code: 'searchAttributesMissing', detail: 'x'.repeat(200) } as const;
    for (const path of registry.paths) {
      registry.begin(path, 1_763_719_579_000);
      const told = { branch: `weaver/${'a'.repeat(60)}`, commit: 'c'.repeat(40), spending, attempts: 100, failure };
      registry.end(path, ending('cancelled', { ...told, endedAt: 1_763_719_599_000 }));
    }
    // What was answered to updates goes along too.
    expect(registry.carry({ bytesMax: CARRIED_BYTES_MAX - 64 * 1_024, knownTitle: titleInFile })).not.toBeNull();
  });

  it('of one that many wait for is told once', () => {
    const registry = jobOf('a', ...Array.from({ length: 300 }, (_, n) => `t${n}`), 'z: a t0');
    ended(registry, 'succeeded', 'a', 't0', 't1');
    expect(carriedOver(registry).prerequisitesOf('z')).toEqual(registry.prerequisitesOf('z'));
  });

  it('keeps what a task that waits will be told, and what all have spent', () => {
    const registry = jobOf('p', 'z: p');
    split(registry, 'p', 'p.1');
    const told = { branch: 'weaver/p.1', commit: 'c0ffee', summary: 'Did it.' };
    registry.end('p.1', ending('dead', { ...told, attempts: 4, failure: { code: 'checkTimedOut', detail: 'slow' } }));
    const waiting = jobOf('a', 'b', 'c: a b');
    waiting.begin('a', 1);
    waiting.end('a', ending('succeeded', told));
    expect(carriedOver(waiting).prerequisitesOf('c')).toEqual(waiting.prerequisitesOf('c'));
    expect(carriedOver(registry).spending()).toEqual(registry.spending());
    expect(carriedOver(registry).attempts()).toBe(registry.attempts());
    expect(carriedOver(registry).failed()).toEqual(registry.failed());
  });
});

describe('what is shown', () => {
  it('WT-68 comes in the order in which tasks were made', () => {
    const registry = jobOf(...Array.from({ length: 12 }, (_, n) => `t${n}`));
    split(registry, 't3', ...Array.from({ length: 11 }, (_, n) => `t3.${n + 1}`));
    expect(registry.paths.slice(-11)).toEqual(Array.from({ length: 11 }, (_, n) => `t3.${n + 1}`));
    expect(registry.rows('job/x', 12, 2, () => null).map(({ path }) => path)).toEqual(['t3.1', 't3.2']);
  });

  it('says what each pending task waits for, and what most of them do', () => {
    const registry = jobOf('a', 'b', 'c', 'd', 'e: a', 'f: a b', 'g: a b c d');
    expect(registry.rows('job/x', 0, 9, waits).map(({ waitsFor }) => waitsFor)).toEqual([
      'resource (1 task runs side by side)',
      null,
      null,
      null,
      'dependency a',
      'dependency a, b',
      'dependency a, b, c and 1 more',
    ]);
    expect(registry.bottlenecks(waits).slice(0, 2)).toEqual([
      { waitsFor: 'dependency a', tasks: 3 },
      { waitsFor: 'dependency b', tasks: 2 },
    ]);
  });
});

it('says of a task that has begun what it waits for, until it has ended', () => {
  const registry = jobOf('a', 'b');
  begun(registry, 'a', 'b');
  const shown = () => registry.rows('job/x', 0, 9, asks).map(({ waitsFor }) => waitsFor);
  expect(shown()).toEqual(['human (it has asked)', null]);
  expect(registry.bottlenecks(asks)).toEqual([{ waitsFor: 'human (it has asked)', tasks: 1 }]);
  registry.end('a', ending('succeeded'));
  expect([shown(), registry.bottlenecks(asks)]).toEqual([[null, null], []]);
});

describe('any job', () => {
  it.each(Array.from({ length: 25 }, (_, seed) => seed))(
    'ends each task once and begins none before its time, carried over at any moment or not (seed %i)',
    (seed) => {
      const chance = chanceFrom(seed);
      const play = new Play(new TaskRegistry(), chance, randomTasks(chance, 4 + chance.below(30)));
      play.settle();
      while (!play.registry.isOver) {
        play.step();
        play.settle();
        expect(seen(play.carried)).toEqual(seen(play.registry));
      }
      expect(play.endedAs.size).toBe(play.registry.size);
      expect(play.live.size).toBe(0);
    },
  );
});
