/** What goes into each activity and what comes out: all of it small, texts by reference. */
import type { AskSpec, AskStep } from '../domain/ask-mode.js';
import type { PassedOver } from '../domain/agents.js';
import type { Failure, FailureCode } from '../domain/failures.js';
import type { Prerequisite } from '../domain/job.js';
import type { TurnTrace } from '../domain/loop-detector.js';
import type { ArtifactRef, Landing, ProposedChild } from '../domain/outcome.js';
import type { TestCounts } from '../domain/gate.js';
import type { PullRequestEnd } from '../domain/pull-request.js';
import type { CheckVerdict, CriteriaVerdict, Spending } from '../domain/record.js';
import type { ShadowRecord, ShadowSpec } from '../domain/shadow.js';
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
  /** Agents that were found wanting when they were to work: the next one stands in. */
  readonly passedOver?: readonly PassedOver[];
}

/** The agent that carries an attempt out. */
export interface OpenedAgent {
  readonly name: string;
  /** Those that could not, in the order of the chain. */
  readonly passedOver: readonly PassedOver[];
  readonly hasNext: boolean;
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
  /** Where the task names one. */
  readonly agent?: OpenedAgent;
  /** Who judges which acceptance criteria, by number; absent = nobody does. */
  readonly judge?: NamedModel & { readonly criteria: readonly number[] };
  readonly people?: PeopleSpec;
  readonly alternatives?: readonly Handler[];
  readonly decider?: string;
  readonly shadowDecider?: string;
  /** How every turn is asked, and whom, by name; absent = the model of the attempt. */
  readonly ask?: AskSpec;
  /** Steps that are asked in a way of their own; absent = none is. */
  readonly steps?: Readonly<Partial<Record<Exclude<AskStep, 'plan'>, AskSpec>>>;
  /** Whom the candidates come from, one after the other; absent = there are none. */
  readonly candidates?: readonly NamedModel[];
  readonly shadow?: Omit<ShadowSpec, 'model'> & NamedModel;
  /** True if the model may split the task in place of doing it. */
  readonly maySplit?: true;
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
  /** True if the work goes on top of the base branch when that has gone on. Absent = it stays where it is. */
  readonly rebases?: boolean;
  /** True if a pull request is to be opened for what lands. */
  readonly pullRequest?: true;
  /** Tips of the branches that `baseTree` holds beside `baseCommit`: further parents of what is landed. Absent = none. */
  readonly parents?: readonly string[];
  /** First words of each check. */
  readonly checks: readonly string[];
  readonly warnings: readonly string[];
  /** Tasks that may work on the repository at once, as the worker is configured; absent = no limit. */
  readonly repositoryPlaces?: number;
}

/** A model whose name is settled. */
export interface NamedModel {
  readonly provider: string;
  readonly model: string;
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
  readonly expects?: 'edits' | 'plan' | 'handler' | 'tools' | 'text' | 'choice' | 'score' | 'criteria';
  /** Of a call for edits or with tools: whether it may split the task instead; absent = it may not. */
  readonly maySplit?: true;
  /** In place of `prompt`: the conversation so far. */
  readonly conversation?: ArtifactRef;
  /** Of a judge's call about acceptance criteria: what its evidence is about; absent = it is believed. */
  readonly judged?: { readonly spec: ArtifactRef; readonly tree: string; readonly baseTree: string };
  /** Of a call that expects any text: a JSON schema that it must have. */
  readonly schema?: ArtifactRef;
  /** What the call is for, in the ledger; absent = the work of the task. */
  readonly purpose?: 'shadow' | 'judge' | 'candidate';
}

export interface Called extends Done {
  readonly callId: string;
  readonly answer: ArtifactRef;
  readonly model: string;
  readonly spending: Spending;
  readonly verdict: AnswerVerdict;
  /** What the endpoint took, also where the ledger had the answer; of a call that expects any text, or edits. */
  readonly latencyMs?: number;
  /** True if the next turn of the conversation may not fit the model's window any more. */
  readonly isNearlyFull?: boolean;
}

export type AnswerVerdict =
  | { readonly kind: 'usable'; readonly edits: number; readonly files: readonly string[] }
  /** `complaint` is what the repair turn says, at most 3,000 characters. */
  | { readonly kind: 'malformed'; readonly complaint: string }
  | { readonly kind: 'unusable'; readonly code: FailureCode; readonly detail: string }
  /** The model asks instead of answering: at most 2,000 characters. */
  | { readonly kind: 'question'; readonly text: string }
  /** Of a call that expects a plan, or may give one in place of edits. */
  | { readonly kind: 'plan'; readonly children: number }
  /** Of a call that expects the choice of a handler. */
  | { readonly kind: 'handler'; readonly handler: FreeHandler; readonly reason: string }
  /** Of a call that expects any text. */
  | { readonly kind: 'text'; readonly digest: Digest }
  /** Of a judge's call: the number of the answer that it prefers, from 1, or its score of one, 0 to 1. */
  | { readonly kind: 'choice'; readonly choice: number }
  | { readonly kind: 'score'; readonly score: number }
  /** Of a judge's call about acceptance criteria: their numbers. */
  | { readonly kind: 'criteria'; readonly met: readonly number[]; readonly unmet: readonly number[] }
  /**
   * Of a call that may call tools: in a few words what it asks for, valid or not, and whether a command is among it. `key` is
   * equal for calls that do the same, and null if not all are valid; absent in histories from before turns were compared.
   */
  | { readonly kind: 'tools'; readonly words: string; readonly runs: boolean; readonly key?: string | null };

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
  /** Where something of it could not be done: what the attempt ends of if that comes again and again. */
  readonly failure?: Failure;
}

