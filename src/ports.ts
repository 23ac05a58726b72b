/**
 * The doors of the house: what weaver needs from the world. Each port says which endings are results (values)
 * and which are faults (thrown, always a `PortFault`); adapters keep to it, one contract suite a port holds them.
 */
import type { FailureCode } from './domain/failures.js';
import type { ArtifactKind, ArtifactRef } from './domain/outcome.js';
import type { Spending, Tokens } from './domain/record.js';

/**
 * What an adapter throws: a code of the catalogue, what happened, and whether trying the same again can help.
 * A wrong adapter throws a bare Error, or puts a secret into `message`.
 */
export class PortFault extends Error {
  constructor(
    readonly code: FailureCode,
    message: string,
    readonly retryable: boolean,
    options?: { readonly cause?: unknown; readonly retryAfterMs?: number },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PortFault';
    this.retryAfterMs = options?.retryAfterMs;
  }
  readonly retryAfterMs: number | undefined;
}

// ---------------------------------------------------------------- git

/** A file of a snapshot. `mode` is git's: 100644, 100755, 120000 (symlink, content = target), 160000 (submodule). */
export interface TreeEntry {
  readonly path: string;
  readonly mode: string;
  readonly oid: string;
  /** Bytes; null for submodules. */
  readonly sizeBytes: number | null;
}

export interface FileContent {
  readonly mode: string;
  readonly bytes: Buffer;
}

/** One change of a tree: `null` removes the path. */
export type TreeChange = readonly [path: string, file: FileContent | null];

export interface RemoteState {
  /** Branch the base was taken from. */
  readonly baseBranch: string;
  /** Commit to start from: tip of the task's branch if the remote has it and it is not in the base's history, else the base. */
  readonly baseCommit: string;
  readonly baseTree: string;
  /** Tip of the task's branch on the remote when it was read; null if it has none. */
  readonly branchTip: string | null;
}

export interface CommitRequest {
  readonly tree: string;
  readonly parent: string;
  readonly message: string;
  /** `Name <address>`; the committer too. */
  readonly author: string;
  /** Seconds since the epoch, UTC; author date and committer date. */
  readonly dateSeconds: number;
}

export interface DiffStat {
  readonly filesChanged: number;
  readonly insertions: number;
  readonly deletions: number;
}

export type PushResult =
  | { readonly kind: 'pushed' }
  /** The branch has the commit already: at its tip, or below what somebody has built on it since. */
  | { readonly kind: 'already' }
  /** The branch has commits that ours is not built on. */
  | { readonly kind: 'moved'; readonly tip: string | null }
  /** A hook or a protection rule of the remote said no. */
  | { readonly kind: 'refused'; readonly says: string };

/**
 * One bare mirror per repository and one work tree per task, below the weaver home. Both are caches: every method makes
 * what it needs, so losing them costs time only. Isolated from the user's and the system's git configuration.
 * Faults: remoteUnreachable (retryable), remoteCredentials, missingBaseBranch, emptyRepository, diskFull (retryable),
 * infrastructure (retryable).
 */
export interface Git {
  /** Reads the remote and fetches what the mirror lacks. A mirror found broken is made anew. */
  open(request: {
    readonly url: string;
    readonly baseBranch?: string | undefined;
    readonly branch: string;
    readonly signal?: AbortSignal | undefined;
  }): Promise<RemoteState>;
  /** Every file of the tree, by path in byte order. */
  list(url: string, tree: string): Promise<readonly TreeEntry[]>;
  /** Contents by path; a path that is no file of the tree is absent from the map. */
  read(url: string, tree: string, paths: readonly string[]): Promise<ReadonlyMap<string, FileContent>>;
  /** Writes the changed tree and names it. Pure: the same input gives the same id; one tree is written, or none. */
  write(url: string, tree: string, changes: readonly TreeChange[]): Promise<string>;
  /**
   * Makes the task's work tree equal to the snapshot: tracked files exactly (as git checks them out: a .gitattributes of the
   * snapshot may ask for other line ends), everything else removed, ignored or not, unless it is or is below a name in `keep`.
   * Returns its absolute path.
   */
  checkout(request: {
    readonly url: string;
    readonly workspace: string;
    readonly tree: string;
    readonly commit: string;
    readonly keep: readonly string[];
  }): Promise<string>;
  /** Paths in the work tree that are not of its snapshot, ignored ones included: what a setup step left there. A new folder is named, not its content. */
  untracked(url: string, workspace: string): Promise<readonly string[]>;
  /** Patch between two trees, new files included, with its figures. The patch is cut at `bytesMax`. */
  diff(
    url: string,
    from: string,
    to: string,
    bytesMax: number,
  ): Promise<{ readonly stat: DiffStat; readonly patch: Buffer; readonly cut: boolean }>;
  /** Deterministic: the same request gives the same commit id. */
  commit(url: string, request: CommitRequest): Promise<string>;
  /**
   * Compare-and-swap of the remote branch: only from `expected` (null = must not exist yet) to a descendant of it. Never forces.
   */
  push(request: {
    readonly url: string;
    readonly commit: string;
    readonly branch: string;
    readonly expected: string | null;
    readonly signal?: AbortSignal | undefined;
  }): Promise<PushResult>;
  /** Removes the task's work tree. Harmless if it is gone. */
  close(workspace: string): Promise<void>;
}

