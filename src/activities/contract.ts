/** What goes into each activity and what comes out: all of it small, texts by reference. */
import type { Failure, FailureCode } from '../domain/failures.js';
import type { ArtifactRef, Landing } from '../domain/outcome.js';
import type { CheckVerdict, Spending } from '../domain/record.js';
import type { LimitsSpec, ModelChoice } from '../domain/task.js';

/** Who did a step and when it began and ended there, epoch milliseconds. */
export interface Done {
  readonly by: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface OpenInput {
  readonly taskId: string;
  readonly attempt: number;
  /** Random part of the default branch name. */
  readonly suffix: string;
  /** What the attempt before ended in; null for the first one. */
  readonly last: { readonly failure: Failure; readonly evidence: ArtifactRef | null } | null;
}

export interface Opened extends Done {
  /** The validated specification with its checks named. */
  readonly spec: ArtifactRef;
  readonly title: string;
  readonly limits: LimitsSpec;
  readonly models: readonly ModelChoice[];
  /** Provider and model that this attempt asks. */
  readonly provider: string;
  readonly model: string;
  readonly prompt: ArtifactRef;
  readonly promptVersion: string;
  readonly url: string;
  readonly baseBranch: string;
  readonly branch: string;
  readonly baseCommit: string;
  readonly baseTree: string;
  readonly branchTip: string | null;
  /** First words of each check. */
  readonly checks: readonly string[];
  readonly warnings: readonly string[];
}

export interface CallInput {
  readonly lineage: string;
  /** `a<attempt>.t<turn>`. */
  readonly name: string;
  readonly prompt: ArtifactRef;
  readonly provider: string;
  readonly model: string;
  /** The turn before, when this one is to repair its answer. */
  readonly repairs: { readonly callId: string; readonly complaint: string } | null;
}

export interface Called extends Done {
  readonly callId: string;
  readonly answer: ArtifactRef;
  readonly model: string;
  readonly spending: Spending;
  readonly verdict: AnswerVerdict;
}

export type AnswerVerdict =
  | { readonly kind: 'usable'; readonly edits: number; readonly files: readonly string[] }
  /** `complaint` is what the repair turn says, at most 3,000 characters. */
  | { readonly kind: 'malformed'; readonly complaint: string }
  | { readonly kind: 'unusable'; readonly code: FailureCode; readonly detail: string };

/** Travels with the fault of a call, so that what it has spent is booked all the same. */
export interface CallFaultDetails {
  readonly name: string;
  readonly spending: Spending;
  /** Asked for by the endpoint, and longer than a step waits: the decider waits instead. */
  readonly retryAfterMs?: number;
}

export interface EditInput {
  readonly lineage: string;
  readonly callId: string;
  readonly spec: ArtifactRef;
  readonly baseTree: string;
}

export type Edited =
  | {
      readonly kind: 'edited';
      readonly tree: string;
      readonly diff: ArtifactRef;
      readonly stat: { readonly filesChanged: number; readonly insertions: number; readonly deletions: number };
      /** First line of the commit message that will be used. */
      readonly subject: string;
    }
  | {
      readonly kind: 'rejected';
      readonly failure: Failure;
      readonly signature: string;
      readonly evidence: ArtifactRef;
      /** What a repair turn says; null where a repair is not offered. */
      readonly complaint: string | null;
    };

export interface CheckInput {
  readonly taskId: string;
  readonly lineage: string;
  readonly spec: ArtifactRef;
  readonly baseCommit: string;
  readonly baseTree: string;
  readonly tree: string;
}

export type Checked = Done &
  (
    | {
        readonly kind: 'checked';
        readonly verdicts: readonly CheckVerdict[];
        readonly sandbox: string;
        readonly warning: string | null;
        /** Excerpts of the failing checks' output, for the next prompt; null if all passed. */
        readonly evidence: ArtifactRef | null;
        /** True if the same checks had run on the same tree before. */
        readonly cached: boolean;
      }
    | { readonly kind: 'setupFailed'; readonly failure: Failure; readonly log: ArtifactRef; readonly sandbox: string }
  );

export interface LandInput {
  readonly taskId: string;
  readonly lineage: string;
  readonly callId: string;
  readonly spec: ArtifactRef;
  readonly baseBranch: string;
  readonly branch: string;
  readonly baseCommit: string;
  readonly baseTree: string;
  readonly branchTip: string | null;
  readonly tree: string;
  /** Seconds since the epoch: the commit's dates, chosen once by the workflow. */
  readonly dateSeconds: number;
}

export type Landed = Done &
  ({ readonly kind: 'landed'; readonly landing: Landing } | { readonly kind: 'refused'; readonly failure: Failure });

export interface CloseInput {
  readonly lineage: string;
}

export interface RecordInput {
  readonly taskId: string;
  /** The task as it stands, for readers that find no worker to ask. */
  readonly status: unknown;
  readonly result: unknown;
  readonly entries: readonly Entry[];
}

/** One entry of the task's account, named by its sequence number. */
interface Entry {
  readonly sequence: number;
  readonly record: unknown;
}
