/**
 * The doors of the house: what weaver needs from the world. Each port says which endings are results (values)
 * and which are faults (thrown, always a `PortFault`); adapters keep to it, one contract suite a port holds them.
 */
import type { ChatMessage } from './domain/chat-message.js';
import type { BudgetSpec, PaidRequest, Prices, Spent } from './domain/costs.js';
import type { CloudEvent, WeaverEvent } from './domain/events.js';
import type { FailureCode } from './domain/failures.js';
import type { Swept } from './domain/housekeeping.js';
import type { FileTags } from './domain/map/file-tags.js';
import type { ParsedLanguage } from './domain/map/languages.js';
import type { ArtifactKind, ArtifactRef } from './domain/outcome.js';
import type { OptionalField, ProviderKind } from './domain/provider-kinds.js';
import type { Spending, Tokens } from './domain/record.js';
import type { TestTable } from './domain/test-results.js';
import type { ToolCall, ToolDeclaration } from './domain/tools.js';

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

export interface SearchRequest {
  readonly url: string;
  readonly tree: string;
  /** Perl syntax, matched line by line. */
  readonly regex: string;
  /** Only in files that match; absent = in all. */
  readonly glob?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface MatchedLine {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** Bytes of the line before its first match. */
  readonly offset: number;
  readonly text: string;
}

export type SearchResult =
  /** By path in byte order, then by line; `cut` if there is more than is held in memory. */
  | { readonly kind: 'found'; readonly matches: readonly MatchedLine[]; readonly cut: boolean }
  /** No regular expression; in git's words. */
  | { readonly kind: 'invalid'; readonly says: string }
  /** The expression takes too long on these files. */
  | { readonly kind: 'timedOut'; readonly seconds: number };

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
  /** Further parents of a merge, in this order. */
  readonly parents?: readonly string[];
  readonly message: string;
  /** `Name <address>`; the committer too. */
  readonly author: string;
  /** Seconds since the epoch, UTC; author date and committer date. */
  readonly dateSeconds: number;
}

