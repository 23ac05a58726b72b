/** The text of a playbook becomes a playbook, or every fault there is, each with its line. */
import { playbookFaults, type Playbook, type PlaybookRaw } from '../domain/playbook.js';
import { isMap, isObject } from '../domain/plain-object.js';
import { sayIssue, shapeFaults, showPath, type FieldNames, type ShapeFault, type TaskFault } from './faults.js';
import { byLine } from './placed-faults.js';
import { playbookFields, playbookMap, stepFields } from './playbook-shape.js';
import { readYaml } from './yaml-text.js';

export type ParsedPlaybook =
  | { readonly kind: 'ok'; readonly playbook: Playbook }
  | { readonly kind: 'faults'; readonly faults: readonly TaskFault[] };

/** Fifty steps of commands fit several times. */
const FILE_CHARACTERS_MAX = 600_000;

const fields: FieldNames = { '': playbookFields, 'steps[]': stepFields };

/** @param given names of the variables that the task gives @param checks names of its checks, null if not known */
export function parsePlaybook(
  text: string,
  given: readonly string[],
  checks: readonly string[] | null,
): ParsedPlaybook {
  const read = readYaml(text, FILE_CHARACTERS_MAX);
  if (read.kind === 'faults') return read;
  const content = read.value ?? {};
  const parsed = playbookMap.safeParse(content, { error: sayIssue });
  const shaped = parsed.success ? [] : shapeFaults(parsed.error.issues, fields);
  const faults = [
    ...read.faults,
    ...[...shaped, ...rawPlaybookFaults(content, given, checks)].map(({ path, says }) => ({
      path: showPath(path),
      line: read.placeOf(path).line,
      says,
    })),
  ].toSorted(byLine);
  if (!parsed.success || faults.length > 0) return { kind: 'faults', faults };
  return { kind: 'ok', playbook: parsed.data };
}

/** What no field can say alone. Looks at the raw content, so that other faults do not hide these. */
export function rawPlaybookFaults(
  content: unknown,
  given: readonly string[],
  checks: readonly string[] | null,
): readonly ShapeFault[] {
  return isRaw(content) ? playbookFaults(content, given, checks) : [];
}

const isRaw = (content: unknown): content is PlaybookRaw =>
  isMap(content) &&
  Array.isArray(content['steps']) &&
  content['steps'].every((step) => isObject(step)) &&
  (content['variables'] === undefined || isMap(content['variables']));
