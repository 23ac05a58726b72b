/** Whoever asks the keeper of a provider carries keepers out as well: a small worker on their queue, from when it is needed. */
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { KEEPERS_QUEUE } from './domain/provider-limits.js';
import { stopWorker } from './host-worker.js';

/** One for each provider; more than so many providers are read from their histories again. */
const CACHED_MAX = 20;

export interface KeepersWorker {
  /** Polls when it resolves, until it is stopped. Rejects where it cannot begin; it may be told again. */
  serve(): Promise<void>;
  /** Resolves when what it has taken up is done. */
  stop(): Promise<void>;
}

/** @param shared what the worker beside it is made of, with its place */
export function createKeepersWorker(shared: () => WorkerOptions, onWarning: (says: string) => void): KeepersWorker {
  let begun: Promise<Running> | null = null;
  let isStopped = false;
  const onEnd = (says: string | null): void => {
    begun = null; // told again, it begins again
    if (says !== null) onWarning(says);
  };
  return {
    serve: async () => {
      if (isStopped) return;
      begun ??= start(shared(), onEnd).catch((thrown: unknown) => {
        begun = null;
        throw thrown;
      });
      await begun;
    },
    stop: async () => {
      isStopped = true;
      const running = await begun?.catch(() => null); // told to whoever wanted it
      if (running == null) return;
      stopWorker(running.worker);
      await running.ended;
    },
  };
}

interface Running {
  readonly worker: Worker;
  /** Never rejects. */
  readonly ended: Promise<void>;
}

/** `onEnd` is told what it ended with, in words; null = it was stopped. */
async function start(
  { activities: _activities, ...rest }: WorkerOptions,
  onEnd: (says: string | null) => void,
): Promise<Running> {
  const worker = await Worker.create({ ...rest, taskQueue: KEEPERS_QUEUE, maxCachedWorkflows: CACHED_MAX });
  const ended = worker.run().then(
    () => onEnd(null),
    (thrown: unknown) => onEnd(String(thrown)),
  );
  return { worker, ended };
}