export interface MergeRequest {
  readonly url: string;
  /** Commit that the branches are merged into, one after the other. */
  readonly base: string;
  readonly branches: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * `tips`: the further parents of a commit of `tree`, those left out that others or the base contain; of more than sixteen
 * branches the end of a chain of merges, which contains them all.
 */
export type MergeResult =
  | { readonly kind: 'merged'; readonly tree: string; readonly tips: readonly string[] }
  | {
      readonly kind: 'conflict';
      /** All branches merged, with conflict markers where they do not fit. */
      readonly tree: string;
      readonly tips: readonly string[];
      /** Paths that conflict, in byte order. */
      readonly files: readonly string[];
      /** The branches that brought something, and those of them that did not fit to the ones before. */
      readonly between: { readonly merged: readonly BranchTip[]; readonly unfit: readonly BranchTip[] };
      /** In git's words, a line each; a file that one branch changes and another deletes has no markers in it. */
      readonly says: readonly string[];
    };

export interface RebaseRequest {
  readonly url: string;
  readonly baseBranch: string;
  /** What the change was made on. */
  readonly baseCommit: string;
  /** The change: a commit whose parent is `baseCommit`. */
  readonly commit: string;
  readonly signal?: AbortSignal | undefined;
}

export type RebaseResult =
  /** The base branch is where it was, or has not gone on from there: there is nothing to build on. */
  | { readonly kind: 'current' }
  | { readonly kind: 'rebased'; readonly baseCommit: string; readonly baseTree: string; readonly tree: string }
  | {
      readonly kind: 'conflict';
      readonly baseCommit: string;
      readonly baseTree: string;
      /** Paths, in byte order. */
      readonly files: readonly string[];
      /** In git's words, a line each. */
      readonly says: readonly string[];
    };

/** Conflict markers name commits. */
export interface BranchTip {
  readonly branch: string;
  readonly commit: string;
}

export interface DiffStat {
  readonly filesChanged: number;
  readonly insertions: number;
  readonly deletions: number;
}

export type CaptureResult =
  | { readonly kind: 'captured'; readonly tree: string }
  /** The work tree is not there, or was never finished. */
  | { readonly kind: 'gone' }
  /** Something in it cannot be part of a snapshot: a repository of its own, a file that cannot be read, too many files. */
  | { readonly kind: 'refused'; readonly says: string };

export type PushResult =
  | { readonly kind: 'pushed' }
  /** The branch has the commit already: at its tip, or below what somebody has built on it since. */
  | { readonly kind: 'already' }
  /** The branch has commits that ours is not built on. */
  | { readonly kind: 'moved'; readonly tip: string | null }
  /** A hook or a protection rule of the remote said no. */
  | { readonly kind: 'refused'; readonly says: string };

/** Whose key commits are signed with. */
export interface SigningSettings {
  readonly format: 'ssh' | 'openpgp';
  /** Absolute path of a private key of ssh, or of the public one of a key that an agent has; name of a key of OpenPGP. */
  readonly key: string;
  /** Variable with the passphrase; null = it has none, or an agent knows it. */
  readonly passphraseVariable: string | null;
  readonly passphrase: () => string | undefined;
  /** Where gpg finds its keys; null = where it finds them by itself. */
  readonly gnupgHome: string | null;
}

/**
 * One bare mirror per repository and one work tree per task, below the weaver home. Both are caches: every method makes
 * what it needs, so losing them costs time only. Isolated from the user's and the system's git configuration.
 * Faults: remoteUnreachable (retryable), remoteCredentials, missingRepository, missingBaseBranch, missingBranch, emptyRepository,
 * diskFull (retryable), infrastructure (retryable).
 */
export interface Git {
  /** Reads the remote and fetches what the mirror lacks. A mirror found broken is made anew. */
  open(request: {
    readonly url: string;
    readonly baseBranch?: string | undefined;
    /** In place of the tip of the base branch; the fault missingBaseBranch if no branch of the remote has it in its history. */
    readonly baseCommit?: string | undefined;
    readonly branch: string;
    readonly signal?: AbortSignal | undefined;
  }): Promise<RemoteState>;
  /** Every file of the tree, by path in byte order. */
  list(url: string, tree: string): Promise<readonly TreeEntry[]>;
  /** Contents by path; a path that is no file of the tree is absent from the map. */
  read(url: string, tree: string, paths: readonly string[]): Promise<ReadonlyMap<string, FileContent>>;
  /** Lines of text files that match a regular expression; bounded in time and in output, whatever the expression is. */
  search(request: SearchRequest): Promise<SearchResult>;
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
  /**
   * Paths in the work tree that are not as in its snapshot: changed, removed or new, without what the repository ignores and what
   * is or is below a name in `keep`. A new folder is named, with a slash at its end, not its content.
   */
  changed(request: {
    readonly url: string;
    readonly workspace: string;
    readonly keep: readonly string[];
  }): Promise<readonly string[]>;
  /**
   * The content of a work tree as a snapshot: the one it was last made equal to, with what was changed, added and removed in it
   * since. What the repository ignores stays out, and so does what is or is below a name in `keep`. The work tree stays as it is.
   */
  capture(request: {
    readonly url: string;
    readonly workspace: string;
    readonly keep: readonly string[];
    /** More changed files than this are refused before they are read. */
    readonly filesMax: number;
  }): Promise<CaptureResult>;
  /** Patch between two trees, new files included, with its figures. The patch is cut at `bytesMax`. */
  diff(
    url: string,
    from: string,
    to: string,
    bytesMax: number,
  ): Promise<{ readonly stat: DiffStat; readonly patch: Buffer; readonly cut: boolean }>;
  /**
   * Merges branches of the remote into a commit, without a work tree. Deterministic: the same tips give the same tree. A branch
   * that is contained already changes nothing; after one that does not fit the others are merged all the same.
   * Fault missingBranch (not retryable) if the remote has one of them no more.
   */
  merge(request: MergeRequest): Promise<MergeResult>;
  /** The change on top of where its base branch is now; nothing is pushed. */
  rebase(request: RebaseRequest): Promise<RebaseResult>;
  /** Deterministic: the same request gives the same commit id. */
  commit(url: string, request: CommitRequest): Promise<string>;
  /**
   * The same commit with a signature in it, which is another commit. Signed once: it is kept in `folder`, on the disk for good,
   * before its id is told, and is given again from there, since a second signature would be a second commit.
   * Fault signingFailed, not retryable: no key is configured, or it does not sign.
   */
  sign(request: {
    readonly url: string;
    readonly commit: string;
    readonly folder: string;
    readonly signal?: AbortSignal | undefined;
  }): Promise<string>;
  /** Throws what would make `sign` fail. */
  ensureSigns(): Promise<void>;
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
  /** Removes the branch from the remote if it is still at `commit`: what somebody has built on it stays. */
  unpublish(request: {
    readonly url: string;
    readonly branch: string;
    readonly commit: string;
    readonly signal?: AbortSignal | undefined;
  }): Promise<'removed' | 'gone' | 'moved'>;
  /** Removes the task's work tree. Harmless if it is gone. */
  close(workspace: string): Promise<void>;
}

// ---------------------------------------------------------------- model

/** How much of the protocol an endpoint speaks: `tools` is that of `json-schema`, and calls of tools. */
export type CapabilityLevel = 'tools' | StructureLevel;
/** How an endpoint is told the form of its answer. */
export type StructureLevel = 'json-schema' | 'json-object' | 'text';

export interface ProviderSettings {
  readonly name: string;
  /** Ends without a slash, e.g. `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string;
  /** Name of the environment variable with the key; its value never leaves the worker and the request process. */
  readonly keyVariable: string;
  readonly model: string;
  readonly level: CapabilityLevel;
  /** Of `model`; absent = unknown. */
  readonly price?: Prices;
  /** Of other models of this provider, by name. Only in the configuration: who is asked for a model has its price. */
  readonly modelPrices?: Readonly<Record<string, Prices>>;
  /** What all its calls together may cost in a day and in a month. */
  readonly budget?: BudgetSpec;
  readonly concurrency: number;
  /** `concurrency` holds over all workers; absent = for each home. */
  readonly shared?: boolean;
  /** Over all workers; absent = no limit. */
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  /** Window in which the endpoint counts; 60 if absent. */
  readonly windowSeconds?: number;
  /** When the endpoint is left alone, and for how long; BREAKER_DEFAULTS if absent. */
  readonly breaker?: { readonly failures: number; readonly pauseSeconds: number };
  readonly callTimeoutSeconds: number;
  /** Longest silence of the endpoint inside an answer. */
  readonly idleTimeoutSeconds: number;
  readonly maxOutputTokens: number;
  /** Absent = told by the address. */
  readonly kind?: ProviderKind;
  /** Which protocol of OpenAI; `chat` if absent. */
  readonly api?: 'chat' | 'responses';
  /** Tokens of prompt and answer together; absent = unknown. */
  readonly contextWindow?: number;
  /** Names of headers, and the variables with their values. */
  readonly headersEnv?: Readonly<Record<string, string>>;
  /** How the model is to choose its words; a part of the question, so an answer to another setting does not count. */
  readonly sampling?: Sampling;
  /** The level is what the last probe has found; until there is one, `level` is tried. */
  readonly autoLevel?: boolean;
  /** What the last probe has found. */
  readonly dialect?: EndpointDialect;
}

export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly reasoningEffort?: string;
  readonly stop?: readonly string[];
}

