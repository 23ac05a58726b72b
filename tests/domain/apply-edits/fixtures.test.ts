import { casesOf, topics, type Case } from './fixtures.js';
import { applyTo, editOf, faultsOf, shownFile, shownFiles, snapshotOf, sourceFile, type Snapshot } from './snapshot.js';

const titled = (cases: readonly Case[]): readonly [string, Case][] =>
  cases.map((each) => [`${each.claim} (${each.name})`, each]);

/** Changes and notes, or the faults in one text. */
function outcomeOf(snapshot: Snapshot, { edits, protect }: Case) {
  const result = applyTo(snapshot, edits.map(editOf), protect);
  if (result.kind === 'rejected') return result.faults.map(({ path, says }) => `${path}: ${says}`).join('\n');
  return {
    changes: Object.fromEntries(result.changes.map(({ path, file }) => [path, shownFile(file)])),
    notes: result.notes,
  };
}

describe.each(topics)('edits: %s', (topic) => {
  const cases = casesOf(topic);

  it.each(titled(cases.filter(({ faults }) => faults === undefined)))('%s', (_, each) => {
    const snapshot = snapshotOf(each.input);
    const changes = Object.entries(each.changes ?? {}).map(([path, file]) => [
      path,
      shownFile(file === null ? null : sourceFile(file)),
    ]);
    const notes = (each.notes ?? []).map((words): unknown => expect.stringContaining(words));
    expect(outcomeOf(snapshot, each)).toEqual({ changes: Object.fromEntries(changes), notes });
    expect(shownFiles(snapshot)).toEqual(shownFiles(snapshotOf(each.input)));
  });

  it.each(titled(cases.filter(({ faults }) => faults !== undefined)))('%s', (_, { input, edits, protect, faults }) => {
    const found = faultsOf(snapshotOf(input), edits.map(editOf), protect);
    const expected = (faults ?? []).map(({ edit, code }) => ({ edit, code }));
    expect(found.map(({ index, code }) => ({ edit: index + 1, code }))).toEqual(expected);
    for (const [place, { says }] of (faults ?? []).entries())
      for (const words of says) expect(found[place]?.says).toContain(words);
  });
});
