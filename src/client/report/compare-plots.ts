/** Bars and points as SVG that needs nothing else, for a page that has the styles. Pure. */
import { escape, shortened } from './html.js';

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** The value in words. */
  readonly says: string;
}

export interface PlotPoint {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly says: string;
}

const WIDTH = 960;
const ROW = 26;
const NAMES = 320;
const WORDS = 110;

export const plotStyles =
  'svg.plot{display:block;width:100%;min-width:36rem;height:auto}.plot text{font-size:12px;fill:var(--ink)}' +
  '.plot .soft{fill:var(--soft);font-size:11px}.plot .bar{fill:var(--link)}.plot .axis{stroke:var(--line);fill:none}' +
  '.plot .grid{stroke:var(--edge);fill:none}.plot .dot{fill:var(--link)}';

/** @param most value of a bar of full length; null = the longest one. Null if there is nothing to show. */
export function barPlot(label: string, bars: readonly Bar[], most: number | null): string | null {
  const full = most ?? Math.max(0, ...bars.map(({ value }) => value));
  if (bars.length === 0 || full === 0) return null;
  const room = WIDTH - NAMES - WORDS;
  const lines = bars.map(({ name, value, says }, at) => {
    const y = at * ROW;
    const width = tenth((Math.min(value, full) / full) * room);
    return [
      `<text x="0" y="${y + 17}">${escape(shortened(name, 48))}</text>`,
      `<rect class="bar" x="${NAMES}" y="${y + 5}" width="${Math.max(1, width)}" height="${ROW - 10}" rx="2"><title>${escape(`${name}: ${says}`)}</title></rect>`,
      `<text x="${tenth(NAMES + width + 8)}" y="${y + 17}">${escape(says)}</text>`,
    ].join('');
  });
  const height = bars.length * ROW;
  const axis = `<path class="axis" d="M${NAMES} 0V${height}"/>`;
  return svg(`${label}: ${bars.map(({ name, says }) => `${name} ${says}`).join(', ')}`, height, [axis, ...lines]);
}

const SCATTER = { height: 320, left: 80, right: 200, top: 16, bottom: 36 } as const;
const TICKS = 4;

/** Both axes begin at 0. Null if there are no two points to tell apart, or nothing is known of their height. */
export function scatterPlot(
  label: string,
  points: readonly PlotPoint[],
  words: { readonly x: (value: number) => string; readonly y: (value: number) => string },
): string | null {
  if (points.length < 2 || points.every(({ y }) => y === 0)) return null;
  const { height, left, right, top, bottom } = SCATTER;
  const most = { x: Math.max(1, ...points.map(({ x }) => x)), y: Math.max(1, ...points.map(({ y }) => y)) };
  const x = (value: number): number => tenth(left + (value / most.x) * (WIDTH - left - right));
  const y = (value: number): number => tenth(height - bottom - (value / most.y) * (height - top - bottom));
  const ticks = Array.from({ length: TICKS + 1 }, (_, n) => n / TICKS).flatMap((part) => [
    `<path class="grid" d="M${left} ${y(part * most.y)}H${WIDTH - right}"/>`,
    `<text class="soft" x="${left - 8}" y="${y(part * most.y) + 4}" text-anchor="end">${escape(words.y(part * most.y))}</text>`,
    `<text class="soft" x="${x(part * most.x)}" y="${height - bottom + 18}" text-anchor="middle">${escape(words.x(part * most.x))}</text>`,
  ]);
  const dots = points.map(
    (point) =>
      `<circle class="dot" cx="${x(point.x)}" cy="${y(point.y)}" r="5"><title>${escape(`${point.name}: ${point.says}`)}</title></circle>` +
      `<text x="${x(point.x) + 9}" y="${y(point.y) + 4}">${escape(shortened(point.name, 30))}</text>`,
  );
  const axes = `<path class="axis" d="M${left} ${top}V${height - bottom}H${WIDTH - right}"/>`;
  return svg(label, height, [...ticks, axes, ...dots]);
}

const svg = (label: string, height: number, parts: readonly string[]): string =>
  [
    `<svg class="plot" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(label)}">`,
    ...parts,
    '</svg>',
  ].join('\n');

const tenth = (value: number): number => Math.round(value * 10) / 10;
