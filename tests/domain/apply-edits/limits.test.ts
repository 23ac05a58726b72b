import { applyEdits, type EditFault } from '../../../src/domain/apply-edits.js';
import type { Edit } from '../../../src/domain/edits.js';
import { applyTo, editOf, faultsOf, replaceIn, rulesOf, snapshotOf, textAfter, writeTo } from './snapshot.js';

const faultsIn = (text: string, ...edits: readonly Edit[]): readonly EditFault[] =>
  faultsOf(snapshotOf({ a: text }), edits);

const inserts = (count: number): readonly Edit[] =>
  Array.from({ length: count }, (_, index) => writeTo(`new/${index}`, 'x\n'));

describe('limits of an answer', () => {
  it('takes 200 edits', () => {
    const result = applyTo(snapshotOf({}), inserts(200));
    expect(result.kind === 'applied' ? result.changes.length : result).toBe(200);
  });

  it('refuses 201 edits and says how many there may be', () => {
    const says = 'the answer has 201 edits; 200 are the most.';
    expect(faultsIn('', ...inserts(201))).toEqual([{ index: 200, path: 'new/200', code: 'editsRejected', says }]);
  });

  it('takes a text of a million bytes and refuses one more, counted in UTF-8', () => {
    expect(textAfter('a', 'x', writeTo('a', 'é'.repeat(500_000)))).toHaveLength(500_000);
    const says = 'a text of it is longer than 1000000 bytes.';
    const edit = writeTo('a', `${'é'.repeat(500_000)}x`);
    expect(faultsIn('x', edit)).toEqual([{ index: 0, path: 'a', code: 'editsRejected', says }]);
  });

  it('refuses four million bytes in all', () => {
    const big = 'x'.repeat(900_000);
    const faults = faultsIn('', ...['1', '2', '3', '4', '5'].map((path) => writeTo(path, big)));
    expect(faults.map(({ index }) => index)).toEqual([4]);
    expect(faults[0]?.says).toContain('more than 4000000 bytes');
  });

  it('keeps what it says about a fault short, in whole characters', () => {
    const line = '😀'.repeat(2_000);
    const [fault] = faultsIn(`${`${line}\n`.repeat(300)}x`, replaceIn('a', `${line}\n${line}!`, 'y'));
    expect(fault?.says.length).toBeLessThanOrEqual(1_500);
    expect(fault?.says.isWellFormed()).toBe(true);
    expect(fault?.says).toContain('does not occur');
  });

  it('lists so many places of a search as fit', () => {
    const [fault] = faultsIn('x\n'.repeat(2_000), replaceIn('a', 'x', 'y'));
    expect(fault?.says).toContain('occurs 2000 times, at lines 1, 2, 3,');
    expect(fault?.says).toContain('and more. Add lines around it');
    expect(fault?.says.length).toBeLessThanOrEqual(1_500);
  });
});

const tenThousand = (word: string): string => `${word} line\n`.repeat(10_000);

const rejected = (says: string) => ({ kind: 'rejected', faults: [expect.objectContaining({ says })] });

describe('a file of more than ten million bytes', () => {
  const entries = new Map([
    ['big', { mode: '100644', sizeBytes: 10_000_001 }],
    ['link', { mode: '120000', sizeBytes: 10_000_001 }],
  ]);
  /** No content is ever given, so that asking for it shows. */
  const outcome = (...edits: readonly Edit[]) => applyEdits(edits, { entries, files: new Map() }, rulesOf([]));

  it('is not read for an edit of its text, and the answer says why', () => {
    const says = 'the file cannot be edited as text: it is larger than 10000000 bytes.';
    expect(outcome(replaceIn('big', 'a', 'b'))).toEqual(rejected(says));
    expect(outcome(writeTo('big', 'a'))).toEqual(rejected(says));
  });

  it('is not read to be moved, or to be followed as a link', () => {
    const move = editOf({ op: 'move', path: 'big', to: 'other' });
    expect(outcome(move)).toEqual(rejected('the file is too large to be moved by an edit.'));
    expect(outcome(writeTo('link', 'a'))).toEqual(
      rejected('the path cannot be used: the target of the symbolic link link cannot be read.'),
    );
  });

  it('may be deleted, and written anew', () => {
    const file = { mode: '100644', bytes: new TextEncoder().encode('a') };
    const edits = [editOf({ op: 'delete', path: 'big' }), writeTo('big', 'a')];
    expect(outcome(...edits)).toEqual({ kind: 'applied', changes: [{ path: 'big', file }], notes: [] });
  });
});

