/** Calls of tools as a model sends them, read into valid uses or into what is wrong with each, in words for the model. */
import { z } from 'zod';
import { cutToCharacters } from '../domain/payload-limit.js';
import { TOOL_LIMITS, TOOL_NAMES, type ToolCall, type ToolName, type ToolUse } from '../domain/tools.js';
import { readPlan } from './plan-answer.js';

export type ParsedCall =
  | { readonly kind: 'ok'; readonly call: ToolCall; readonly use: ToolUse }
  | { readonly kind: 'malformed'; readonly call: ToolCall; readonly says: string };

/**
 * Reads one call. Nothing is guessed: what does not fit is said.
 * @param maySplit whether `finish` may propose children
 */
export function parseToolCall(call: ToolCall, maySplit = false): ParsedCall {
  const name = TOOL_NAMES.find((known) => known === call.name);
  const malformed = (says: string): ParsedCall => ({ kind: 'malformed', call, says: cut(says) });
  if (name === undefined)
    return malformed(`There is no tool ${quoted(call.name)}; there are ${TOOL_NAMES.join(', ')}.`);
  const given = parseArguments(call.arguments);
  if ('says' in given) return malformed(`${name}: ${given.says}`);
  const reader = name === 'finish' && maySplit ? splittingFinish : readers[name];
  const read = reader.safeParse(given.value);
  if (read.success) return { kind: 'ok', call, use: read.data };
  const faults = read.error.issues.slice(0, FAULTS_MAX).map(sayIssue);
  return malformed(`${name}: ${faults.join('; ')}.`);
}

/** What a model can mend in one go. */
const FAULTS_MAX = 5;
const FAULT_CHARACTERS_MAX = 600;

const cut = (says: string): string => cutToCharacters(says.toWellFormed(), FAULT_CHARACTERS_MAX);

const quoted = (name: string): string => JSON.stringify(name.slice(0, 60));

function parseArguments(text: string): { readonly value: unknown } | { readonly says: string } {
  // A tool without needed arguments is called with none by some models.
  if (text.trim() === '') return { value: {} };
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const why = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ').slice(0, 200) : '';
    return { says: `the arguments are no JSON (${why}). Send one JSON object, with quotes and line breaks escaped` };
  }
}

const place = (path: readonly PropertyKey[]): string =>
  path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');

function sayIssue(issue: z.core.$ZodIssue): string {
  const where = place(issue.path);
  if (issue.code === 'unrecognized_keys')
    return `${where === '' ? '' : `${where}: `}there is no ${issue.keys.map(quoted).join(', ')}`;
  return `${where === '' ? 'the arguments' : where} ${wordsOf(issue)}`;
}

const wordsOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'invalid_type' ? `must be ${TYPES[issue.expected] ?? `of type ${issue.expected}`}` : issue.message;

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

/** Half a surrogate pair is no text, and no file could hold it. */
const text = z
  .string()
  .refine((value) => !/\p{Surrogate}/u.test(value), 'has half of a surrogate pair, which is no text');
const named = text.refine((value) => value.trim() !== '', 'must not be empty');
const whole = (maximum: number) =>
  z.int({ error: 'must be a whole number' }).min(1, 'must be at least 1').max(maximum, `must be at most ${maximum}`);
/** Strict modes make a model send null for what it leaves out; others leave it out. */
const orNull = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null);
const page = whole(TOOL_LIMITS.pages)
  .nullish()
  .transform((value) => value ?? 1);

/** Above any file that can be read at all. */
const LINES_MAX = 100_000_000;

const criterion = z.strictObject({ id: whole(1_000), met: z.boolean(), evidence: text });

/** Blank is none. */
const question = z
  .string()
  .nullish()
  .transform((value) => {
    const asked = value?.trim().toWellFormed() ?? '';
    return asked === '' ? null : asked.slice(0, TOOL_LIMITS.questionCharacters).toWellFormed();
  });

const finishShape = {
  summary: text.transform((value) => value.slice(0, TOOL_LIMITS.summaryCharacters).toWellFormed()),
  commitMessage: text,
  criteria: z
    .array(criterion)
    .max(1_000)
    .nullish()
    .transform((value) => value ?? []),
  question,
};

const readers: Readonly<Record<ToolName, z.ZodType<ToolUse>>> = {
  list_files: z.strictObject({ glob: named, page }).transform((given) => ({ tool: 'list_files' as const, ...given })),
  search: z
    .strictObject({ regex: named, glob: orNull(named), page })
    .transform((given) => ({ tool: 'search' as const, ...given })),
  read_file: z
    .strictObject({
      path: named,
      from: whole(LINES_MAX)
        .nullish()
        .transform((value) => value ?? 1),
      to: orNull(whole(LINES_MAX)),
    })
    .transform((given) => ({ tool: 'read_file' as const, ...given })),
  edit_file: z
    .strictObject({
      path: named,
      edits: z
        .array(
          z.strictObject({
            search: text,
            replace: text,
            all: z
              .boolean()
              .nullish()
              .transform((value) => value ?? false),
          }),
        )
        .min(1, 'must have at least one edit'),
    })
    .transform((given) => ({ tool: 'edit_file' as const, ...given })),
  write_file: z
    .strictObject({ path: named, content: text })
    .transform((given) => ({ tool: 'write_file' as const, ...given })),
  move_or_delete: z
    .strictObject({ path: named, to: orNull(named) })
    .transform((given) => ({ tool: 'move_or_delete' as const, ...given })),
  run: z
    .strictObject({
      what: named.max(10_000, 'is too long'),
      timeoutSeconds: orNull(whole(TOOL_LIMITS.commandSecondsMax)),
    })
    .transform((given) => ({ tool: 'run' as const, ...given })),
  finish: z.strictObject(finishShape).transform((given) => ({ tool: 'finish' as const, ...given })),
};

/** Read as every plan is, and with its words. A strict schema makes the model send the fields: what is null or empty is not there. */
const splittingFinish: z.ZodType<ToolUse> = z
  .strictObject({ ...finishShape, children: z.unknown().optional(), join: z.unknown().optional() })
  .transform(({ children, join, ...given }, context) => {
    const use = { tool: 'finish' as const, ...given };
    if (children == null || (Array.isArray(children) && children.length === 0)) return use;
    const plan = readPlan({ children, join, notes: given.summary });
    if (plan.kind === 'ok') return { ...use, split: plan.plan };
    for (const { path, says } of plan.faults) context.addIssue({ code: 'custom', path: [...path], message: says });
    return z.NEVER;
  });
