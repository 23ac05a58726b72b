/** When which attempt ran, as a picture. Pure. */
import { duration, oneLine } from '../render-task.js';
import { outcomeWords } from '../render-record.js';
import { counted, escape, moment, shortened } from './html.js';
import type { ReportData, ReportTask } from './report-data.js';

interface Bar {
  readonly from: number;
  readonly to: number;
  readonly look: string;
  readonly says: string;
}

interface Row {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly bars: readonly Bar[];
}

/** A picture of more lines than this shows nothing. */
const ROWS_MAX = 400;
const WIDTH = 1_000;
const NAMES = 150;
const HEAD = 22;
/** Lines are as thin as they must be to fit, and have their names while there is room. */
const THICK = 24;
const THIN = 8;
const NAMED_MAX = 60;
const NAME_CHARACTERS_MAX = 22;
/** Seconds, minutes, hours and days that people count in. */
const STEPS_MS = [
  100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
  7_200_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000,
] as const;

/** Null if nothing has begun. */
export function timeline(data: ReportData): string | null {
  const rows = data.tasks
    .map((task) => rowOf(task, data.madeAt))
    .filter((row) => row !== null)
    .toSorted((a, b) => a.from - b.from);
  const shown = rows.slice(0, ROWS_MAX);
  if (shown.length === 0) return null;
  const begin = shown.reduce((least, { from }) => Math.min(least, from), Infinity);
  const end = shown.reduce((most, { to }) => Math.max(most, to), begin + 1);
  const named = shown.length <= NAMED_MAX;
  const high = named ? THICK : THIN;
  const left = named ? NAMES : 0;
  const x = (ms: number): number => Math.round((left + ((ms - begin) / (end - begin)) * (WIDTH - left - 2)) * 10) / 10;
  const height = HEAD + shown.length * high + 4;
  const label = `Timeline: ${counted(shown.length, 'task')} from ${moment(begin)} to ${moment(end)}`;
  const note =
    rows.length > shown.length ? `<p class="note">The first ${ROWS_MAX} of ${counted(rows.length, 'task')}.</p>` : '';
  return [
    `<svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(label)}">`,
    ...ticks(begin, end, x, height),
    ...shown.map((row, at) => line(row, HEAD + at * high, high, x, named)),
    '</svg>',
    note,
  ].join('\n');
}

function rowOf({ row, entries }: ReportTask, now: number): Row | null {
  const attempts = entries.filter((entry) => entry.kind === 'attempt');
  const from = row.startedAt ?? attempts[0]?.startedAt ?? null;
  if (from === null) return null;
  const bars = attempts.map(({ attempt, startedAt, endedAt, outcome }) => ({
    from: startedAt,
    to: endedAt,
    look: `out-${outcome.kind}`,
    says: `attempt ${attempt}: ${oneLine(outcomeWords(outcome))}, ${duration(endedAt - startedAt)}`,
  }));
  const to = row.endedAt ?? Math.max(now, ...attempts.map(({ endedAt }) => endedAt));
  return { name: row.path, from: Math.min(from, ...bars.map((bar) => bar.from)), to: Math.max(to, from), bars };
}

function ticks(begin: number, end: number, x: (ms: number) => number, height: number): readonly string[] {
  const step = STEPS_MS.find((one) => (end - begin) / one <= 8) ?? Math.ceil((end - begin) / 8);
  const count = Math.floor((end - begin) / step);
  return Array.from({ length: count + 1 }, (_, at) => {
    const place = x(begin + at * step);
    const words =
      at === 0
        ? '0'
        : duration(at * step)
            .replace('.0 s', ' s')
            .replace(' 0 s', '');
    // The last one would stand outside.
    const anchor = at > 0 && place > WIDTH - 40 ? ' text-anchor="end"' : at === 0 ? '' : ' text-anchor="middle"';
    return `<path class="tick" d="M${place} ${HEAD - 6}V${height}"/><text class="when" x="${place}" y="${HEAD - 10}"${anchor}>${words}</text>`;
  });
}

function line(
  { name, from, to, bars }: Row,
  y: number,
  high: number,
  x: (ms: number) => number,
  named: boolean,
): string {
  const middle = y + high / 2;
  const thick = high * 0.6;
  const title = named
    ? `<text class="task" x="0" y="${middle + 4}">${escape(shortened(name, NAME_CHARACTERS_MAX))}</text>`
    : '';
  const life = `<path class="life" d="M${x(from)} ${middle}H${x(to)}"/>`;
  const attempts = bars.map((bar) => {
    const width = Math.max(2, Math.round((x(bar.to) - x(bar.from)) * 10) / 10);
    return `<rect class="${bar.look}" x="${x(bar.from)}" y="${Math.round((middle - thick / 2) * 10) / 10}" width="${width}" height="${thick}" rx="2"><title>${escape(`${name}, ${bar.says}`)}</title></rect>`;
  });
  return title + life + attempts.join('');
}
