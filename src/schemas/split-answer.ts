/** An answer that may split the task in place of doing it: the schema of both, and which of the two it is. */
import { readAnswerObject } from './answer-object.js';
import { answerSchema, malformed } from './answer.js';
import { DONE_OR_SPLIT, parsePlan, splitProperties, type ParsedPlan } from './plan-answer.js';

const properties = { ...answerSchema.properties, ...splitProperties };

/** For endpoints with a strict schema mode; asked of a task that may be split, and of no other. */
export const answerOrSplitSchema: Readonly<Record<string, unknown>> = {
  ...answerSchema,
  properties,
  required: Object.keys(properties),
};

/** `none`: it does the task, or asks; the same text is to be read as an answer. */
export type ParsedSplit = { readonly kind: 'none' } | ParsedPlan;

/** A strict schema makes the model send both fields: what is null or empty is not there. */
export function parseSplit(given: string): ParsedSplit {
  const found = readAnswerObject(given, 'children');
  if (found.kind === 'none' || isNothing(found.object['children'])) return { kind: 'none' };
  return isNothing(found.object['edits']) ? parsePlan(given) : malformed([DONE_OR_SPLIT]);
}

const isNothing = (list: unknown): boolean => list == null || (Array.isArray(list) && list.length === 0);
