/** Bounded concurrency by provider, first come first served. */
import type { ProviderSettings } from '../../ports.js';

export interface Slots {
  /** Resolves with the function that gives the slot back, or with null if the signal aborts before it was had. */
  take(provider: ProviderSettings, signal: AbortSignal): Promise<(() => void) | null>;
}

interface Lane {
  limit: number;
  taken: number;
  readonly waiting: (() => void)[];
}

/** The limit of a provider is the one it was named with last. */
export function createSlots(): Slots {
  const lanes = new Map<string, Lane>();
  return {
    take(provider, signal) {
      const name = `${provider.name} ${provider.baseUrl}`;
      const lane = lanes.get(name) ?? { limit: 1, taken: 0, waiting: [] };
      lanes.set(name, lane);
      lane.limit = Math.max(1, provider.concurrency);
      return new Promise((resolve) => {
        const start = (): void => {
          signal.removeEventListener('abort', giveUp);
          lane.taken += 1;
          resolve(once(() => release(lane)));
        };
        const giveUp = (): void => {
          lane.waiting.splice(lane.waiting.indexOf(start), 1);
          resolve(null);
        };
        if (signal.aborted) return resolve(null);
        signal.addEventListener('abort', giveUp, { once: true });
        lane.waiting.push(start);
        fill(lane);
      });
    },
  };
}

function release(lane: Lane): void {
  lane.taken -= 1;
  fill(lane);
}

function fill(lane: Lane): void {
  while (lane.taken < lane.limit && lane.waiting.length > 0) lane.waiting.shift()?.();
}

function once(use: () => void): () => void {
  let used = false;
  return () => {
    if (!used) use();
    used = true;
  };
}
