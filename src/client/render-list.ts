/** Tables for a person; pure. */
import type { TaskRow } from './list-tasks.js';
import { oneLine } from './render-task.js';

/** Columns as wide as their widest value; the last one takes what is left and is cut at `width`. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], width: number): readonly string[] {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)));
  return [head, ...rows].map((row) => {
    const cells = row.map((value, column) => (column === head.length - 1 ? value : value.padEnd(widths[column] ?? 0)));
    return cells.join('  ').trimEnd().slice(0, Math.max(width, 40));
  });
}

const TITLE_CHARACTERS_MAX = 60;

/** An open task that nobody carries on looks like any other, until one waits for it in vain. */
const stateWords = ({ state, unanswered }: TaskRow): string =>
  unanswered === null ? state : `${state}, ${unanswered === 'noWorker' ? 'no worker' : 'worker fails'}`;

export const taskTable = (rows: readonly TaskRow[], width: number): readonly string[] =>
  table(
    ['STATE', 'STARTED', 'TRIES', 'TOKENS', 'COST', 'TASK', 'TITLE'],
    rows.map((row) => [
      stateWords(row),
      row.startedAt.slice(0, 16).replace('T', ' '),
      row.attempts === null ? '' : `${row.attempts}`,
      row.tokens === null ? '' : `${row.tokens}`,
      row.costUsd === null ? '' : `$${row.costUsd.toFixed(4)}`,
      row.taskId,
      oneLine(row.title ?? '').slice(0, TITLE_CHARACTERS_MAX),
    ]),
    width,
  );
