import type { EditResult } from '../../../src/domain/apply-edits.js';
import type { Edit } from '../../../src/domain/edits.js';
import type { ProtectSpec } from '../../../src/domain/task.js';
import { chanceFrom, type Chance } from './chance.js';
import {
  applyTo,
  editOf,
  replaceIn,
  shownFiles,
  snapshotOf,
  textAfter,
  type Snapshot,
  type WrittenFiles,
} from './snapshot.js';

const ROUNDS = 1_000;

/** Lines out of few characters, so that texts occur often, twice, and nearly. */
const TEXT = [
  'a',
  'b',
  '  ',
  '\t',
  ' ',
  '\n',
  '\n',
  '\r\n',
  '\r',
  '$&',
  '\u2019',
  "'",
  '\u00e9',
  '😀',
  '// ... existing code',
  '1| ',
] as const;
const BYTES = [
  'a',
  'b',
  '\n',
  '\r\n',
  '\u00e9',
  '\u0000',
  '\u00ff\u00fe',
  '\u00ef\u00bb\u00bf',
  '\u0083\u005c',
  ' ',
] as const;
const PATHS = [
  'a',
  'A',
  'b',
  'd/a',
  'd/b',
  'd',
  'd/a/x',
  'l',
  'k/a',
  'm',
  'o/a',
  '../a',
  '/a',
  '.git/a',
  's/a',
  'x\\y',
  '',
  'e\u0301',
  '\u00e9',
  'long/'.repeat(9),
] as const;

function anyFiles(chance: Chance): WrittenFiles {
  const text = () => chance.text(TEXT, 12);
  return {
    a: text(),
    b: { bytes: chance.text(BYTES, 8), mode: chance.of(['100644', '100755']) },
    'd/a': text(),
    l: { link: chance.of(['a', 'd/a', '../a', 'l', 'nowhere', '/etc', '.git/x', 'm']) },
    k: { link: chance.of(['d', '.', '..', 'd/..', 'a']) },
    m: { link: 'l' },
    s: { submodule: true },
    ...(chance.below(2) === 0
      ? { '.gitignore': chance.text(['*', 'a', '/', '!', '\n', 'd', '[', ']', '\\', '?'], 8) }
      : {}),
  };
}

function anyEdit(chance: Chance, files: WrittenFiles): Edit {
  const text = () => chance.text(chance.below(20) === 0 ? ['\ud800', '\u0000', '\ufeff', ...TEXT] : TEXT, 8);
  const maybe = (value: string): string | null => (chance.below(20) === 0 ? null : value);
  const path = chance.below(3) === 0 ? chance.of(PATHS) : chance.of(['a', 'b', 'd/a', 'l', 'new', 'd/new']);
  const old = files[path];
  const lines = typeof old === 'string' ? old.split(/\r\n?|\n/) : ['a'];
  return {
    op: chance.of(['write', 'replace', 'replace', 'delete', 'move']),
    path,
    content: maybe(text()),
    search: maybe(chance.below(3) === 0 ? chance.text(TEXT, 3) : (lines[chance.below(lines.length)] ?? '')),
    replace: maybe(text()),
    to: maybe(chance.below(2) === 0 ? chance.of(PATHS) : `moved${chance.below(3)}`),
  };
}

const anyEdits = (chance: Chance, files: WrittenFiles): readonly Edit[] =>
  Array.from({ length: 1 + chance.below(4) }, () => anyEdit(chance, files));

function snapshotAfter(snapshot: Snapshot, result: EditResult): Snapshot {
  const after = new Map(snapshot);
  if (result.kind !== 'applied') return after;
  for (const { path, file } of result.changes) {
    if (file === null) after.delete(path);
    else after.set(path, file);
  }
  return after;
}

/** Paths that are both a file and a folder: no tree can hold them. */
function conflicts(snapshot: Snapshot): readonly string[] {
  return [...snapshot.keys()].filter((path) => [...snapshot.keys()].some((other) => other.startsWith(`${path}/`)));
}

const saysOf = (result: EditResult): readonly string[] =>
  result.kind === 'rejected' ? result.faults.map(({ says }) => says) : [];

