/**
 * One turn: the conversation goes to the model, the answer comes back and is looked at.
 * Harmless twice: the call's id follows from what is asked, and the ledger gives the answer that was paid for already.
 */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import type { FailureCode } from '../domain/failures.js';
import { cutToBytes } from '../domain/payload-limit.js';
import { describeUses, TOOLS } from '../domain/tools.js';
import {
  answerSchema,
  handlerSchema,
  parseAnswer,
  parseHandler,
  parsePlan,
  parseToolCall,
  planSchema,
} from '../schemas.js';
import type { CallResult, ChatMessage } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { AnswerVerdict, Called, CallFaultDetails, CallInput } from './contract.js';
import { answerText, readConversation } from './conversations.js';

/** A repair names every fault, but an answer can hold hundreds. */
const COMPLAINT_BYTES_MAX = 3_000;
/** Twice a screen: a longer question is an essay, and nobody answers those. */
const QUESTION_BYTES_MAX = 2_000;

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
    const request = { callId, lineage: input.lineage, provider, messages, ...formOf(input.expects) };
    const result = await model.call(request, context.cancellationSignal, (bytes) => context.heartbeat({ bytes }));
    if (result.kind === 'failed') throw toFault(input.name, result);
    const answer = await artifacts.put('answer', input.expects === 'tools' ? answerText(result) : result.text);
    const { spending } = result;
    return {
      by: settings.identity,
      startedAt,
      endedAt: Date.now(),
      callId,
      answer,
      model: result.model,
      spending,
      verdict: look(result, input.expects),
    };
  };

/** What the endpoint is told of the form of the answer. */
const formOf = (expects: CallInput['expects'] = 'edits') =>
  expects === 'tools' ? { tools: TOOLS } : { schema: SCHEMAS[expects] };

const SCHEMAS = {
  edits: { name: 'answer', schema: answerSchema },
  plan: { name: 'plan', schema: planSchema },
  handler: { name: 'handler', schema: handlerSchema },
} as const;

/** Equal for the same question to the same model in the same place of the task, and for nothing else. */
const nameCall = ({ lineage, name, provider, model }: CallInput, messages: readonly ChatMessage[]): string =>
  createHash('sha256')
    .update(JSON.stringify([lineage, name, provider, model, messages]))
    .digest('hex')
    .slice(0, 40);

async function conversation(
  { artifacts, model }: ActivityPorts,
  { prompt, repairs, earlier = [], lineage, conversation: spoken }: CallInput,
): Promise<readonly ChatMessage[]> {
  if (spoken !== undefined) return await readConversation(artifacts, spoken);
  const messages = [...(JSON.parse((await artifacts.get(prompt)).toString('utf8')) as readonly ChatMessage[])];
  for (const turn of [...earlier, ...(repairs === null ? [] : [repairs])]) {
    messages.push({ role: 'assistant', content: (await model.answer(lineage, turn.callId)) ?? '' });
    const { complaint } = turn;
    messages.push({
      role: 'user',
      content: turn.answered === true ? personAnswered(complaint) : repairRequest(complaint),
    });
  }
  return messages;
}

const repairRequest = (complaint: string): string =>
  `Your answer could not be used. Nothing of it was applied.\n${complaint}\nSend the whole answer again, mended, as one JSON object.`;

const personAnswered = (words: string): string =>
  `A person has answered your question:\n${words}\nNow do the task with that. Send the whole answer as one JSON object, in the form asked for at the beginning.`;

function look(result: Extract<CallResult, { kind: 'answered' }>, expects: CallInput['expects']): AnswerVerdict {
  const { text, finishReason } = result;
  // In a conversation there is a next turn to say it in.
  if (expects === 'tools' && finishReason === 'length') return { kind: 'tools', words: 'cut off', runs: false };
  if (finishReason === 'length')
    return unusable('truncatedAnswer', `The endpoint stopped after ${text.length} characters.`);
  if (finishReason === 'content_filter') return unusable('contentFiltered', '');
  if (finishReason === 'refusal') return unusable('modelRefused', text.slice(0, 300));
  if (expects === 'tools') return lookAtCalls(result);
  if (expects === 'handler') return lookAtHandler(text);
  return expects === 'plan' ? lookAtPlan(text) : lookAtEdits(text);
}

function lookAtEdits(text: string): AnswerVerdict {
  const parsed = parseAnswer(text);
  if (parsed.kind === 'malformed') return malformed(parsed.faults);
  const { edits, question } = parsed.answer;
  if (edits.length === 0 && question !== undefined) return asks(question);
  const files = [...new Set(edits.map(({ path }) => path.slice(0, 100)))].slice(0, 20);
  return { kind: 'usable', edits: edits.length, files };
}

function lookAtPlan(text: string): AnswerVerdict {
  const parsed = parsePlan(text);
  if (parsed.kind === 'malformed') return malformed(parsed.faults);
  const { children, question } = parsed.plan;
  return children.length === 0 && question !== undefined ? asks(question) : { kind: 'plan', children: children.length };
}

function lookAtCalls({ toolCalls = [] }: Extract<CallResult, { kind: 'answered' }>): AnswerVerdict {
  const uses = toolCalls.map(parseToolCall).flatMap((parsed) => (parsed.kind === 'ok' ? [parsed.use] : []));
  const words = uses.length === 0 ? 'no valid call' : describeUses(uses);
  return { kind: 'tools', words, runs: uses.length === toolCalls.length && uses.some(({ tool }) => tool === 'run') };
}

function lookAtHandler(text: string): AnswerVerdict {
  const parsed = parseHandler(text);
  return parsed.kind === 'malformed' ? malformed(parsed.faults) : { kind: 'handler', ...parsed.choice };
}

const malformed = (faults: readonly string[]): AnswerVerdict => ({
  kind: 'malformed',
  complaint: cutToBytes(faults.join('\n'), COMPLAINT_BYTES_MAX),
});

/** Whoever also works has decided for itself: a question beside edits is a note. */
const asks = (question: string): AnswerVerdict => ({
  kind: 'question',
  text: cutToBytes(question, QUESTION_BYTES_MAX),
});

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
