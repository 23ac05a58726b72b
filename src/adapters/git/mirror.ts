/** One bare mirror per repository: made, filled, and made anew when it is found broken. */
import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PortFault } from '../../ports.js';
import { localEnvironment, remoteEnvironment } from './environment.js';
import type { EnvironmentOptions } from './environment.js';
import { errorCode } from './error-code.js';
import { GitFailure, isBroken, isBrokenFetch, isLocked, localFault, remoteFault } from './faults.js';
import type { Redact } from './faults.js';
import type { FolderLocks, HeldLock } from './folder-lock.js';
import { assertUrl } from './names.js';
import { removeFolder } from './remove-folder.js';
import { runGit } from './run-git.js';
import type { GitResult } from './run-git.js';
import { salvageObjects } from './salvage.js';

/** How long git may take. Local work is bounded by the disk, the rest by the size of a repository and a slow line. */
export interface GitLimits {
  /** `ls-remote`: one small question. */
  readonly askMs: number;
  /** `fetch` and `push`. */
  readonly transferMs: number;
  /** Everything that does not leave the host. */
  readonly localMs: number;
}

export interface Mirror {
  readonly url: string;
  readonly directory: string;
}

export interface Mirrors {
  of(url: string): Mirror;
  /** Writes what is missing of the empty repository; costs a look when it is there. */
  ensure(mirror: Mirror, objectFormat?: ObjectFormat): Promise<void>;
  /** True if nothing was ever fetched into it. */
  isEmpty(mirror: Mirror): Promise<boolean>;
  /** Gets branches from the remote into the mirror. */
  fetch(mirror: Mirror, branches: readonly string[], signal: AbortSignal | undefined): Promise<void>;
  /** Runs git on the mirror; rejects with GitFailure unless it ends with 0 (or was cut at `bytesMax`). */
  local(mirror: Mirror, args: readonly string[], options?: LocalOptions): Promise<GitResult>;
  /** Runs git towards the remote; resolves for any exit code. */
  remote(
    mirror: Mirror,
    args: readonly string[],
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<GitResult>;
  /** Runs a local operation; when the mirror turns out to be broken, mends it and runs the operation again. */
  mending<T>(mirror: Mirror, operation: () => Promise<T>): Promise<T>;
}

export interface LocalOptions {
  readonly input?: string | Buffer;
  readonly bytesMax?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onStart?: (pid: number) => void;
  /** Exit codes beside 0 that are an answer. */
  readonly also?: readonly number[];
}

export type ObjectFormat = 'sha1' | 'sha256';

interface MirrorOptions {
  readonly home: string;
  readonly environment: EnvironmentOptions;
  readonly locks: FolderLocks;
  readonly limits: GitLimits;
  readonly redact: Redact;
  /** Told when what is known about a mirror's objects may be wrong. */
  readonly onDoubt: () => void;
}

/** Output of one git that weaver holds in memory: a listing of a million files fits. */
export const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/** A mirror that lacks an object which the remote lacks too must not be cloned again with every retry. */
const REBUILD_EVERY_MS = 10 * 60_000;

export function createMirrors(options: MirrorOptions): Mirrors {
  const rebuiltAt = new Map<string, number>();
  const context: Context = { ...options, rebuiltAt };
  return {
    of: (url) => {
      assertUrl(url);
      return {
        url,
        directory: join(options.home, 'mirrors', `${createHash('sha256').update(url).digest('hex').slice(0, 16)}.git`),
      };
    },
    isEmpty: (mirror) => isMissing(join(mirror.directory, 'refs', 'weaver')),
    ensure: (mirror, objectFormat) => ensureSkeleton(mirror.directory, objectFormat),
    fetch: (mirror, branches, signal) =>
      underLock(context, mirror, signal, (lock) => fetchMending(context, mirror, branches, signal, lock)),
    local: (mirror, args, run = {}) => runLocal(context, mirror.directory, args, run),
    remote: (mirror, args, timeoutMs, signal) => runRemote(context, mirror, mirror.directory, args, timeoutMs, signal),
    mending: (mirror, operation) => mending(context, mirror, operation),
  };
}

interface Context extends MirrorOptions {
  readonly rebuiltAt: Map<string, number>;
}

const underLock = <T>(
  { locks }: Context,
  mirror: Mirror,
  signal: AbortSignal | undefined,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> =>
  locks.hold(`${mirror.directory}.lock`, signal, async (lock) => {
    if (lock.takenOver) await removeLeftovers(mirror.directory);
    return work(lock);
  });

async function runLocal(
  { environment, limits }: Context,
  directory: string,
  args: readonly string[],
  run: LocalOptions,
): Promise<GitResult> {
  await ensureSkeleton(directory);
  const result = await runGit({
    args,
    directory,
    environment: localEnvironment(environment, directory, run.environment),
    timeoutMs: limits.localMs,
    bytesMax: run.bytesMax ?? OUTPUT_BYTES_MAX,
    input: run.input,
    onStart: run.onStart,
  });
  if (result.cut && run.bytesMax !== undefined) return result;
  if (result.exitCode === 0 || (result.exitCode !== null && run.also?.includes(result.exitCode) === true))
    return result;
  throw new GitFailure(args[0] ?? '', result);
}

const runRemote = (
  { environment }: Context,
  mirror: Mirror,
  directory: string,
  args: readonly string[],
  timeoutMs: number,
  signal: AbortSignal | undefined,
  onStart?: (pid: number) => void,
): Promise<GitResult> =>
  runGit({
    args,
    directory,
    environment: remoteEnvironment(environment, directory, mirror.url),
    timeoutMs,
    bytesMax: OUTPUT_BYTES_MAX,
    signal,
    onStart,
  });

// ---------------------------------------------------------------- the empty repository

const configOf = (objectFormat: ObjectFormat): string =>
  objectFormat === 'sha1'
    ? '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n'
    : '[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n';

/** Written by hand: `git init` is one process more, and this also puts right what a check may have changed in the configuration. */
async function ensureSkeleton(directory: string, objectFormat?: ObjectFormat): Promise<void> {
  try {
    await writeSkeleton(directory, objectFormat);
  } catch (cause) {
    if (!['EEXIST', 'ENOTDIR', 'EISDIR'].includes(errorCode(cause) ?? '')) throw cause;
    // A file where a folder should be, or the other way round: nothing of git's making.
    await moveAside(directory);
    await writeSkeleton(directory, objectFormat);
  }
}

async function writeSkeleton(directory: string, objectFormat: ObjectFormat | undefined): Promise<void> {
  const [config, head] = await Promise.all([
    readOrNothing(join(directory, 'config')),
    readOrNothing(join(directory, 'HEAD')),
    mkdir(join(directory, 'objects', 'pack'), { recursive: true }),
    mkdir(join(directory, 'refs'), { recursive: true }),
  ]);
  const format = objectFormat ?? (config.includes('sha256') ? 'sha256' : 'sha1');
  if (config !== configOf(format)) await replaceFile(join(directory, 'config'), configOf(format));
  if (head !== HEAD) await replaceFile(join(directory, 'HEAD'), HEAD);
}

const readOrNothing = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((cause: unknown) => {
    if (errorCode(cause) === 'ENOENT') return '';
    throw cause;
  });

async function isMissing(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return true;
    throw cause;
  }
}

/** One broken mirror is kept for whoever wants to know; the one before it goes. */
async function moveAside(directory: string): Promise<void> {
  const broken = `${directory}.broken`;
  await removeFolder(broken);
  await rename(directory, broken).catch((cause: unknown) => {
    if (errorCode(cause) !== 'ENOENT') throw cause;
  });
}

/** Points nowhere on purpose: no branch of the mirror is anybody's. */
const HEAD = 'ref: refs/heads/none\n';

/** Whole or not at all: several processes may write the same at once. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, text);
  await rename(draft, path);
}

// ---------------------------------------------------------------- fetching

/** A flat name for any branch: `a` and `a/b` cannot get into each other's way when the remote exchanges them. */
const refOf = (branch: string): string =>
  `refs/weaver/remote/${createHash('sha256').update(branch).digest('hex').slice(0, 32)}`;

const refspecsOf = (branches: readonly string[]): readonly string[] =>
  branches.map((branch) => `+refs/heads/${branch}:${refOf(branch)}`);

const ALL_BRANCHES = ['+refs/heads/*:refs/weaver/all/*'] as const;

async function fetchMending(
  context: Context,
  mirror: Mirror,
  branches: readonly string[],
  signal: AbortSignal | undefined,
  lock: HeldLock,
): Promise<void> {
  await ensureSkeleton(mirror.directory);
  const fetch = (): Promise<void> => fetchInto(context, mirror, mirror.directory, refspecsOf(branches), signal, lock);
  try {
    await fetch().catch(async (cause: unknown) => {
      // Weaver's own gits hold git's locks only under this lock, so a lock that is there now is nobody's.
      if (!isLocked(cause)) throw cause;
      await removeLeftovers(mirror.directory);
      return fetch();
    });
  } catch (cause) {
    if (!isBrokenFetch(cause)) throw remoteFault(cause, context.redact);
    await rebuild(context, mirror, signal, lock);
    await fetch().catch((again: unknown) => Promise.reject(remoteFault(again, context.redact)));
  }
}

async function fetchInto(
  context: Context,
  mirror: Mirror,
  directory: string,
  refspecs: readonly string[],
  signal: AbortSignal | undefined,
  lock: HeldLock,
): Promise<void> {
  const args = [
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-write-fetch-head',
    '--no-auto-gc',
    '--no-recurse-submodules',
    '--prune',
    '--force',
  ];
  const result = await runRemote(
    context,
    mirror,
    directory,
    [...args, '--', mirror.url, ...refspecs],
    context.limits.transferMs,
    signal,
    lock.note,
  );
  if (result.exitCode !== 0) throw new GitFailure('fetch', result);
}

/** Lock files and half-written packs of a git that was killed. */
async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory, { recursive: true }).catch((cause: unknown) => {
    if (errorCode(cause) === 'ENOENT') return [];
    throw cause;
  });
  const left = names.filter(
    (name) =>
      (name.endsWith('.lock') && !name.startsWith('objects/')) || /^objects\/pack\/(?:\.?tmp_|.*\.lock$)/.test(name),
  );
  for (const name of left) await removeFolder(join(directory, name));
}

