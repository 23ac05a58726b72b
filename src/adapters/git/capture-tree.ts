/** A work tree as a snapshot: what a script or a person has made of the files. */
import { copyFile, lstat, readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaptureResult, Git } from '../../ports.js';
import { unlessGone } from './error-code.js';
import { GitFailure } from './faults.js';
import { keyOf, pathOf } from './listing.js';
import type { Mirror } from './mirror.js';
import { removeFolder } from './remove-folder.js';
import { workspaceOf, type Workspace, type WorkTreeOptions } from './work-tree.js';

type CaptureRequest = Parameters<Git['capture']>[0];

/** See `Git.capture`. Three processes: what has changed, the objects of it, the tree. */
export async function captureTree(options: WorkTreeOptions, request: CaptureRequest): Promise<CaptureResult> {
  const mirror = options.mirrors.of(request.url);
  const space = workspaceOf(options.home, request.workspace);
  if ((await readFile(space.stamp, 'utf8').catch(unlessGone)) === undefined) return { kind: 'gone' };
  return options.locks.hold(space.lock, undefined, async () => {
    const index = join(space.folder, 'capture-index');
    try {
      if (!(await copyIndex(space, index))) return { kind: 'gone' };
      return await capture(options, mirror, { space, index, request });
    } catch (cause) {
      const says = unreadable(cause);
      if (says === null) throw cause;
      return { kind: 'refused', says };
    } finally {
      await removeFolder(index);
    }
  });
}

/** See `Git.changed`. One process, which writes nothing. */
export async function changedPaths(
  options: WorkTreeOptions,
  { url, workspace, keep }: Parameters<Git['changed']>[0],
): Promise<readonly string[]> {
  const mirror = options.mirrors.of(url);
  const space = workspaceOf(options.home, workspace);
  return options.locks.hold(space.lock, undefined, async () => {
    const environment = { GIT_WORK_TREE: space.tree, GIT_INDEX_FILE: space.index };
    const listed = await options.mirrors.local(mirror, ['ls-files', '-z', ...LISTED, '--directory'], { environment });
    return changedKeys(listed.stdout, keep).map(pathOf).toSorted();
  });
}

interface Capturing {
  readonly space: Workspace;
  /** A copy, so that weaver's own index goes on to say what the work tree was made equal to. */
  readonly index: string;
  readonly request: CaptureRequest;
}

/**
 * With its time: git looks closer at files that are as young as the index, and a copy that seems younger would hide a change
 * made within the same tick of the clock.
 */
async function copyIndex(space: Workspace, index: string): Promise<boolean> {
  const [about, tree] = await Promise.all([space.index, space.tree].map((path) => lstat(path).catch(unlessGone)));
  if (about === undefined || tree?.isDirectory() !== true) return false;
  await copyFile(space.index, index);
  await utimes(index, about.atime, about.mtime);
  return true;
}

async function capture({ mirrors }: WorkTreeOptions, mirror: Mirror, capturing: Capturing): Promise<CaptureResult> {
  const { space, index, request } = capturing;
  const environment = { GIT_WORK_TREE: space.tree, GIT_INDEX_FILE: index };
  const listed = await mirrors.local(mirror, ['ls-files', '-z', ...LISTED], { environment });
  const keys = changedKeys(listed.stdout, request.keep);
  const nested = keys.filter((key) => key.endsWith('/'));
  if (nested.length > 0) return { kind: 'refused', says: `${shown(nested)} is a git repository of its own` };
  if (keys.length > request.filesMax) {
    const says = `${keys.length} files were changed, ${request.filesMax} are the most; leftovers of a build belong into .gitignore`;
    return { kind: 'refused', says: `${says} (${shown(keys)})` };
  }
  const folders = await foldersAmong(space.tree, keys);
  const update = async (options: readonly string[], names: readonly string[]): Promise<void> => {
    if (names.length === 0) return;
    const input = Buffer.from(`${names.join('\0')}\0`, 'latin1');
    await mirrors.local(mirror, ['update-index', '-z', ...options, '--stdin'], { environment, input });
  };
  await update(['--force-remove'], folders);
  await update(
    ['--add', '--remove', '--replace'],
    keys.filter((key) => !folders.includes(key)),
  );
  const written = await mirrors.local(mirror, ['write-tree'], { environment });
  return { kind: 'captured', tree: written.stdout.toString('latin1').trim() };
}

const LISTED = ['--others', '--modified', '--deleted', '--exclude-standard'] as const;

/** Each once; a repository of its own ends with a slash. */
function changedKeys(output: Buffer, keep: readonly string[]): readonly string[] {
  const kept = keep.map(keyOf);
  const isKept = (key: string): boolean => kept.some((name) => key === name || key.startsWith(`${name}/`));
  return [...new Set(output.toString('latin1').split('\0'))].filter((key) => key !== '' && !isKept(key));
}

/** Files that have become folders: git does not take them for removed by itself. */
async function foldersAmong(root: string, keys: readonly string[]): Promise<readonly string[]> {
  const path = (key: string): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(key, 'latin1')]);
  // What cannot be looked at is no folder: it is gone, or below something that is a file now.
  const look = async (key: string): Promise<boolean> =>
    (await lstat(path(key)).catch(() => null))?.isDirectory() === true;
  const found = await Promise.all(keys.map(look));
  return keys.filter((_key, index) => found[index]);
}

const SHOWN_MAX = 3;
const shown = (keys: readonly string[]): string =>
  `${keys
    .slice(0, SHOWN_MAX)
    .map((key) => Buffer.from(key, 'latin1').toString('utf8'))
    .join(', ')}${keys.length > SHOWN_MAX ? ', …' : ''}`;

/** A file that its owner may not read is the doing of whoever worked there, and no retry reads it. */
function unreadable(cause: unknown): string | null {
  if (!(cause instanceof GitFailure) || cause.result.timedOut) return null;
  const line = /^.*(?:Permission denied|unable to index file|unable to read|can only add regular files).*$/im.exec(
    cause.result.stderr,
  );
  return line === null ? null : line[0].trim().slice(0, 300);
}
