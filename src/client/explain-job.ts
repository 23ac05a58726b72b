/** The story of a job: how its tasks ended, in the order in which they did. Pure. */
import { failure, isFailureCode, showFailure } from '../domain/failures.js';
import type { JobTaskRow } from '../domain/job.js';
import { usd } from '../domain/report.js';
import { isTerminalState } from '../domain/task.js';
import type { JobRows } from './job-rows.js';
import { duration, oneLine } from './render-task.js';
import { counted } from './report/html.js';

export interface JobStory {
  readonly jobId: string;
  readonly title: string;
  readonly state: string;
  readonly tasks: readonly TaskEnd[];
  readonly spent: string;
  readonly end: string;
  readonly next: readonly string[];
}

export interface TaskEnd {
  readonly taskId: string;
  readonly state: string;
  readonly says: string;
}

export function jobStoryOf({ jobId, title, state, rows, status }: JobRows): JobStory {
  const ordered = rows.toSorted((a, b) => (a.endedAt ?? Infinity) - (b.endedAt ?? Infinity) || order(a.path, b.path));
  const ended = rows.filter((row) => isTerminalState(row.state));
  const spending = status?.spending ?? {
    costUsdMicros: rows.reduce((sum, row) => sum + row.costUsdMicros, 0),
    unpriced: false,
  };
  const attempts = rows.reduce((sum, row) => sum + row.attempts, 0);
  return {
    jobId,
    title: oneLine(title),
    state,
    tasks: ordered.map((row) => ({ taskId: row.taskId, state: row.state, says: rowWords(row) })),
    spent: `It took ${counted(attempts, 'attempt')}, ${usd(spending)}${timeWords(rows, status)}.`,
    end:
      state === 'running'
        ? `It has not ended: ${ended.length} of ${counted(rows.length, 'task')} have.`
        : `It ended ${state}: ${countWords(rows)}.`,
    next: nextSteps(rows),
  };
}

export const jobStoryLines = (story: JobStory): readonly string[] => [
  `${story.title} (${story.jobId})`,
  '',
  'What became of its tasks',
  ...story.tasks.map(({ says }) => `  ${says}`),
  '',
  story.end,
  story.spent,
  ...story.next.map((step) => `Next: ${step}`),
];

const order = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

function rowWords(row: JobTaskRow): string {
  const { path, title, state, parent, attempts, costUsdMicros, branch, failure: code, waitsFor, children } = row;
  const took =
    attempts === 0 ? '' : ` after ${counted(attempts, 'attempt')}, ${usd({ costUsdMicros, unpriced: false })}`;
  const why = code !== null && isFailureCode(code) ? `: ${showFailure(failure(code)).message}` : '';
  return [
    `${path} (${oneLine(title)})`,
    ...(parent === null ? [] : [`part of ${parent}`]),
    state === 'decomposed' ? `was split into ${children.join(', ')}` : `${STATES[state] ?? state}${took}${why}`,
    ...(waitsFor === null ? [] : [`waits for ${oneLine(waitsFor)}`]),
    ...(state === 'succeeded' && branch !== null ? [`on ${oneLine(branch)}`] : []),
  ].join(', ');
}

const STATES: Readonly<Record<string, string>> = {
  succeeded: 'succeeded',
  dead: 'failed',
  cancelled: 'was cancelled',
  stuck: 'is stuck',
  pending: 'has not begun',
  running: 'is under way',
  retry_wait: 'is about to try again',
  blocked: 'waits',
};

function countWords(rows: readonly JobTaskRow[]): string {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}

function timeWords(rows: readonly JobTaskRow[], status: JobRows['status']): string {
  const from = status?.startedAt ?? Math.min(...rows.map(({ startedAt }) => startedAt ?? Infinity));
  const to = status?.endedAt ?? Math.max(...rows.map(({ endedAt }) => endedAt ?? -Infinity));
  return Number.isFinite(from) && Number.isFinite(to) && to >= from ? ` in ${duration(to - from)}` : '';
}

/** Of the failures that nothing else has caused, a few: the others follow from them. */
const STEPS_MAX = 3;

function nextSteps(rows: readonly JobTaskRow[]): readonly string[] {
  const failed = rows.filter(({ failure: code }) => code !== null && code !== 'dependencyFailed' && code !== 'skipped');
  const bad = failed.filter(({ state }) => state === 'dead' || state === 'stuck');
  return bad.slice(0, STEPS_MAX).map(({ taskId, failure: code }) => {
    const next = code !== null && isFailureCode(code) ? ` ${showFailure(failure(code)).next}` : '';
    return `weaver explain ${taskId}:${next}`;
  });
}
