/** What was observed at the end of an attempt. Facts only: what follows from them is the decider's business. */
import type { Failure } from './failures.js';
import type { Handler } from './task.js';

/** Names content in the artifact store; safe to pass through Temporal. */
export interface ArtifactRef {
  readonly kind: ArtifactKind;
  /** SHA-256 of the uncompressed content, in hex. */
  readonly sha256: string;
  /** Bytes before compression. */
  readonly sizeBytes: number;
}

export type ArtifactKind = 'prompt' | 'answer' | 'diff' | 'log' | 'test' | 'record' | 'spec' | 'plan' | 'conversation';

export interface Landing {
  readonly branch: string;
  readonly commit: string;
  /** The commit that the branch was built on. */
  readonly base: string;
  readonly filesChanged: number;
  readonly insertions: number;
  readonly deletions: number;
}

export type WaitingOn = 'human' | 'budget' | 'dependency' | 'resource';

export type Outcome =
  | {
      readonly kind: 'succeeded';
      readonly landing: Landing;
      /** True if no check has judged it, because there is none. */
      readonly unchecked?: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      /** Equal for two attempts that failed in the same way; what "no progress" is measured by. */
      readonly signature: string;
      /** What the next prompt shows of this failure. */
      readonly evidence?: ArtifactRef;
      /** The other side asked for this pause, in milliseconds. */
      readonly retryAfterMs?: number;
      /** Other handlers that may find the way, best first. */
      readonly alternatives?: readonly Handler[];
    }
  | {
      readonly kind: 'blocked';
      readonly waitingOn: WaitingOn;
      readonly failure: Failure;
      readonly retryAfterMs?: number;
      /** What a person is asked; with `waitingOn: human`. */
      readonly question?: Question;
      /** Task of the same job that has to end first; with `waitingOn: dependency`. */
      readonly on?: string;
    }
  | {
      /** The handler proposes to split the task; nothing is started before the decider has agreed. */
      readonly kind: 'proposed';
      readonly children: readonly ProposedChild[];
      /** Merge the children's branches and check the whole at the end. */
      readonly join: boolean;
      /** TaskSpec of the join child; null without one. */
      readonly joinSpec: ArtifactRef | null;
      /** Why the proposal cannot be carried out, in words; empty if it can. */
      readonly faults: readonly string[];
      /** The model's plan as a whole. */
      readonly plan: ArtifactRef;
    };

/** A child as proposed: small; its specification is in the store. */
export interface ProposedChild {
  /** `1`, `2` … in the order proposed; the child's path is `<parent>.<id>`. */
  readonly id: string;
  /** At most 100 characters. */
  readonly title: string;
  /** Ids of siblings. */
  readonly dependsOn: readonly string[];
  /** SHA-256 (hex, first 16) of title, description and criteria: a child equal to its parent is refused by it. */
  readonly fingerprint: string;
  /** The child's TaskSpec as JSON. */
  readonly spec: ArtifactRef;
}

export interface Question {
  /** Unique in the task: `a1.push`, `a2.t1`. */
  readonly id: string;
  /** `work`: a person is to do the task; it is answered by `weaver done`. */
  readonly kind: 'text' | 'choice' | 'approval' | 'work';
  /** At most 2,000 characters. */
  readonly text: string;
  /** Of a choice; an approval has none. */
  readonly options: readonly string[];
  /** Taken when the time is up; null = the task is stuck then. */
  readonly default: string | null;
  /** What it is about: a plan or a diff. */
  readonly about: ArtifactRef | null;
  /** Of `work`: the folder to work in. */
  readonly path?: string;
}

/** Answers to a question of the kind `work`. */
export const DONE = 'done';
export const UNDONE = 'not done';
/** The task is to be split in place of done. */
export const SPLIT = 'split';

/** How a question ended. An approval's answer is `approve` or `reject`. */
export interface Answered {
  readonly questionId: string;
  readonly answer: string;
  /** Who; `nobody` if the time was up and the default was taken. */
  readonly by: string;
  readonly why: string;
  /** Epoch milliseconds. */
  readonly at: number;
}
