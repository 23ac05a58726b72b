/** When the clocks of a time zone are set, for those who must not look it up: workflows. */
import type { ZoneOffsets } from '../domain/template.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Backfills reach back, and a schedule is made anew before the end; some 60 changes in all, 1.5 KB of a start input. */
const YEARS_BACK = 10;
const YEARS_AHEAD = 20;

/** From ten years ago to twenty years ahead, as this host knows it now. */
export function zoneOffsets(timeZone: string, nowMs: number): ZoneOffsets {
  const offsetAt = offsetReader(timeZone);
  const first = Math.floor(nowMs / DAY_MS - YEARS_BACK * 366) * DAY_MS;
  const offsets: (readonly [number, number])[] = [[first, offsetAt(first)]];
  for (let at = first; at < nowMs + YEARS_AHEAD * 366 * DAY_MS; at += DAY_MS) {
    const [before, after] = [offsets.at(-1)?.[1] ?? 0, offsetAt(at + DAY_MS)];
    if (before !== after) offsets.push([changeWithin(at, before, offsetAt), after]);
  }
  return offsets;
}

/** The minute of the day from which the offset is another one. */
function changeWithin(dayMs: number, before: number, offsetAt: (epochMs: number) => number): number {
  let [low, high] = [0, DAY_MS / MINUTE_MS];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(dayMs + middle * MINUTE_MS) === before) low = middle + 1;
    else high = middle;
  }
  return dayMs + low * MINUTE_MS;
}

/** In minutes: what the zone's clock shows, less what that of UTC shows. */
function offsetReader(timeZone: string): (epochMs: number) => number {
  const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
  const format = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', { timeZone, hourCycle: 'h23', ...fields });
  return (epochMs) => {
    const shown = Object.fromEntries(format.formatToParts(epochMs).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = shown;
    return Math.round((Date.UTC(year, month - 1, day, hour, minute) - epochMs) / MINUTE_MS);
  };
}
