/** A worker that is stopped must not take with it what goes on without it. */
import { ApplicationFailure } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';

/**
 * Does the work with a signal that a cancel of the step aborts. When it is the worker that goes, the step is given back for
 * another worker, with a fault that is retried, and the work is left to itself: a request that is under way gets its answer.
 */
export function leavingAtShutdown<T>(cancelled: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      if (isShutdown(cancelled.reason))
        reject(ApplicationFailure.retryable('The worker is stopped; another one goes on.', 'infrastructure'));
      else stop.abort(cancelled.reason);
    };
    cancelled.addEventListener('abort', onAbort, { once: true });
    if (cancelled.aborted) onAbort();
    // Nothing is begun that nobody would see the end of.
    if (isShutdown(cancelled.reason)) return;
    work(stop.signal)
      .finally(() => cancelled.removeEventListener('abort', onAbort))
      .then(resolve, reject);
  });
}

/** The SDK's own word for it. */
const isShutdown = (reason: unknown): boolean =>
  reason instanceof CancelledFailure && reason.message === 'WORKER_SHUTDOWN';
