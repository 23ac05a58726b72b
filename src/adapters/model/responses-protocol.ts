/** Questions in the responses protocol. Nothing is kept at the endpoint: the whole conversation goes with each of them. */
import type { ResponseCreateParams, ResponseInputItem } from 'openai/resources/responses/responses';
import { defined } from '../../domain/plain-object.js';
import type { ToolDeclaration } from '../../domain/tools.js';
import type { ChatMessage } from '../../ports.js';
import { knows, messagesFor, type Dialect } from './dialect.js';
import { argumentsOf, type Protocol, type Question } from './protocol.js';
import { outputTokensOf } from './request-size.js';
import { gatherResponses } from './responses-body.js';

export const RESPONSES: Protocol = {
  send: (client, question, signal) => client.responses.create(bodyOf(question), { signal }).asResponse(),
  gather: gatherResponses,
};

function bodyOf(question: Question): ResponseCreateParams {
  const { provider, dialect, tools = [] } = question;
  return {
    model: provider.model,
    input: messagesFor(dialect, question).flatMap(inputItems),
    ...formFields(question),
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => declared(tool, dialect)) }),
  };
}

/** `seed` and `stop` are unknown to this protocol; the configuration refuses them beside it. */
function formFields(question: Question): Readonly<Record<string, unknown>> {
  const { dialect, provider } = question;
  const { temperature, topP, reasoningEffort } = provider.sampling ?? {};
  const effort = knows(dialect, 'reasoning_effort') ? reasoningEffort : undefined;
  return {
    max_output_tokens: outputTokensOf(question),
    stream: dialect.streaming !== 'none',
    ...defined({
      // What it keeps by itself stays with it for a month.
      store: knows(dialect, 'store') ? false : undefined,
      text: formatOf(question),
      temperature: knows(dialect, 'temperature') ? temperature : undefined,
      top_p: knows(dialect, 'top_p') ? topP : undefined,
      reasoning: effort === undefined ? undefined : { effort },
    }),
  };
}

function formatOf({ dialect, schema }: Question): object | undefined {
  if (schema === undefined || dialect.level === 'text' || !knows(dialect, 'response_format')) return undefined;
  if (dialect.level === 'json-object') return { format: { type: 'json_object' } };
  return { format: { type: 'json_schema', name: schema.name, strict: true, schema: schema.schema } };
}

const declared = ({ name, description, parameters }: ToolDeclaration, dialect: Dialect) => ({
  type: 'function' as const,
  name,
  description,
  parameters,
  strict: knows(dialect, 'strict'),
});

function inputItems({ role, content, toolCalls = [], toolCallId }: ChatMessage): readonly ResponseInputItem[] {
  if (role === 'tool') return [{ type: 'function_call_output', call_id: toolCallId ?? '', output: content }];
  const calls = toolCalls.map(({ id, name, arguments: given }) => ({
    type: 'function_call' as const,
    call_id: id,
    name,
    arguments: argumentsOf(given),
  }));
  return content === '' && calls.length > 0 ? calls : [{ role, content }, ...calls];
}
