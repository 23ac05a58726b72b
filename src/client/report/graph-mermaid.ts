/** The graph as Mermaid text, for Markdown pages. Pure. */
import { oneLine } from '../render-task.js';
import type { Graph, GraphEdge, GraphNode } from './graph-model.js';
import { shortened } from './html.js';
import { STATE_MARKS, TASK_STATES } from './state-marks.js';

const TITLE_CHARACTERS_MAX = 60;

export function mermaidOf({ nodes, edges, note }: Graph): string {
  const ids = new Map(nodes.map(({ id }, at) => [id, `t${at}`]));
  const states = TASK_STATES.filter((state) => nodes.some((node) => node.state === state));
  return [
    'flowchart LR',
    ...(note === null ? [] : [`  %% ${note}`]),
    ...nodes.map((node) => `  ${ids.get(node.id)}["${labelOf(node)}"]:::${node.state}`),
    ...edges.map((edge) => `  ${ids.get(edge.from)} ${arrowOf(edge)} ${ids.get(edge.to)}`),
    // White ground and dark words in every theme: Mermaid's own colours change with it.
    ...states.map((state) => `  classDef ${state} fill:#ffffff,stroke:${STATE_MARKS[state].light},color:#1c1e21`),
    '',
  ].join('\n');
}

const labelOf = ({ name, title, state }: GraphNode): string =>
  [name, shortened(oneLine(title), TITLE_CHARACTERS_MAX), `${STATE_MARKS[state].sign} ${STATE_MARKS[state].words}`]
    .filter((line) => line !== '')
    .map(quoted)
    .join('<br/>');

/** Whole arrows: waits for. Broken arrows: was split into. */
function arrowOf({ kind, label }: GraphEdge): string {
  if (kind === 'split') return '-. split .->';
  return label === '' ? '-->' : `-->|"${quoted(label)}"|`;
}

/** Whatever Mermaid, Markdown or HTML could take for its own is written as a number. */
const quoted = (text: string): string =>
  text.replace(/[^\p{L}\p{N} .,:!?()/+=~_-]/gu, (sign) => `#${sign.codePointAt(0)};`);
