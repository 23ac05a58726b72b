/** Much more taken away than brought: an answer that has lost a file's rest, or a tree's. */
import { addedIn, removedIn } from '../patch.js';
import type { Change, ChangedFile, Finding } from './change.js';

/** Below this a small file is rewritten, not lost. */
const FILE_LINES_MIN = 80;
/** Files from here on are not read: their bytes are counted in place of their lines. */
const FILE_BYTES_MIN = 1_000_000;
/** Of a file that stays: what is left of it cannot be what it was for. */
const FILE_SHARE_MAX = 0.6;
/** A refactoring that saves more than this in one go is a task of its own. */
const LINES_MAX = 1_000;
/** Files that are removed in one go. */
const FILES_MAX = 20;

/** What a task asks for in such words is no accident; it is written down all the same. */
const ASKED =
  /\b(?:delet|remov|drop|prun|strip|clean|purg|retir|deprecat|dead code|unused|get rid|split|extract|shrink|simplif|replac|rewrit|migrat|consolidat|dedup|mov(?:e|ing))/i;

export function massDeletion({ files, words }: Change): readonly Finding[] {
  const weight = ASKED.test(words) ? 'warn' : 'deny';
  const find = (path: string, says: string): Finding => ({ guard: 'massDeletion', path, line: null, says, weight });
  const lost = files.flatMap((file) => {
    const share = lostShare(file);
    return share === null
      ? []
      : [
          find(
            file.path,
            `${Math.round(share * 100)} % of its ${file.texts?.before == null ? 'bytes' : 'lines'} are gone.`,
          ),
        ];
  });
  const gone = files.filter(({ change }) => change === 'deleted').length;
  const net = sum(files, (file) => removedIn(file).length - addedIn(file).length);
  return [
    ...lost,
    ...(gone > FILES_MAX ? [find('', `${gone} files are removed.`)] : []),
    ...(net > LINES_MAX ? [find('', `${net} lines more are removed than added.`)] : []),
  ];
}

/** Null if it is no loss worth a word. */
function lostShare({ change, texts, sizes, ...patch }: ChangedFile): number | null {
  if (change !== 'modified') return null;
  if (texts?.before == null) return lostBytes(sizes);
  const before = texts.before.split('\n').length;
  const net = removedIn({ change, ...patch }).length - addedIn({ change, ...patch }).length;
  return before >= FILE_LINES_MIN && net / before > FILE_SHARE_MAX ? net / before : null;
}

/** Of a file that is too large to be looked at line by line. */
function lostBytes(sizes: ChangedFile['sizes']): number | null {
  if (sizes === undefined || sizes.before < FILE_BYTES_MIN) return null;
  const share = 1 - sizes.after / sizes.before;
  return share > FILE_SHARE_MAX ? share : null;
}

const sum = (files: readonly ChangedFile[], of: (file: ChangedFile) => number): number =>
  files.reduce((all, file) => all + of(file), 0);
