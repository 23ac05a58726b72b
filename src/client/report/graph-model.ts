/** The graph of a job's tasks: what waits for what, and what came of what. Pure. */
import type { JobTaskRow } from '../../domain/job.js';
import type { TaskState } from '../../domain/task.js';

export interface GraphNode {
  readonly id: string;
  /** Path, or how many tasks the node stands for. */
  readonly name: string;
  readonly title: string;
  readonly state: TaskState;
  /** Tasks that it stands for. */
  readonly tasks: number;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** `needs`: `to` waits for `from`. `split`: `to` is a child of `from`. */
  readonly kind: 'needs' | 'split';
  /** What is unusual about it, such as `skip`. */
  readonly label: string;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Said beside the picture if tasks were put together. */
  readonly note: string | null;
  /** Column of each node. */
  readonly layers: ReadonlyMap<string, number>;
}

/** What a person can still look at, and a viewer of Mermaid still draws. */
export const NODES_MAX = 500;
/** Columns of a picture in which tasks are put together. */
const COLUMNS_MAX = 40;

export function graphOf(rows: readonly JobTaskRow[]): Graph {
  const edges = edgesOf(rows);
  const layers = layersOf(
    rows.map(({ path }) => path),
    edges,
  );
  if (rows.length > NODES_MAX) return grouped(rows, edges, layers);
  const nodes = rows.map(({ path, title, state }) => ({ id: path, name: path, title, state, tasks: 1 }));
  return { nodes, edges, layers, note: null };
}

function edgesOf(rows: readonly JobTaskRow[]): readonly GraphEdge[] {
  const known = new Set(rows.map(({ path }) => path));
  return rows.flatMap(({ path, parent, dependsOn }) => [
    ...(parent !== null && known.has(parent) ? [{ from: parent, to: path, kind: 'split', label: '' } as const] : []),
    ...dependsOn
      .filter(({ on }) => known.has(on) && on !== path)
      .map(({ on, whenFailed }) => {
        const label = whenFailed === 'fail' ? '' : `${whenFailed} if it fails`;
        return { from: on, to: path, kind: 'needs', label } as const;
      }),
  ]);
}

/** The column of a node is one after the last of those before it. What stands in a cycle, which no job has, comes last. */
function layersOf(ids: readonly string[], edges: readonly GraphEdge[]): ReadonlyMap<string, number> {
  const after = new Map<string, string[]>(ids.map((id) => [id, []]));
  const waitsFor = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const { from, to } of edges) {
    after.get(from)?.push(to);
    waitsFor.set(to, (waitsFor.get(to) ?? 0) + 1);
  }
  const layers = new Map<string, number>(ids.map((id) => [id, 0]));
  const ready = ids.filter((id) => waitsFor.get(id) === 0);
  const done = new Set<string>();
  for (const id of ready) {
    done.add(id);
    for (const next of after.get(id) ?? []) {
      layers.set(next, Math.max(layers.get(next) ?? 0, (layers.get(id) ?? 0) + 1));
      const left = (waitsFor.get(next) ?? 0) - 1;
      waitsFor.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  const last = 1 + maxOf([...done].map((id) => layers.get(id) ?? 0));
  for (const id of ids) if (!done.has(id)) layers.set(id, last);
  return layers;
}

/** One node for all tasks of a column that are in the same state. */
function grouped(rows: readonly JobTaskRow[], edges: readonly GraphEdge[], layers: ReadonlyMap<string, number>): Graph {
  const perColumn = Math.ceil((maxOf([...layers.values()]) + 1) / COLUMNS_MAX);
  const columnOf = (path: string): number => Math.floor((layers.get(path) ?? 0) / perColumn);
  const groupOf = new Map(rows.map(({ path, state }) => [path, `${columnOf(path)} ${state}`]));
  const members = groupBy(rows, groupOf);
  const nodes = [...members].map(([id, some]) => ({
    id,
    name: `${some.length.toLocaleString('en')} ${some.length === 1 ? 'task' : 'tasks'}`,
    title: some.length === 1 ? (some[0]?.title ?? '') : `${some[0]?.path} … ${some.at(-1)?.path}`,
    state: some[0]?.state ?? 'pending',
    tasks: some.length,
  }));
  return {
    nodes,
    edges: bundled(edges, groupOf),
    layers: new Map([...members].map(([id, some]) => [id, columnOf(some[0]?.path ?? '')])),
    note: `${rows.length.toLocaleString('en')} tasks: those of the same state and depth are drawn as one.`,
  };
}

function groupBy(
  rows: readonly JobTaskRow[],
  groupOf: ReadonlyMap<string, string>,
): ReadonlyMap<string, readonly JobTaskRow[]> {
  const members = new Map<string, JobTaskRow[]>();
  for (const row of rows) {
    const id = groupOf.get(row.path) ?? '';
    const some = members.get(id) ?? [];
    some.push(row);
    members.set(id, some);
  }
  return members;
}

function bundled(edges: readonly GraphEdge[], groupOf: ReadonlyMap<string, string>): readonly GraphEdge[] {
  const bundles = new Map<string, GraphEdge>();
  for (const { from, to, kind } of edges) {
    const [a = '', b = ''] = [groupOf.get(from), groupOf.get(to)];
    if (a !== b) bundles.set(`${a}>${b}>${kind}`, { from: a, to: b, kind, label: '' });
  }
  return [...bundles.values()];
}

/** Of thousands: spreading them over arguments would be too much. */
const maxOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b), 0);
