/** The message of the commit: what the task says, else what the model proposes, else the title. */
import type { TaskSpec } from './task.js';

/** As long as a task file may make it; a model may send megabytes. */
const MESSAGE_CHARACTERS_MAX = 10_000;
const SUBJECT_CHARACTERS_MAX = 120;

export function commitText({ commit, title }: Pick<TaskSpec, 'commit' | 'title'>, proposed: string): string {
  const usable = withoutControls(proposed).trim().slice(0, MESSAGE_CHARACTERS_MAX).trim();
  return (commit.message ?? (usable === '' ? title : usable)).trim();
}

/** Its first line, as it is shown beside the push. */
export const commitSubject = (spec: Pick<TaskSpec, 'commit' | 'title'>, proposed: string): string =>
  (commitText(spec, proposed).split('\n')[0] ?? '').slice(0, SUBJECT_CHARACTERS_MAX);

/** Git refuses NUL, and terminals obey the others. */
const withoutControls = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ' ')
    .toWellFormed();
