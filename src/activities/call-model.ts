/**
 * One turn: the conversation goes to the model, the answer comes back and is looked at.
 * Harmless twice: the call's id follows from what is asked, and the ledger gives the answer that was paid for already.
 */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { canonicalJson } from '../domain/consensus.js';
import type { FailureCode } from '../domain/failures.js';
import { cutToBytes } from '../domain/payload-limit.js';
import { inBlocks, type PromptMessage } from '../domain/prompt.js';
import type { Spending } from '../domain/record.js';
import { answerText } from '../domain/tool-answer.js';
import { describeUses, splittingTools, TOOLS, type ToolUse } from '../domain/tools.js';
import {
  answerOrSplitSchema,
  answerSchema,
  choiceSchema,
  criteriaSchema,
  handlerSchema,
  parseAnswer,
  parseChoice,
  parseCriteria,
  parseHandler,
  parsePlan,
  parseScore,
  parseSplit,
  parseToolCall,
  planSchema,
  scoreSchema,
  splitProperties,
  type AnswerForm,
} from '../schemas.js';
import type { CallResult, ChatMessage, ProviderSettings } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { faultOfGate, throughGate, type GateOf } from './ask-provider.js';
import type { AnswerVerdict, Called, CallFaultDetails, CallInput } from './contract.js';
import { addToConversation, readConversation, saidBefore } from './conversations.js';
import { digestOf } from './digest-answer.js';
import { evidenceFaults } from './judged-evidence.js';
import { hashOf } from './json-hash.js';
import { beat } from './heartbeat.js';
import { leavingAtShutdown } from './leaving-at-shutdown.js';
import { tellCallEnd } from './tell-call-end.js';
import { tellCall } from './trace-steps.js';

/** A repair names every fault, but an answer can hold hundreds. */
const COMPLAINT_BYTES_MAX = 3_000;
/** Twice a screen: a longer question is an essay, and nobody answers those. */
const QUESTION_BYTES_MAX = 2_000;

export const createCallModel =
  (ports: ActivityPorts, gateOf: GateOf) =>
  async (input: CallInput): Promise<Called> => {
    const startedAt = Date.now();
    // Bytes arrive on a socket that knows nothing of activities.
    const context = Context.current();
    const { model, artifacts, settings } = ports;
    const provider = settings.provider({ provider: input.provider, model: input.model });
    const { messages, promptSha256, form } = await conversation(ports, input, provider);
    const callId = nameCall(input, messages, provider);
    const noted = { promptSha256, tryNumber: context.info.attempt, ...purposeOf(input) };
    const place = { callId, lineage: input.lineage, name: input.name };
    const request = { ...place, provider, messages, ...(form === 'blocks' ? {} : formOf(input)), ...noted };
    const gate = gateOf(context, provider, callId);
    const onProgress = (bytes: number, tokens: number): void => beat(context, { bytes, tokens });
    const call = (signal: AbortSignal) => model.call(request, signal, onProgress, gate);
    const result = await throughGate(gate, () => leavingAtShutdown(context.cancellationSignal, call));
    tellCall(context, request, result);
    const told = tellCallEnd(ports, context, request, { result, startedAt });
    if (result.kind === 'failed') {
      await told;
      throw faultOfGate(gate, input.name, result) ?? toFault(input.name, result);
    }
    const text = input.expects === 'tools' ? answerText(result) : result.text;
    // Side by side: each waits for the disk.
    const [answer] = await Promise.all([artifacts.put('answer', text), told]);
    const { spending } = result;
    return {
      by: settings.identity,
      startedAt,
      endedAt: Date.now(),
      callId,
      answer,
      model: result.model,
      spending,
      verdict: await held(ports, input, text, look(result, input, { form, schema: await schemaOf(artifacts, input) })),
      ...(isCompared(input) ? { latencyMs: result.latencyMs } : {}),
      ...(input.expects === 'tools' && isNearlyFull(provider, spending) ? { isNearlyFull: true } : {}),
    };
  };

/** By its time too, which is that of the model also where the answer was paid for before. */
const isCompared = ({ expects = 'edits' }: CallInput): boolean => expects === 'text' || expects === 'edits';

/** What the results of one turn take, about: four pages of a tool. */
const TURN_TOKENS = 16_000;

/** Endpoints count the answer that they may give as part of their window. */
function isNearlyFull({ contextWindow, maxOutputTokens }: ProviderSettings, { tokens, callsSent }: Spending): boolean {
  if (contextWindow === undefined || callsSent === 0) return false;
  const used = (tokens.prompt + tokens.completion) / callsSent;
  // A small window is used at least by half before anything is left out.
  return used > Math.max(contextWindow / 2, contextWindow - maxOutputTokens - TURN_TOKENS);
}

const purposeOf = ({ purpose }: CallInput) => (purpose === undefined ? {} : { purpose });

