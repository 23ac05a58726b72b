/** Ctrl-C and its relatives: the first one asks, the second one forces. */
import { INTERRUPTED } from './goes-on.js';

export interface Interrupts {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  stop(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Whoever ends a group of processes often signals each of them too: that is one wish, and what is ours is still put away. */
const SAME_WISH_MS = 500;

export function listenForInterrupts(onFirst: (name: string) => void): Interrupts {
  const controller = new AbortController();
  let firstAt = 0;
  const listener = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (performance.now() - firstAt > SAME_WISH_MS) process.exit(INTERRUPTED);
      return;
    }
    firstAt = performance.now();
    controller.abort();
    onFirst(name);
  };
  for (const name of SIGNALS) process.on(name, listener);
  return {
    signal: controller.signal,
    stop: () => {
      for (const name of SIGNALS) process.off(name, listener);
    },
  };
}

/** Resolves when the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((settle) => {
    if (signal.aborted) settle();
    else signal.addEventListener('abort', () => settle(), { once: true });
  });