/** What an endpoint understands of the protocol. */
export interface EndpointDialect {
  readonly level: StructureLevel;
  readonly tokensField: 'max_tokens' | 'max_completion_tokens';
  /** `usage`: streams and reports usage at its end; `bare`: streams; `none`: plain JSON only. */
  readonly streaming: 'usage' | 'bare' | 'none';
  /** Fields that the endpoint does not know; absent = it knows all. */
  readonly without?: readonly OptionalField[];
  /** Tokens of an answer, and of prompt and answer, in the words of a refusal; absent = none was named. */
  readonly answerTokensMax?: number;
  readonly contextWindow?: number;
  /** Room for the answer beside one prompt; of no other question. */
  readonly room?: number;
}

export type { ChatMessage };

export interface CallRequest {
  /** Same call, same id: the ledger knows it again. Hex. */
  readonly callId: string;
  /** Task whose ledger the call is in; a folder name. */
  readonly lineage: string;
  readonly provider: ProviderSettings;
  readonly messages: readonly ChatMessage[];
  /** JSON schema of the answer, used as the provider's level allows. */
  readonly schema?: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> };
  /** What the model may call in place of answering; only for a provider of the level `tools`. */
  readonly tools?: readonly ToolDeclaration[];
  /** The artifact with the messages: a prompt, or the last node of a conversation. */
  readonly promptSha256?: string;
  /** Which try of the step asks, from 1. */
  readonly tryNumber?: number;
  /** What the call is for; absent = the work of the task. */
  readonly purpose?: CallPurpose;
  /** Place of the call in its task, for people: `a1.t2`. */
  readonly name?: string;
}