// ---------------------------------------------------------------- mending

async function mending<T>(context: Context, mirror: Mirror, operation: () => Promise<T>): Promise<T> {
  let failed: unknown;
  for (const mend of [null, refresh, rebuildSometimes]) {
    try {
      if (mend !== null) await mend(context, mirror);
      return await operation();
    } catch (cause) {
      if (!(cause instanceof PortFault)) context.onDoubt();
      if (!isBroken(cause)) throw localFault(cause, context.redact);
      failed = cause;
    }
  }
  throw localFault(failed, context.redact);
}

/** What is missing may simply never have been fetched: by another host, or because the mirror was thrown away. */
const refresh = (context: Context, mirror: Mirror): Promise<void> =>
  underLock(context, mirror, undefined, async (lock) => {
    await ensureSkeleton(mirror.directory);
    await fetchInto(context, mirror, mirror.directory, ALL_BRANCHES, undefined, lock).catch((cause: unknown) => {
      if (isBrokenFetch(cause) || isLocked(cause)) return;
      throw remoteFault(cause, context.redact);
    });
  });

async function rebuildSometimes(context: Context, mirror: Mirror): Promise<void> {
  await underLock(context, mirror, undefined, async (lock) => {
    const last = context.rebuiltAt.get(mirror.directory) ?? 0;
    if (Date.now() - last > REBUILD_EVERY_MS) await rebuild(context, mirror, undefined, lock);
  });
}

