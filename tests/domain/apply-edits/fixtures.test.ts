import { cases, checklist, isEditCase, titled, type EditCase } from './fixtures.js';
import { applyTo, editOf, faultsOf, shownFile, shownFiles, snapshotOf, sourceFile, type Snapshot } from './snapshot.js';

/** Changes and notes, or the faults in one text. */
function outcomeOf(snapshot: Snapshot, { edits, protect }: EditCase) {
  const result = applyTo(snapshot, edits.map(editOf), protect);
  if (result.kind === 'rejected') return result.faults.map(({ path, says }) => `${path}: ${says}`).join('\n');
  return {
    changes: Object.fromEntries(result.changes.map(({ path, file }) => [path, shownFile(file)])),
    notes: result.notes,
  };
}

// What is refused later is refused for other reasons than the edits themselves.
const edits = cases.filter(isEditCase).filter(({ refused }) => refused === undefined);
const items = Object.keys(checklist).filter((item) => edits.some((each) => each.item === item));

describe.each(items)('edits: %s', (item) => {
  const fitting = edits.filter((each) => each.item === item && each.faults === undefined);
  const faulty = edits.filter((each) => each.item === item && each.faults !== undefined);

  if (fitting.length > 0)
    it.each(titled(fitting))('%s', (_, each) => {
      const snapshot = snapshotOf(each.input);
      const changes = Object.entries(each.changes ?? {}).map(([path, file]) => [
        path,
        shownFile(file === null ? null : sourceFile(file)),
      ]);
      const notes = (each.notes ?? []).map((words): unknown => expect.stringContaining(words));
      expect(outcomeOf(snapshot, each)).toEqual({ changes: Object.fromEntries(changes), notes });
      expect(shownFiles(snapshot)).toEqual(shownFiles(snapshotOf(each.input)));
    });

  if (faulty.length > 0)
    it.each(titled(faulty))('%s', (_, { input, edits: given, protect, faults }) => {
      const found = faultsOf(snapshotOf(input), given.map(editOf), protect);
      const expected = (faults ?? []).map(({ edit, code }) => ({ edit, code }));
      expect(found.map(({ index, code }) => ({ edit: index + 1, code }))).toEqual(expected);
      for (const [place, { says }] of (faults ?? []).entries())
        for (const words of says) expect(found[place]?.says).toContain(words);
    });
});
