/** What a judge says of answers: the number of the one it prefers, or a score. Models with little discipline say only that. */
import { readAnswerObject } from './answer-object.js';
import { malformed, type MalformedAnswer } from './answer.js';

export const choiceSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: { choice: { type: 'integer' }, reason: { type: 'string' } },
  required: ['choice', 'reason'],
  additionalProperties: false,
};

export const scoreSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: { score: { type: 'number' }, reason: { type: 'string' } },
  required: ['score', 'reason'],
  additionalProperties: false,
};

/** A page of thinking aloud; longer texts are not looked at. */
const CHARACTERS_MAX = 20_000;
/** Nobody judges more answers than that. */
const CHOICE_MAX = 99;

/** The number in the field, else the first one from 1 to 99 of the first line, else the first anywhere. */
export function parseChoice(given: string): { readonly kind: 'ok'; readonly choice: number } | MalformedAnswer {
  const choice = numberIn(given, 'choice', /(?<![\d.])([1-9]\d?)(?![\d.]*\d)/);
  if (choice === null || !Number.isInteger(choice) || choice < 1 || choice > CHOICE_MAX)
    return malformed(['choice: must be the number of one of the answers.']);
  return { kind: 'ok', choice };
}

/** The number in the field, else the first one from 0 to 1. */
export function parseScore(given: string): { readonly kind: 'ok'; readonly score: number } | MalformedAnswer {
  const score = numberIn(given, 'score', /(?<![\d.])(0(?:\.\d+)?|1(?:\.0+)?|\.\d+)(?![\d.]*\d)/);
  if (score === null || !(score >= 0 && score <= 1)) return malformed(['score: must be a number from 0 to 1.']);
  return { kind: 'ok', score };
}

function numberIn(given: string, field: 'choice' | 'score', pattern: RegExp): number | null {
  const text = given.slice(0, CHARACTERS_MAX);
  const found = readAnswerObject(text, field);
  if (found.kind === 'found') {
    const value = found.object[field];
    return typeof value === 'number' ? value : null;
  }
  const [firstLine = ''] = text.trim().split('\n', 1);
  const [, digits] = pattern.exec(firstLine) ?? pattern.exec(text) ?? [];
  return digits === undefined ? null : Number(digits);
}
