/** A model's plan for splitting a task: its JSON schema, and what came of it. */
import { z } from 'zod';
import { DECOMPOSITION } from '../domain/job.js';
import { siblingFaults, type Plan, type PlannedChild } from '../domain/proposal.js';
import { readAnswerObject } from './answer-object.js';
import { malformed, questionOf, type Fields, type MalformedAnswer } from './answer.js';
import { sayIssue, showPath } from './faults.js';
import { criterionText, TASK_BOUNDS, taskFileSchema } from './task-shape.js';

const text = { type: 'string' };
const texts = { type: 'array', items: text };

const childProperties = {
  title: text,
  description: text,
  acceptanceCriteria: texts,
  relatedFiles: texts,
  checks: texts,
  /** Numbers and not titles: two titles may differ in a blank, two numbers cannot. */
  dependsOn: { type: 'array', items: { type: 'integer' } },
} as const;

/** For endpoints with a strict schema mode: there every field is required, and none may be added. */
export const planSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: {
    children: {
      type: 'array',
      items: {
        type: 'object',
        properties: childProperties,
        required: Object.keys(childProperties),
        additionalProperties: false,
      },
    },
    join: { type: 'boolean' },
    notes: text,
    question: { type: ['string', 'null'] },
  },
  required: ['children', 'join', 'notes', 'question'],
  additionalProperties: false,
};

export type ParsedPlan = { readonly kind: 'ok'; readonly plan: Plan } | MalformedAnswer;

/** Twenty children with a page of text each; longer answers are not even looked at. */
const CHARACTERS_MAX = 1_000_000;

/** As long as a page: a child that takes more words is no small step. All children together fit into a task of their own. */
const DESCRIPTION_CHARACTERS_MAX = 8_000;

const { title, description, relatedFiles, checks } = taskFileSchema.shape;

/** Left out or null is an empty list. */
const listOf = <T extends z.ZodType>(list: T) => z.preprocess((value) => value ?? [], list);

/** The fields of a task file, so that what is accepted here is a valid task. */
const childShape = z.object({
  title,
  description: description.max(DESCRIPTION_CHARACTERS_MAX),
  acceptanceCriteria: listOf(z.array(criterionText).max(TASK_BOUNDS.criteria)),
  relatedFiles: listOf(relatedFiles),
  checks: listOf(checks.unwrap()),
  dependsOn: listOf(z.array(z.number().int('must be the number of a child'))),
});

/** Reads a plan as endpoints of every capability send it; see `parseAnswer`. A plan without children is read: the decider refuses it. */
export function parsePlan(given: string): ParsedPlan {
  if (given.length > CHARACTERS_MAX) return malformed([`The answer is longer than ${CHARACTERS_MAX} characters.`]);
  const found = readAnswerObject(given, 'children');
  if (found.kind === 'none') return malformed([found.says]);
  return readPlan(found.object);
}

function readPlan(object: Fields): ParsedPlan {
  const { children: given, join = false, notes = '' } = object;
  if (!Array.isArray(given)) return malformed(['children: must be a list.']);
  // Beyond it nothing is looked at: one sentence instead of hundreds.
  if (given.length > DECOMPOSITION.childrenMax)
    return malformed([`children: ${given.length} are too many; propose at most ${DECOMPOSITION.childrenMax}.`]);
  const read = given.map((child: unknown, index) => readChild(child, `children[${index}]`));
  const faults = read.flatMap((each) => ('faults' in each ? each.faults : []));
  if (typeof join !== 'boolean') faults.push('join: must be true or false.');
  if (faults.length > 0 || typeof join !== 'boolean') return malformed(faults);
  const children = read.flatMap((each) => ('child' in each ? [each.child] : []));
  const wrong = siblingFaults(
    children.map(({ dependsOn }, index) => ({ id: `${index + 1}`, dependsOn: dependsOn.map(String) })),
  );
  if (wrong.length > 0) return malformed(wrong.map((says) => `dependsOn: ${says} (children are numbered from 1).`));
  const plan = { children, join, notes: typeof notes === 'string' ? notes.toWellFormed() : '', ...questionOf(object) };
  return { kind: 'ok', plan };
}

type ReadChild = { readonly child: PlannedChild } | { readonly faults: readonly string[] };

function readChild(given: unknown, place: string): ReadChild {
  const parsed = childShape.safeParse(given, { error: sayIssue });
  if (!parsed.success)
    return { faults: parsed.error.issues.map(({ path, message }) => `${showPath([place, ...path])}: ${message}.`) };
  const child = parsed.data;
  return {
    child: { ...child, checks: child.checks.map(({ run }) => run), dependsOn: [...new Set(child.dependsOn)] },
  };
}
