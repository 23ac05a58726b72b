/** One bare mirror per repository: made, filled, and made anew when it is found broken. */
import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PortFault } from '../../ports.js';
import { createEnsure, exchange, objectFormatOf, removeLeftovers } from './bare-repository.js';
import type { ObjectFormat } from './bare-repository.js';
import { localEnvironment, remoteEnvironment } from './environment.js';
import type { EnvironmentOptions } from './environment.js';
import { unlessGone } from './error-code.js';
import { GitFailure, isBroken, isBrokenFetch, isLocked, localFault, remoteFault } from './faults.js';
import type { Redact } from './faults.js';
import type { FolderLocks, HeldLock } from './folder-lock.js';
import { assertUrl } from './names.js';
import { removeFolder } from './remove-folder.js';
import type { GitResult, RunGit } from './run-git.js';
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
  /** Gets branches from the remote into the mirror, unless somebody else's fetch has brought what is missing meanwhile. */
  fetch(
    mirror: Mirror,
    branches: readonly string[],
    signal: AbortSignal | undefined,
    isThere?: () => Promise<boolean>,
  ): Promise<void>;
  /** The same with every branch that the remote has, under ALL_REFS; those that it has no more are gone there. */
  fetchAll(mirror: Mirror, signal: AbortSignal | undefined): Promise<void>;
  /** Runs git on the mirror; rejects with GitFailure unless it ends with 0 (or was cut at `bytesMax`). */
  local(mirror: Mirror, args: readonly string[], options?: LocalOptions): Promise<GitResult>;
  /** Runs git from the mirror to the remote; resolves for any exit code. */
  send(mirror: Mirror, args: readonly string[], signal: AbortSignal | undefined): Promise<GitResult>;
  /** Asks the remote a small question, which takes no mirror; resolves for any exit code. */
  ask(mirror: Mirror, args: readonly string[], signal: AbortSignal | undefined): Promise<GitResult>;
  /** Runs a local operation; when the mirror turns out to be broken, mends it and runs the operation again. */
  mending<T>(mirror: Mirror, operation: () => Promise<T>): Promise<T>;
}

export interface LocalOptions {
  readonly input?: string | Buffer;
  readonly bytesMax?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onStart?: (pid: number) => void;
  /** In place of the usual limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Exit codes beside 0 that are an answer. */
  readonly also?: readonly number[];
}

interface MirrorOptions {
  readonly home: string;
  readonly environment: EnvironmentOptions;
  readonly locks: FolderLocks;
  readonly limits: GitLimits;
  readonly redact: Redact;
  readonly run: RunGit;
  /** Told when what is known about a mirror's objects may be wrong. */
  readonly onDoubt: () => void;
}

/** Output of one git that weaver holds in memory: a listing of a million files fits. */
export const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/** A mirror that lacks an object which the remote lacks too must not be cloned again with every retry. */
const REBUILD_EVERY_MS = 10 * 60_000;

export function createMirrors(options: MirrorOptions): Mirrors {
  const rebuiltAt = new Map<string, number>();
  const context: Context = { ...options, rebuiltAt, ensure: createEnsure() };
  return {
    of: (url) => {
      assertUrl(url);
      return {
        url,
        directory: join(options.home, 'mirrors', `${createHash('sha256').update(url).digest('hex').slice(0, 16)}.git`),
      };
    },
    isEmpty: async (mirror) => (await lstat(join(mirror.directory, 'refs', 'weaver')).catch(unlessGone)) === undefined,
    ensure: (mirror, objectFormat) => context.ensure(mirror.directory, objectFormat),
    fetch: (mirror, branches, signal, isThere) =>
      underLock(context, mirror, signal, async (lock) => {
        if (await isThere?.()) return;
        await fetchMending(context, mirror, refspecsOf(branches), signal, lock);
        // Looked up before the next one gets the lock, who then finds it in memory.
        await isThere?.();
      }),
    fetchAll: (mirror, signal) =>
      underLock(context, mirror, signal, (lock) => fetchMending(context, mirror, ALL_BRANCHES, signal, lock)),
    local: (mirror, args, run = {}) => runLocal(context, mirror.directory, args, run),
    send: (mirror, args, signal) => runRemote(context, mirror, args, { signal }),
    ask: (mirror, args, signal) => ask(context, mirror, args, signal),
    mending: (mirror, operation) => mending(context, mirror, operation),
  };
}

