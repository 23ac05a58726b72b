/** The graph as one SVG file that needs nothing else. Pure. */
import { oneLine } from '../render-task.js';
import { layoutOf, NODE, type Point } from './graph-layout.js';
import type { Graph, GraphEdge, GraphNode } from './graph-model.js';
import { escape, shortened } from './html.js';
import { STATE_MARKS, stateStyles } from './state-marks.js';

/** What fits into a node. */
const CHARACTERS = { title: 27, name: 16 } as const;

/** On its own: with its colours. */
export const svgFile = (graph: Graph, title: string): string =>
  svgOf(graph, title).replace('>', `><style>${baseStyles}${graphStyles}${stateStyles()}</style>`);

/** For a page that has the styles. */
export function svgOf(graph: Graph, title: string): string {
  const { width, height, places, routes } = layoutOf(graph);
  const lines = graph.edges.map((edge, at) => line(edge, routes[at] ?? []));
  const nodes = graph.nodes.map((node) => box(node, places.get(node.id) ?? { x: 0, y: 0 }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="graph" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(`${title}: ${graph.nodes.length} nodes`)}">`,
    ARROW,
    ...lines,
    ...nodes,
    '</svg>',
    '',
  ].join('\n');
}

const ARROW =
  '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0.5 7.5 4 0 7.5z"/></marker></defs>';

const baseStyles =
  'svg{color-scheme:light dark;--ink:#1c1e21;--soft:#5c6370;--line:#8b929d;--card:#fff;--edge:#d5d9df;background:#f7f8f9;font-family:system-ui,sans-serif}' +
  '@media (prefers-color-scheme:dark){svg{--ink:#e8eaed;--soft:#a3abb8;--line:#7d8590;--card:#22262c;--edge:#3a4048;background:#16191d}}';

/** Whole lines: waits for. Broken lines: was split into. */
export const graphStyles =
  '.graph .needs,.graph .split{fill:none;stroke:var(--line);stroke-width:1.4}.graph .split{stroke-dasharray:5 4}' +
  '.graph .tip{fill:var(--line)}.graph .card{fill:var(--card);stroke:var(--edge)}.graph .bar{fill:var(--mark)}' +
  '.graph text{fill:var(--ink);font-size:12px}.graph .name{font-weight:600}.graph .state{fill:var(--mark)}' +
  '.graph .label{fill:var(--soft);font-size:11px}';

function line({ kind, label }: GraphEdge, route: readonly Point[]): string {
  const [start, ...rest] = route;
  if (start === undefined) return '';
  let from = start;
  const parts = rest.map((to) => {
    const bend = (to.x - from.x) / 2;
    const part = to.y === from.y ? `H${to.x}` : `C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}`;
    from = to;
    return part;
  });
  const path = `<path class="${kind}" d="M${start.x} ${start.y}${parts.join('')}" marker-end="url(#arrow)"/>`;
  if (label === '') return path;
  const end = route.at(-1) ?? start;
  return `${path}<text class="label" x="${end.x - 10}" y="${end.y - 6}" text-anchor="end">${escape(label)}</text>`;
}

function box({ name, title, state }: GraphNode, { x, y }: Point): string {
  const { sign, words } = STATE_MARKS[state];
  const full = escape(oneLine(`${name} ${words}: ${title}`));
  return [
    `<g class="is-${state}"><title>${full}</title>`,
    `<rect class="card" x="${x}" y="${y}" width="${NODE.width}" height="${NODE.height}" rx="6"/>`,
    `<path class="bar" d="M${x + 6} ${y}a6 6 0 0 0-6 6v${NODE.height - 12}a6 6 0 0 0 6 6z"/>`,
    `<text class="name" x="${x + 16}" y="${y + 21}">${escape(shortened(name, CHARACTERS.name))}</text>`,
    `<text class="state" x="${x + NODE.width - 10}" y="${y + 21}" text-anchor="end">${sign} ${words}</text>`,
    `<text x="${x + 16}" y="${y + 40}">${escape(shortened(oneLine(title), CHARACTERS.title))}</text></g>`,
  ].join('');
}
