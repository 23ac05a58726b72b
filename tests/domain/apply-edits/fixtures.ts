/**
 * The cases of tests/fixtures/edits: each a snapshot, what a model answers, and either every change that comes of it or why
 * there is none. Bytes are escaped in YAML, so that no checkout, editor or review can change them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { EditFault } from '../../../src/domain/apply-edits.js';
import type { Edit } from '../../../src/domain/edits.js';
import type { FailureCode } from '../../../src/domain/failures.js';
import type { ProtectSpec } from '../../../src/domain/task.js';
import type { WrittenFile, WrittenFiles } from './snapshot.js';

interface CaseOf {
  /** Of the folder, with its number. */
  readonly name: string;
  readonly claim: string;
  /** Point of checklist.yaml. */
  readonly item: string;
  readonly input: WrittenFiles;
  readonly protect?: readonly ProtectSpec[];
  /** Every path that differs afterwards; null where a file is gone. */
  readonly changes?: Readonly<Record<string, WrittenFile | null>>;
}

/** Edits in any form of answer. */
export interface EditCase extends CaseOf {
  readonly edits: readonly (Pick<Edit, 'op' | 'path'> & Partial<Edit>)[];
  /** Whether the guards look at the change as they do by themselves; else they are told to allow everything. */
  readonly guarded?: boolean;
  /** What had to be overlooked, in words of the notes. */
  readonly notes?: readonly string[];
  /** Words that the fault must have; the edit counts from 1. */
  readonly faults?: readonly {
    readonly edit: number;
    readonly code: EditFault['code'];
    readonly says: readonly string[];
  }[];
  /** The edits fit, and their change is refused all the same. */
  readonly refused?: { readonly code: FailureCode; readonly says: readonly string[] };
}

/** A one-shot answer as it comes, word for word. */
export interface AnswerCase extends CaseOf {
  readonly answer: string;
  /** Words of what must be mended. */
  readonly malformed?: readonly string[];
  /** It can be read, and its edits are refused. */
  readonly refused?: { readonly code: FailureCode; readonly says: readonly string[] };
}

/** Calls of tools in one answer. */
export interface CallsCase extends CaseOf {
  /** Arguments that are a text are sent word for word. */
  readonly calls: readonly { readonly tool: string; readonly arguments: unknown; readonly id?: string }[];
  /** Words beside the calls. */
  readonly answer?: string;
  readonly finishReason?: 'length';
  /** Words that the result of each call must have. */
  readonly said: readonly string[];
}

export type Case = EditCase | AnswerCase | CallsCase;

const FOLDER = join(__dirname, '../../fixtures/edits');

/** What can go wrong, each with a sentence. */
export const checklist = parse(readFileSync(join(FOLDER, 'checklist.yaml'), 'utf8')) as Readonly<
  Record<string, string>
>;

const texts: readonly (readonly [string, string])[] = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => [name, readFileSync(join(FOLDER, name, 'case.yaml'), 'utf8')] as const)
  .toSorted(([a], [b]) => (a < b ? -1 : 1));

const readCases = (change: (text: string) => string): readonly Case[] =>
  texts.map(([name, text]) => ({ ...(parse(change(text)) as Omit<Case, 'name'>), name }) as Case);

export const cases: readonly Case[] = readCases((text) => text);

/** The same out of a checkout that has turned every line end of the files. */
export const casesOfWindows = (): readonly Case[] => readCases((text) => text.replaceAll(/\r?\n/g, '\r\n'));

export const isEditCase = (each: Case): each is EditCase => 'edits' in each;
export const isCallsCase = (each: Case): each is CallsCase => 'calls' in each;
export const isAnswerCase = (each: Case): each is AnswerCase => 'answer' in each && !isCallsCase(each);

/** Claims for `it.each`. */
export const titled = <C extends Case>(some: readonly C[]): readonly [string, C][] =>
  some.map((each) => [`${each.claim} (${each.name})`, each]);
