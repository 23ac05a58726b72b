/** What was observed at the end of an attempt. Facts only: what follows from them is the decider's business. */
import type { Failure } from './failures.js';

/** Names content in the artifact store; safe to pass through Temporal. */
export interface ArtifactRef {
  readonly kind: ArtifactKind;
  /** SHA-256 of the uncompressed content, in hex. */
  readonly sha256: string;
  /** Bytes before compression. */
  readonly sizeBytes: number;
}

export type ArtifactKind = 'prompt' | 'answer' | 'diff' | 'log' | 'test' | 'record' | 'spec';

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
  | { readonly kind: 'succeeded'; readonly landing: Landing }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      /** Equal for two attempts that failed in the same way; what "no progress" is measured by. */
      readonly signature: string;
      /** What the next prompt shows of this failure. */
      readonly evidence?: ArtifactRef;
      /** The other side asked for this pause, in milliseconds. */
      readonly retryAfterMs?: number;
    }
  | {
      readonly kind: 'blocked';
      readonly waitingOn: WaitingOn;
      readonly failure: Failure;
      readonly retryAfterMs?: number;
    };
