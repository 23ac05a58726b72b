/** The tree of a job for a person; pure. */
import type { JobTaskRow } from '../domain/job.js';
import { usd } from '../domain/report.js';
import { duration, oneLine } from './render-task.js';

export interface TreeHead {
  readonly jobId: string;
  readonly title: string;
  readonly state: string;
  readonly source: 'worker' | 'store' | 'server';
}

/** One line a task, below the one that it came of. Tasks whose parent is not known stand at the top. */
export function treeLines(head: TreeHead, rows: readonly JobTaskRow[], width: number): readonly string[] {
  const below = new Map<string | null, JobTaskRow[]>();
  const known = new Set(rows.map(({ path }) => path));
  for (const row of rows) {
    const parent = row.parent !== null && known.has(row.parent) ? row.parent : null;
    below.set(parent, [...(below.get(parent) ?? []), row]);
  }
  const lines = [headLine(head, rows), ...branches(below, null, '')];
  return lines.map((line) => line.slice(0, Math.max(width, 40)));
}

function headLine({ jobId, title, state, source }: TreeHead, rows: readonly JobTaskRow[]): string {
  const costUsdMicros = rows.reduce((all, row) => all + row.costUsdMicros, 0);
  const done = rows.filter(({ endedAt }) => endedAt !== null).length;
  return [
    jobId,
    ...(title === '' ? [] : [oneLine(title)]),
    state,
    `${done} of ${rows.length} done`,
    usd({ costUsdMicros, unpriced: false }),
    ...(source === 'worker' ? [] : [SOURCES[source]]),
  ].join(' · ');
}

const SOURCES = { store: 'from the records of this host', server: 'from the server: what has begun' } as const;

function branches(
  below: ReadonlyMap<string | null, readonly JobTaskRow[]>,
  parent: string | null,
  indent: string,
): readonly string[] {
  const rows = below.get(parent) ?? [];
  return rows.flatMap((row, index) => {
    const isLast = index === rows.length - 1;
    const line = `${indent}${isLast ? '└─' : '├─'} ${rowLine(row)}`;
    return [line, ...branches(below, row.path, `${indent}${isLast ? '   ' : '│  '}`)];
  });
}

/** `a.2 · Mend the login · blocked · waits for a.1 · 2 attempts · $0.0100` */
function rowLine(row: JobTaskRow): string {
  const { path, title, state, dependsOn, waitsFor, attempts, costUsdMicros, branch, failure, startedAt, endedAt } = row;
  const waits =
    waitsFor ?? (state === 'pending' && dependsOn.length > 0 ? dependsOn.map(({ on }) => on).join(', ') : null);
  return [
    path,
    ...(title === '' ? [] : [oneLine(title)]),
    state,
    ...(waits === null ? [] : [`waits for ${oneLine(waits)}`]),
    ...(state !== 'pending' && dependsOn.length > 0 ? [`after ${dependsOn.map(({ on }) => on).join(', ')}`] : []),
    ...(failure === null ? [] : [failure]),
    ...(branch === null ? [] : [branch]),
    ...(attempts === 0 ? [] : [attempts === 1 ? '1 attempt' : `${attempts} attempts`]),
    ...(costUsdMicros === 0 ? [] : [usd({ costUsdMicros, unpriced: false })]),
    ...(startedAt === null || endedAt === null ? [] : [duration(endedAt - startedAt)]),
  ].join(' · ');
}
