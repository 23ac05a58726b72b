/** Shows a task's progress on stderr: one line redrawn on a terminal, else a line for each change. */
import { phaseLine, progressLine } from '../render-task.js';
import { askedLines } from '../render-waiting.js';
import type { TaskView } from '../task-view.js';
import type { WeaverClient } from '../weaver-client.js';
import { changes } from './changes.js';
import type { Context } from './context.js';

const REDRAW_MS = 100;

/**
 * Resolves when the task has ended or the signal aborts. A server that is away is waited for: others report it.
 * @param redraws whether one line is drawn again and again
 */
export async function followTask(
  { terminal }: Pick<Context, 'terminal'>,
  client: WeaverClient,
  taskId: string,
  signal: AbortSignal,
  redraws = terminal.live,
): Promise<TaskView | null> {
  const startedAt = Date.now();
  let latest: TaskView | null = null;
  let frame = 0;
  const redraw = (): void => {
    if (latest !== null) terminal.progress(progressLine(latest, Date.now() - startedAt, (frame += 1)));
  };
  const timer = redraws ? setInterval(redraw, REDRAW_MS) : null;
  let said = '';
  let asked = '';
  try {
    for await (const view of changes(() => client.watch(taskId, { signal }), signal)) {
      latest = view;
      const line = phaseLine(view);
      if (!redraws && line !== said) terminal.note(line);
      said = line;
      const question = view.question ?? null;
      // Never read from here: what is typed while a task runs must not become an answer.
      if (question !== null && question.id !== asked)
        for (const each of askedLines(taskId, question)) terminal.note(each);
      asked = question?.id ?? '';
    }
  } finally {
    if (timer !== null) clearInterval(timer);
    terminal.clearProgress();
  }
  return latest;
}
