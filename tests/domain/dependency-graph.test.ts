import {
  dependentsOf,
  EMPTY_GRAPH,
  graphOf,
  prerequisitesOf,
  sayGraphFault,
  showCycle,
  withEdge,
  withoutEdge,
  withTask,
  type DependencyGraph,
  type GraphTask,
} from '../../src/domain/dependency-graph';

/** `b: a c` means that b waits for a and c. */
const tasks = (...lines: readonly string[]): readonly GraphTask[] =>
  lines.map((line) => {
    const [id = '', ons = ''] = line.split(':');
    return {
      id,
      dependsOn: ons
        .split(' ')
        .filter((on) => on !== '')
        .map((on) => ({ on })),
    };
  });

function built(...lines: readonly string[]): DependencyGraph {
  const result = graphOf(tasks(...lines));
  if (result.kind === 'faults') throw new Error(result.faults.map(sayGraphFault).join('; '));
  return result.graph;
}

const cyclesOf = (...lines: readonly string[]): readonly string[] => {
  const result = graphOf(tasks(...lines));
  return result.kind === 'ok'
    ? []
    : result.faults.flatMap((fault) => (fault.kind === 'cycle' ? [showCycle(fault.path)] : [sayGraphFault(fault)]));
};

function extended(graph: DependencyGraph, from: string, on: string): DependencyGraph {
  const result = withEdge(graph, from, on);
  if (result.kind === 'refused') throw new Error(sayGraphFault(result.fault));
  return result.graph;
}

describe('edges', () => {
  it('WT-28 a new graph is empty', () => {
    expect(EMPTY_GRAPH.prerequisites.size).toBe(0);
    expect(EMPTY_GRAPH.dependents.size).toBe(0);
    expect(graphOf([])).toEqual({ kind: 'ok', graph: EMPTY_GRAPH });
  });

  it('WT-29 adding an edge makes it forwards: what the task waits for', () => {
    expect(prerequisitesOf(extended(built('a', 'b'), 'b', 'a'), 'b')).toEqual(['a']);
    expect(prerequisitesOf(built('a', 'b:a'), 'b')).toEqual(['a']);
  });

  it('WT-30 adding an edge makes it backwards: what waits for the task', () => {
    expect(dependentsOf(extended(built('a', 'b'), 'b', 'a'), 'a')).toEqual(['b']);
    expect(dependentsOf(built('a', 'b:a'), 'a')).toEqual(['b']);
  });

  it('WT-31 removing an edge removes both directions, and nothing else', () => {
    const graph = withoutEdge(built('a', 'b', 'c:a b'), 'c', 'a');
    expect(prerequisitesOf(graph, 'c')).toEqual(['b']);
    expect(dependentsOf(graph, 'a')).toEqual([]);
    expect(dependentsOf(graph, 'b')).toEqual(['c']);
    expect(withoutEdge(graph, 'c', 'a')).toEqual(graph);
  });

  it('WT-32 several prerequisites are kept', () => {
    expect(prerequisitesOf(built('a', 'b', 'c', 'd:a b c'), 'd')).toEqual(['a', 'b', 'c']);
  });

  it('a change leaves the graph before it as it was', () => {
    const before = built('a', 'b');
    extended(before, 'b', 'a');
    expect(before).toEqual(built('a', 'b'));
  });

  it('a new task stands alone, and one that is there keeps its edges', () => {
    const graph = built('a', 'b:a');
    expect(withTask(graph, 'c')).toEqual(built('a', 'b:a', 'c'));
    expect(withTask(graph, 'b')).toEqual(graph);
  });
});

