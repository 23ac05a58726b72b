/**
 * Tells of the end of a call, with what it has cost and without its words: an account has no entry for each.
 * Harmless twice: the event's id follows from the call and what became of it, and a reader drops the second.
 */
import type { Context } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import { callEnded } from '../domain/events.js';
import { failure } from '../domain/failures.js';
import { answerText } from '../domain/tool-answer.js';
import type { CallRequest, CallResult } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';

/** A call that waits for its place has not ended, and nothing is told. */
export async function tellCallEnd(
  { events }: Pick<ActivityPorts, 'events'>,
  { info }: Context,
  request: CallRequest,
  { result, startedAt }: { readonly result: CallResult; readonly startedAt: number },
): Promise<void> {
  const failed = result.kind === 'failed' ? result : null;
  if (failed?.code === 'providerBusy') return;
  const { lineage, callId, name = '', provider, purpose = 'real', promptSha256 = '', tools } = request;
  const { workflowId: subject, runId } = info.workflowExecution ?? { workflowId: lineage, runId: '' };
  const call = { subject, runId, callId, name, purpose, tryNumber: info.attempt, provider: provider.name };
  const ended = { spending: result.spending, promptSha256, startedAt, endedAt: Date.now() };
  const how =
    result.kind === 'failed'
      ? {
          model: provider.model,
          failed: failure(result.code, result.says),
          retryAfterMs: result.retryAfterMs ?? null,
          latencyMs: null,
          answerSha256: null,
        }
      : {
          model: result.model,
          failed: null,
          retryAfterMs: null,
          latencyMs: result.latencyMs,
          // The name of the artifact that the answer becomes.
          answerSha256: sha256(tools === undefined ? result.text : answerText(result)),
        };
  await events.emit([callEnded({ ...call, ...how, ...ended })]);
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
