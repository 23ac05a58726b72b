/** One line in the log when a step ends, with the job, task, attempt and turn that it belongs to. */
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';

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
        const fault = faultOf(thrown, context.cancellationSignal.aborted);
        // That a provider has no room now is as it should be.
        log(fault['fault'] === 'providerBusy' ? 'info' : 'warn', { ...took(), ...fault }, activityType);
        throw thrown;
      }
    },
  });

/** Workflow ids are `<job>/t/<path>`, activity ids `a<attempt>.<step>` or `a<attempt>.t<turn>`. */
function placeOf({ info }: Context): Readonly<Record<string, unknown>> {
  const task = info.workflowExecution?.workflowId ?? '';
  const [, attempt, turn] = /^a(\d+)\.(?:t(\d+))?/.exec(info.activityId) ?? [];
  return {
    job: task.split('/t/')[0],
    task,
    ...(attempt === undefined ? {} : { attempt: Number(attempt) }),
    ...(turn === undefined ? {} : { turn: Number(turn) }),
    ...(info.attempt > 1 ? { try: info.attempt } : {}),
  };
}

const kindOf = (result: unknown): Readonly<Record<string, unknown>> =>
  typeof result === 'object' && result !== null && 'kind' in result ? { result: result.kind } : {};

function faultOf(thrown: unknown, aborted: boolean): Readonly<Record<string, unknown>> {
  if (aborted) return { fault: 'cancelled' };
  const code = thrown instanceof ApplicationFailure ? thrown.type : null;
  return { fault: code ?? 'unknown', says: thrown instanceof Error ? thrown.message : String(thrown) };
}
