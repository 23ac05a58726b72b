/** The changes of a task or a job, seen by asking the server seldom: watching must not slow the task down. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TaskView } from './task-view.js';
import { isTerminal } from './task-view.js';

/** The server is asked this often at first; a person sees no difference below. */
const POLL_MS_MIN = 250;
/** While nothing changes the pause grows up to this. */
const POLL_MS_MAX = 2_000;
const POLL_GROWTH = 1.4;

export interface Look<View = TaskView> {
  /** Differs whenever something may have happened. */
  readonly marker: string;
  /** Asks for the rest; only called when the marker differs. */
  view(): Promise<View>;
}

/** Yields every change and ends after the terminal state. `look` gives null while the task is not there yet. */
export const watchTask = (look: () => Promise<Look | null>, signal: AbortSignal): AsyncGenerator<TaskView, void> =>
  watchChanges(look, isTerminal, signal);

/** The same of anything that is over at some time. */
export async function* watchChanges<View extends object>(
  look: () => Promise<Look<View> | null>,
  isOver: (view: View) => boolean,
  signal: AbortSignal,
): AsyncGenerator<View, void> {
  let marker = '';
  let shown = '';
  let pauseMs = POLL_MS_MIN;
  while (!signal.aborted) {
    const seen = await look();
    pauseMs = Math.min(POLL_MS_MAX, pauseMs * POLL_GROWTH);
    if (seen !== null && seen.marker !== marker) {
      ({ marker } = seen);
      const view = await seen.view();
      if (wordsOf(view) !== shown) {
        shown = wordsOf(view);
        pauseMs = POLL_MS_MIN;
        yield view;
      }
      if (isOver(view)) return;
    }
    if (!(await paused(pauseMs, signal))) return;
  }
}

/** The time at which it goes on is shown as a time that passes, and would never be the same. */
const wordsOf = (view: object): string =>
  JSON.stringify(view, (name, value: unknown) => (name === 'wakesAt' ? undefined : value));

async function paused(delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await pause(delayMs, undefined, { signal });
    return true;
  } catch {
    return false; // the watcher has gone
  }
}
