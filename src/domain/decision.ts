/** What follows from an outcome. */
import type { Failure } from './failures.js';
import type { WaitingOn } from './outcome.js';

export type Decision =
  | { readonly kind: 'complete'; readonly reason: string }
  | {
      readonly kind: 'retry';
      readonly reason: string;
      readonly delayMs: number;
      /** What is different in the next attempt: a retry always changes something. */
      readonly changes: 'evidence' | 'model';
    }
  | {
      readonly kind: 'wait';
      readonly reason: string;
      readonly on: WaitingOn;
      /** Pause before the step is tried again, in milliseconds. */
      readonly probeMs: number;
    }
  /** `failure` is what the task is remembered by; its family is the exit code. */
  | { readonly kind: 'markDead'; readonly reason: string; readonly failure: Failure }
  | { readonly kind: 'markStuck'; readonly reason: string; readonly failure: Failure };
