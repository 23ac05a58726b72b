/** Whether and when a request may leave: after so many failures of its endpoint, and within limits that all workers share. */
import { setTimeout as pause } from 'node:timers/promises';
import { limitsOf } from '../../domain/provider-limits.js';
import type { CallResult, ProviderSettings, SendGate, SendWindow } from '../../ports.js';
import type { HealthBook } from './health-book.js';
import type { Away } from './line.js';

/** Leave to send one request. `left` is called when it does. */
export interface Leave {
  readonly left: () => void;
}

export interface Departure {
  /** Null if this request may not leave: the result is what the caller is told. */
  ask(
    provider: ProviderSettings,
    gates: () => readonly SendGate[],
    promptTokens: number,
    signal: AbortSignal,
  ): Promise<Leave | Refused>;
}

export interface Refused {
  readonly kind: 'refused';
  readonly result: Omit<Extract<CallResult, { kind: 'failed' }>, 'spending'>;
}

/** A moment that has passed is asked for again: more often than this the host is too busy to keep any. */
const MISSED_MAX = 3;

const FREE: Leave = { left: () => undefined };

/**
 * Where workers share limits, their keeper knows best, also of failures. Elsewhere the health of this home decides, and the
 * workers know whether the endpoint has asked for a pause (docs/decisions/0019-provider-limits.md).
 */
export const createDeparture = (health: HealthBook): Departure => ({
  async ask(provider, gates, promptTokens, signal) {
    const isLimited = limitsOf(provider) !== null;
    const refused = isLimited ? null : refusedByHealth(health, provider);
    if (refused !== null) return refused;
    // Without limits only a pause is asked about, and whom nobody can ask may leave.
    if (!isLimited && gates().length === 0) return FREE;
    const leave = await throughGates(gates, promptTokens, signal);
    // It was let through to try whether the endpoint is back, and does not.
    if ('kind' in leave && !isLimited) health.ended(provider, 'cancelled');
    return leave;
  },
});

async function throughGates(
  gates: () => readonly SendGate[],
  promptTokens: number,
  signal: AbortSignal,
): Promise<Leave | Refused> {
  for (let missed = 0; missed < MISSED_MAX && !signal.aborted; missed += 1) {
    const found = await firstWindow(gates(), promptTokens);
    if (found === null) return busy('Not now.');
    if (await isInTime(found.window, signal)) return { left: () => found.gate.left(Date.now()) };
  }
  return busy('Its moment was missed again and again.');
}

function refusedByHealth(health: HealthBook, provider: ProviderSettings): Refused | null {
  const refused = health.mayLeave(provider);
  if (refused === null) return null;
  const { untilMs, failures, code } = refused;
  const waitMs = Math.max(0, untilMs - Date.now());
  const says = `${provider.name} is left alone for ${Math.ceil(waitMs / 1_000)} s after ${failures} failures in a row`;
  const result = { kind: 'failed', code: 'circuitOpen', says, retryable: false, retryAfterMs: waitMs } as const;
  return { kind: 'refused', result: { ...result, because: code } };
}

const busy = (says: string): Refused => ({
  kind: 'refused',
  result: { kind: 'failed', code: 'providerBusy', says, retryable: true },
});

/** There is no place for it in this home, nor will be soon: no activity waits for one, the workflow comes again. */
export function busyFor({ forMs }: Away, says: string): Refused {
  const { kind, result } = busy(says);
  return { kind, result: { ...result, retryAfterMs: forMs } };
}

/** Who asks first for the answer is asked first; one that leaves meanwhile says no. */
async function firstWindow(
  gates: readonly SendGate[],
  promptTokens: number,
): Promise<{ readonly gate: SendGate; readonly window: SendWindow } | null> {
  for (const gate of gates) {
    const window = await gate.mayLeave(promptTokens);
    if (window !== null) return { gate, window };
  }
  return null;
}

/** Waits for the beginning of the window, which is less than a second away. */
async function isInTime({ fromMs, untilMs }: SendWindow, signal: AbortSignal): Promise<boolean> {
  const waitMs = fromMs - Date.now();
  if (waitMs > 0) await pause(waitMs, undefined, { signal }).catch(() => undefined); // the abort is seen by the caller
  return !signal.aborted && Date.now() <= untilMs;
}
