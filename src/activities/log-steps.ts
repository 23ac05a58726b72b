/** One line in the log when a step ends, with the job, task, attempt and turn that it belongs to. */
import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { howItFailed, placeOf } from './step-place.js';

export type LogLine = (level: 'info' | 'warn', fields: Readonly<Record<string, unknown>>, message: string) => void;

export const logInterceptor =
  (log: LogLine) =>
  (context: Context): ActivityInboundCallsInterceptor => ({
    async execute(
      input: ActivityExecuteInput,
      next: Next<ActivityInboundCallsInterceptor, 'execute'>,
    ): Promise<unknown> {
      const startedAt = performance.now();
      const place = placeOf(context);
      const { activityType } = context.info;
      const took = () => ({ ...place, ms: Math.round(performance.now() - startedAt) });
      try {
        const result = await next(input);
        log('info', { ...took(), ...kindOf(result) }, activityType);
        return result;
      } catch (thrown) {
        const fault = faultOf(context, thrown);
        // That a provider has no room now is as it should be.
        log(fault['fault'] === 'providerBusy' ? 'info' : 'warn', { ...took(), ...fault }, activityType);
        throw thrown;
      }
    },
  });

const kindOf = (result: unknown): Readonly<Record<string, unknown>> =>
  typeof result === 'object' && result !== null && 'kind' in result ? { result: result.kind } : {};

function faultOf(context: Context, thrown: unknown): Readonly<Record<string, unknown>> {
  const fault = howItFailed(context, thrown);
  if (fault === 'cancelled') return { fault };
  return { fault, says: thrown instanceof Error ? thrown.message : String(thrown) };
}