/** Undefined where any text will do. */
const schemaOf = async (artifacts: ActivityPorts['artifacts'], { schema }: CallInput): Promise<unknown> =>
  schema === undefined ? undefined : JSON.parse((await artifacts.get(schema)).toString('utf8'));

/** What the endpoint is told of the form of the answer. */
function formOf({ expects = 'edits', maySplit }: CallInput) {
  if (expects === 'tools') return { tools: maySplit === true ? SPLITTING_TOOLS : TOOLS };
  if (expects === 'edits' && maySplit === true) return { schema: { name: 'answer', schema: answerOrSplitSchema } };
  return expects === 'text' ? {} : { schema: SCHEMAS[expects] };
}

const SPLITTING_TOOLS = splittingTools(splitProperties);

const SCHEMAS = {
  edits: { name: 'answer', schema: answerSchema },
  plan: { name: 'plan', schema: planSchema },
  handler: { name: 'handler', schema: handlerSchema },
  choice: { name: 'choice', schema: choiceSchema },
  score: { name: 'score', schema: scoreSchema },
  criteria: { name: 'criteria', schema: criteriaSchema },
} as const;

/** Equal for the same question to the same model in the same place of the task, and for nothing else. */
const nameCall = (
  { lineage, name, provider, model }: CallInput,
  messages: readonly ChatMessage[],
  { sampling }: ProviderSettings,
): string =>
  // Where nothing is set the ids stay what they were, and paid answers are found.
  hashOf([lineage, name, provider, model, messages, ...(sampling === undefined ? [] : [sampling])], 40);

interface Conversation {
  readonly messages: readonly ChatMessage[];
  readonly promptSha256: string;
  readonly form: AnswerForm;
}

/** The messages, and the artifact that has them: a prompt that is gone on with is stored as a node of what was added to it. */
async function conversation(
  { artifacts, model }: ActivityPorts,
  { prompt, repairs, earlier = [], lineage, conversation: spoken, expects = 'edits' }: CallInput,
  { level }: ProviderSettings,
): Promise<Conversation> {
  if (spoken !== undefined)
    return { messages: await readConversation(artifacts, spoken), promptSha256: spoken.sha256, form: 'json' };
  const written = JSON.parse((await artifacts.get(prompt)).toString('utf8')) as readonly PromptMessage[];
  // Here and not where the prompt is written: several models of different levels may be asked the same.
  const blocks = level === 'text' && expects === 'edits' ? inBlocks(written) : null;
  const form = blocks === null ? 'json' : 'blocks';
  const first = blocks ?? written;
  const start = blocks === null ? prompt : await artifacts.put('prompt', JSON.stringify(blocks));
  const messages: ChatMessage[] = [];
  for (const turn of [...earlier, ...(repairs === null ? [] : [repairs])]) {
    messages.push({ role: 'assistant', content: saidBefore(await model.answer(lineage, turn.callId)) });
    const { complaint } = turn;
    messages.push({
      role: 'user',
      content: turn.answered === true ? personAnswered(complaint, form) : repairRequest(complaint, form),
    });
  }
  const whole = messages.length === 0 ? start : await addToConversation(artifacts, start, messages);
  return { messages: [...first, ...messages], promptSha256: whole.sha256, form };
}

const FORM_WORDS: Readonly<Record<AnswerForm, string>> = { json: 'as one JSON object', blocks: 'in blocks' };

const repairRequest = (complaint: string, form: AnswerForm): string =>
  `Your answer could not be used. Nothing of it was applied.\n${complaint}\nSend the whole answer again, mended, ${FORM_WORDS[form]}.`;

const personAnswered = (words: string, form: AnswerForm): string =>
  `A person has answered your question:\n${words}\nNow do the task with that. Send the whole answer ${FORM_WORDS[form]}, in the form asked for at the beginning.`;

function look(
  result: Extract<CallResult, { kind: 'answered' }>,
  { expects, maySplit = false }: Pick<CallInput, 'expects'> & { readonly maySplit?: boolean },
  { form, schema }: { readonly form: AnswerForm; readonly schema: unknown },
): AnswerVerdict {
  const { text, finishReason } = result;
  // In a conversation there is a next turn to say it in.
  if (expects === 'tools' && finishReason === 'length')
    return { kind: 'tools', words: 'cut off', runs: false, key: null };
  if (finishReason === 'length')
    return unusable('truncatedAnswer', `The endpoint stopped after ${text.length} characters.`);
  if (finishReason === 'content_filter') return unusable('contentFiltered', '');
  if (finishReason === 'refusal') return unusable('modelRefused', text.slice(0, 300));
  if (expects === 'tools') return lookAtCalls(result, maySplit);
  switch (expects) {
    case 'handler':
      return lookAtHandler(text);
    case 'plan':
      return lookAtPlan(text);
    case 'text':
      return text.trim() === ''
        ? malformed(['The answer is empty.'])
        : { kind: 'text', digest: digestOf(text, schema) };
    case 'choice':
      return lookAtChoice(text);
    case 'criteria':
      return lookAtCriteria(text);
    case 'score':
      return lookAtScore(text);
    default:
      return (maySplit && form === 'json' ? lookAtSplit(text) : null) ?? lookAtEdits(text, form);
  }
}