/**
 * Time on the processor, so that a busy machine does not count. Where matching is quadratic each of these takes from ten
 * seconds to hours.
 */
describe('large files', () => {
  const MILLISECONDS_MAX = 5_000;
  const LINES = 50_000;
  const source = Array.from({ length: LINES }, (_, index) => `    call(${index}, "text of line ${index}");\n`).join('');

  const timed = <T>(run: () => T): T => {
    const before = process.cpuUsage();
    const result = run();
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(MILLISECONDS_MAX);
    return result;
  };

  it('replaces a line in the middle of 50,000', () => {
    const after = timed(() => textAfter('a', source, replaceIn('a', 'call(25000,', 'run(25000,')));
    expect(after).toBe(source.replace('call(25000,', 'run(25000,'));
  });

  it('finds 20,000 lines without their indentation and changes one of them', () => {
    const block = source
      .split('\n')
      .slice(10_000, 30_000)
      .map((line) => line.slice(2));
    const replacement = block.with(9, '  renewed();').join('\n');
    const after = timed(() => textAfter('a', source, replaceIn('a', block.join('\n'), replacement)));
    expect(after === source.replace('call(10009, "text of line 10009");', 'renewed();')).toBe(true);
  });

  it('says in time that a block of 10,000 lines is not there', () => {
    const search = `${source.split('\n').slice(0, 10_000).join('\n')}\nno such line`;
    const [fault] = timed(() => faultsIn(source, replaceIn('a', search, 'x')));
    expect(fault?.says).toContain('does not occur');
  });

  it.each([
    ['equal lines', '  x\n'.repeat(LINES), `${'x\n'.repeat(20_000)}y`],
    ['one line of equal characters', 'a'.repeat(1_000_000), `${'a'.repeat(400_000)}b`],
    ['a long run of spaces', `${' '.repeat(900_000)}x\n`, `${' '.repeat(450_000)}y`],
    ['empty lines', '\n'.repeat(LINES), `${'\n'.repeat(20_000)} x`],
    ['nested repeats', `${'ab'.repeat(20)}c`.repeat(20_000), `${'ab'.repeat(20)}c`.repeat(8_000).slice(1) + 'd'],
  ])('does not hang on %s', (_, text, search) => {
    const [fault] = timed(() => faultsIn(text, replaceIn('a', search, 'z')));
    expect(fault?.says).toContain('does not occur');
  });

  it('writes 20,000 new lines over 20,000 old ones of a CRLF file', () => {
    const old = `${tenThousand('one')}${tenThousand('two')}`.replaceAll('\n', '\r\n');
    const after = timed(() => textAfter('a', old, writeTo('a', `${tenThousand('two')}${tenThousand('one')}`)));
    expect(after).toBe(`${tenThousand('two')}${tenThousand('one')}`.replaceAll('\n', '\r\n'));
  });

  it('applies 200 replaces to a large file', () => {
    const edits = Array.from({ length: 200 }, (_, index) =>
      replaceIn('a', `call(${index * 200},`, `run(${index * 200},`),
    );
    const after = timed(() => textAfter('a', source, ...edits));
    expect(after.match(/run\(/g)).toHaveLength(200);
  });

  it('adds a file to a repository of 50,000', () => {
    const files = Object.fromEntries(Array.from({ length: LINES }, (_, index) => [`d${index % 500}/f${index}`, '']));
    const snapshot = snapshotOf(files);
    const edits = Array.from({ length: 200 }, (_, index) => writeTo(`d${index}/new/file${index}`, 'x\n'));
    const result = timed(() => applyTo(snapshot, edits));
    expect(result.kind).toBe('applied');
  });
});
