/**
 * One turn: the conversation goes to the model, the answer comes back and is looked at.
 * Harmless twice: the call's id follows from what is asked, and the ledger gives the answer that was paid for already.
 */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import type { FailureCode } from '../domain/failures.js';
import { cutToBytes } from '../domain/payload-limit.js';
import { answerSchema, parseAnswer } from '../schemas.js';
import type { CallResult, ChatMessage } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { AnswerVerdict, Called, CallFaultDetails, CallInput } from './contract.js';

/** A repair names every fault, but an answer can hold hundreds. */
const COMPLAINT_BYTES_MAX = 3_000;

export const createCallModel =
  (ports: ActivityPorts) =>
  async (input: CallInput): Promise<Called> => {
    const startedAt = Date.now();
    // Bytes arrive on a socket that knows nothing of activities.
    const context = Context.current();
    const { model, artifacts, settings } = ports;
    const provider = settings.provider({ provider: input.provider, model: input.model });
    const messages = await conversation(ports, input);
    const callId = nameCall(input, messages);
    const request = {
      callId,
      lineage: input.lineage,
      provider,
      messages,
      schema: { name: 'answer', schema: answerSchema },
    };
    const result = await model.call(request, context.cancellationSignal, (bytes) => context.heartbeat({ bytes }));
    if (result.kind === 'failed') throw toFault(input.name, result);
    const answer = await artifacts.put('answer', result.text);
    const { spending } = result;
    return {
      by: settings.identity,
      startedAt,
      endedAt: Date.now(),
      callId,
      answer,
      model: result.model,
      spending,
      verdict: look(result),
    };
  };

/** Equal for the same question to the same model in the same place of the task, and for nothing else. */
const nameCall = ({ lineage, name, provider, model }: CallInput, messages: readonly ChatMessage[]): string =>
  createHash('sha256')
    .update(JSON.stringify([lineage, name, provider, model, messages]))
    .digest('hex')
    .slice(0, 40);

async function conversation(
  { artifacts, model }: ActivityPorts,
  { prompt, repairs, lineage }: CallInput,
): Promise<readonly ChatMessage[]> {
  const asked = JSON.parse((await artifacts.get(prompt)).toString('utf8')) as readonly ChatMessage[];
  if (repairs === null) return asked;
  const before = (await model.answer(lineage, repairs.callId)) ?? '';
  return [
    ...asked,
    { role: 'assistant', content: before },
    { role: 'user', content: repairRequest(repairs.complaint) },
  ];
}

const repairRequest = (complaint: string): string =>
  `Your answer could not be used. Nothing of it was applied.\n${complaint}\nSend the whole answer again, mended, as one JSON object.`;

function look({ text, finishReason }: Extract<CallResult, { kind: 'answered' }>): AnswerVerdict {
  if (finishReason === 'length')
    return unusable('truncatedAnswer', `The endpoint stopped after ${text.length} characters.`);
  if (finishReason === 'content_filter') return unusable('contentFiltered', '');
  if (finishReason === 'refusal') return unusable('modelRefused', text.slice(0, 300));
  const parsed = parseAnswer(text);
  if (parsed.kind === 'malformed')
    return { kind: 'malformed', complaint: cutToBytes(parsed.faults.join('\n'), COMPLAINT_BYTES_MAX) };
  const files = [...new Set(parsed.answer.edits.map(({ path }) => path.slice(0, 100)))].slice(0, 20);
  return { kind: 'usable', edits: parsed.answer.edits.length, files };
}

const unusable = (code: FailureCode, detail: string): AnswerVerdict => ({ kind: 'unusable', code, detail });

/** A longer pause is an outage: it counts as waiting instead of working, and the record says what for. */
const STEP_WAITS_MS_MAX = 60_000;

function toFault(
  name: string,
  { code, says, retryable, retryAfterMs, spending }: Extract<CallResult, { kind: 'failed' }>,
): ApplicationFailure {
  const isLong = retryAfterMs !== undefined && retryAfterMs > STEP_WAITS_MS_MAX;
  const details: CallFaultDetails = { name, spending, ...(isLong ? { retryAfterMs } : {}) };
  return ApplicationFailure.create({
    type: code,
    message: says,
    nonRetryable: !retryable || isLong,
    details: [details],
    ...(retryAfterMs === undefined || isLong ? {} : { nextRetryDelay: retryAfterMs }),
  });
}
