/** Who waits for whom: an edge from a task to each of its prerequisites. Values are never changed; each change gives a new graph. */

export interface DependencyGraph {
  /** Forward: a task → what it waits for. Every task is a key. */
  readonly prerequisites: Links;
  /** Reverse: a task → what waits for it. Every task is a key. */
  readonly dependents: Links;
}

export type Links = ReadonlyMap<string, ReadonlySet<string>>;

export interface GraphTask {
  readonly id: string;
  readonly dependsOn: readonly { readonly on: string }[];
}

export type GraphFault =
  | { readonly kind: 'unknown'; readonly task: string; readonly on: string }
  | { readonly kind: 'self'; readonly task: string }
  /** The task at the beginning stands at the end again. */
  | { readonly kind: 'cycle'; readonly path: readonly string[] };

export type BuiltGraph =
  | { readonly kind: 'ok'; readonly graph: DependencyGraph }
  | { readonly kind: 'faults'; readonly faults: readonly GraphFault[] };

export type Extended =
  { readonly kind: 'ok'; readonly graph: DependencyGraph } | { readonly kind: 'refused'; readonly fault: GraphFault };

export const EMPTY_GRAPH: DependencyGraph = { prerequisites: new Map(), dependents: new Map() };

/** One cycle hides others behind it, and whoever mends ten has understood. */
const CYCLES_MAX = 10;

/** All faults at once. Time is linear in tasks and edges. */
export function graphOf(tasks: readonly GraphTask[]): BuiltGraph {
  const prerequisites = new Map<string, Set<string>>(tasks.map(({ id }) => [id, new Set()]));
  const dependents = new Map<string, Set<string>>(tasks.map(({ id }) => [id, new Set()]));
  const faults: GraphFault[] = [];
  for (const { id, dependsOn } of tasks) {
    for (const { on } of dependsOn) {
      const fault = edgeFault(prerequisites, id, on);
      if (fault === null) link(prerequisites, dependents, id, on);
      else faults.push(fault);
    }
  }
  faults.push(...cyclesIn(prerequisites).map((path) => ({ kind: 'cycle', path }) as const));
  return faults.length === 0 ? { kind: 'ok', graph: { prerequisites, dependents } } : { kind: 'faults', faults };
}

/** The graph with one more task, on its own. */
export const withTask = ({ prerequisites, dependents }: DependencyGraph, id: string): DependencyGraph => ({
  prerequisites: new Map(prerequisites).set(id, prerequisites.get(id) ?? new Set()),
  dependents: new Map(dependents).set(id, dependents.get(id) ?? new Set()),
});

/** `from` waits for `on` too, unless one of them is not there or that would close a cycle. */
export function withEdge(graph: DependencyGraph, from: string, on: string): Extended {
  const fault = edgeFault(graph.prerequisites, from, on) ?? closedCycle(graph, from, on);
  if (fault !== null) return { kind: 'refused', fault };
  const prerequisites = replaced(graph.prerequisites, from, (waitsFor) => waitsFor.add(on));
  const dependents = replaced(graph.dependents, on, (waiting) => waiting.add(from));
  return { kind: 'ok', graph: { prerequisites, dependents } };
}

/** `from` does not wait for `on` any more; harmless if it did not. */
export const withoutEdge = (graph: DependencyGraph, from: string, on: string): DependencyGraph => ({
  prerequisites: replaced(graph.prerequisites, from, (waitsFor) => waitsFor.delete(on)),
  dependents: replaced(graph.dependents, on, (waiting) => waiting.delete(from)),
});

/** What a task waits for, in the order in which the edges were added. */
export const prerequisitesOf = ({ prerequisites }: DependencyGraph, id: string): readonly string[] => [
  ...(prerequisites.get(id) ?? []),
];

/** What waits for a task, in the order in which the edges were added. */
export const dependentsOf = ({ dependents }: DependencyGraph, id: string): readonly string[] => [
  ...(dependents.get(id) ?? []),
];

