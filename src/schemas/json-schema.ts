/** Whether a text is JSON of a form that somebody has given as a JSON schema. */
import { z } from 'zod';
import { PortFault } from '../ports.js';
import { isMap } from '../domain/plain-object.js';

/** What a reader of the record can make something of. */
const FAULTS_MAX = 5;
const FAULT_CHARACTERS_MAX = 200;

/** In words, at most five; empty if it fits. Throws PortFault invalidTask if the schema is none. */
export function schemaFaults(text: string, schema: unknown): readonly string[] {
  const form = formOf(schema);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return [`invalid JSON: ${String(thrown).replace(/^SyntaxError: /, '')}`.slice(0, FAULT_CHARACTERS_MAX)];
  }
  const parsed = form.safeParse(value);
  if (parsed.success) return [];
  return parsed.error.issues
    .slice(0, FAULTS_MAX)
    .map(({ path, message }) => `${path.join('.') || 'answer'}: ${message}`.slice(0, FAULT_CHARACTERS_MAX));
}

function formOf(schema: unknown): z.ZodType {
  if (!isMap(schema)) throw new PortFault('invalidTask', 'The schema is no JSON object.', false);
  try {
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (thrown) {
    throw new PortFault('invalidTask', `The schema cannot be used: ${String(thrown)}`.slice(0, 500), false);
  }
}
