/** What a person would have a task split into: a list of tasks as in a job file, or a plan around it. */
import { z } from 'zod';
import { isMap } from '../domain/plain-object.js';
import { PROPOSAL_CHARACTERS_MAX, type Plan } from '../domain/proposal.js';
import { shapeFaults, showPath, type FieldNames, type Path, type ShapeFault, type TaskFault } from './faults.js';
import { byLine, nowhere, type PlaceOf } from './placed-faults.js';
import { CHILD_FIELDS, readPlan } from './plan-answer.js';
import { readYaml } from './yaml-text.js';

export type ParsedChildren =
  { readonly kind: 'ok'; readonly plan: Plan } | { readonly kind: 'faults'; readonly faults: readonly TaskFault[] };

/** Reads a file of children (YAML or JSON). Every fault at once, each with its line. */
export function parseChildren(text: string): ParsedChildren {
  const read = readYaml(text, PROPOSAL_CHARACTERS_MAX);
  return read.kind === 'faults' ? read : examine(read.value, read.placeOf, read.faults);
}

/** The same of a value, for programs. */
export const readChildren = (value: unknown): ParsedChildren => examine(value, nowhere, []);

const PLAN_FIELDS = ['children', 'join', 'notes'];

function examine(value: unknown, placeOf: PlaceOf, before: readonly TaskFault[]): ParsedChildren {
  const isList = Array.isArray(value);
  const given: unknown = isList ? { children: value } : value;
  if (!isMap(given))
    return { kind: 'faults', faults: [{ path: '', line: 1, says: 'must be a list of tasks, or a map with children' }] };
  const read = readPlan(given);
  const found = [...(read.kind === 'ok' ? tooMuch(read.plan) : read.faults), ...strayFields(given), ...ownTimes(given)];
  const inText = (path: Path): Path => (isList ? path.slice(1) : path);
  const faults = [
    ...before,
    ...found.map(({ path, says }) => ({ path: showPath(path), line: placeOf(inText(path)).line, says })),
  ].toSorted(byLine);
  return read.kind === 'ok' && faults.length === 0 ? read : { kind: 'faults', faults };
}

function tooMuch(plan: Plan): readonly ShapeFault[] {
  if (plan.children.length === 0) return [{ path: ['children'], says: 'must have at least 1 entry' }];
  const characters = JSON.stringify(plan).length;
  return characters <= PROPOSAL_CHARACTERS_MAX
    ? []
    : [{ path: [], says: `has ${characters} characters; ${PROPOSAL_CHARACTERS_MAX} are the most` }];
}

const anything = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, z.unknown().optional()]));

const namesOnly = z.strictObject({
  ...anything(PLAN_FIELDS),
  children: z.array(z.strictObject(anything(CHILD_FIELDS))).optional(),
});

const fields: FieldNames = { '': PLAN_FIELDS, 'children[]': CHILD_FIELDS };

/** A model's stray field is passed over; a person who writes one means something by it. */
function strayFields(given: unknown): readonly ShapeFault[] {
  const parsed = namesOnly.safeParse(given);
  const issues = parsed.success ? [] : parsed.error.issues;
  return shapeFaults(
    issues.filter(({ code }) => code === 'unrecognized_keys'),
    fields,
  );
}

/** A check of a child is a command: that of the task which says the same gives it its time and its report. */
function ownTimes({ children }: Readonly<Record<string, unknown>>): readonly ShapeFault[] {
  if (!Array.isArray(children)) return [];
  return children.flatMap((child: unknown, index) => {
    const checks = isMap(child) ? child['checks'] : null;
    if (!Array.isArray(checks)) return [];
    return checks.flatMap((check: unknown, at) =>
      isMap(check) && Object.keys(check).some((name) => name !== 'run')
        ? [
            {
              path: ['children', index, 'checks', at],
              says: 'must be a command alone; name and time are not taken over',
            },
          ]
        : [],
    );
  });
}