/** The model says that it is done, has to ask, or splits the task. `callId` is that of its call, which waits for a result. */
export type Finish =
  | { readonly kind: 'question'; readonly callId: string; readonly question: string }
  /** Its plan, as JSON. */
  | { readonly kind: 'plan'; readonly callId: string; readonly answer: ArtifactRef }
  | {
      readonly kind: 'work';
      readonly callId: string;
      readonly diff: ArtifactRef;
      readonly stat: { readonly filesChanged: number; readonly insertions: number; readonly deletions: number };
      readonly subject: string;
      /** The whole commit message. */
      readonly message: ArtifactRef;
      /** What guards warn of, a line each, at most 5. */
      readonly notes?: readonly string[];
    };

/** What is to be known of an answer where it is compared with others: the text itself is too large for a history. */
export interface DigestInput {
  readonly lineage: string;
  readonly callId: string;
  readonly answer: ArtifactRef;
}

export interface Digest {
  /** SHA-256 of what it says: equal for the same JSON in another order, and for the same words in another case. */
  readonly key: string;
  /** Its beginning, at most 200 characters. */
  readonly text: string;
  /** What it has of the schema's faults, at most 5; empty if none. */
  readonly faults: readonly string[];
}

/** A question that is asked without a task, as it is stored. */
export interface Question {
  readonly prompt: ArtifactRef;
  readonly schema: ArtifactRef | null;
  /** In the order of asking, a judge last. */
  readonly models: readonly NamedModel[];
}

/** What opens a case of a comparison that is a coding task; the task itself comes beside it, as text parts. */
export interface CaseInput {
  readonly taskId: string;
  /** Of its work tree. */
  readonly lineage: string;
  /** One of those that are asked; which of them it is changes nothing. */
  readonly model: NamedModel;
  /** Where it was opened before; absent = the task's own base, as it is now. */
  readonly baseCommit?: string;
}

/** A case of a comparison that is a coding task: what its answers are asked with, and put on. */
export interface OpenedCase {
  /** The validated specification with its checks named. */
  readonly spec: ArtifactRef;
  readonly prompt: ArtifactRef;
  readonly baseCommit: string;
  readonly baseTree: string;
}

/** A page of a comparison's rows, and how many of them are as expected. */
export interface KeptTrials {
  readonly page: ArtifactRef;
  readonly passed: number;
  readonly failed: number;
}

/** Several answers, or one, to be judged. */
export interface JudgeInput {
  readonly lineage: string;
  /** What was asked. */
  readonly prompt: ArtifactRef;
  /** What was answered: texts or diffs, in the order in which they get their numbers. */
  readonly answers: readonly ArtifactRef[];
  readonly wants: 'choice' | 'score';
}

/** Keeps what a shadow call has come to. */
export interface ShadowInput {
  readonly record: ShadowRecord;
}

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

/** A conversation that has become too long for the model. */
export interface CompactInput {
  readonly conversation: ArtifactRef;
}

/** Lengths in characters. */
export type Compacted =
  | { readonly kind: 'compacted'; readonly conversation: ArtifactRef; readonly before: number; readonly after: number }
  /** The task and the last turn alone take what there is. */
  | { readonly kind: 'impossible'; readonly characters: number };

/** Travels with the fault of a call, so that what it has spent is booked all the same. */
export interface CallFaultDetails {
  readonly name: string;
  readonly spending: Spending;
  /** Asked for by the endpoint, and longer than a step waits: the decider waits instead. */
  readonly retryAfterMs?: number;
  /**
   * Nothing was sent, for the provider has no room: when to ask again, epoch milliseconds of the server, and why. `inMs` where a
   * host says it, whose clock may be another one.
   */
  readonly busy?: { readonly at: number; readonly inMs?: number; readonly why: string };
  /** Of `circuitOpen`: what the endpoint failed with the last time. */
  readonly because?: FailureCode;
}

