/** When a schedule fires, as people write it and as Temporal wants it. */
import type { CalendarSpec, DayOfWeek, ScheduleSpec } from '@temporalio/client';
import { usageFault } from './weaver-fault.js';

export interface Times {
  /** Five fields, or `@daily` and its kind. */
  readonly cron?: readonly string[];
  /** Such as `1h` or `90m`. */
  readonly every?: readonly string[];
  /** `03:30`, `mon-fri 03:30` or `2026-12-24 18:00`. */
  readonly at?: readonly string[];
  /** IANA name, such as `Europe/Berlin`. */
  readonly timezone: string;
  readonly jitterMs: number;
}

export function specOfTimes({ cron = [], every = [], at = [], timezone, jitterMs }: Times): ScheduleSpec {
  if (cron.length + every.length + at.length === 0)
    throw usageFault(
      'The schedule names no time.',
      "Give --cron '0 3 * * *', --every 1h or --at 'mon-fri 03:30'; each may be repeated.",
    );
  const zoned = cron.find((expression) => /^\s*(?:CRON_)?TZ=/.test(expression));
  if (zoned !== undefined)
    throw usageFault(`“${zoned}” has a time zone of its own.`, 'Name the zone of the whole schedule with --timezone.');
  return {
    cronExpressions: [...cron],
    intervals: every.map((text) => ({ every: durationMs(text, 'an interval') })),
    calendars: at.map(calendarOf),
    jitter: jitterMs,
    timezone: checkedZone(timezone),
  };
}

/** `--cron '0 3 * * *'` and the like, for people. */
export const timeWordsOf = ({ cron = [], every = [], at = [] }: Times): readonly string[] => [
  ...cron.map((expression) => `cron ${expression}`),
  ...every.map((interval) => `every ${interval}`),
  ...at.map((calendar) => `at ${calendar}`),
];

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1h30m`, `2d`, `90s`; at least a second, at most a year. */
export function durationMs(text: string, what: string): number {
  const parts = [...text.trim().matchAll(/(\d{1,6})([smhd])/g)];
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
  if (parts.map(([part]) => part).join('') !== text.trim() || ms > 366 * 86_400_000 || parts.length === 0)
    throw usageFault(
      `“${text.slice(0, 50)}” is not ${what}.`,
      'Write a number with s, m, h or d, such as 90s, 1h30m, 2d.',
    );
  return ms;
}

/** Throws a usage fault for a zone that is none. */
export function checkedZone(zone: string): string {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch {
    // RangeError: no such zone.
    throw usageFault(
      `“${zone.slice(0, 50)}” is not a time zone.`,
      'Use a name of the IANA list, such as UTC, Europe/Berlin or America/New_York.',
    );
  }
}

const DAYS = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

function calendarOf(text: string): CalendarSpec {
  const [, days, hour, minute, second = '0'] =
    /^(?:(\S+)\s+)?([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text.trim()) ?? [];
  if (hour === undefined) throw badCalendar(text);
  const clock = { hour: Number(hour), minute: Number(minute), second: Number(second) };
  if (days === undefined) return clock;
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(days) ?? [];
  if (year !== undefined) {
    if (Number.isNaN(Date.parse(`${days}T00:00:00Z`)) || Number(day) > daysIn(Number(year), Number(month)))
      throw badCalendar(text);
    return { ...clock, year: Number(year), month: MONTHS[Number(month) - 1] ?? '*', dayOfMonth: Number(day) };
  }
  return { ...clock, dayOfWeek: days.split(',').flatMap((range) => weekdays(range, text)) };
}

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

const MONTHS = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;

/** `mon-fri`, also over the end of the week: `fri-mon`. */
function weekdays(range: string, text: string): readonly DayOfWeek[] {
  const [from = '', to = from] = range.toLowerCase().split('-');
  const [first, last] = [from, to].map((name) =>
    DAYS.findIndex((day) => name.length >= 3 && day.toLowerCase().startsWith(name)),
  );
  if (first === undefined || last === undefined || first < 0 || last < 0) throw badCalendar(text);
  const count = ((last - first + DAYS.length) % DAYS.length) + 1;
  return Array.from({ length: count }, (_, at) => DAYS[(first + at) % DAYS.length] ?? 'SUNDAY');
}

const badCalendar = (text: string): Error =>
  usageFault(
    `“${text.slice(0, 50)}” is not a time.`,
    "Write '03:30', 'mon-fri 03:30', 'sat,sun 10:00' or '2026-12-24 18:00'.",
  );
