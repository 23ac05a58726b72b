/** What the test's calls are told to do, and what they tell. */
import type { FailureCode } from '../../../src/domain/failures.js';
import type { ProviderSettings } from '../../../src/ports.js';

/** What becomes of a call that may leave. */
export interface CallFate {
  readonly provider: Partial<ProviderSettings> & { readonly name: string };
  readonly callId: string;
  /**
   * Of its failure; null = answered. `lost`: its worker dies; `vanished`: its request process, before it has said more; `over`:
   * it is a later try, which finds the answer.
   */
  readonly ends: FailureCode | 'lost' | 'vanished' | 'over' | null;
  /** What it may cost at most, and what it has cost, in micro-dollars. */
  readonly most?: number;
  readonly cost?: number;
  /** Which of the workers it is of; the first if absent. */
  readonly worker?: number;
  readonly retryAfterMs?: number;
}

/** What the gate has said. */
export type Told = 'granted' | { readonly why: string; readonly inMs: number };