/** Tasks of a cycle that a sentence names; nobody reads more, and failures are small. */
const SHOWN_MAX = 20;

/** `a → b → a`: each waits for the next. Of a long one the beginning and the end. */
export function showCycle(path: readonly string[]): string {
  const left = path.length - SHOWN_MAX;
  const shown = left <= 1 ? path : [...path.slice(0, SHOWN_MAX - 1), `${left} more`, ...path.slice(-1)];
  return shown.join(' → ');
}

/** The fault as the end of a sentence about the task or its edge. */
export function sayGraphFault(fault: GraphFault): string {
  switch (fault.kind) {
    case 'unknown':
      return `names no task of this job: ${fault.on}`;
    case 'self':
      return `makes the task wait for itself: ${showCycle([fault.task, fault.task])}`;
    case 'cycle':
      return `closes a cycle: ${showCycle(fault.path)}`;
    default:
      throw new TypeError(`unknown fault ${JSON.stringify(fault satisfies never)}`);
  }
}

function edgeFault(known: ReadonlyMap<string, unknown>, from: string, on: string): GraphFault | null {
  if (!known.has(on)) return { kind: 'unknown', task: from, on };
  if (!known.has(from)) return { kind: 'unknown', task: on, on: from };
  return from === on ? { kind: 'self', task: from } : null;
}

function link(forward: Map<string, Set<string>>, reverse: Map<string, Set<string>>, from: string, on: string): void {
  forward.get(from)?.add(on);
  reverse.get(on)?.add(from);
}

function replaced(links: Links, id: string, change: (set: Set<string>) => unknown): Links {
  const set = new Set(links.get(id));
  change(set);
  return new Map(links).set(id, set);
}

/** The shortest way from `on` to `from`, which the new edge would close. */
function closedCycle({ prerequisites }: DependencyGraph, from: string, on: string): GraphFault | null {
  const cameFrom = new Map<string, string>([[on, from]]);
  const queue = [on];
  for (let at = 0; at < queue.length; at += 1) {
    const id = queue[at] ?? '';
    for (const next of prerequisites.get(id) ?? []) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, id);
      if (next === from) return { kind: 'cycle', path: trail(cameFrom, from) };
      queue.push(next);
    }
  }
  return null;
}

/** Back along the way that was taken, once around. */
function trail(cameFrom: ReadonlyMap<string, string>, from: string): readonly string[] {
  const path = [from];
  for (let id = cameFrom.get(from); id !== undefined && id !== from; id = cameFrom.get(id)) path.push(id);
  return [...path, from].toReversed();
}

interface Step {
  readonly id: string;
  readonly rest: Iterator<string>;
}

/**
 * Depth first, with a stack of its own: a chain of thousands would use up that of the language. An edge to a task that is on
 * the stack closes a cycle; one to a task that is done closes none, however many ways lead there.
 */
function cyclesIn(prerequisites: Links): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = [];
  const done = new Set<string>();
  for (const start of prerequisites.keys()) {
    if (done.has(start)) continue;
    const stack: Step[] = [stepTo(prerequisites, start)];
    const depthOf = new Map([[start, 0]]);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.rest.next();
      if (next.done === true) {
        stack.pop();
        depthOf.delete(top.id);
        done.add(top.id);
        continue;
      }
      const depth = depthOf.get(next.value);
      if (depth !== undefined) cycles.push([...stack.slice(depth).map(({ id }) => id), next.value]);
      else if (!done.has(next.value)) {
        depthOf.set(next.value, stack.length);
        stack.push(stepTo(prerequisites, next.value));
      }
      if (cycles.length === CYCLES_MAX) return cycles;
    }
  }
  return cycles;
}

const stepTo = (prerequisites: Links, id: string): Step => ({
  id,
  rest: (prerequisites.get(id) ?? new Set<string>()).values(),
});
