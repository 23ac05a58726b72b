/**
 * One file of tests/fixtures/edits for each case: a snapshot, the edits of an answer, and either every change that they make
 * or every fault that they have. Bytes are escaped in JSON, so that no checkout can change them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EditFault } from '../../../src/domain/apply-edits.js';
import type { Edit } from '../../../src/domain/edits.js';
import type { ProtectSpec } from '../../../src/domain/task.js';
import {
  applyTo,
  editOf,
  shownFile,
  shownFiles,
  snapshotOf,
  sourceFile,
  type WrittenFile,
  type WrittenFiles,
} from './snapshot.js';

interface Case {
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
const topics = readdirSync(FOLDER).toSorted();

describe.each(topics)('edits: %s', (topic) => {
  const cases = readdirSync(join(FOLDER, topic))
    .toSorted()
    .map((file): [string, Case] => {
      const read = JSON.parse(readFileSync(join(FOLDER, topic, file), 'utf8')) as Case;
      return [`${read.claim} (${file})`, read];
    });

  it.each(cases)('%s', (_, { input, edits, protect, changes, notes, faults }) => {
    const snapshot = snapshotOf(input);
    const before = shownFiles(snapshot);
    const result = applyTo(snapshot, edits.map(editOf), protect);
    expect(shownFiles(snapshot)).toEqual(before);
    if (faults !== undefined) {
      expect(result).toEqual({ kind: 'rejected', faults: expect.any(Array) });
      const found = result.kind === 'rejected' ? result.faults : [];
      expect(found.map(({ index, code }) => ({ edit: index + 1, code }))).toEqual(
        faults.map(({ edit, code }) => ({ edit, code })),
      );
      for (const [place, { says }] of faults.entries())
        for (const words of says) expect(found[place]?.says).toContain(words);
      return;
    }
    if (result.kind === 'rejected')
      throw new Error(result.faults.map(({ path, says }) => `${path}: ${says}`).join('\n'));
    const made = Object.fromEntries(result.changes.map(({ path, file }) => [path, shownFile(file)]));
    const expected = Object.entries(changes ?? {}).map(([path, file]) => [
      path,
      shownFile(file === null ? null : sourceFile(file)),
    ]);
    expect(made).toEqual(Object.fromEntries(expected));
    expect(result.notes).toHaveLength(notes?.length ?? 0);
    for (const [place, words] of (notes ?? []).entries()) expect(result.notes[place]).toContain(words);
  });
});
