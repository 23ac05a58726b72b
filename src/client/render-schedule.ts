/** Schedules for a person; pure. */
import { table } from './render-list.js';
import { duration, oneLine } from './render-task.js';
import type { ScheduleRow, ScheduleRun, ScheduleView, Triggered } from './schedules.js';

const TITLE_CHARACTERS_MAX = 60;

export const scheduleTable = (rows: readonly ScheduleRow[], width: number): readonly string[] =>
  table(
    ['NAME', 'STATE', 'NEXT', 'TIMES', 'TITLE'],
    rows.map(({ name, paused, next, times, title }) => [
      name,
      paused ? 'paused' : 'active',
      next === null || paused ? '' : minute(next),
      times.join('; '),
      oneLine(title).slice(0, TITLE_CHARACTERS_MAX),
    ]),
    width,
  );

export function scheduleLines(view: ScheduleView): readonly string[] {
  const { name, title, paused, note, times, timezone, jitterMs, overlap, catchUpMs, key, counts } = view;
  const given = Object.entries(view.parameters).map(([parameter, value]) => `${parameter}=${oneLine(value)}`);
  return [
    `${name}  ${paused ? 'paused' : 'active'}  ${oneLine(title)}`,
    ...(note === '' ? [] : [`  note       ${oneLine(note)}`]),
    `  times      ${[...times, timezone, ...(jitterMs > 0 ? [`jitter ${duration(jitterMs)}`] : [])].join(' · ')}`,
    `  policies   overlap ${overlap} · catch-up ${duration(catchUpMs)} · ${pauseWords(view)}`,
    ...(key === null ? [] : [`  key        ${key}`]),
    ...(given.length === 0 ? [] : [`  parameters ${given.join(', ')}`]),
    `  runs       ${counts.started} started, ${counts.skipped} skipped for overlap, ${counts.missed} missed beyond the catch-up`,
    ...view.next.map((time, at) => `  ${at === 0 ? 'next      ' : '          '} ${minute(time)} UTC`),
    ...view.runs.map((run, at) => `  ${at === 0 ? 'last      ' : '          '} ${runWords(run)}`),
  ];
}

const pauseWords = ({ pauseAfter, failuresInARow }: ScheduleView): string =>
  pauseAfter === null
    ? 'failures do not pause it'
    : `pauses after ${pauseAfter} failures in a row, ${failuresInARow ?? 0} now`;

function runWords({ scheduledAt, jobId, state, failure, first, webUrl }: ScheduleRun): string {
  const words = [state === 'notStarted' ? 'not started' : state, ...(failure === null ? [] : [failure])];
  const again = first === false ? ['triggered again'] : [];
  return [minute(scheduledAt), ...words, ...again, jobId ?? '', webUrl ?? ''].filter((part) => part !== '').join('  ');
}

export function triggeredLine({ name, kind, begun }: Triggered): string {
  switch (kind) {
    case 'started':
      return begun ? `${name} has started it.` : `${name} has started it; no worker has taken it up yet.`;
    case 'skipped':
      return `${name} has skipped this run: the one before still runs.`;
    case 'waiting':
      return `${name} starts it when the run before has ended.`;
    default:
      return kind satisfies never;
  }
}

export function backfilledLine(name: string, runs: number, { from, to }: { from: string; to: string }): string {
  const span = `from ${from} to ${to}`;
  return runs === 0 ? `${name} has no run ${span}.` : `${name} makes up ${runs} run${runs === 1 ? '' : 's'} ${span}.`;
}

const minute = (time: string): string => time.slice(0, 16).replace('T', ' ');
