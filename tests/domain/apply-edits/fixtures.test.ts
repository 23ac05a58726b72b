import { casesOf, topics, type Case } from './fixtures.js';
import { applyTo, editOf, shownFile, shownFiles, snapshotOf, sourceFile } from './snapshot.js';

describe.each(topics)('edits: %s', (topic) => {
  const cases = casesOf(topic).map((each): [string, Case] => [`${each.claim} (${each.name})`, each]);

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
