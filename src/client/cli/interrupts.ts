/** Ctrl-C and its relatives: the first one asks, the second one forces. */

export interface Interrupts {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  stop(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const FORCED_EXIT_CODE = 130;

export function listenForInterrupts(onFirst: (name: string) => void): Interrupts {
  const controller = new AbortController();
  const listener = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(FORCED_EXIT_CODE);
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