export interface EditInput {
  readonly lineage: string;
  readonly callId: string;
  readonly spec: ArtifactRef;
  /** What the edits are applied to. */
  readonly baseTree: string;
  /** True if conflict markers must be gone afterwards. */
  readonly resolves?: boolean;
  /** What the change is shown against, where that is not what the edits are applied to: the base of a merge. */
  readonly wholeBase?: string;
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

/** Where a program or a person works on a task without a model. */
export interface WorkInput {
  readonly taskId: string;
  readonly lineage: string;
  readonly attempt: number;
  readonly spec: ArtifactRef;
  readonly baseCommit: string;
  readonly baseTree: string;
  readonly baseBranch: string;
  readonly branch: string;
  /** The task as JSON, with all that is known of it (domain/task-brief.ts). */
  readonly brief: ArtifactRef;
}

/** A question that a script has asked, and what a person has answered. */
export interface Exchange {
  readonly question: string;
  readonly answer: string;
}

/** What came of the work of a program or a person: a snapshot, if there is something to land. */
export type Made = Done &
  (
    | {
        readonly kind: 'made';
        readonly tree: string;
        readonly diff: ArtifactRef;
        readonly stat: { readonly filesChanged: number; readonly insertions: number; readonly deletions: number };
        readonly subject: string;
        /** The whole commit message. */
        readonly message: ArtifactRef;
        /** What was printed; absent where nothing was run. */
        readonly log?: ArtifactRef;
        /** What guards warn of, a line each, at most 5. */
        readonly notes?: readonly string[];
      }
    | {
        readonly kind: 'failed';
        readonly failure: Failure;
        readonly signature: string;
        readonly evidence: ArtifactRef;
      }
    /** A script that cannot go on without a person: at most 2,000 characters. */
    | { readonly kind: 'question'; readonly text: string; readonly log: ArtifactRef }
    /** A program or a person that would rather have the task split: the plan as JSON, and what was printed. */
    | { readonly kind: 'plan'; readonly answer: ArtifactRef; readonly log?: ArtifactRef }
  );

/** What a person is to work on. */
export interface HandOverInput extends WorkInput {
  /** What the checks said of the work so far; null at first. */
  readonly evidence: ArtifactRef | null;
}

/** Where a person finds the work tree. */
export interface HandedOver extends Done {
  readonly path: string;
  readonly host: string;
}

export interface TakeInput extends WorkInput {
  /** The commit message in the person's words; empty = the task's title. */
  readonly message: string;
}

export interface CheckInput {
  readonly taskId: string;
  readonly lineage: string;
  readonly spec: ArtifactRef;
  readonly baseCommit: string;
  readonly baseTree: string;
  readonly tree: string;
  /** Results of the same checks at the base (`Checked.results`): what comes of this tree is compared with them. */
  readonly baseline?: ArtifactRef;
}

/** What the gate makes of the checks, compared with the base. */
export interface Gated {
  /** Null if it is passed. */
  readonly refused: { readonly failure: Failure; readonly signature: string } | null;
  readonly counts: TestCounts;
}

/** Acceptance criteria to be judged by a model, and what it is shown. */
export interface CriteriaInput {
  readonly lineage: string;
  readonly spec: ArtifactRef;
  /** Their numbers, from 1. */
  readonly criteria: readonly number[];
  readonly diff: ArtifactRef;
  /** One line a check. */
  readonly checks: readonly string[];
  readonly counts: TestCounts | null;
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
        /** The results with all their tests, as JSON (`CheckResult[]`); absent in histories from before there were any. */
        readonly results?: ArtifactRef;
        /** Where there was a baseline to compare with. */
        readonly gated?: Gated;
        /** Criteria that commands have told. */
        readonly criteria?: CriteriaVerdict['byCheck'];
        /** What could not be told, a line each, at most 5. */
        readonly notes?: readonly string[];
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
  /** What was found of the acceptance criteria. */
  readonly criteria?: CriteriaVerdict;
  /** Whether to look if the base branch has gone on, and to give the change on top of it in place of pushing. */
  readonly rebases?: boolean;
}

export type Landed = Done &
  (
    | { readonly kind: 'landed'; readonly landing: Landing }
    | { readonly kind: 'refused'; readonly failure: Failure; readonly evidence?: ArtifactRef }
    /** Nothing was pushed: the base branch has gone on, and this is the change on top of it, to be checked again. */
    | ({ readonly kind: 'rebased' } & Rebased)
  );

/** What has landed, and what a pull request says of it. */
export interface PullRequestInput {
  readonly taskId: string;
  readonly lineage: string;
  readonly spec: ArtifactRef;
  readonly landing: Landing;
  readonly baseBranch: string;
  readonly summary: string;
  readonly attempts: number;
  readonly spending: Spending;
  readonly checks: readonly Pick<CheckVerdict, 'name' | 'passed' | 'durationMs'>[];
  readonly tests?: TestCounts;
  readonly criteria?: CriteriaVerdict;
  /** A judge's answer about the criteria. */
  readonly judged?: ArtifactRef;
}

export type PullRequestDone = Extract<PullRequestEnd, { kind: 'open' }>;

/** A change on a base that came later. */
export interface Rebased {
  readonly baseCommit: string;
  readonly baseTree: string;
  readonly tree: string;
}

/** From a plan to children whose specifications are stored. */
export interface ProposeInput {
  readonly lineage: string;
  /** Of the call whose answer it is; absent where it is in the store. */
  readonly callId?: string;
  readonly answer?: ArtifactRef;
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
/** TaskResult of a cancelled task; null if it ended before it could tell. */
export interface LastWord {
  readonly taskId: string;
  readonly result: unknown;
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
