/** A model's choice of the handler of a task: its JSON schema, and what came of it. */
import type { HandlerChoice } from '../domain/choose-handler.js';
import { cutToBytes } from '../domain/payload-limit.js';
import { FREE_HANDLERS } from '../domain/task.js';
import { readAnswerObject } from './answer-object.js';
import { malformed, type MalformedAnswer } from './answer.js';

export const handlerSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: { handler: { type: 'string', enum: FREE_HANDLERS }, reason: { type: 'string' } },
  required: ['handler', 'reason'],
  additionalProperties: false,
};

export type ParsedHandler = { readonly kind: 'ok'; readonly choice: HandlerChoice } | MalformedAnswer;

/** One sentence was asked for; whoever thinks aloud needs a page. */
const CHARACTERS_MAX = 20_000;
const REASON_BYTES_MAX = 300;

export function parseHandler(given: string): ParsedHandler {
  if (given.length > CHARACTERS_MAX) return malformed([`The answer is longer than ${CHARACTERS_MAX} characters.`]);
  const found = readAnswerObject(given, 'handler');
  if (found.kind === 'none') return malformed([found.says]);
  const { handler, reason } = found.object;
  const known = FREE_HANDLERS.find((name) => name === handler);
  if (known === undefined) return malformed([`handler: must be one of ${FREE_HANDLERS.join(', ')}.`]);
  const words = typeof reason === 'string' ? reason.toWellFormed().trim() : '';
  if (words === '') return malformed(['reason: must say why.']);
  return { kind: 'ok', choice: { handler: known, reason: cutToBytes(words, REASON_BYTES_MAX) } };
}
