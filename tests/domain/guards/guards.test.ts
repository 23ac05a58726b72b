import type { ChangedFile, GuardPolicies } from '../../../src/domain/guards/change';
import { findingWords, guardChange } from '../../../src/domain/guards/guards';
import { parsePatch } from '../../../src/domain/patch';

interface Of {
  readonly path?: string;
  readonly words?: string;
  readonly isTest?: boolean;
  readonly isFree?: boolean;
  readonly texts?: ChangedFile['texts'];
  readonly header?: string;
  readonly policies?: GuardPolicies;
}

const named =
  (weight: string) =>
  ({ guard }: { readonly guard: string }) =>
    `${weight} ${guard}`;

/** Hunks as git prints them, without their first line. */
const found = (
  hunk: string,
  { path = 'src/a.js', words = 'Fix the sum.', header = 'index 1..2', policies = {}, ...of }: Of = {},
) => {
  const patch = `diff --git a/${path} b/${path}\n${header}\n--- a/${path}\n+++ b/${path}\n@@ -1,9 +1,9 @@\n${hunk}\n`;
  const about = { isTest: of.isTest ?? false, isFree: of.isFree ?? false };
  const files = parsePatch(patch).map((file): ChangedFile => ({
    ...file,
    ...about,
    ...(of.texts === undefined ? {} : { texts: of.texts }),
  }));
  const { denied, warned } = guardChange({ files, words }, policies, (_path, text) =>
    text.includes('broken') ? 'It is broken.' : null,
  );
  return [...denied.map(named('deny')), ...warned.map(named('warn'))];
};
const NEW = 'new file mode 100644';

describe('placeholders', () => {
  it.each([
    ' a\n-  return 1;\n+  // ... existing code ...\n b',
    ' a\n-x\n+  # rest of the code unchanged',
    '+// TODO: implement the parser',
    '+  // your code goes here',
    '+    todo!()',
    ' def f():\n-    return 1\n+    raise NotImplementedError',
    " f() {\n-  return 1;\n+  throw new Error('Not implemented');",
  ])('are refused: %j', (hunk) => {
    expect(found(hunk)).toEqual(['deny placeholder']);
  });

  it.each([
    '+const all = [...rest];',
    '+// TODO: handle time zones',
    ' class A:\n+    def f(self):\n+        raise NotImplementedError',
    '-// ... existing code ...\n-a\n+  // ... existing code ...\n+b',
    "+const names = 'the rest of the code';",
  ])('are not seen in ordinary code: %j', (hunk) => {
    expect(found(hunk)).toEqual([]);
  });

  it('are examples in prose', () => {
    expect(found(' a\n-b\n+// ... rest of the code unchanged', { path: 'docs/edits.md' })).toEqual([]);
  });
});

const lost = (count: number) => Array.from({ length: count }, (_, n) => `-line ${n}`).join('\n');

const patchOf = (path: string, lines: string) =>
  `diff --git a/${path} b/${path}\n--- a/${path}\n+++ b/${path}\n@@ -1 +1 @@\n${lines}\n`;

describe('mass deletion', () => {
  const before = Array.from({ length: 100 }, (_, n) => `line ${n}`).join('\n');

  it('is a file that loses most of its lines', () => {
    expect(found(lost(70), { texts: { before, after: '' } })).toEqual(['deny massDeletion']);
    expect(found(lost(50), { texts: { before, after: '' } })).toEqual([]);
  });

  const inParser = (words: string) =>
    found(lost(70), { path: 'src/old-parser.js', texts: { before, after: '' }, words });

  it.each([
    'Remove the old parser',
    'Rewrite src/old-parser.js',
    'Split `old-parser.js` into two files',
    'Drop what nobody calls from old-parser.js.',
    'Replace the oldParser by a library',
    'Remove all of the dead code.',
    'Empty old-parser.js, which is not used any more',
  ])('is only written down where the task asks for it: %s', (words) => {
    expect(inParser(words.replace('oldParser', 'old parser'))).toEqual(['warn massDeletion']);
  });

  it.each([
    'The value is wrong. Replace it by the right one.',
    'Move the check out of the loop',
    'The old parser removes the last token',
    'Split the line at the comma',
    'Fix old-parser.js: replace the minus',
    'Do not remove anything from old-parser.js',
    'Remove very-old-parser.js',
  ])('is refused where the words are about something else: %s', (words) => {
    expect(inParser(words)).toEqual(['deny massDeletion']);
  });

  it('is none of lines that have come up in another file', () => {
    const files = parsePatch(patchOf('a.js', lost(70)) + patchOf('b.js', lost(70).replaceAll(/^-/gm, '+  '))).map(
      (file): ChangedFile => ({ ...file, isTest: false, isFree: false, texts: { before, after: '' } }),
    );
    expect(guardChange({ files, words: '' }, {}, () => null)).toEqual({ denied: [], warned: [] });
  });

  it('is also a tree that loses many lines', () => {
    expect(found(lost(1_001))).toEqual(['deny massDeletion']);
  });
});