describe('any edits on any snapshot', () => {
  it('end in a tree or in bounded faults, the same again each time, and never in an exception', () => {
    const seen = { applied: 0, rejected: 0 };
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const chance = chanceFrom(seed);
      const files = anyFiles(chance);
      const snapshot = snapshotOf(files);
      const before = JSON.stringify(shownFiles(snapshot));
      const edits = anyEdits(chance, files);
      const protect: readonly ProtectSpec[] = [
        { glob: chance.of(['a', 'd/**', 'none']), policy: chance.of(['allow', 'add-only', 'deny']) },
      ];
      const result = applyTo(snapshot, edits, protect);
      seen[result.kind] += 1;
      expect(JSON.stringify(applyTo(snapshot, edits, protect))).toBe(JSON.stringify(result));
      expect(JSON.stringify(shownFiles(snapshot))).toBe(before);
      expect(conflicts(snapshotAfter(snapshot, result))).toEqual([]);
      expect(saysOf(result).filter((says) => says.length > 1_500)).toEqual([]);
    }
    // Both ends are reached often enough to mean something.
    expect(Math.min(seen.applied, seen.rejected)).toBeGreaterThan(ROUNDS / 20);
  });

  it('give the same files as the same edits one answer at a time', () => {
    let applied = 0;
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const chance = chanceFrom(seed);
      const { '.gitignore': _, ...files } = anyFiles(chance);
      const edits = anyEdits(chance, files);
      const start = snapshotOf({ ...files, b: 'b\n' });
      const together = applyTo(start, edits);
      if (together.kind === 'rejected') continue;
      applied += 1;
      const oneByOne = edits.reduce((tree, edit) => snapshotAfter(tree, applyTo(tree, [edit])), start);
      expect(shownFiles(oneByOne)).toEqual(shownFiles(snapshotAfter(start, together)));
    }
    expect(applied).toBeGreaterThan(ROUNDS / 20);
  });
});

/** A text with a search in it that stands there once, as a plain `indexOf` sees it. */
function anyPlace(chance: Chance, alphabet: readonly [string, ...string[]]) {
  for (;;) {
    const text = chance.text(alphabet, 40);
    const from = chance.below(text.length);
    const search = text.slice(from, from + 1 + chance.below(12));
    const replace = chance.text(alphabet, 10);
    if (search === '' || search === replace || text.indexOf(search) !== text.lastIndexOf(search)) continue;
    return { text, from, search, replace };
  }
}

const crlf = (text: string): string => text.replaceAll('\n', '\r\n');

describe('a replace of a text that stands there once', () => {
  it('does what cutting and pasting does', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const { text, from, search, replace } = anyPlace(chanceFrom(seed), [
        'a',
        'b',
        'c',
        ' ',
        '\t',
        '\n',
        '$1',
        '\u00e9',
        '"',
      ]);
      const expected = text.slice(0, from) + replace + text.slice(from + search.length);
      expect(textAfter('a', text, replaceIn('a', search, replace))).toBe(expected);
    }
  });

  it('does the same in CRLF, and nothing else', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const chance = chanceFrom(seed);
      const { text, from, search, replace } = anyPlace(chance, ['a', 'b', 'c', ' ', '\n', '\u00e9']);
      // Without a line end a file does not say how its lines end.
      if (!text.includes('\n')) continue;
      const expected = crlf(text.slice(0, from) + replace + text.slice(from + search.length));
      const sent =
        chance.below(2) === 0 ? replaceIn('a', search, replace) : replaceIn('a', crlf(search), crlf(replace));
      expect(textAfter('a', crlf(text), sent)).toBe(expected);
    }
  });

  it('leaves every byte outside of it alone, whatever ends the lines', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const { text, from, search, replace } = anyPlace(chanceFrom(seed), ['a', 'b', 'c', '\n', '\r\n', '\r', '\u00e9']);
      const plain = text.replaceAll('\r\n', '\n');
      const searched = search.replaceAll('\r\n', '\n');
      // A search that starts or ends inside a CRLF or that only line ends made unique, and a new lone CR, are another matter.
      if (
        /^\n|\r$/.test(search) ||
        /\r(?!\n)/.test(replace) ||
        !text.includes('\n') ||
        plain.indexOf(searched) !== plain.lastIndexOf(searched)
      )
        continue;
      const after = textAfter('a', text, replaceIn('a', search, replace));
      const end = from + search.length;
      expect(after.slice(0, from)).toBe(text.slice(0, from));
      expect(after.slice(after.length - (text.length - end))).toBe(text.slice(end));
      const middle = after.slice(from, after.length - (text.length - end));
      expect(middle.replaceAll('\r\n', '\n')).toBe(replace.replaceAll('\r\n', '\n'));
    }
  });
});

describe('a file whose bytes are no text that is known', () => {
  it('keeps every byte outside the edited line', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const chance = chanceFrom(seed);
      const noise = () =>
        Array.from({ length: chance.below(20) }, () => String.fromCharCode(1 + chance.below(255))).join('');
      const [head, tail] = [noise(), noise()];
      // A mark of UTF-16 at the start would make it text that is known.
      const bytes = `#${head}\nMARKED = 1;\n${tail}`;
      const result = applyTo(snapshotOf({ a: { bytes } }), [
        editOf({ op: 'replace', path: 'a', search: 'MARKED = 1;', replace: 'MARKED = 2;' }),
      ]);
      expect(
        result.kind === 'applied' ? Buffer.from(result.changes[0]?.file?.bytes ?? []).toString('latin1') : result,
      ).toBe(`#${head}\nMARKED = 2;\n${tail}`);
    }
  });
});
