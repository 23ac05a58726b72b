/** The two protocols of OpenAI in which an endpoint can be asked: one request out, one answer in. */
import type OpenAI from 'openai';
import { isMap } from '../../domain/plain-object.js';
import type { CallRequest } from '../../ports.js';
import type { Dialect } from './dialect.js';
import type { Gathered } from './gathered.js';

export interface Question extends Pick<CallRequest, 'provider' | 'messages' | 'schema' | 'tools'> {
  readonly dialect: Dialect;
}

export interface Protocol {
  /** Resolves with the response as it came; rejects as the client does. */
  send(client: OpenAI, question: Question, signal: AbortSignal): Promise<Response>;
  /** Throws BrokenAnswer, ErrorInAnswer, an APIError of the client, or an error of the network. */
  gather(response: Response, client: OpenAI, gathered: Gathered, onContent: () => void): Promise<void>;
}

/** Endpoints read the arguments of earlier calls again, and refuse the whole request over one that is no JSON. */
export const argumentsOf = (given: string): string =>
  isObjectText(given) ? given : JSON.stringify({ malformed: given });

function isObjectText(text: string): boolean {
  try {
    return isMap(JSON.parse(text));
  } catch {
    return false;
  }
}