describe('white space', () => {
  it('alone is no work', () => {
    expect(found(' a\n-b = 1;\n+b =  1;\n+\n c')).toEqual(['deny whitespaceOnly']);
    expect(found(' a\n-b\n+b  ', { path: 'a.py' })).toEqual(['deny whitespaceOnly']);
  });

  it('is work where the language reads it, where it is asked for, and in new files', () => {
    expect(found(' a\n-b\n+  b', { path: 'a.py' })).toEqual([]);
    expect(found(' a\n-b\n+  b', { words: 'Run the formatter' })).toEqual(['warn whitespaceOnly']);
    expect(found('+ ', { header: NEW })).toEqual([]);
  });

  it('does not make nothing of a line that goes to another place', () => {
    expect(found('-\tb := 1\n \tfor {\n+\t\tb := 1\n \t\tc()', { path: 'a.go' })).toEqual([]);
    expect(found('-b = 1\n a()\n+b = 1\n c()', { path: 'a.py' })).toEqual([]);
  });
});

describe('leftovers', () => {
  it('are marks of a merge and copies of tools', () => {
    expect(found('+<<<<<<< ours\n+a\n+=======\n+b\n+>>>>>>> theirs')).toEqual(['deny leftovers']);
    expect(found('+a', { path: 'src/a.js.orig', header: NEW })).toEqual(['deny leftovers']);
  });

  it('are no headings and no files that were there', () => {
    expect(found('+Title\n+=======', { path: 'README.md' })).toEqual([]);
    expect(found('+a', { path: 'src/a.js.orig' })).toEqual([]);
  });

  it.each([
    ['a.ts', '+  debugger;'],
    ['a.py', '+    breakpoint()'],
    ['a.py', '+import pdb; pdb.set_trace()'],
    ['a.rb', '+  binding.pry'],
    ['a.rs', '+    dbg!(x);'],
  ])('of a debugger are written down: %s %s', (path, hunk) => {
    expect(found(hunk, { path })).toEqual(['warn debugStatements']);
  });
});

const inTest = (hunk: string, of: Of = {}) => found(hunk, { path: 'tests/a.test.js', isTest: true, ...of });

const rust = (result: string) =>
  `fn f() {\n    exit(0);\n}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {\n        ${result};\n    }\n}\n`;