interface Context extends MirrorOptions {
  readonly rebuiltAt: Map<string, number>;
  readonly ensure: ReturnType<typeof createEnsure>;
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
  { environment, limits, run: start, ensure }: Context,
  directory: string,
  args: readonly string[],
  run: LocalOptions,
): Promise<GitResult> {
  await ensure(directory);
  const result = await start({
    args,
    directory,
    environment: localEnvironment(environment, directory, run.environment),
    timeoutMs: run.timeoutMs ?? limits.localMs,
    signal: run.signal,
    bytesMax: run.bytesMax ?? OUTPUT_BYTES_MAX,
    input: run.input,
    onStart: run.onStart,
  });
  if (result.cut && run.bytesMax !== undefined) return result;
  if (result.exitCode === 0 || (result.exitCode !== null && run.also?.includes(result.exitCode) === true))
    return result;
  throw new GitFailure(args[0] ?? '', result);
}

interface RemoteRun {
  readonly signal: AbortSignal | undefined;
  /** Another folder than the mirror's. */
  readonly directory?: string;
  readonly onStart?: (pid: number) => void;
}

async function runRemote(
  { environment, limits, run: start, ensure }: Context,
  mirror: Mirror,
  args: readonly string[],
  { signal, directory = mirror.directory, onStart }: RemoteRun,
): Promise<GitResult> {
  await ensure(directory);
  return start({
    args,
    directory,
    environment: { ...remoteEnvironment(environment, mirror.url), GIT_DIR: directory },
    timeoutMs: limits.transferMs,
    bytesMax: OUTPUT_BYTES_MAX,
    signal,
    onStart,
  });
}

/** Outside of any repository, so that neither a broken mirror nor what a check wrote into it has a word in it. */
async function ask(
  { environment, limits, run: start }: Context,
  mirror: Mirror,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<GitResult> {
  const directory = dirname(mirror.directory);
  await mkdir(directory, { recursive: true });
  return start({
    args,
    directory,
    environment: { ...remoteEnvironment(environment, mirror.url), GIT_CEILING_DIRECTORIES: dirname(directory) },
    timeoutMs: limits.askMs,
    bytesMax: OUTPUT_BYTES_MAX,
    signal,
  });
}

// ---------------------------------------------------------------- fetching

/** A flat name for any branch: `a` and `a/b` cannot get into each other's way when the remote exchanges them. */
const refOf = (branch: string): string =>
  `refs/weaver/remote/${createHash('sha256').update(branch).digest('hex').slice(0, 32)}`;

const refspecsOf = (branches: readonly string[]): readonly string[] =>
  branches.map((branch) => `+refs/heads/${branch}:${refOf(branch)}`);

/** Where `fetchAll` puts the branches. */
export const ALL_REFS = 'refs/weaver/all';
const ALL_BRANCHES = [`+refs/heads/*:${ALL_REFS}/*`] as const;

async function fetchMending(
  context: Context,
  mirror: Mirror,
  refspecs: readonly string[],
  signal: AbortSignal | undefined,
  lock: HeldLock,
): Promise<void> {
  await context.ensure(mirror.directory);
  const fetch = (): Promise<void> => fetchInto(context, mirror, mirror.directory, refspecs, signal, lock);
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
  const run = { directory, signal, onStart: lock.note };
  const result = await runRemote(context, mirror, [...args, '--', mirror.url, ...refspecs], run);
  if (result.exitCode !== 0) throw new GitFailure('fetch', result);
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
    await context.ensure(mirror.directory);
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
  await context.ensure(fresh, await objectFormatOf(mirror.directory));
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
  await exchange(fresh, mirror.directory);
  context.onDoubt();
}