/** `shadow`: beside the real one, never used; `judge`: about the answers of others; `candidate`: one of several, of which the best is used. */
export type CallPurpose = 'real' | 'shadow' | 'judge' | 'candidate';

export type FinishReason = 'stop' | 'length' | 'content_filter' | 'refusal' | 'other';

/** The request that brought a result. */
export interface SentRequest {
  /** 1 for the first of its call. */
  readonly number: number;
  /** Epoch milliseconds of the host that sent it. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Absent where the endpoint had not begun to work. */
  readonly tokens?: Tokens;
  readonly costUsdMicros: number;
  /** True if its tokens had no price. */
  readonly unpriced: boolean;
}

export type CallResult =
  | {
      readonly kind: 'answered';
      readonly text: string;
      /** Absent if it calls no tool. Incomplete, and never to be carried out, after the finish reason `length`. */
      readonly toolCalls?: readonly ToolCall[];
      readonly finishReason: FinishReason;
      /** Model that answered, in the endpoint's words. */
      readonly model: string;
      readonly latencyMs: number;
      /** Of this call, all its sends together. */
      readonly spending: Spending;
      /** Absent if a recorded answer was given. */
      readonly sent?: SentRequest;
    }
  | {
      readonly kind: 'failed';
      readonly code: FailureCode;
      /** What the endpoint said, without secrets, at most 500 characters. */
      readonly says: string;
      readonly retryable: boolean;
      readonly retryAfterMs?: number;
      /** Of `circuitOpen`: what the endpoint failed with the last time. */
      readonly because?: FailureCode;
      readonly spending: Spending;
      /** Absent if none was sent. */
      readonly sent?: SentRequest;
    };

/** One row of the ledger, as `weaver` shows it. */
export interface CallRow {
  readonly callId: string;
  readonly provider: string;
  readonly model: string;
  readonly state: 'started' | 'answered' | 'failed' | 'inDoubt';
  readonly sends: number;
  /** Those of its sends whose fate is unknown. */
  readonly inDoubt: number;
  readonly tokens: Tokens;
  readonly costUsdMicros: number;
  /** True if some tokens had no price: the cost is then a lower bound. */
  readonly unpriced: boolean;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** True if the answer is a recorded one: nothing was sent for it. */
  readonly replayed?: boolean;
  /** Date of the price of the last send; absent if it had none. */
  readonly priceDate?: string;
  /** Of the answer. */
  readonly latencyMs?: number;
  /** Artifacts: the messages, and the answer. Absent where the ledger has noted none. */
  readonly promptSha256?: string;
  readonly answerSha256?: string;
  /** Which try of the step has made the last send. */
  readonly tryNumber?: number;
  readonly purpose?: CallPurpose;
}

/** What the ledgers of a home tell about money. */
export interface Costs {
  /**
   * Every request that began at or after `sinceMs` in a lineage that is wanted, a few in memory at a time; `damaged` is a file
   * that cannot be read.
   */
  requests(wanted: {
    readonly sinceMs: number;
    readonly wants: (lineage: string) => boolean;
  }): AsyncIterable<PaidRequest | { readonly damaged: string }>;
  /** What the home is called among others: the id of its host. */
  home(): Promise<string>;
  /** What the home has paid to a provider on the day and in the month of that time; what is under way counts with its most. */
  spent(provider: string, nowMs: number): Promise<Spent>;
}

/**
 * Paid calls, each paid once. The intent is synced to the ledger before the request leaves, the answer before `call` resolves;
 * a second `call` with the same id gives the first one's answer, or attaches to the request still under way, also when it was
 * sent by a worker that has died since.
 * Resolves for whatever the endpoint does (CallResult); rejects with a PortFault if the ledger cannot be written (diskFull,
 * infrastructure). A failed call may be sent again by calling with the same id.
 */
export interface Model {
  /** `onProgress` hears of the bytes that have come so far, and of the tokens in them, estimated. */
  call(
    request: CallRequest,
    signal: AbortSignal,
    onProgress: (bytes: number, tokens: number) => void,
    gate?: SendGate,
  ): Promise<CallResult>;
  /** Reads an answer back; null if the ledger has none under this id. */
  answer(lineage: string, callId: string): Promise<string | null>;
  /** Every call of a task, oldest first. */
  ledger(lineage: string): Promise<readonly CallRow[]>;
}