describe('cycles', () => {
  it('WT-33 finds the cycle of two tasks that wait for each other', () => {
    expect(cyclesOf('a:b', 'b:a')).toEqual(['a → b → a']);
  });

  it('WT-34 a chain of three is none', () => {
    expect(cyclesOf('a', 'b:a', 'c:b')).toEqual([]);
  });

  it('WT-35 a task that waits for itself is one', () => {
    expect(cyclesOf('a:a')).toEqual(['makes the task wait for itself: a → a']);
    expect(withEdge(built('a'), 'a', 'a')).toEqual({ kind: 'refused', fault: { kind: 'self', task: 'a' } });
  });

  it('WT-36 finds the cycle behind a task that is not part of it', () => {
    expect(cyclesOf('a:b', 'b:c', 'c:d', 'd:b')).toEqual(['b → c → d → b']);
  });

  it('WT-37 a triangle with a shortcut is none', () => {
    expect(cyclesOf('a', 'b:a', 'c:a b')).toEqual([]);
  });

  it('WT-38 five tasks with crossing edges and no way back are none', () => {
    expect(cyclesOf('a', 'b:a', 'c:a', 'd:b c', 'e:b c d')).toEqual([]);
  });

  it('WT-39 two ways that meet in one task are none', () => {
    expect(cyclesOf('a', 'b:a', 'c:a', 'd:b c')).toEqual([]);
  });

  it('WT-39b b:a, c:a b, d:c is none, in whatever order it is written or added', () => {
    const lines = ['a', 'b:a', 'c:a b', 'd:c'];
    const edges = [
      ['b', 'a'],
      ['c', 'a'],
      ['c', 'b'],
      ['d', 'c'],
    ] as const;
    for (const order of orders(lines)) expect(cyclesOf(...order)).toEqual([]);
    for (const order of orders(edges)) {
      const graph = order.reduce((made, [from, on]) => extended(made, from, on), built('a', 'b', 'c', 'd'));
      expect(['a', 'b', 'c', 'd'].map((id) => prerequisitesOf(graph, id).toSorted())).toEqual([
        [],
        ['a'],
        ['a', 'b'],
        ['c'],
      ]);
    }
  });

  it('finds each of several, and unknown tasks beside them', () => {
    expect(cyclesOf('a:b', 'b:a', 'c:d', 'd:c', 'e:x')).toEqual([
      'names no task of this job: x',
      'a → b → a',
      'c → d → c',
    ]);
  });

  it('an edge at run time that would close one is refused with the path', () => {
    const graph = built('a', 'b:a', 'c:b', 'd:c a');
    const refused = withEdge(graph, 'a', 'd');
    expect(refused).toEqual({ kind: 'refused', fault: { kind: 'cycle', path: ['a', 'd', 'a'] } });
    expect(withEdge(graph, 'a', 'c')).toEqual({
      kind: 'refused',
      fault: { kind: 'cycle', path: ['a', 'c', 'b', 'a'] },
    });
    expect(withEdge(graph, 'a', 'x')).toEqual({ kind: 'refused', fault: { kind: 'unknown', task: 'a', on: 'x' } });
  });
});

describe('5,000 tasks', () => {
  const COUNT = 5_000;
  const EACH = Array.from({ length: COUNT }, (_, n) => n);

  it('in a chain are no cycle, and with the last edge one of all of them', () => {
    const chain = EACH.map((n) => `t${n}:${n + 1 < COUNT ? `t${n + 1}` : ''}`);
    expect(cyclesOf(...chain)).toEqual([]);
    const graph = built(...chain);
    const refused = withEdge(graph, `t${COUNT - 1}`, 't0');
    expect(refused).toMatchObject({ kind: 'refused', fault: { path: { length: COUNT + 1 } } });
    expect(refused.kind === 'refused' && sayGraphFault(refused.fault)).toMatch(
      /^closes a cycle: t4999 → t0 → .* → t17 → 4981 more → t4999$/,
    );
  });

  it('with ten edges each take time that grows with their number only', () => {
    msOf(500); // compiled by now
    const small = Math.max(msOf(500), 0.5);
    // Ten times as many; a square would be a hundred times.
    expect(msOf(COUNT)).toBeLessThan(small * 50 + 100);
  });
});

function msOf(count: number): number {
  const given = ladder(count);
  const startedAt = performance.now();
  expect(graphOf(given).kind).toBe('ok');
  return performance.now() - startedAt;
}

/** Each task waits for the ten before it. */
const ladder = (count: number): readonly GraphTask[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `t${n}`,
    dependsOn: Array.from({ length: Math.min(n, 10) }, (_each, k) => ({ on: `t${n - 1 - k}` })),
  }));

function orders<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, index) =>
    orders([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}
