/** What a script says on its standard output, where it answers in JSON. */
import { isMap } from '../domain/plain-object.js';
import type { Edit } from '../domain/edits.js';
import { parseAnswer } from './answer.js';
import { DONE_OR_SPLIT, parsePlan } from './plan-answer.js';

export type ScriptAnswer =
  /** No answer: what it printed is for people. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'answer';
      readonly summary: string;
      readonly commitMessage: string;
      readonly question: string;
      readonly edits: readonly Edit[];
    }
  /** It proposes to split the task, in the form of the handler `plan`. */
  | { readonly kind: 'plan' }
  | { readonly kind: 'malformed'; readonly says: string };

const FIELDS = ['summary', 'commitMessage', 'question', 'edits', 'children'] as const;

/** An answer is one JSON object, alone on the output, with one of the fields at least; anything else is just printed. */
export function parseScriptAnswer(output: string): ScriptAnswer {
  const object = objectIn(output.trim());
  if (object === null || !FIELDS.some((name) => Object.hasOwn(object, name))) return { kind: 'none' };
  if (object['children'] != null) return planIn(object);
  const texts = ['summary', 'commitMessage', 'question'] as const;
  const wrong = texts.filter((name) => object[name] != null && typeof object[name] !== 'string');
  if (wrong.length > 0) return { kind: 'malformed', says: `${wrong.join(', ')} must be a text.` };
  const edits = editsOf(object);
  if (typeof edits === 'string') return { kind: 'malformed', says: edits };
  const text = (name: (typeof texts)[number]): string => {
    const value = object[name];
    return typeof value === 'string' ? value.trim().toWellFormed() : '';
  };
  const summary = text('summary');
  return {
    kind: 'answer',
    summary,
    commitMessage: text('commitMessage') || summary,
    question: text('question'),
    edits,
  };
}

function planIn(object: Readonly<Record<string, unknown>>): ScriptAnswer {
  if (object['edits'] != null) return { kind: 'malformed', says: DONE_OR_SPLIT };
  const parsed = parsePlan(JSON.stringify(object));
  return parsed.kind === 'ok' ? { kind: 'plan' } : { kind: 'malformed', says: parsed.faults.join(' ') };
}

function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  if (!text.startsWith('{') || !text.endsWith('}')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isMap(value) ? value : null;
  } catch {
    return null;
  }
}

/** In words what is wrong with them, if something is. */
function editsOf(object: Readonly<Record<string, unknown>>): readonly Edit[] | string {
  if (object['edits'] == null) return [];
  const parsed = parseAnswer(JSON.stringify({ edits: object['edits'], commitMessage: '', notes: '' }));
  return parsed.kind === 'ok' ? parsed.answer.edits : parsed.faults.join(' ');
}