// ---------------------------------------------------------------- model

/** How much of the structured-answer protocol an endpoint speaks. */
export type CapabilityLevel = 'json-schema' | 'json-object' | 'text';

export interface ProviderSettings {
  readonly name: string;
  /** Ends without a slash, e.g. `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string;
  /** Name of the environment variable with the key; its value never leaves the worker and the request process. */
  readonly keyVariable: string;
  readonly model: string;
  readonly level: CapabilityLevel;
  /** Micro-dollars per million tokens; absent = unknown price. */
  readonly price?: {
    readonly promptUsdMicros: number;
    readonly cachedUsdMicros: number;
    readonly completionUsdMicros: number;
    /** ISO date of the price list. */
    readonly date: string;
  };
  readonly concurrency: number;
  readonly callTimeoutSeconds: number;
  /** Longest silence of the endpoint inside an answer. */
  readonly idleTimeoutSeconds: number;
  readonly maxOutputTokens: number;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface CallRequest {
  /** Same call, same id: the ledger knows it again. Hex. */
  readonly callId: string;
  /** Task whose ledger the call is in; a folder name. */
  readonly lineage: string;
  readonly provider: ProviderSettings;
  readonly messages: readonly ChatMessage[];
  /** JSON schema of the answer, used as the provider's level allows. */
  readonly schema?: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> };
}

export type FinishReason = 'stop' | 'length' | 'content_filter' | 'refusal' | 'other';

export type CallResult =
  | {
      readonly kind: 'answered';
      readonly text: string;
      readonly finishReason: FinishReason;
      /** Model that answered, in the endpoint's words. */
      readonly model: string;
      readonly latencyMs: number;
      /** Of this call, all its sends together. */
      readonly spending: Spending;
    }
  | {
      readonly kind: 'failed';
      readonly code: FailureCode;
      /** What the endpoint said, without secrets, at most 500 characters. */
      readonly says: string;
      readonly retryable: boolean;
      readonly retryAfterMs?: number;
      readonly spending: Spending;
    };

/** One row of the ledger, as `weaver` shows it. */
export interface CallRow {
  readonly callId: string;
  readonly provider: string;
  readonly model: string;
  readonly state: 'started' | 'answered' | 'failed' | 'inDoubt';
  readonly sends: number;
  readonly tokens: Tokens;
  readonly costUsdMicros: number;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/**
 * Paid calls, each paid once. The intent is synced to the ledger before the request leaves, the answer before `call` resolves;
 * a second `call` with the same id gives the first one's answer, or attaches to the request still under way, also when it was
 * sent by a worker that has died since.
 * Resolves for whatever the endpoint does (CallResult); rejects with a PortFault if the ledger cannot be written (diskFull,
 * infrastructure). A failed call may be sent again by calling with the same id.
 */
export interface Model {
  call(request: CallRequest, signal: AbortSignal, onProgress: (bytes: number) => void): Promise<CallResult>;
  /** Reads an answer back; null if the ledger has none under this id. */
  answer(lineage: string, callId: string): Promise<string | null>;
  /** Every call of a task, oldest first. */
  ledger(lineage: string): Promise<readonly CallRow[]>;
}

// ---------------------------------------------------------------- sandbox

export interface Command {
  /** For `sh -c`. */
  readonly run: string;
  /** Work tree: writable, and the working directory. */
  readonly directory: string;
  /** Home of the command: writable, kept between the commands of a task. */
  readonly home: string;
  readonly network: boolean;
  readonly timeoutMs: number;
  /** File that gets everything the command prints, stdout and stderr in the order of arrival, at most `logBytesMax`. */
  readonly logFile: string;
  readonly logBytesMax: number;
}

export interface CommandResult {
  /** Null if it was killed by a signal or by its time limit. */
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** True if it printed more than was kept: the middle is missing. */
  readonly cut: boolean;
  readonly durationMs: number;
}

/**
 * Runs a command without secrets in its environment. Resolves for any way the command ends; rejects (PortFault) only if it
 * could not be started, or if the signal aborts (the reason of the signal). The whole process group is gone when it settles.
 */
export interface Sandbox {
  /** What runs the commands: `bubblewrap` or `plain`. */
  readonly name: string;
  run(command: Command, signal: AbortSignal): Promise<CommandResult>;
}

// ---------------------------------------------------------------- artifacts

/**
 * Content by its SHA-256, gzipped. Putting the same bytes twice stores them once. Secrets are taken out on the way in:
 * known values from every kind, patterns too from logs and diffs.
 * Faults: diskFull (retryable), infrastructure (retryable).
 */
export interface ArtifactStore {
  put(kind: ArtifactKind, content: string | Buffer): Promise<ArtifactRef>;
  /** Rejects with `infrastructure` if it is not there or does not match its name. */
  get(ref: Pick<ArtifactRef, 'sha256'>): Promise<Buffer>;
}

/**
 * The read model: what the command line shows when no worker answers. A record is named by task and sequence;
 * writing it again changes nothing.
 */
export interface Records {
  append(taskId: string, sequence: number, record: unknown): Promise<void>;
  read(taskId: string): Promise<readonly unknown[]>;
  /** Small values remembered by name, such as the baseline of a tree: a cache, losing it costs time only. */
  remember(name: string, value: unknown): Promise<void>;
  recall(name: string): Promise<unknown>;
}
