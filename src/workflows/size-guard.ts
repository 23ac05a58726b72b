/** The same limit on the way out of a workflow: arguments of activities, start inputs of children. */
import {
  ApplicationFailure,
  type WorkflowInterceptors,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';
import { JOB_INPUT_BYTES_MAX, PAYLOAD_BYTES_MAX, START_INPUT_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';

const outbound: WorkflowOutboundCallsInterceptor = {
  async scheduleActivity(input, next) {
    guard(input.activityType, input.args, PAYLOAD_BYTES_MAX);
    return await next(input);
  },
  async scheduleLocalActivity(input, next) {
    guard(input.activityType, input.args, PAYLOAD_BYTES_MAX);
    return await next(input);
  },
  async startChildWorkflowExecution(input, next) {
    const bytesMax = input.workflowType === 'job' ? JOB_INPUT_BYTES_MAX : START_INPUT_BYTES_MAX;
    guard(input.workflowType, input.options.args, bytesMax);
    return await next(input);
  },
};

export const interceptors = (): WorkflowInterceptors => ({ outbound: [outbound] });

function guard(what: string, args: readonly unknown[], bytesMax: number): void {
  for (const arg of args) {
    const bytes = utf8Bytes(JSON.stringify(arg) ?? '');
    if (bytes > bytesMax)
      throw ApplicationFailure.nonRetryable(
        `An argument of ${what} has ${bytes} bytes, limit ${bytesMax}.`,
        'infrastructure',
      );
  }
}
