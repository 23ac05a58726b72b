/** The message of the commit: what the task says, else what the model proposes, else the title. */
import type { TaskSpec } from './task.js';

/** As long as a task file may make it; a model may send megabytes. */
const MESSAGE_CHARACTERS_MAX = 10_000;
const SUBJECT_CHARACTERS_MAX = 120;
/** Before what it must not say is taken out. */
const PROPOSED_CHARACTERS_MAX = 4 * MESSAGE_CHARACTERS_MAX;

export function commitText({ commit, title }: Pick<TaskSpec, 'commit' | 'title'>, proposed: string): string {
  const usable = withoutControls(proposed.slice(0, PROPOSED_CHARACTERS_MAX))
    .replaceAll(WEAVERS, '')
    .trim()
    .slice(0, MESSAGE_CHARACTERS_MAX)
    .trim();
  return (commit.message ?? (usable === '' ? title : usable)).trim();
}

/** Its first line, as it is shown beside the push. */
export const commitSubject = (spec: Pick<TaskSpec, 'commit' | 'title'>, proposed: string): string =>
  (commitText(spec, proposed).split('\n')[0] ?? '').slice(0, SUBJECT_CHARACTERS_MAX);

/** `Weaver-…` is weaver's own word about the change, and stands below the message. */
const WEAVERS = /^[ \t]*Weaver-[\w-]*[ \t]*:.*(?:\n[ \t]+\S.*)*\n?/gim;

const VOUCHING =
  /^[ \t]*(?:signed-off|reviewed|acked|approved|tested|verified|co-authored|co-developed)-by[ \t]*:.*(?:\n[ \t]+\S.*)*\n?/gim;

/** What a model proposes, without lines in which it signs for people: they may do so themselves (`commit.trailers`). */
export const withoutSignatures = (proposed: string): string =>
  proposed.slice(0, PROPOSED_CHARACTERS_MAX).replaceAll('\r\n', '\n').replaceAll(VOUCHING, '');

/** Git refuses NUL, and terminals obey the others. */
const withoutControls = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ' ')
    .toWellFormed();
