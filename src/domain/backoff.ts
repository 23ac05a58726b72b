/** Pauses between attempts and between probes of an outage, in milliseconds. */

/** 2, 4, 8, 16 … seconds: long enough for a passing trouble, short enough for a person who waits (design 10). */
const ATTEMPT_BACKOFF = { baseMs: 2_000, factor: 2, capMs: 300_000 } as const;

/** An outage is asked after quickly at first, then every five minutes at most (design 10). */
const PROBE_BACKOFF = { baseMs: 1_000, capMs: 300_000 } as const;

/** No pause that a decider chooses is longer. */
export const DELAY_MS_MAX = ATTEMPT_BACKOFF.capMs;

/** Pause after the n-th attempt (n from 1); the other side's own wish is honoured within the cap. */
export const attemptDelayMs = (attempts: number, retryAfterMs?: number): number =>
  Math.min(Math.max(grow(ATTEMPT_BACKOFF, attempts), retryAfterMs ?? 0), ATTEMPT_BACKOFF.capMs);

/** Pause before the next probe of an outage that has lasted `outageMs`; half of what has passed, within the bounds. */
export const probeDelayMs = (outageMs: number, retryAfterMs?: number): number =>
  Math.min(Math.max(PROBE_BACKOFF.baseMs, Math.floor(outageMs / 2), retryAfterMs ?? 0), PROBE_BACKOFF.capMs);

const grow = ({ baseMs, factor }: { readonly baseMs: number; readonly factor: number }, n: number): number =>
  baseMs * factor ** Math.max(0, n - 1);
