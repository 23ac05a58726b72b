/** What follows from an outcome. */
import type { Failure } from './failures.js';
import type { ArtifactRef, ProposedChild, WaitingOn } from './outcome.js';
import type { Handler } from './task.js';

export type Decision =
  | { readonly kind: 'complete'; readonly reason: string }
  | {
      readonly kind: 'retry';
      readonly reason: string;
      readonly delayMs: number;
      /** What is different in the next attempt: a retry always changes something. */
      readonly changes: 'evidence' | 'model' | 'handler';
      /** The coming attempts use this handler; absent = the same. */
      readonly handler?: Handler;
    }
  | {
      readonly kind: 'wait';
      readonly reason: string;
      readonly on: WaitingOn;
      /** Pause before the step is tried again, or before a question's default is taken, in milliseconds. */
      readonly probeMs: number;
    }
  | {
      readonly kind: 'decompose';
      readonly reason: string;
      readonly children: readonly ProposedChild[];
      /** Another child merges their branches at the end and checks the whole; this is its TaskSpec. Null without one. */
      readonly joinSpec: ArtifactRef | null;
    }
  /** The task waits until `on`, a task of the same job, has ended; the job refuses what would close a cycle. */
  | { readonly kind: 'addDependency'; readonly reason: string; readonly on: string }
  /** `failure` is what the task is remembered by; its family is the exit code. */
  | { readonly kind: 'markDead'; readonly reason: string; readonly failure: Failure }
  | { readonly kind: 'markStuck'; readonly reason: string; readonly failure: Failure };
