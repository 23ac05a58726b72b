/** A model's plan for splitting a task: its JSON schema, and what came of it. */
import { z } from 'zod';
import { DECOMPOSITION } from '../domain/job.js';
import { siblingFaults, type Plan, type PlannedChild } from '../domain/proposal.js';
import { readAnswerObject } from './answer-object.js';
import { malformed, questionOf, type Fields, type MalformedAnswer } from './answer.js';
import { sayIssue, showPath, type ShapeFault } from './faults.js';
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

const childSchema = {
  type: 'object',
  properties: childProperties,
  required: Object.keys(childProperties),
  additionalProperties: false,
};

/** For endpoints with a strict schema mode: there every field is required, and none may be added. */
export const planSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: {
    children: { type: 'array', items: childSchema },
    join: { type: 'boolean' },
    notes: text,
    question: { type: ['string', 'null'] },
  },
  required: ['children', 'join', 'notes', 'question'],
  additionalProperties: false,
};

/** What an answer has beside its own fields where it may split the task in place of doing it. */
export const splitProperties = {
  children: { type: ['array', 'null'], items: childSchema },
  join: { type: 'boolean' },
} as const;

/** What an answer must not be. */
export const DONE_OR_SPLIT = 'It has edits and children; a task is done or split.';

export type ParsedPlan = { readonly kind: 'ok'; readonly plan: Plan } | MalformedAnswer;

/** Twenty children with a page of text each; longer answers are not even looked at. */
const CHARACTERS_MAX = 1_000_000;

/** As long as a page: a child that takes more words is no small step. All children together fit into a task of their own. */
const DESCRIPTION_CHARACTERS_MAX = 8_000;

const { title, description, relatedFiles, checks } = taskFileSchema.shape;

const NO_CHILD = 'must be the number of a child, or its id';

/** Left out or null is an empty list. */
const listOf = <T extends z.ZodType>(list: T) => z.preprocess((value) => value ?? [], list);

/** The fields of a task file, so that what is accepted here is a valid task. */
const childShape = z.object({
  /** People and programs may give their children names, as in a job file. */
  id: z.string().nullish(),
  title,
  description: description.max(DESCRIPTION_CHARACTERS_MAX),
  acceptanceCriteria: listOf(z.array(criterionText).max(TASK_BOUNDS.criteria)),
  relatedFiles: listOf(relatedFiles),
  checks: listOf(checks.unwrap()),
  dependsOn: listOf(z.array(z.union([z.number().int(), z.string()], NO_CHILD))),
});

export const CHILD_FIELDS: readonly string[] = Object.keys(childShape.shape);

/** Reads a plan as endpoints of every capability send it; see `parseAnswer`. A plan without children is read: the decider refuses it. */
export function parsePlan(given: string): ParsedPlan {
  if (given.length > CHARACTERS_MAX) return malformed([`The answer is longer than ${CHARACTERS_MAX} characters.`]);
  const found = readAnswerObject(given, 'children');
  if (found.kind === 'none') return malformed([found.says]);
  const read = readPlan(found.object);
  return read.kind === 'ok' ? read : malformed(read.faults.map(sayFault));
}

const sayFault = ({ path, says }: ShapeFault): string => `${showPath(path)}: ${says}.`;

export type ReadPlan =
  { readonly kind: 'ok'; readonly plan: Plan } | { readonly kind: 'faults'; readonly faults: readonly ShapeFault[] };

/** The one reader of proposals, whoever makes them. */
export function readPlan(object: Fields): ReadPlan {
  const { children: given, notes = '' } = object;
  const join = object['join'] ?? false;
  if (!Array.isArray(given)) return faulty([{ path: ['children'], says: 'must be a list' }]);
  // Beyond it nothing is looked at: one sentence instead of hundreds.
  if (given.length > DECOMPOSITION.childrenMax)
    return faulty([
      { path: ['children'], says: `${given.length} are too many; propose at most ${DECOMPOSITION.childrenMax}` },
    ]);
  const read = given.map((child: unknown, index) => readChild(child, ['children', index]));
  const faults = read.flatMap((each) => ('faults' in each ? each.faults : []));
  if (typeof join !== 'boolean') faults.push({ path: ['join'], says: 'must be true or false' });
  if (faults.length > 0 || typeof join !== 'boolean') return faulty(faults);
  const numbered = withNumbers(read.flatMap((each) => ('child' in each ? [each.child] : [])));
  if (numbered.kind === 'faults') return numbered;
  const { children } = numbered;
  const wrong = siblingFaults(
    children.map(({ dependsOn }, index) => ({ id: `${index + 1}`, dependsOn: dependsOn.map(String) })),
  );
  if (wrong.length > 0)
    return faulty(wrong.map((says) => ({ path: ['dependsOn'], says: `${says} (children are numbered from 1)` })));
  const plan = { children, join, notes: typeof notes === 'string' ? notes.toWellFormed() : '', ...questionOf(object) };
  return { kind: 'ok', plan };
}

const faulty = (faults: readonly ShapeFault[]): Extract<ReadPlan, { kind: 'faults' }> => ({ kind: 'faults', faults });

type GivenChild = z.infer<typeof childShape>;
type ReadChild = { readonly child: GivenChild } | { readonly faults: readonly ShapeFault[] };

function readChild(given: unknown, place: ShapeFault['path']): ReadChild {
  const parsed = childShape.safeParse(given, { error: sayIssue });
  if (parsed.success) return { child: parsed.data };
  return { faults: parsed.error.issues.map(({ path, message }) => ({ path: [...place, ...path], says: message })) };
}

type Numbered =
  { readonly kind: 'ok'; readonly children: readonly PlannedChild[] } | Extract<ReadPlan, { kind: 'faults' }>;

/** What depends on a child by its id depends on its number. */
function withNumbers(given: readonly GivenChild[]): Numbered {
  const faults: ShapeFault[] = [];
  const ids = given.map(({ id }) => id ?? null);
  ids.forEach((id, index) => {
    const first = ids.indexOf(id);
    if (id !== null && first < index)
      faults.push({ path: ['children', index, 'id'], says: `is the id of children[${first}] already` });
  });
  const numberOf = (on: number | string, path: ShapeFault['path']): number => {
    if (typeof on === 'number') return on;
    if (!ids.includes(on)) faults.push({ path, says: NO_CHILD });
    return ids.indexOf(on) + 1;
  };
  const children = given.map((each, index): PlannedChild => {
    const { id: _, checks: commands, dependsOn, ...child } = each;
    const numbers = dependsOn.map((on, edge) => numberOf(on, ['children', index, 'dependsOn', edge]));
    return { ...child, checks: commands.map(({ run }) => run), dependsOn: [...new Set(numbers)] };
  });
  return faults.length > 0 ? faulty(faults) : { kind: 'ok', children };
}
