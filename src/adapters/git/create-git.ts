/** The `Git` port over the git program. */
import { join } from 'node:path';
import { PortFault, type Git, type SigningSettings } from '../../ports.js';
import { captureTree, changedPaths } from './capture-tree.js';
import type { Redact } from './faults.js';
import { localFault } from './faults.js';
import { createFolderLocks } from './folder-lock.js';
import { entriesOf } from './listing.js';
import { mergeBranches } from './merge.js';
import { createMirrors } from './mirror.js';
import type { GitLimits } from './mirror.js';
import { openRemote } from './open-remote.js';
import { pushCommit } from './push.js';
import { rebaseTree } from './rebase.js';
import { searchTree } from './search.js';
import { unpublishBranch } from './unpublish.js';
import { createSnapshots } from './snapshots.js';
import type { Snapshots } from './snapshots.js';
import { runGit, type RunGit } from './run-git.js';
import { signCommit } from './signed-commit.js';
import { createSigner, type Signer } from './signer.js';
import { checkoutTree, closeWorkspace, untrackedNames } from './work-tree.js';

export interface GitOptions {
  /** The weaver home: `mirrors/` and `workspaces/` are made below it. */
  readonly home: string;
  /** The worker's environment, of which only PATH, HOME (for ssh), the ssh agent, proxies and certificates are used. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Token for a host, asked for at every use. */
  readonly tokenOf: (host: string) => string | undefined;
  readonly redact: Redact;
  readonly limits?: Partial<GitLimits>;
  /** Absent = nothing can be signed. */
  readonly signing?: SigningSettings;
  /** Starts git; by default this very process does. */
  readonly run?: RunGit;
}

/** A question is small; a big repository over a slow line takes minutes; local work on a million files takes one. */
const DEFAULT_LIMITS: GitLimits = { askMs: 60_000, transferMs: 600_000, localMs: 120_000 };

/** Builds the adapter; touches nothing until it is used. */
export function createGit(options: GitOptions): Git {
  const { home, environment, tokenOf, redact, limits: given, run = runGit } = options;
  const limits = { ...DEFAULT_LIMITS, ...given };
  // Under a lock are at most a fetch and a clone.
  const locks = createFolderLocks(2 * limits.transferMs);
  const memory: { snapshots?: Snapshots } = {};
  const mirrors = createMirrors({
    home,
    environment: { home: join(home, 'mirrors'), inherited: environment, tokenOf },
    locks,
    limits,
    redact,
    run,
    onDoubt: () => memory.snapshots?.forget(),
  });
  const snapshots = createSnapshots(mirrors);
  memory.snapshots = snapshots;
  const remote = { mirrors, snapshots, questions: new Map(), redact };
  const workTree = { home, mirrors, snapshots, locks };
  const onMirror = <T>(url: string, work: (mirror: ReturnType<typeof mirrors.of>) => Promise<T>): Promise<T> => {
    const mirror = mirrors.of(url);
    return mirrors.mending(mirror, () => work(mirror));
  };
  const signer = signerOf(options, run);
  return {
    open: (request) => faulting(redact, () => openRemote(remote, request)),
    list: (url, tree) =>
      faulting(redact, () => onMirror(url, async (mirror) => entriesOf(await snapshots.listing(mirror, tree)))),
    read: (url, tree, paths) => faulting(redact, () => onMirror(url, (mirror) => snapshots.read(mirror, tree, paths))),
    search: (request) =>
      faulting(redact, () => onMirror(request.url, (mirror) => searchTree(mirrors, mirror, request))),
    write: (url, tree, changes) =>
      faulting(redact, () => onMirror(url, (mirror) => snapshots.write(mirror, tree, changes))),
    diff: (url, from, to, bytesMax) =>
      faulting(redact, () => onMirror(url, (mirror) => snapshots.diff(mirror, from, to, bytesMax))),
    merge: (request) => faulting(redact, () => mergeBranches(remote, request)),
    rebase: (request) => faulting(redact, () => rebaseTree(remote, request)),
    commit: (url, request) => faulting(redact, () => onMirror(url, (mirror) => snapshots.commit(mirror, request))),
    sign: ({ url, ...request }) =>
      faulting(redact, () => onMirror(url, (mirror) => signCommit(mirrors, mirror, signer, request))),
    ensureSigns: () => faulting(redact, async () => void (await signer.sign(Buffer.from('weaver\n')))),
    checkout: (request) => faulting(redact, () => checkoutTree(workTree, request)),
    capture: (request) => faulting(redact, () => captureTree(workTree, request)),
    changed: (request) => faulting(redact, () => changedPaths(workTree, request)),
    untracked: (url, workspace) => faulting(redact, () => untrackedNames(workTree, url, workspace)),
    push: (request) => faulting(redact, () => pushCommit(remote, request)),
    unpublish: (request) => faulting(redact, () => unpublishBranch(remote, request)),
    close: (workspace) => faulting(redact, () => closeWorkspace(workTree, workspace)),
  };
}

function signerOf({ home, environment, redact, signing }: GitOptions, run: RunGit): Signer {
  if (signing !== undefined) return createSigner({ settings: signing, home, environment, run, redact });
  const says = 'The configuration names no key (commit.sign in weaver.config.yaml).';
  return { sign: () => Promise.reject(new PortFault('signingFailed', says, false)) };
}

/** Whatever went wrong leaves as a PortFault (or as the reason of an abort). */
async function faulting<T>(redact: Redact, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw localFault(cause, redact);
  }
}
