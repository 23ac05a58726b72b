/** A model's one-shot answer: its JSON schema, and what came of it. */
import { hasBlocks, hasFencedFile, readBlocks } from '../domain/edit-blocks.js';
import type { Answer, Edit } from '../domain/edits.js';
import { isMap } from '../domain/plain-object.js';
import { readAnswerObject, withoutThoughts } from './answer-object.js';

const OPERATIONS = ['write', 'replace', 'delete', 'move'] as const satisfies readonly Edit['op'][];

const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };

/** For endpoints with a strict schema mode: there every field is required, and none may be added. */
export const answerSchema = {
  type: 'object',
  properties: {
    edits: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          op: { type: 'string', enum: [...OPERATIONS] },
          path: text,
          content: textOrNull,
          search: textOrNull,
          replace: textOrNull,
          to: textOrNull,
        },
        required: ['op', 'path', 'content', 'search', 'replace', 'to'],
        additionalProperties: false,
      },
    },
    commitMessage: text,
    notes: text,
    question: textOrNull,
  },
  required: ['edits', 'commitMessage', 'notes', 'question'],
  additionalProperties: false,
} satisfies Readonly<Record<string, unknown>>;

export type ParsedAnswer = { readonly kind: 'ok'; readonly answer: Answer } | MalformedAnswer;

export interface MalformedAnswer {
  readonly kind: 'malformed';
  /** What to mend, in words for the model: at most 20, of at most 300 characters each. */
  readonly faults: readonly string[];
}

/** Far more than the edits of one answer may hold; longer texts are not even looked at. */
const CHARACTERS_MAX = 8_000_000;

/** What a model can mend in one go. */
const FAULTS_MAX = 20;
const FAULT_CHARACTERS_MAX = 300;

/** How a model was asked to write its edits down. */
export type AnswerForm = 'json' | 'blocks';

/**
 * Reads an answer as endpoints of every capability send it: JSON plain, in a fence, with prose around it, with small damage;
 * or blocks of text. Which of the two it is shows in the answer, so a model that sends the other form costs no turn.
 * An answer that was cut off is malformed, never read in part.
 * @param asked for the words of what must be mended alone
 */
export function parseAnswer(given: string, asked: AnswerForm = 'json'): ParsedAnswer {
  if (given.length > CHARACTERS_MAX) return malformed([TOO_LONG]);
  const said = withoutThoughts(given.replace(/^\uFEFF/, ''));
  if (hasBlocks(said)) return parseBlocks(said);
  const found = readAnswerObject(given, 'edits');
  if (found.kind === 'none') {
    // Broken JSON in a fence is no file, whatever stands before it.
    if (!said.includes('"edits"') && hasFencedFile(said)) return parseBlocks(said);
    return malformed([asked === 'blocks' ? NO_BLOCK : found.says]);
  }
  const faults: string[] = [];
  const answer = readAnswer(found.object, faults);
  return faults.length === 0 ? { kind: 'ok', answer } : malformed(faults);
}

const NO_BLOCK =
  'The answer has no block. Each change is a block of lines between two marks, with the path alone on the line before it.';

function parseBlocks(said: string): ParsedAnswer {
  if (!isWellFormed(said)) return malformed(['The answer has half of a surrogate pair, which is no text.']);
  const read = readBlocks(said);
  return read.kind === 'answer' ? { kind: 'ok', answer: read.answer } : malformed(read.faults);
}

const TOO_LONG = `The answer is longer than ${CHARACTERS_MAX} characters.`;

/** Faults of an answer, as many and as long as a model can mend in one go. */
export const malformed = (faults: readonly string[]): MalformedAnswer => ({
  kind: 'malformed',
  faults: [
    ...faults.slice(0, FAULTS_MAX - 1),
    ...(faults.length < FAULTS_MAX
      ? []
      : faults.length === FAULTS_MAX
        ? faults.slice(-1)
        : [`… and ${faults.length - FAULTS_MAX + 1} more.`]),
  ].map((fault) => (fault.length > FAULT_CHARACTERS_MAX ? `${fault.slice(0, FAULT_CHARACTERS_MAX - 1)}…` : fault)),
});

export type Fields = Readonly<Record<string, unknown>>;

function readAnswer(object: Fields, faults: string[]): Answer {
  const edits: unknown = own(object, 'edits');
  if (!Array.isArray(edits)) faults.push('edits: must be a list.');
  return {
    edits: Array.isArray(edits) ? edits.map((edit: unknown, index) => readEdit(edit, `edits[${index}]`, faults)) : [],
    commitMessage: optionalText(object, 'commitMessage', faults),
    notes: optionalText(object, 'notes', faults),
    ...questionOf(object),
  };
}

/** Blank is none: a strict schema makes the model send the field. What is no text is none either: nothing else depends on it. */
export function questionOf(object: Fields): { readonly question?: string } {
  const given = own(object, 'question');
  const question = typeof given === 'string' ? given.trim().toWellFormed() : '';
  return question === '' ? {} : { question };
}

/** Text fields that each operation uses. The others are null whatever the model put there. */
const USES = {
  write: ['content'],
  replace: ['search', 'replace'],
  delete: [],
  move: ['to'],
} as const satisfies Record<Edit['op'], readonly (keyof Edit)[]>;

const NOTHING: Required<Omit<Edit, 'all' | 'onlyNew'>> = {
  op: 'delete',
  path: '',
  content: null,
  search: null,
  replace: null,
  to: null,
};

function readEdit(given: unknown, place: string, faults: string[]): Edit {
  if (!isMap(given)) {
    faults.push(`${place}: must be an object with op and path.`);
    return NOTHING;
  }
  const op = OPERATIONS.find((name) => name === own(given, 'op'));
  if (op === undefined) faults.push(`${place}.op: must be one of ${OPERATIONS.join(', ')}.`);
  const path = needText(given, 'path', place, '', faults);
  if (op === undefined) return NOTHING;
  const used: Partial<Record<keyof typeof NOTHING, string>> = Object.fromEntries(
    USES[op].map((field) => [field, needText(given, field, place, ` for op "${op}"`, faults)]),
  );
  return { ...NOTHING, ...used, op, path };
}

function needText(given: Fields, field: string, place: string, when: string, faults: string[]): string {
  const value = own(given, field);
  if (typeof value !== 'string') faults.push(`${place}.${field}: must be a text${when}.`);
  else if (!isWellFormed(value)) faults.push(`${place}.${field}: has half of a surrogate pair, which is no text.`);
  else return value;
  return '';
}

function optionalText(given: Fields, field: string, faults: string[]): string {
  const value = own(given, field) ?? '';
  if (typeof value === 'string' && isWellFormed(value)) return value;
  faults.push(`${field}: must be a text.`);
  return '';
}

const isWellFormed = (value: string): boolean => !/\p{Surrogate}/u.test(value);

/** Own fields only: a text can name fields that every object inherits. */
const own = (fields: Fields, name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);
