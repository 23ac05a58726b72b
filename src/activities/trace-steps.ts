/** What is told as spans: every step, in it the requests to models and the tools, around the steps their attempt. */
import { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { fieldOf, fieldText } from '../domain/task.js';
import { fromTextParts } from '../domain/text-parts.js';
import type { CallRequest, CallResult, StepTrace, TracedAttempt, TracedCall, TracedStep, Tracer } from '../ports.js';
import type { RecordInput } from './contract.js';
import { howItFailed, placeOf } from './step-place.js';

/** The spans of the steps under way. */
const traces = new WeakMap<Context, StepTrace>();

/** Undefined where nobody is told. */
export const stepTrace = (): StepTrace | undefined => traces.get(Context.current());

export function traceInterceptor(tracer: Tracer): (context: Context) => ActivityInboundCallsInterceptor {
  return (context) => ({
    async execute(
      input: ActivityExecuteInput,
      next: Next<ActivityInboundCallsInterceptor, 'execute'>,
    ): Promise<unknown> {
      const { activityType, workflowType, workflowExecution } = context.info;
      const runId = workflowExecution?.runId ?? '';
      const step = { ...placeOf(context), step: activityType, runId, isOfTask: workflowType === 'codingTask' };
      const trace = tracer.began(step);
      traces.set(context, trace);
      try {
        const result = await next(input);
        trace.ended('done');
        if (activityType === 'record') tellAttempts(tracer, step, input.args);
        return result;
      } catch (thrown) {
        trace.ended(howItFailed(context, thrown));
        throw thrown;
      }
    },
  });
}

/** An answer that was there before the step was asked for belongs to an earlier run, which has told of it. */
export function tellCall({ info }: Context, request: CallRequest, result: CallResult): void {
  const { sent } = result;
  if (sent === undefined || sent.endedAt < info.scheduledTimestampMs) return;
  const { callId, provider, purpose = 'real', schema } = request;
  const output = schema === undefined ? 'text' : 'json';
  stepTrace()?.called({ callId, provider, purpose, output, sent, end: endOf(result) });
}

function endOf(result: CallResult): TracedCall['end'] {
  if (result.kind === 'failed') return { kind: 'failed', code: result.code };
  const { model, toolCalls, finishReason } = result;
  const stoppedForTools = toolCalls !== undefined && finishReason === 'stop';
  return { kind: 'answered', model, finishReason: stoppedForTools ? 'tool_calls' : finishReason };
}

/** @param parts what `record` is given: the only place where a worker hears of whole attempts */
function tellAttempts(tracer: Tracer, step: TracedStep, parts: readonly unknown[]): void {
  const { entries } = fromTextParts(parts.map(String)) as RecordInput;
  for (const { record } of entries) {
    const attempt = attemptIn(record);
    if (attempt !== null) tracer.attempted(step, attempt);
  }
}

function attemptIn(record: unknown): TracedAttempt | null {
  const [attempt, startedAt, endedAt] = ['attempt', 'startedAt', 'endedAt'].map((name) => fieldOf(record, name));
  if (fieldText(record, 'kind') !== 'attempt') return null;
  if (typeof attempt !== 'number' || typeof startedAt !== 'number' || typeof endedAt !== 'number') return null;
  const outcome = fieldOf(record, 'outcome');
  const failure = fieldText(fieldOf(outcome, 'failure'), 'code');
  return {
    attempt,
    startedAt,
    endedAt,
    outcome: fieldText(outcome, 'kind'),
    failure: failure === '' ? null : failure,
  };
}
