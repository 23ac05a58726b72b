/** What goes into each activity and what comes out: all of it small, texts by reference. */
import type { Failure, FailureCode } from '../domain/failures.js';
import type { Prerequisite } from '../domain/job.js';
import type { TurnTrace } from '../domain/loop-detector.js';
import type { ArtifactRef, Landing, ProposedChild } from '../domain/outcome.js';
import type { CheckVerdict, Spending } from '../domain/record.js';
import type { FreeHandler, Handler, LimitsSpec, ModelChoice, PeopleSpec } from '../domain/task.js';

/** Who did a step and when it began and ended there, epoch milliseconds. */
export interface Done {
  readonly by: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** The larger part of what `openWorkspace` needs, as text parts. */
export interface OpenContext {
  readonly spec: unknown;
  /** Takes the place of `spec`. */
  readonly specRef?: ArtifactRef;
  readonly prerequisites: readonly Prerequisite[];
  /** What people have added while the task ran, oldest first. */
  readonly instructions: readonly string[];
  /** Branches of prerequisites that the task builds on: one takes the place of the base branch, several are merged into it. */
  readonly stackOn?: readonly string[];
}

export interface OpenInput {
  readonly taskId: string;
  /** A rerun asks in the words of its predecessor, whose answers its ledger has; `taskId` if absent. */
  readonly lineage?: string;
  readonly attempt: number;
  /** Random part of the default branch name. */
  readonly suffix: string;
  /** What the attempt before ended in; null for the first one. */
  readonly last: { readonly failure: Failure; readonly evidence: ArtifactRef | null } | null;
  /** In place of the specification's own: the decider took an alternative. */
  readonly handler?: Handler;
}

export interface Opened extends Done {
  /** The validated specification with its checks named. */
  readonly spec: ArtifactRef;
  readonly title: string;
  readonly limits: LimitsSpec;
  /** Absent in histories of before there was a choice: `one-shot`. */
  readonly handler?: Handler;
  /** Where the file leaves the handler to rules or to a model: what came of it, or whom to ask. */
  readonly handlerChoice?:
    | { readonly kind: 'chosen'; readonly handler: FreeHandler; readonly reason: string }
    | { readonly kind: 'asked'; readonly provider: string; readonly model: string; readonly prompt: ArtifactRef };
  readonly people?: PeopleSpec;
  readonly alternatives?: readonly Handler[];
  readonly decider?: string;
  readonly shadowDecider?: string;
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
  /** Tips of the branches that `baseTree` holds beside `baseCommit`: further parents of what is landed. Absent = none. */
  readonly parents?: readonly string[];
  /** First words of each check. */
  readonly checks: readonly string[];
  readonly warnings: readonly string[];
  /** Tasks that may work on the repository at once, as the worker is configured; absent = no limit. */
  readonly repositoryPlaces?: number;
}

export interface CallInput {
  readonly lineage: string;
  /** `a<attempt>.t<turn>`, or `a<attempt>.handler`. */
  readonly name: string;
  readonly prompt: ArtifactRef;
  readonly provider: string;
  readonly model: string;
  /** The turn before, when this one is to repair its answer, or to go on with a person's answer to its question. */
  readonly repairs: { readonly callId: string; readonly complaint: string; readonly answered?: boolean } | null;
  /** Turns before that one which the model must not forget, oldest first: a question and its answer. */
  readonly earlier?: readonly { readonly callId: string; readonly complaint: string; readonly answered?: boolean }[];
  /** What the answer is; edits if absent. */
  readonly expects?: 'edits' | 'plan' | 'handler' | 'tools';
  /** In place of `prompt`: the conversation so far. */
  readonly conversation?: ArtifactRef;
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
  | { readonly kind: 'unusable'; readonly code: FailureCode; readonly detail: string }
  /** The model asks instead of answering: at most 2,000 characters. */
  | { readonly kind: 'question'; readonly text: string }
  /** Of a call that expects a plan. */
  | { readonly kind: 'plan'; readonly children: number }
  /** Of a call that expects the choice of a handler. */
  | { readonly kind: 'handler'; readonly handler: FreeHandler; readonly reason: string }
  /** Of a call that may call tools: in a few words what it asks for, valid or not, and whether a command is among it. */
  | { readonly kind: 'tools'; readonly words: string; readonly runs: boolean };

/** From a turn's answer to what its calls give. */
export interface ToolsInput {
  readonly taskId: string;
  readonly lineage: string;
  readonly spec: ArtifactRef;
  readonly baseCommit: string;
  readonly baseTree: string;
  /** What the calls find, and what those that change something change. */
  readonly tree: string;
  /** What the model had said before. */
  readonly conversation: ArtifactRef;
  readonly answer: ArtifactRef;
}

export interface ToolsDone extends Done {
  readonly tree: string;
  /** With the answer and the results of its calls; the result of an accepted `finish` is still to come. */
  readonly conversation: ArtifactRef;
  /** One line for people. */
  readonly summary: string;
  readonly trace: TurnTrace;
  /** Nothing was carried out, because a call was no valid one, or the answer none. */
  readonly malformed: boolean;
  readonly finish?: Finish;
}

/** The model says that it is done, or has to ask. `callId` is that of its call, which waits for a result. */
export type Finish =
  | { readonly kind: 'question'; readonly callId: string; readonly question: string }
  | {
      readonly kind: 'work';
      readonly callId: string;
      readonly diff: ArtifactRef;
      readonly stat: { readonly filesChanged: number; readonly insertions: number; readonly deletions: number };
      readonly subject: string;
      /** The whole commit message. */
      readonly message: ArtifactRef;
    };

/** Something is said to the model between two turns. */
export interface SayInput {
  readonly conversation: ArtifactRef;
  /** The call that this is the result of; absent for a message of its own. */
  readonly toolCallId?: string;
  /** At most 4,000 bytes. */
  readonly text: string;
  /** Shown below the text, cut. */
  readonly evidence?: ArtifactRef;
}

export interface Said {
  readonly conversation: ArtifactRef;
}

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
  /** What the edits are applied to. */
  readonly baseTree: string;
  /** True if conflict markers must be gone afterwards. */
  readonly resolves?: boolean;
}

export type Edited =
  | {
      readonly kind: 'edited';
      readonly tree: string;
      readonly diff: ArtifactRef;
      readonly stat: { readonly filesChanged: number; readonly insertions: number; readonly deletions: number };
      /** First line of the commit message that will be used. */
      readonly subject: string;
      /**
       * What was overlooked to find the texts searched for, at most 10 of at most 200 characters. Absent if nothing was, and in
       * histories from before there were any.
       */
      readonly notes?: readonly string[];
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
  /** The answer whose message is used; null where no model was asked. */
  readonly callId: string | null;
  /** First line of the message where no model was asked. */
  readonly subject?: string;
  /** The whole message; it goes before the other two. */
  readonly message?: ArtifactRef;
  /** Tips that the commit merges, beside the base. */
  readonly parents?: readonly string[];
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

/** From a plan to children whose specifications are stored. */
export interface ProposeInput {
  readonly lineage: string;
  readonly callId: string;
  /** The parent's validated specification. */
  readonly spec: ArtifactRef;
  /** What the parent has spent: the children share what its own limits leave. */
  readonly spent?: { readonly costUsdMicros: number; readonly tokens: number };
}

export interface Proposed {
  readonly children: readonly ProposedChild[];
  readonly join: boolean;
  /** TaskSpec of the join child; null without one. */
  readonly joinSpec: ArtifactRef | null;
  readonly parentFingerprint: string;
  /** The plan in Markdown, for people. */
  readonly plan: ArtifactRef;
}

export interface MergeInput {
  readonly taskId: string;
  readonly spec: ArtifactRef;
  readonly baseCommit: string;
  readonly baseTree: string;
  /** Branches to merge, in this order. */
  readonly branches: readonly string[];
}

export type Merged = Done &
  (
    | {
        readonly kind: 'merged';
        readonly tree: string;
        /** Tips that were merged; the landing names them as trailers. */
        readonly merged: readonly string[];
        readonly diff: ArtifactRef;
        readonly subject: string;
      }
    | {
        readonly kind: 'conflict';
        readonly files: readonly string[];
        readonly evidence: ArtifactRef;
        readonly failure: Failure;
        /** What is merged, with conflict markers where the branches disagree. */
        readonly treeWithMarkers: string;
        readonly merged: readonly string[];
        /** A task (handler `resolve`) whose description shows the conflict; null when this merge is that task's own. */
        readonly child: ProposedChild | null;
      }
  );

export interface UnpublishInput {
  readonly url: string;
  /** At most 20. */
  readonly branches: readonly { readonly branch: string; readonly commit: string }[];
}
export interface Unpublished {
  readonly removed: readonly string[];
  /** Somebody has moved them on; they stay. */
  readonly kept: readonly string[];
}

export interface LookInput {
  /** At most 50. */
  readonly taskIds: readonly string[];
}
/** A task that has ended without telling its job. */
export interface Gone {
  readonly taskId: string;
  readonly how: 'terminated' | 'failed' | 'timedOut' | 'cancelled' | 'missing' | 'completed';
  /** TaskResult of one that has completed, and whose report did not come. */
  readonly result?: unknown;
}

export interface CloseInput {
  readonly lineage: string;
}

export interface Closed {
  /** All that the ledger of this host has of the lineage, also what no step has reported. */
  readonly spending: Spending;
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

export interface FailedRun {
  readonly jobId: string;
  /** Code of the failure. */
  readonly failure: string;
}

export interface FailuresInput {
  readonly schedule: string;
  readonly failuresMax: number;
  /** The run that has failed now. */
  readonly run: { readonly workflowId: string; readonly runId: string };
  readonly failed: FailedRun;
}

export interface FailuresSeen {
  readonly failuresInARow: number;
  readonly paused: boolean;
}

export interface SweepInput {
  /** Only says what would go. */
  readonly dryRun: boolean;
}
