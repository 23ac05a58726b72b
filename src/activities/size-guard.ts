/** No result of an activity over 8 KB: texts go by reference. Above 2 MB servers end the workflow or repeat a paid step for ever. */
import { ApplicationFailure } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { PAYLOAD_BYTES_MAX } from '../domain/payload-limit.js';

export const sizeGuardInterceptor = (): ActivityInboundCallsInterceptor => ({
  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    const result = await next(input);
    const bytes = Buffer.byteLength(JSON.stringify(result) ?? '');
    if (bytes <= PAYLOAD_BYTES_MAX) return result;
    throw ApplicationFailure.nonRetryable(
      `A result of ${bytes} bytes is over the limit of ${PAYLOAD_BYTES_MAX}.`,
      'infrastructure',
    );
  },
});
