/** The fields of a playbook: their types, their bounds and their defaults. */
import { z } from 'zod';
import { defined } from '../domain/plain-object.js';
import type { Playbook, PlaybookStep } from '../domain/playbook.js';
import { commandLine, line, prose, seconds } from './text-shape.js';

/** Every bound of a playbook, with its reason. */
const PLAYBOOK_BOUNDS = {
  /** A person reads it from top to bottom; more steps are a script of the repository. */
  steps: 50,
  variables: 50,
  nameCharacters: 100,
  /** All values together stand before a command, whose length the system bounds. */
  valueCharacters: 4_000,
  commandCharacters: 10_000,
  conditionCharacters: 500,
  /** A day, as of a check. */
  stepSeconds: 86_400,
  /** What has not worked after these at once does not work now. */
  retries: 10,
} as const;

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'has a name that is not letters, digits and _, with no digit first');

/** Numbers and truth values become texts: the shell knows nothing else. */
const value = z.union([prose(PLAYBOOK_BOUNDS.valueCharacters), z.number(), z.boolean()], {
  error: 'must be a text, a number, true or false',
});

export const variableMap = z
  .record(variableName, value.transform(String))
  .refine(
    (map) => Object.keys(map).length <= PLAYBOOK_BOUNDS.variables,
    `must have at most ${PLAYBOOK_BOUNDS.variables}`,
  );

const stepShape = {
  name: line(PLAYBOOK_BOUNDS.nameCharacters),
  run: commandLine(PLAYBOOK_BOUNDS.commandCharacters).optional(),
  check: line(PLAYBOOK_BOUNDS.nameCharacters).optional(),
  when: z
    .union([line(PLAYBOOK_BOUNDS.conditionCharacters), z.boolean()], { error: 'must be a text, true or false' })
    .transform(String)
    .optional(),
  failFast: z.boolean().default(true),
  timeoutSeconds: seconds(1, PLAYBOOK_BOUNDS.stepSeconds).default(300),
  retries: z.number().int('must be a whole number').min(0).max(PLAYBOOK_BOUNDS.retries).default(0),
  network: z.boolean().default(false),
  proposes: z.boolean().optional(),
};

const shape = {
  name: line(PLAYBOOK_BOUNDS.nameCharacters),
  variables: variableMap.default({}),
  steps: z.array(z.strictObject(stepShape)).min(1).max(PLAYBOOK_BOUNDS.steps),
  /** For people and programs around weaver; not read. */
  metadata: z.record(z.string(), z.unknown()).optional(),
};

export const playbookMap = z
  .strictObject(shape)
  .transform(({ name, variables, steps }): Playbook => ({ name, variables, steps: steps.map(toStep) }));

/** One of `run` and `check` is there: what else it may be, playbookFaults says. */
function toStep({ run, check, when, proposes, ...step }: z.infer<z.ZodObject<typeof stepShape>>): PlaybookStep {
  const common = { ...step, ...defined({ when, proposes }) };
  return check === undefined ? { ...common, run: run ?? '' } : { ...common, check };
}

export const playbookFields = Object.keys(shape);
export const stepFields = Object.keys(stepShape);