/** Null if the task is not split. */
function lookAtSplit(text: string): AnswerVerdict | null {
  const parsed = parseSplit(text);
  if (parsed.kind === 'none') return null;
  return parsed.kind === 'malformed'
    ? malformed(parsed.faults)
    : { kind: 'plan', children: parsed.plan.children.length };
}

function lookAtEdits(text: string, form: AnswerForm): AnswerVerdict {
  const parsed = parseAnswer(text, form);
  if (parsed.kind === 'malformed') return malformed(parsed.faults);
  const { edits, question } = parsed.answer;
  if (edits.length === 0 && question !== undefined) return asks(question);
  const files = [...new Set(edits.map(({ path }) => path.slice(0, 100)))].slice(0, 20);
  return { kind: 'usable', edits: edits.length, files };
}

function lookAtCriteria(text: string): AnswerVerdict {
  const parsed = parseCriteria(text);
  if (parsed.kind === 'malformed') return malformed(parsed.faults);
  const numbers = (met: boolean) => parsed.criteria.filter((each) => each.met === met).map(({ id }) => id);
  return { kind: 'criteria', met: numbers(true), unmet: numbers(false) };
}

/** A judge has to show where: what it names must be there. */
async function held(
  ports: ActivityPorts,
  { judged }: CallInput,
  text: string,
  verdict: AnswerVerdict,
): Promise<AnswerVerdict> {
  if (judged === undefined || verdict.kind !== 'criteria') return verdict;
  const parsed = parseCriteria(text);
  const faults = parsed.kind === 'ok' ? await evidenceFaults(ports, judged, parsed.criteria) : [];
  return faults.length === 0 ? verdict : malformed(faults);
}

function lookAtPlan(text: string): AnswerVerdict {
  const parsed = parsePlan(text);
  if (parsed.kind === 'malformed') return malformed(parsed.faults);
  const { children, question } = parsed.plan;
  return children.length === 0 && question !== undefined ? asks(question) : { kind: 'plan', children: children.length };
}

function lookAtCalls({ toolCalls = [] }: Extract<CallResult, { kind: 'answered' }>, maySplit: boolean): AnswerVerdict {
  const read = toolCalls.map((call) => parseToolCall(call, maySplit));
  const uses = read.flatMap((parsed) => (parsed.kind === 'ok' ? [parsed.use] : []));
  const words = uses.length === 0 ? 'no valid call' : describeUses(uses);
  const isValid = uses.length > 0 && uses.length === toolCalls.length;
  const runs = isValid && uses.some(({ tool }) => tool === 'run');
  return { kind: 'tools', words, runs, key: isValid ? sameness(uses) : null };
}

/** Equal for calls that do the same, whatever they are called and however their arguments are written. */
const sameness = (uses: readonly ToolUse[]): string => hashOf(canonicalJson(uses.map(done)), 40);

/** What a model says of its work is another text each time; that it is finished, or what it asks, is what it does. */
function done(use: ToolUse): unknown {
  if (use.tool !== 'finish') return use;
  const { tool, question, split } = use;
  return { tool, question, ...(split === undefined ? {} : { children: split.children, join: split.join }) };
}

function lookAtHandler(text: string): AnswerVerdict {
  const parsed = parseHandler(text);
  return parsed.kind === 'malformed' ? malformed(parsed.faults) : { kind: 'handler', ...parsed.choice };
}

function lookAtChoice(text: string): AnswerVerdict {
  const parsed = parseChoice(text);
  return parsed.kind === 'malformed' ? malformed(parsed.faults) : { kind: 'choice', choice: parsed.choice };
}

function lookAtScore(text: string): AnswerVerdict {
  const parsed = parseScore(text);
  return parsed.kind === 'malformed' ? malformed(parsed.faults) : { kind: 'score', score: parsed.score };
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
  { code, says, retryable, retryAfterMs, because, spending }: Extract<CallResult, { kind: 'failed' }>,
): ApplicationFailure {
  // What the step does not try again itself is for the decider to wait for, however soon it may be.
  const isLong = retryAfterMs !== undefined && (retryAfterMs > STEP_WAITS_MS_MAX || !retryable);
  const details: CallFaultDetails = {
    name,
    spending,
    ...(isLong ? { retryAfterMs } : {}),
    ...(because === undefined ? {} : { because }),
  };
  return ApplicationFailure.create({
    type: code,
    message: says,
    nonRetryable: !retryable || isLong,
    details: [details],
    ...(retryAfterMs === undefined || isLong ? {} : { nextRetryDelay: retryAfterMs }),
  });
}
