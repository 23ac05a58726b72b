/** Much more taken away than brought: an answer that has lost a file's rest, or a tree's. */
import { addedIn, removedIn } from '../patch.js';
import { asksToTakeAway } from './asked-for.js';
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

/** What it is part of, if most of what is lost is asked for: a folder that a task removes has files that it does not name. */
const ASKED_SHARE_MIN = 0.5;

export function massDeletion(change: Change): readonly Finding[] {
  const { words } = change;
  const files = withoutMoved(change.files);
  const lost = files.flatMap((file) => {
    const share = lostShare(file);
    if (share === null) return [];
    const says = `${Math.round(share * 100)} % of its ${file.texts?.before == null ? 'bytes' : 'lines'} are gone.`;
    return [find(file.path, says, asksToTakeAway(words, file.path))];
  });
  const gone = files.filter(({ change: how }) => how === 'deleted');
  const shrunk = files.filter((file) => netLoss(file) > 0);
  const net = files.reduce((all, file) => all + netLoss(file), 0);
  const isAsked = (some: readonly ChangedFile[]): boolean =>
    some.filter(({ path }) => asksToTakeAway(words, path)).length >= some.length * ASKED_SHARE_MIN;
  return [
    ...lost,
    ...(gone.length > FILES_MAX ? [find('', `${gone.length} files are removed.`, isAsked(gone))] : []),
    ...(net > LINES_MAX ? [find('', `${net} lines more are removed than added.`, isAsked(shrunk))] : []),
  ];
}

const find = (path: string, says: string, isAsked: boolean): Finding => ({
  guard: 'massDeletion',
  path,
  line: null,
  says: isAsked ? says : `${says} ${WAY_OUT}`,
  weight: isAsked ? 'warn' : 'deny',
});

const WAY_OUT = 'A task that wants it names the file as what is to go, or sets guards.massDeletion.';

/** A line that has come up in another file is not lost: a file is split, or its end has moved. */
function withoutMoved(files: readonly ChangedFile[]): readonly ChangedFile[] {
  const come = new Map<string, number>();
  for (const file of files) for (const { text } of addedIn(file)) count(come, text, 1);
  if (come.size === 0) return files;
  return files.map((file) => {
    for (const { text } of addedIn(file)) count(come, text, -1);
    const lines = file.lines.filter(({ sign, text }) => {
      const hasMoved = sign === '-' && text.trim() !== '' && (come.get(text.trim()) ?? 0) > 0;
      if (hasMoved) count(come, text, -1);
      return !hasMoved;
    });
    for (const { text } of addedIn(file)) count(come, text, 1);
    return { ...file, lines };
  });
}

const count = (lines: Map<string, number>, text: string, by: number): void => {
  lines.set(text.trim(), (lines.get(text.trim()) ?? 0) + by);
};

const netLoss = (file: ChangedFile): number => removedIn(file).length - addedIn(file).length;

/** Null if it is no loss worth a word. */
function lostShare(file: ChangedFile): number | null {
  const { change, texts, sizes } = file;
  if (change !== 'modified') return null;
  if (texts?.before == null) return lostBytes(sizes);
  const before = texts.before.split('\n').length;
  const share = netLoss(file) / before;
  return before >= FILE_LINES_MIN && share > FILE_SHARE_MAX ? share : null;
}

/** Of a file that is too large to be looked at line by line. */
function lostBytes(sizes: ChangedFile['sizes']): number | null {
  if (sizes === undefined || sizes.before < FILE_BYTES_MIN) return null;
  const share = 1 - sizes.after / sizes.before;
  return share > FILE_SHARE_MAX ? share : null;
}
