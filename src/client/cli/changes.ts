/** Watching that outlives the server: while it is away, others report it. */
import { setTimeout as pause } from 'node:timers/promises';
import { WeaverFault } from '../weaver-fault.js';

const RECONNECT_PAUSE_MS = 1_000;

/** Reason of an abort: the end is known, so that what has not been told yet can be. */
export const HAS_ENDED = 'has ended';

/** Begins to watch again whenever the server cannot be reached; ends with what is watched, or when the signal aborts. */
export async function* changes<View>(
  watch: () => AsyncGenerator<View, void>,
  signal: AbortSignal,
): AsyncGenerator<View, void> {
  while (!signal.aborted) {
    try {
      yield* watch();
      return;
    } catch (thrown) {
      if (!(thrown instanceof WeaverFault) || thrown.code !== 'temporalUnreachable') throw thrown;
      await pause(RECONNECT_PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }
}
