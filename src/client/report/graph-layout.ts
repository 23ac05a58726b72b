/** Places the nodes of a graph in columns, so that few lines cross. Pure, and the same for the same graph. */
import type { Graph, GraphEdge } from './graph-model.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Upper left corner of each node. */
  readonly places: ReadonlyMap<string, Point>;
  /** Points that each edge passes, from node to node; in the order of the graph's edges. */
  readonly routes: readonly (readonly Point[])[];
}

export const NODE = { width: 208, height: 52 } as const;
const GAP = { column: 64, row: 16, margin: 16 } as const;
/** Room of a line that passes a column. */
const LANE = 12;
/** Beyond this many bends, long lines go straight: the picture is full then anyway. */
const BENDS_MAX = 4_000;
/** Sweeps over the columns; more change nothing that an eye sees. */
const SWEEPS = 6;

interface Item {
  readonly id: string;
  readonly height: number;
  readonly before: Item[];
  readonly after: Item[];
  y: number;
}

export function layoutOf(graph: Graph): Layout {
  const { columns, chains } = columnsOf(graph);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) sortColumns(columns, sweep % 2 === 0);
  for (const column of columns) stack(column);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) alignColumns(columns, sweep % 2 === 0);
  return placed(graph, columns, chains);
}

/** A line over several columns gets a place of its own in each, so that it runs between the nodes. */
function columnsOf(graph: Graph): { readonly columns: Item[][]; readonly chains: readonly (readonly Item[])[] } {
  const columns: Item[][] = [];
  const items = new Map<string, Item>();
  const layerOf = (id: string): number => graph.layers.get(id) ?? 0;
  const put = (id: string, height: number, layer: number): Item => {
    const item: Item = { id, height, before: [], after: [], y: 0 };
    while (columns.length <= layer) columns.push([]);
    columns[layer]?.push(item);
    return item;
  };
  for (const { id } of graph.nodes) items.set(id, put(id, NODE.height, layerOf(id)));
  const span = ({ from, to }: GraphEdge): number => layerOf(to) - layerOf(from);
  const bends = graph.edges.reduce((sum, edge) => sum + Math.max(0, span(edge) - 1), 0);
  const chains = graph.edges.map((edge) => {
    const lanes = bends > BENDS_MAX ? 0 : Math.max(0, span(edge) - 1);
    const passed = Array.from({ length: lanes }, (_, at) => put('', LANE, layerOf(edge.from) + 1 + at));
    return linked([items.get(edge.from), ...passed, items.get(edge.to)].filter((item) => item !== undefined));
  });
  return { columns, chains };
}

function linked(chain: readonly Item[]): readonly Item[] {
  for (const [at, item] of chain.entries()) {
    const next = chain[at + 1];
    if (next === undefined) continue;
    item.after.push(next);
    next.before.push(item);
  }
  return chain;
}

/** Each item goes where its neighbours are, column after column, forth and back. */
function sortColumns(columns: readonly Item[][], forth: boolean): void {
  for (const column of forth ? columns : columns.toReversed()) {
    const rank = new Map<Item, number>();
    for (const one of columns) for (const [at, item] of one.entries()) rank.set(item, at);
    const wish = new Map(
      column.map((item, at) => [item, mean((forth ? item.before : item.after).map((one) => rank.get(one) ?? 0)) ?? at]),
    );
    column.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0));
  }
}

function stack(column: readonly Item[]): void {
  let y = 0;
  for (const item of column) {
    item.y = y;
    y += item.height + GAP.row;
  }
}

/** Moves items beside their neighbours; the order stays, and nothing overlaps. */
function alignColumns(columns: readonly Item[][], forth: boolean): void {
  for (const column of forth ? columns : columns.toReversed()) {
    const wishes = column.map((item) => {
      const centre = mean((forth ? item.before : item.after).map(centreOf));
      return centre === null ? item.y : centre - item.height / 2;
    });
    let lowest = -Infinity;
    for (const [at, item] of column.entries()) {
      item.y = Math.max(wishes[at] ?? 0, lowest);
      lowest = item.y + item.height + GAP.row;
    }
    // Pushed down one after the other: half of it is taken back, so that the column stays beside its neighbours.
    const push = mean(column.map((item, at) => item.y - (wishes[at] ?? 0))) ?? 0;
    for (const item of column) item.y -= push;
  }
}

const centreOf = ({ y, height }: Item): number => y + height / 2;

const mean = (numbers: readonly number[]): number | null =>
  numbers.length === 0 ? null : numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

function placed(graph: Graph, columns: readonly Item[][], chains: readonly (readonly Item[])[]): Layout {
  const all = columns.flat();
  const top = all.reduce((least, { y }) => Math.min(least, y), Infinity);
  const bottom = all.reduce((most, { y, height }) => Math.max(most, y + height), 0);
  const columnAt = new Map(columns.flatMap((column, at) => column.map((item) => [item, at] as const)));
  const left = (item: Item): number => GAP.margin + (columnAt.get(item) ?? 0) * (NODE.width + GAP.column);
  const down = (y: number): number => round(GAP.margin + y - top);
  const named = all.filter(({ id }) => id !== '');
  return {
    width: 2 * GAP.margin + columns.length * (NODE.width + GAP.column) - GAP.column,
    height: round(2 * GAP.margin + (graph.nodes.length === 0 ? 0 : bottom - top)),
    places: new Map(named.map((item) => [item.id, { x: left(item), y: down(item.y) }])),
    routes: chains.map((chain) =>
      chain.flatMap((item, at) => {
        const y = down(centreOf(item));
        const enters = at === 0 ? [] : [{ x: left(item), y }];
        const leaves = at === chain.length - 1 ? [] : [{ x: left(item) + NODE.width, y }];
        return [...enters, ...leaves];
      }),
    ),
  };
}

/** Tenths of a unit: a picture of hundreds of lines is read by people, too. */
const round = (number: number): number => Math.round(number * 10) / 10;
