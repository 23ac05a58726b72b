/** How large a request is, before anybody has counted its tokens. */
import { estimateTokens } from '../../domain/token-estimate.js';
import type { CallRequest, EndpointDialect } from '../../ports.js';

type Sized = Pick<CallRequest, 'messages' | 'schema' | 'tools'>;

/** What the prompt will cost at least. */
export const estimatePromptTokens = (request: Sized): number => estimateTokens(charactersOf(request));

/** Code and prose take 3 to 5 characters a token; a text of more than this many for each token of a window cannot fit. */
const CHARACTERS_A_TOKEN_MAX = 8;
/** Less room than this for the answer is none: the endpoint is to say so itself. */
export const OUTPUT_TOKENS_MIN = 256;

/** Whether the prompt cannot fit into the window, however its tokens are counted. */
export const exceedsWindow = (request: Sized & Pick<CallRequest, 'provider'>): boolean =>
  charactersOf(request) > (request.provider.contextWindow ?? Infinity) * CHARACTERS_A_TOKEN_MAX;

/** Servers refuse a limit that prompt and answer together could not keep. */
export function outputTokensOf(
  request: Sized & Pick<CallRequest, 'provider'> & { readonly dialect?: EndpointDialect },
): number {
  const { maxOutputTokens, contextWindow = Infinity } = request.provider;
  const { answerTokensMax = Infinity, contextWindow: named = Infinity, room: counted } = request.dialect ?? {};
  const room = counted ?? Math.min(contextWindow, named) - Math.ceil(estimatePromptTokens(request) * 1.1);
  return Math.min(maxOutputTokens, answerTokensMax, Math.max(room, OUTPUT_TOKENS_MIN));
}

/** What a call takes of an answer or a prompt. */
export const charactersOfCalls = (calls: readonly { readonly name: string; readonly arguments: string }[]): number =>
  calls.reduce((sum, { name, arguments: given }) => sum + name.length + given.length, 0);

const charactersOf = ({ messages, schema, tools }: Sized): number =>
  messages.reduce(
    (sum, { content, toolCalls = [] }) => sum + content.length + charactersOfCalls(toolCalls),
    lengthOf(schema) + lengthOf(tools),
  );

const lengthOf = (value: unknown): number => (value === undefined ? 0 : JSON.stringify(value).length);
