/** What follows from an outcome. */
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
  | { readonly kind: 'markDead'; readonly reason: string }
  | { readonly kind: 'markStuck'; readonly reason: string };