/** A request that wants to leave. */
export interface Departing {
  readonly promptTokens: number;
  /** What it may cost, by the price of today; 0 = nobody knows. */
  readonly mostUsdMicros: number;
  /** What the call has cost before it, requests in doubt estimated. */
  readonly spentUsdMicros: number;
}

/**
 * Asked before each request that leaves, for workers share the limits and the budget of a provider and the troubles of its
 * endpoint: not for an answer that the ledger has, nor for a request under way. Never rejects.
 */
export interface SendGate {
  /** Null = not now: the call ends with the failure `providerBusy`, and the gate's owner knows why. */
  mayLeave(departing: Departing): Promise<SendWindow | null>;
  /** The request leaves, epoch milliseconds of this host. */
  left(atMs: number): void;
  /** Nobody knows whether it has left: the request process died. */
  lost(): void;
}

/** When a request may leave, epoch milliseconds of this host. What comes later asks anew. */
export interface SendWindow {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Where answers are recorded, and whether they are asked for, given back, or both. */
export interface RecordingSettings {
  /** Absolute. */
  readonly folder: string;
  /** `record` asks and writes down; `replay` gives back and never asks; `fall-through` gives back what is there and asks for the rest. */
  readonly mode: 'record' | 'replay' | 'fall-through';
}

/** What a call says while its answer comes. `call` names the request: a call that is sent again has another one. */
export type TailEvent =
  | {
      readonly kind: 'began';
      readonly call: string;
      readonly lineage: string;
      /** `a1.t2`; empty if it has none. */
      readonly name: string;
      readonly provider: string;
      readonly model: string;
      /** Epoch milliseconds. */
      readonly at: number;
    }
  /** It reasons; what about is not told. */
  | { readonly kind: 'thinking'; readonly call: string; readonly characters: number }
  /** `from`: characters before it; the beginning of a long answer may be missing for who comes late. */
  | { readonly kind: 'text'; readonly call: string; readonly from: number; readonly text: string }
  /** A call of a tool in a few words, and its place among them. */
  | { readonly kind: 'tool'; readonly call: string; readonly index: number; readonly words: string }
  | {
      readonly kind: 'ended';
      readonly call: string;
      /** `answered`, or a code of the catalogue. */
      readonly how: string;
      readonly tokens: number;
      readonly tookMs: number;
    };

/** Which calls are watched: those of these lineages, and of lineages that begin so. */
export interface TailWanted {
  readonly lineages: readonly string[];
  readonly prefixes: readonly string[];
}

/**
 * What models say now, on this host alone and kept nowhere. Ends when the signal aborts; while no call is under way, or nothing
 * can be heard, it waits. Of a call under way who comes late gets what was said before, without known secrets.
 */
export type FollowTail = (wanted: TailWanted, signal: AbortSignal) => AsyncGenerator<TailEvent, void>;

/** What an endpoint has shown of what it can, and what it cost to find out. */
export type EndpointProbe = {
  /** ISO time. */
  readonly at: string;
  readonly baseUrl: string;
  readonly model: string;
  readonly api: NonNullable<ProviderSettings['api']>;
  /** Whether its list of models has the model; null if it shows none. */
  readonly listed: boolean | null;
  readonly calls: number;
  readonly tokens: number;
  readonly costUsdMicros: number;
  readonly unpriced: boolean;
} & (
  | {
      readonly kind: 'probed';
      readonly level: CapabilityLevel;
      readonly dialect: EndpointDialect;
      /** Whether its answers say how many tokens they took. */
      readonly countsTokens: boolean;
      /** In the words of its list; absent if that does not say. */
      readonly contextWindow?: number;
    }
  | { readonly kind: 'failed'; readonly code: FailureCode; readonly says: string }
);

// ---------------------------------------------------------------- forge

/** A forge as it is configured for a host. */
export interface ForgeSettings {
  readonly kind: 'github' | 'gitea';
  /** Without a slash at its end. */
  readonly apiUrl: string;
  /** Variable with the token. */
  readonly tokenVariable: string;
}

export interface PullRequestWish {
  /** Of the repository, as the task names it. */
  readonly url: string;
  /** A branch of that repository. */
  readonly branch: string;
  readonly baseBranch: string;
  /** What has landed: tip of the branch, unless somebody has gone on. */
  readonly commit: string;
  readonly title: string;
  /** Whether the title of one that is there is changed too: what a person has written there stays otherwise. */
  readonly setsTitle: boolean;
  /** From the text that is there, empty if there is none, to the text that should be. */
  readonly body: (present: string) => string;
  readonly draft: boolean;
  readonly labels: readonly string[];
  /** Users; `organisation/team` for a team. */
  readonly reviewers: readonly string[];
  readonly signal: AbortSignal;
}

export interface OpenedPullRequest {
  readonly url: string;
  readonly number: number;
  /** Labels or reviewers that were not taken, one line each: no reason to have no pull request. */
  readonly notes: readonly string[];
}

/**
 * Pull requests at the forge that has the repository. A branch has at most one that is open, however often and from however many
 * places `open` is called: it is looked for before it is made, and again where the making is refused. One of this very commit
 * that somebody has closed or merged meanwhile stays as it is. A wrong forge makes a second one, or sends a token to another host.
 * Faults: forgeUnknown, forgeCredentials, forgeRefused, forgeUnreachable (retryable, with the pause that was asked for).
 */
export interface Forge {
  /** Throws what would make `open` fail for good, without asking anybody. */
  ensureKnown(url: string): void;
  open(wish: PullRequestWish): Promise<OpenedPullRequest>;
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
  /** It may take hours, most of them waiting for somebody else's model: it takes no place of those that are over in minutes. */
  readonly isLong?: boolean;
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

// ---------------------------------------------------------------- test reports

export type ReadReport =
  | { readonly kind: 'read'; readonly table: TestTable }
  /** It tells nothing of tests. */
  | { readonly kind: 'none' }
  /** It should, and cannot be read; why, at most 500 characters. */
  | { readonly kind: 'corrupt'; readonly says: string };

/**
 * Reads what test runners write, whatever runner it was: JUnit's XML, the JSON of jest, vitest, mocha and go, TAP, and what
 * node, cargo and go print. Never throws: the text is the check's own. A wrong reader takes its word for more than it says.
 */
export interface TestReports {
  /** Files of one run together; `root` is the work tree, whose path is no part of a test's name. */
  readFiles(files: readonly { readonly path: string; readonly text: string }[], root: string): ReadReport;
  /** What a check has printed. */
  readOutput(text: string, root: string): ReadReport;
}

// ---------------------------------------------------------------- source

export interface SourceText {
  /** Null if no parser knows it: then only its words are read. */
  readonly language: ParsedLanguage | null;
  readonly text: string;
}

/**
 * Reads source files by the grammars of their languages. Pure: the same text gives the same. Some megabytes at once at most.
 * Faults: infrastructure (retryable) if the parser cannot be started, dies or takes too long.
 */
export interface SourceParser {
  /** Part of the name under which tags are remembered. */
  readonly version: string;
  /** What each file defines and names; text that its language would refuse is read as far as it goes. */
  tags(files: readonly SourceText[]): Promise<readonly FileTags[]>;
  /** The first place of each file that its grammar refuses, in one sentence; null if there is none, or no grammar. */
  faults(files: readonly SourceText[]): Promise<readonly (string | null)[]>;
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

/** Where tasks and jobs tell what happens to them. */
export interface Events {
  /**
   * Resolves when the events are on the disk, or wait in memory for a disk that takes nothing now; never rejects, for what is
   * told of the work must not stop it. An event whose id was told before may be left out.
   */
  emit(events: readonly WeaverEvent[]): Promise<void>;
}

/** Running number from 1, without gaps, over all processes of a weaver home. */
export interface StoredEvent {
  readonly number: number;
  readonly event: CloudEvent;
  /** The event as it is stored and sent, one line of JSON. */
  readonly line: string;
}

/** What was told on this host. Old events are removed after some time; what is read may begin later than asked. */
export interface EventLog {
  /** Those after that number, at most so many, in their order. */
  read(after: number, eventsMax: number): Promise<readonly StoredEvent[]>;
  /** Number of the last one; 0 if there is none. */
  last(): Promise<number>;
  /** Resolves when there may be more, now and then also when there is not, and when the signal aborts. */
  changed(signal: AbortSignal): Promise<void>;
}

/** How far a receiver of events has got. */
export interface Delivery {
  readonly sink: 'webhook' | 'file';
  /** Origin of the address, or path of the file. */
  readonly target: string;
  /** Number of the last event that it has; those after it wait. */
  readonly number: number;
  readonly deliveredAt: number | null;
  /** It takes nothing since then; null if the last delivery worked. */
  readonly failing: { readonly since: number; readonly tries: number; readonly says: string } | null;
  /** Events that it refused for good. */
  readonly refused: number;
  /** Events that were removed for their age before it took them. */
  readonly lost: number;
}

// ---------------------------------------------------------------- telemetry

/**
 * Counts what a worker does. Never rejects, never throws, keeps nobody waiting; values of labels are few, whatever is given.
 * A wrong meter makes a new series for each task.
 */
export interface Meter {
  /** `waitedMs`: from when the server had the step until the worker began with it. `tryNumber` is 1 for the first. */
  began(step: string, waitedMs: number, tryNumber: number): void;
  /** `done`, `cancelled`, or a code of the catalogue. */
  ended(step: string, result: string, tookMs: number): void;
  called(call: {
    readonly provider: string;
    readonly model: string;
    readonly result: string;
    readonly tookMs: number;
  }): void;
  /** What has not been counted yet. */
  spent(provider: string, model: string, tokens: Tokens, costUsdMicros: number): void;
  /** `failure` is null for a success. */
  attempted(outcome: string, failure: string | null): void;
  decided(decision: string): void;
  taskEnded(state: string): void;
}

/** Where a step belongs. */
export interface StepPlace {
  /** Ids of workflows; of what belongs to no task both are the same. */
  readonly job: string;
  readonly task: string;
  readonly attempt?: number;
  readonly turn?: number;
  /** Absent = the first. */
  readonly try?: number;
}

export interface TracedStep extends StepPlace {
  /** Type of the activity. */
  readonly step: string;
  /** Of the workflow: the steps of one run are one trace. */
  readonly runId: string;
  /** Whether `attempted` will tell of its attempt: not of calls beside a task, which bear the names of its turns. */
  readonly isOfTask: boolean;
}

export interface TracedAttempt {
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: string;
  /** Code of the catalogue; null for a success. */
  readonly failure: string | null;
}

/** A request to a model that has ended: what it was, never what was said. */
export interface TracedCall {
  readonly callId: string;
  readonly provider: ProviderSettings;
  readonly purpose: CallPurpose;
  /** What was asked for. */
  readonly output: 'text' | 'json';
  readonly sent: SentRequest;
  readonly end:
    | { readonly kind: 'answered'; readonly model: string; readonly finishReason: FinishReason | 'tool_calls' }
    | { readonly kind: 'failed'; readonly code: FailureCode };
}

export interface TracedTool {
  readonly tool: string;
  readonly callId: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly isError: boolean;
}

/**
 * Tells those who watch from outside what a worker does. Never throws, keeps nobody waiting, holds a bounded part of what nobody
 * takes. A wrong tracer tells what a prompt, an answer or a file says.
 */
export interface Tracer {
  began(step: TracedStep): StepTrace;
  /** An attempt has ended: its steps belong to it. Told again it is the same one. */
  attempted(step: TracedStep, attempt: TracedAttempt): void;
}

/** What happens in one step. */
export interface StepTrace {
  /** Told again it is the same call, and counts once. */
  called(call: TracedCall): void;
  used(tool: TracedTool): void;
  /** `done`, `cancelled`, or a code of the catalogue. */
  ended(result: string): void;
}

/** Where OpenTelemetry's spans and metrics are sent; absent = that one is not. */
export interface OtlpSettings {
  readonly traces?: OtlpTarget;
  readonly metrics?: OtlpTarget & { readonly everyMs: number; readonly timeoutMs: number };
}

export interface OtlpTarget {
  /** The whole address. */
  readonly url: string;
  readonly protocol: 'http/json' | 'http/protobuf';
  readonly headers: Readonly<Record<string, string>>;
}

// ---------------------------------------------------------------- housekeeping

export interface SweepRequest {
  /** Ids of the tasks that have not ended; null where no server can be asked: then only what is known to have ended goes. */
  readonly openTasks: readonly string[] | null;
  /** Only says what would go. */
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Removes what tasks have left in the weaver home and what is past its time (domain/housekeeping), a bounded part at a time.
 * Nothing of an open task goes, and nothing that is younger than its time. Harmless twice, and beside other sweeps.
 * Faults: infrastructure (retryable); rejects with the signal's reason if that aborts.
 */
export interface Housekeeping {
  sweep(request: SweepRequest): Promise<Swept>;
}
