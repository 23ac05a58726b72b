/** A judge's word on acceptance criteria: its JSON schema, and what came of it. */
import { isObject } from '../domain/plain-object.js';
import { readAnswerObject } from './answer-object.js';
import { malformed, type MalformedAnswer } from './answer.js';

export const criteriaSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: {
    criteria: {
      type: 'array',
      items: {
        type: 'object',
        properties: { id: { type: 'integer' }, met: { type: 'boolean' }, evidence: { type: 'string' } },
        required: ['id', 'met', 'evidence'],
        additionalProperties: false,
      },
    },
  },
  required: ['criteria'],
  additionalProperties: false,
};

export interface JudgedCriterion {
  readonly id: number;
  readonly met: boolean;
  readonly evidence: string;
}

export type ParsedCriteria = { readonly kind: 'ok'; readonly criteria: readonly JudgedCriterion[] } | MalformedAnswer;

/** A hundred criteria with a page of evidence each. */
const CHARACTERS_MAX = 400_000;
const CRITERIA_MAX = 100;
const EVIDENCE_CHARACTERS_MAX = 2_000;

/** Met is only what comes with evidence. */
export function parseCriteria(given: string): ParsedCriteria {
  if (given.length > CHARACTERS_MAX) return malformed([`The answer is longer than ${CHARACTERS_MAX} characters.`]);
  const found = readAnswerObject(given, 'criteria');
  if (found.kind === 'none') return malformed([found.says]);
  const { criteria } = found.object;
  if (!Array.isArray(criteria)) return malformed(['criteria: must be a list.']);
  const entries: readonly unknown[] = criteria;
  const faults: string[] = [];
  const judged = new Map<number, JudgedCriterion>();
  for (const [index, entry] of entries.slice(0, CRITERIA_MAX).entries()) {
    const read = readCriterion(entry);
    if (typeof read === 'string') faults.push(`criteria[${index}]: ${read}`);
    else if (judged.has(read.id)) faults.push(`criteria[${index}]: criterion ${read.id} is judged twice.`);
    else judged.set(read.id, read);
  }
  return faults.length > 0 ? malformed(faults) : { kind: 'ok', criteria: [...judged.values()] };
}

function readCriterion(value: unknown): JudgedCriterion | string {
  if (!isObject(value)) return 'must be an object with id, met and evidence.';
  const { id, met, evidence } = value;
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > CRITERIA_MAX)
    return 'id: must be the number of a criterion.';
  if (typeof met !== 'boolean') return 'met: must be true or false.';
  const words = typeof evidence === 'string' ? evidence.toWellFormed().trim().slice(0, EVIDENCE_CHARACTERS_MAX) : '';
  if (words === '') return 'evidence: must say where the criterion is met, or what is missing.';
  return { id, met, evidence: words };
}