/**
 * Clones into a new folder, carries over every object that is still whole (snapshots of running tasks are nowhere else),
 * and exchanges the folders. The broken one stays beside it until the next time, for whoever wants to know.
 */
async function rebuild(
  context: Context,
  mirror: Mirror,
  signal: AbortSignal | undefined,
  lock: HeldLock,
): Promise<void> {
  context.rebuiltAt.set(mirror.directory, Date.now());
  const fresh = `${mirror.directory}.new`;
  await removeFolder(fresh);
  const old = await readFile(join(mirror.directory, 'config'), 'utf8').catch(() => '');
  await ensureSkeleton(fresh, old.includes('sha256') ? 'sha256' : 'sha1');
  await fetchInto(context, mirror, fresh, ALL_BRANCHES, signal, lock).catch((cause: unknown) => {
    throw remoteFault(cause, context.redact);
  });
  await salvageObjects(mirror.directory, fresh, (pack) =>
    runLocal(context, fresh, ['verify-pack', '--', pack], {}).then(
      () => true,
      (cause: unknown) => {
        if (cause instanceof PortFault) throw cause;
        return false;
      },
    ),
  );
  await moveAside(mirror.directory);
  await rename(fresh, mirror.directory).catch(async (cause: unknown) => {
    // An operation that waits for no lock has made an empty mirror in the moment between.
    if (errorCode(cause) !== 'ENOTEMPTY' && errorCode(cause) !== 'EEXIST') throw cause;
    await removeFolder(mirror.directory);
    await rename(fresh, mirror.directory);
  });
  context.onDoubt();
}
