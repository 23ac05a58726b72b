/**
 * One file of tests/fixtures/edits for each case: a snapshot, the edits of an answer, and either every change that they make
 * or every fault that they have. Bytes are escaped in JSON, so that no checkout can change them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EditFault } from '../../../src/domain/apply-edits.js';
import type { Edit } from '../../../src/domain/edits.js';
import type { ProtectSpec } from '../../../src/domain/task.js';
import type { WrittenFile, WrittenFiles } from './snapshot.js';

export interface Case {
  /** Of the file, without its ending. */
  readonly name: string;
  readonly claim: string;
  readonly input: WrittenFiles;
  readonly protect?: readonly ProtectSpec[];
  readonly edits: readonly (Pick<Edit, 'op' | 'path'> & Partial<Edit>)[];
  /** Every path that differs afterwards; null where a file is gone. */
  readonly changes?: Readonly<Record<string, WrittenFile | null>>;
  /** What had to be overlooked, in words of the notes. */
  readonly notes?: readonly string[];
  /** Words that the fault must have; the edit counts from 1. */
  readonly faults?: readonly {
    readonly edit: number;
    readonly code: EditFault['code'];
    readonly says: readonly string[];
  }[];
}

const FOLDER = join(__dirname, '../../fixtures/edits');

export const topics: readonly string[] = readdirSync(FOLDER).toSorted();

export const casesOf = (topic: string): readonly Case[] =>
  readdirSync(join(FOLDER, topic))
    .toSorted()
    .map((file) => {
      const read = JSON.parse(readFileSync(join(FOLDER, topic, file), 'utf8')) as Omit<Case, 'name'>;
      return { ...read, name: file.replace(/\.json$/, '') };
    });
