/** Shows a task's progress on stderr: one line redrawn on a terminal, else a line for each change. */
import { setTimeout as pause } from 'node:timers/promises';
import { phaseLine, progressLine } from '../render-task.js';
import type { TaskView } from '../task-view.js';
import type { WeaverClient } from '../weaver-client.js';
import { WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';

const REDRAW_MS = 100;
const RECONNECT_PAUSE_MS = 1_000;

/** Resolves when the task has ended or the signal aborts. A server that is away is waited for: others report it. */
export async function followTask(
  { terminal }: Pick<Context, 'terminal'>,
  client: WeaverClient,
  taskId: string,
  signal: AbortSignal,
): Promise<TaskView | null> {
  const startedAt = Date.now();
  let latest: TaskView | null = null;
  let frame = 0;
  const redraw = (): void => {
    if (latest !== null) terminal.progress(progressLine(latest, Date.now() - startedAt, (frame += 1)));
  };
  const timer = terminal.live ? setInterval(redraw, REDRAW_MS) : null;
  let said = '';
  try {
    for await (const view of changes(client, taskId, signal)) {
      latest = view;
      const line = phaseLine(view);
      if (!terminal.live && line !== said) terminal.note(line);
      said = line;
    }
  } finally {
    if (timer !== null) clearInterval(timer);
    terminal.clearProgress();
  }
  return latest;
}

async function* changes(client: WeaverClient, taskId: string, signal: AbortSignal): AsyncGenerator<TaskView, void> {
  while (!signal.aborted) {
    try {
      yield* client.watch(taskId, { signal });
      return;
    } catch (thrown) {
      if (!(thrown instanceof WeaverFault) || thrown.code !== 'temporalUnreachable') throw thrown;
      await pause(RECONNECT_PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }
}
