/** Questions in the chat protocol, which nearly every endpoint speaks. */
import type { ChatCompletionCreateParams, ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import { defined } from '../../domain/plain-object.js';
import type { ToolCall, ToolDeclaration } from '../../domain/tools.js';
import type { ChatMessage, Sampling } from '../../ports.js';
import { gatherChat } from './answer-body.js';
import { factsOf, knows, messagesFor, type Dialect } from './dialect.js';
import { argumentsOf, type Protocol, type Question } from './protocol.js';
import { outputTokensOf } from './request-size.js';

export const CHAT: Protocol = {
  send: (client, question, signal) => client.chat.completions.create(bodyOf(question), { signal }).asResponse(),
  gather: gatherChat,
};

function bodyOf(question: Question): ChatCompletionCreateParams {
  const { provider, dialect, tools = [] } = question;
  const { signsCalls } = factsOf(provider);
  return {
    model: provider.model,
    messages: messagesFor(dialect, question).map((message) => wireMessage(message, signsCalls)),
    ...formFields(question),
    ...samplingFields(provider.sampling ?? {}, dialect),
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => declared(tool, dialect)) }),
  };
}

function formFields(question: Question): Readonly<Record<string, unknown>> {
  const { dialect, schema } = question;
  const { level, streaming, tokensField } = dialect;
  const format =
    schema === undefined || level === 'text' || !knows(dialect, 'response_format')
      ? undefined
      : level === 'json-object'
        ? { type: 'json_object' }
        : { type: 'json_schema', json_schema: { name: schema.name, strict: true, schema: schema.schema } };
  return {
    [tokensField]: outputTokensOf(question),
    stream: streaming !== 'none',
    ...(streaming === 'usage' ? { stream_options: { include_usage: true } } : {}),
    ...defined({ response_format: format }),
  };
}

function samplingFields(
  { temperature, topP, seed, reasoningEffort, stop }: Sampling,
  dialect: Dialect,
): Readonly<Record<string, unknown>> {
  return defined({
    temperature: knows(dialect, 'temperature') ? temperature : undefined,
    top_p: knows(dialect, 'top_p') ? topP : undefined,
    seed: knows(dialect, 'seed') ? seed : undefined,
    reasoning_effort: knows(dialect, 'reasoning_effort') ? reasoningEffort : undefined,
    stop: knows(dialect, 'stop') ? stop : undefined,
  });
}

const declared = ({ name, description, parameters }: ToolDeclaration, dialect: Dialect) => ({
  type: 'function' as const,
  function: { name, description, parameters, ...(knows(dialect, 'strict') ? { strict: true } : {}) },
});

function wireMessage(message: ChatMessage, signsCalls: boolean): ChatCompletionMessageParam {
  const { role, content, toolCalls, toolCallId } = message;
  switch (role) {
    case 'tool':
      return { role, content, tool_call_id: toolCallId ?? '' };
    case 'assistant':
      if (toolCalls === undefined) return { role, content };
      return {
        role,
        content: content === '' ? null : content,
        tool_calls: toolCalls.map((call) => wireCall(call, signsCalls)),
      };
    case 'system':
    case 'user':
      return { role, content };
    default:
      throw new TypeError(`unknown role ${JSON.stringify(role satisfies never)}`);
  }
}

/** Gemini takes this for a call that another model has made, and checks no signature. */
const UNSIGNED = 'skip_thought_signature_validator';

const wireCall = ({ id, name, arguments: given, signature = UNSIGNED }: ToolCall, signsCalls: boolean) => ({
  id,
  type: 'function' as const,
  function: { name, arguments: argumentsOf(given) },
  ...(signsCalls ? { extra_content: { google: { thought_signature: signature } } } : {}),
});
