/** Every activity with a heartbeat limit beats by itself, so that a cancel reaches it and a dead worker is noticed. */
import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';

/** What an activity has told of itself; a beat without it would take it away again. */
const told = new WeakMap<Context, unknown>();

/** Beats with news: what is to be seen in the server until the next one. */
export function beat(context: Context, details: unknown): void {
  told.set(context, details);
  context.heartbeat(details);
}

/** Three beats within the limit: one may get lost. */
const BEATS_PER_LIMIT = 3;

export const heartbeatInterceptor = (context: Context): ActivityInboundCallsInterceptor => ({
  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    const { heartbeatTimeoutMs, isLocal } = context.info;
    if (isLocal || heartbeatTimeoutMs === undefined || heartbeatTimeoutMs === 0) return await next(input);
    const timer = setInterval(() => context.heartbeat(told.get(context)), heartbeatTimeoutMs / BEATS_PER_LIMIT);
    try {
      return await next(input);
    } finally {
      clearInterval(timer);
    }
  },
});