describe('tests', () => {
  it.each([
    ['@pytest.mark.skip', '+@pytest.mark.skip(reason="slow")\n def test_a():\n     assert f() == 1'],
    ['skipIf with another decorator', '+@unittest.skipIf(True, "x")\n @given(x)\n def test_a(self):'],
    ['#[ignore]', ' #[test]\n+#[ignore]\n fn it_works() {'],
    ['@Disabled', '+@Disabled\n @Test\n void adds() {'],
    ['t.Skip', ' func TestA(t *testing.T) {\n+\tt.Skip("later")\n \tif f() != 1 {'],
    ['this.skip', " it('a', function () {\n+  this.skip();\n   assert(f());"],
    ['an early return', " it('a', () => {\n+  return;\n   assert(f());"],
    ['.only', "+it.only('b', () => {});"],
    ['fdescribe', "+fdescribe('b', () => {});"],
    ['it.skip in place', "-it('a', () => {\n+it.skip('a', () => {\n   f();"],
    ['xit in place', "-it('a', () => {\n+xit('a', () => {\n   f();"],
    ['skip: true in place', "-test('a', () => {\n+test('a', { skip: true }, () => {\n   f();"],
    ['process.exit', '+process.exit(0);\n a'],
    ['a module that is skipped', '+pytest.skip("x", allow_module_level=True)\n import a'],
    ['pytestmark', '+pytestmark = pytest.mark.skip\n a'],
  ])('must not be switched off: %s', (_name, hunk) => {
    expect(inTest(hunk)).toEqual(['deny weakenedTests']);
  });

  it.each([
    [
      'a new test that is skipped',
      '+@pytest.mark.skipif(sys.platform == "win32", reason="x")\n+def test_b():\n+    assert f()',
      ['warn weakenedTests'],
    ],
    ['a new todo', "+it.todo('b');", ['warn weakenedTests']],
    ['a conditional return', ' f() {\n+  if (x)\n+    return;\n   g();', []],
    ['a return at the end of a block', '+  return;\n }', []],
    ['an ordinary test', "+it('exits', () => {\n+  expect(f()).toBe(1);\n+});", []],
    ['words that look alike', '+exitCode(1);\n+const xitem = quit.ok;', []],
  ])('may be added: %s', (_name, hunk, says) => {
    expect(inTest(hunk)).toEqual(says);
  });

  it('must not lose assertions, by removing or by commenting out', () => {
    expect(inTest(' a\n-  expect(f()).toBe(1);\n+  f();')).toEqual(['deny weakenedTests']);
    expect(inTest(' a\n-  assert f() == 1\n+  # assert f() == 1')).toEqual(['deny weakenedTests']);
    expect(inTest(' a\n-  expect(f()).toBe(1);\n+  expect(f()).toBe(2);')).toEqual([]);
  });

  it('that the task is free to change are only written down', () => {
    expect(inTest(' a\n-  expect(f()).toBe(1);\n+  f();', { isFree: true })).toEqual(['warn weakenedTests']);
  });

  it('inside of a source are looked at too, and only those lines', () => {
    const texts = { before: rust('assert_eq!(f(), 1)').replace('exit(0)', 'a()'), after: rust('f()') };
    const hunk = ' fn f() {\n-    a();\n+    exit(0);\n }\n #[cfg(test)]\n mod tests {\n     #[test]\n     fn a() {\n';
    const weaker = `${hunk}-        assert_eq!(f(), 1);\n+        f();\n     }`;
    expect(found(weaker, { path: 'src/lib.rs', texts })).toEqual(['deny weakenedTests']);
    expect(found(weaker, { path: 'src/lib.rs', texts, isFree: true })).toEqual(['warn weakenedTests']);
    expect(found(hunk, { path: 'src/lib.rs', texts })).toEqual([]);
  });

  it('are none outside of test files', () => {
    expect(found('+process.exit(0);\n a')).toEqual([]);
  });
});

describe('syntax', () => {
  it('counts only where the file could be read before', () => {
    expect(found('+a', { texts: { before: 'fine', after: 'broken' } })).toEqual(['deny syntax']);
    expect(found('+a', { texts: { before: 'broken too', after: 'broken' } })).toEqual([]);
    expect(found('+a', { header: NEW, texts: { before: null, after: 'broken' } })).toEqual(['deny syntax']);
  });

  it('may be broken on purpose in a new file of the tests', () => {
    expect(found('+a', { header: NEW, isTest: true, texts: { before: null, after: 'broken' } })).toEqual([]);
  });
});

describe('the policies of the task', () => {
  it('come before what a guard does by itself', () => {
    const hunk = '+// TODO: implement it\n+debugger;';
    expect(found(hunk)).toEqual(['deny placeholder', 'warn debugStatements']);
    expect(found(hunk, { policies: { placeholder: 'warn', debugStatements: 'deny' } })).toEqual([
      'deny debugStatements',
      'warn placeholder',
    ]);
    expect(found(hunk, { policies: { placeholder: 'allow', debugStatements: 'allow' } })).toEqual([]);
  });
});

it('says where a finding is', () => {
  const finding = { guard: 'leftovers', says: 'It is wrong.', weight: 'deny' } as const;
  expect(
    [
      { path: 'a', line: 3 },
      { path: 'a', line: null },
      { path: '', line: null },
    ].map((place) => findingWords({ ...finding, ...place })),
  ).toEqual(['a:3: It is wrong.', 'a: It is wrong.', 'It is wrong.']);
});
