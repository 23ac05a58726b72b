/** Whether and when a request may leave: within limits and a budget that all workers share, and not to an endpoint in trouble. */
import { setTimeout as pause } from 'node:timers/promises';
import { limitsOf } from '../../domain/provider-limits.js';
import type { CallResult, Departing, ProviderSettings, SendGate, SendWindow } from '../../ports.js';
import type { Away } from './line.js';

/** Leave to send one request. `left` is called when it does. */
export interface Leave {
  readonly left: () => void;
}

export interface Refused {
  readonly kind: 'refused';
  readonly result: Omit<Extract<CallResult, { kind: 'failed' }>, 'spending'>;
}

/** A moment that has passed is asked for again: more often than this the host is too busy to keep any. */
const MISSED_MAX = 3;

const FREE: Leave = { left: () => undefined };

/**
 * Refused if this request may not leave: the result is what the caller is told. The keeper of the provider decides, which the
 * workers ask (docs/decisions/0019-provider-limits.md, 0035-shared-budgets.md).
 */
export async function mayDepart(
  provider: ProviderSettings,
  gates: () => readonly SendGate[],
  departing: Departing,
  signal: AbortSignal,
): Promise<Leave | Refused> {
  // Without limits and budget only trouble is asked about, and whom nobody can ask may leave.
  if (limitsOf(provider) === null && gates().length === 0) return FREE;
  return await throughGates(gates, departing, signal);
}

async function throughGates(
  gates: () => readonly SendGate[],
  departing: Departing,
  signal: AbortSignal,
): Promise<Leave | Refused> {
  for (let missed = 0; missed < MISSED_MAX && !signal.aborted; missed += 1) {
    const found = await firstWindow(gates(), departing);
    if (found === null) return busy('Not now.');
    if (await isInTime(found.window, signal)) return { left: () => found.gate.left(Date.now()) };
  }
  return busy('Its moment was missed again and again.');
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
  departing: Departing,
): Promise<{ readonly gate: SendGate; readonly window: SendWindow } | null> {
  for (const gate of gates) {
    const window = await gate.mayLeave(departing);
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
