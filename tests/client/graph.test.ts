import { graphOf, NODES_MAX } from '../../src/client/report/graph-model';
import { layoutOf, NODE } from '../../src/client/report/graph-layout';
import { mermaidOf } from '../../src/client/report/graph-mermaid';
import { svgFile } from '../../src/client/report/graph-svg';
import { STATE_MARKS } from '../../src/client/report/state-marks';
import type { JobTaskRow } from '../../src/domain/job';
import { EXAMPLE, row } from './report-example';

/** A random graph with edges from lower to higher numbers only; the same for the same seed. */
function randomRows(count: number, edges: number, seed = 7): readonly JobTaskRow[] {
  let state = seed;
  const chance = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  return Array.from({ length: count }, (_, at) => {
    const needs = at === 0 ? [] : Array.from({ length: edges }, () => `t${Math.floor(chance() * at)}`);
    return row(`t${at}`, `Task ${at}`, { needs: [...new Set(needs)], state: at % 5 === 0 ? 'dead' : 'succeeded' });
  });
}

describe('the graph', () => {
  it('has a node for each task, and tells waiting from splitting', () => {
    const { nodes, edges } = graphOf(EXAMPLE.rows);
    expect(nodes.map(({ id }) => id)).toEqual(EXAMPLE.rows.map(({ path }) => path));
    expect(edges.filter(({ kind }) => kind === 'split').map(({ from, to }) => `${from}>${to}`)).toEqual([
      'login>login.1',
      'login>login.2',
      'login>login.3',
    ]);
    expect(edges.filter(({ kind }) => kind === 'needs')).toHaveLength(8);
  });

  it('puts every task after what it waits for', () => {
    const graph = graphOf(randomRows(200, 3));
    for (const { from, to } of graph.edges)
      expect(graph.layers.get(to) ?? 0).toBeGreaterThan(graph.layers.get(from) ?? 0);
  });

  it('says what happens along an edge when the first task fails', () => {
    const rows = [row('a', 'A', {}), { ...row('b', 'B', {}), dependsOn: [{ on: 'a', whenFailed: 'skip' as const }] }];
    expect(mermaidOf(graphOf(rows))).toContain('t0 -->|"skip if it fails"| t1');
    expect(svgFile(graphOf(rows), 'Job')).toContain('>skip if it fails</text>');
  });

  it('leaves out what it does not know, and survives a cycle', () => {
    const graph = graphOf([row('a', 'A', { needs: ['b', 'gone', 'a'] }), row('b', 'B', { needs: ['a'] })]);
    expect(graph.edges.map(({ from, to }) => `${from}>${to}`)).toEqual(['b>a', 'a>b']);
    expect(layoutOf(graph).places.size).toBe(2);
  });

  it('puts tasks together when there are too many to look at', () => {
    const graph = graphOf(randomRows(5_000, 2));
    expect(graph.nodes.length).toBeLessThanOrEqual(NODES_MAX);
    expect(graph.nodes.reduce((sum, { tasks }) => sum + tasks, 0)).toBe(5_000);
    expect(graph.note).toContain('5,000 tasks');
  });

  it('is empty for no task', () => {
    expect(mermaidOf(graphOf([]))).toBe('flowchart LR\n');
    expect(svgFile(graphOf([]), 'Job')).toMatch(/^<svg .*<\/svg>\n$/s);
  });
});

describe('the layout', () => {
  it.each([
    ['the example', EXAMPLE.rows],
    ['300 tasks', randomRows(300, 2)],
    [
      'a fan of 60',
      [row('a', 'A', {}), ...Array.from({ length: 60 }, (_, at) => row(`b${at}`, 'B', { needs: ['a'] }))],
    ],
  ])('of %s has no nodes that overlap, and none outside', (_, rows) => {
    const { places, width, height } = layoutOf(graphOf(rows));
    const corners = [...places.values()];
    for (const [at, a] of corners.entries()) {
      expect(a.x >= 0 && a.x + NODE.width <= width && a.y >= 0 && a.y + NODE.height <= height).toBe(true);
      for (const b of corners.slice(at + 1))
        expect(Math.abs(a.x - b.x) >= NODE.width || Math.abs(a.y - b.y) >= NODE.height).toBe(true);
    }
  });

  it('is the same each time, and quick for the largest picture', () => {
    const rows = randomRows(500, 2);
    const began = performance.now();
    const first = layoutOf(graphOf(rows));
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(layoutOf(graphOf(rows))).toEqual(first);
  });
});

describe('the Mermaid text', () => {
  it('shows tasks with their states, and both kinds of lines', () => {
    const text = mermaidOf(graphOf(EXAMPLE.rows));
    expect(text).toContain(
      '  t3["login<br/>The login page says when a session has ended<br/>#9670; decomposed"]:::decomposed\n',
    );
    expect(text).toContain('  t0 --> t2\n');
    expect(text).toContain('  t3 -. split .-> t4\n');
    expect(text).toContain('  classDef dead fill:#ffffff,stroke:#b3261e,color:#1c1e21\n');
  });

  it('lets no title break out of its node', () => {
    const title = '"]; click t0 href "javascript:alert(1)" <script>`x` #quot; %% \n end';
    const [node = ''] = mermaidOf(graphOf([row('a', title, {})]))
      .split('\n')
      .slice(1, 2);
    expect(node).toMatch(/^ {2}t0\["a<br\/>[^"[\]<>`%;]*(?:#\d+;[^"[\]<>`%;]*)*<br\/>#9675; pending"\]:::pending$/);
  });
});

describe('the SVG', () => {
  it('escapes titles and needs nothing from elsewhere', () => {
    const svg = svgFile(graphOf([row('a', '<script>alert("1")</script> & more', {})]), '<b>"Job"</b>');
    expect(svg).not.toMatch(/<script|<b>|href=|url\((?!#)|@import/);
    expect(svg).toContain('&lt;script&gt;alert(&quot;1&quot;)');
    expect(svg).toContain('aria-label="&lt;b&gt;&quot;Job&quot;&lt;/b&gt;: 1 nodes"');
  });

  it('shows states as words, and in colours with enough contrast on either ground', () => {
    for (const { words, light, dark } of Object.values(STATE_MARKS)) {
      expect(words).not.toBe('');
      expect(contrast(light, '#ffffff')).toBeGreaterThan(4.5);
      expect(contrast(light, '#f1f2f4')).toBeGreaterThan(4.5);
      expect(contrast(dark, '#22262c')).toBeGreaterThan(4.5);
    }
  });
});

/** As WCAG 2 defines it. */
function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
