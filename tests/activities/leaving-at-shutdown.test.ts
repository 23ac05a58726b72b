/** A call under way when its step is cancelled, and when its worker is stopped. */
import { ApplicationFailure } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { leavingAtShutdown } from '../../src/activities/leaving-at-shutdown';

const never = (signal: AbortSignal): Promise<string> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

it('gives what the work gives', async () => {
  const { signal } = new AbortController();
  await expect(leavingAtShutdown(signal, async () => 'done')).resolves.toBe('done');
  await expect(leavingAtShutdown(signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
});

it('stops the work when the step is cancelled', async () => {
  const step = new AbortController();
  const working = leavingAtShutdown(step.signal, never);
  const reason = new CancelledFailure('CANCELLED');
  step.abort(reason);
  await expect(working).rejects.toBe(reason);
});

it.each(['before', 'while'])(
  'gives the step back to be retried when the worker is stopped %s it works',
  async (when) => {
    const step = new AbortController();
    const reason = new CancelledFailure('WORKER_SHUTDOWN');
    if (when === 'before') step.abort(reason);
    let isStopped = false;
    const working = leavingAtShutdown(step.signal, (signal) => {
      signal.addEventListener('abort', () => (isStopped = true));
      return never(signal);
    });
    step.abort(reason);
    const fault = await working.catch((thrown: unknown) => thrown);
    expect(fault).toBeInstanceOf(ApplicationFailure);
    expect(fault).toMatchObject({ type: 'infrastructure', nonRetryable: false });
    expect(isStopped).toBe(false);
  },
);
