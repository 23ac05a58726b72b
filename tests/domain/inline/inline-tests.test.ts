import { holdsTests, testLines, withInlineTestsOf } from '../../../src/domain/inline/inline-tests';

const tests = (...body: readonly string[]): string =>
  ['#[cfg(test)]', 'mod tests {', '    use super::*;', ...body.map((line) => `    ${line}`), '}', ''].join('\n');
const adds = (result: number): readonly string[] => [
  '#[test]',
  'fn adds() {',
  `    assert_eq!(add(2, 2), ${result});`,
  '}',
];
const lib = (sign: string, ...body: readonly string[]): string =>
  `pub fn add(a: i32, b: i32) -> i32 {\n    a ${sign} b\n}\n\n${tests(...body)}`;
const put = (before: string, now: string): string => withInlineTestsOf('src/lib.rs', before, now);

const alone = (result: number): string =>
  `#[tokio::test(flavor = "x")]\nasync fn adds() {\n    assert!(${result});\n}\n`;
const python = (result: number, words = 'Adds.'): string =>
  `class A:\n    def add(self):\n        """${words}\n\n        >>> add(2, 2)\n        ${result}\n\n        Done.\n        """\n        return 1\n`;
const rust = (result: number, words = 'Adds.'): string =>
  `/// ${words}\n/// \`\`\`\n/// assert_eq!(add(2, 2), ${result});\n/// \`\`\`\n#[inline]\npub fn add() {}\n`;

describe('tests of Rust inside of a source', () => {
  it('are put back as they were, and the code around them stays as it is', () => {
    expect(put(lib('-', ...adds(4)), lib('+', ...adds(0)))).toBe(lib('+', ...adds(4)));
  });

  it('leave the file as it is, to the byte, where they have stayed', () => {
    const now = lib('+', ...adds(4)).replace('pub fn', '/// Adds.\npub fn');
    expect(put(lib('-', ...adds(4)), now)).toBe(now);
  });

  it('come back where they were taken out, and go where they are new', () => {
    const code = 'pub fn add() {}\n';
    expect(put(`${code}${tests(...adds(4))}`, code)).toBe(`${code}\n${tests(...adds(4))}`);
    expect(put(code, `${code}${tests(...adds(4))}`)).toBe(`${code}\n`);
  });

  it('can be set upon a base that has none of them', () => {
    const fixed = lib('+', ...adds(4), ...adds(5).map((line) => line.replace('adds', 'more')));
    expect(put(fixed, lib('-', ...adds(4)))).toBe(fixed.replace('a + b', 'a - b'));
  });

  it.each([
    ['a brace in a text', 'const A: &str = "{ #[cfg(test)] mod x {";\n'],
    ['a raw text', 'const A: &str = r#"" { "#;\n'],
    ['a brace as a character', "const A: char = '{'; const B: char = '\\''; const C: char = '\\u{7b}';\n"],
    ['a lifetime', "fn f<'a>(x: &'a str, y: [u8; 4]) -> &'a str { x }\n"],
    ['a comment', '// { "\n/* } \' */\n'],
    [
      'code that tests share with others',
      '#[cfg(any(test, feature = "x"))]\npub mod testing {\n    pub fn f() {}\n}\n',
    ],
    ['a feature with such a name', '#[cfg(feature = "test")]\nfn f() {\n}\n'],
    ['code for all but tests', '#[cfg(not(test))]\nfn f() {\n}\n'],
    ['a declaration', '#[cfg(test)]\nmod helpers;\n'],
  ])('are told from %s', (_what, code) => {
    expect(holdsTests('src/lib.rs', code)).toBe(false);
    expect(put(`${code}${tests(...adds(4))}`, `${code}${tests(...adds(0))}`)).toBe(`${code}${tests(...adds(4))}`);
  });

  it('are also functions that stand alone', () => {
    expect(put(alone(4), `fn f() {}\n${alone(0)}`)).toBe(`fn f() {}\n${alone(4)}`);
  });

  it('have lines that are told from those of the code', () => {
    const isTest = testLines('src/lib.rs', lib('+', ...adds(4)));
    expect([1, 2, 4, 5, 8, 10, 12].map(isTest)).toEqual([false, false, false, true, true, true, true]);
  });

  it('end with a text that is cut off', () => {
    for (const text of ['#[cfg(test)] mod t { "', '#[cfg(test', '#[test] fn', '/*', "'", '}}}#[test]fn a(){}'])
      expect(put(lib('+', ...adds(4)), text)).toContain('assert_eq!(add(2, 2), 4);');
  });
});

describe('examples in documentation', () => {
  it('are as they were, with the words around them', () => {
    expect(withInlineTestsOf('a.py', python(4), `import b\n${python(0)}`)).toBe(`import b\n${python(4)}`);
    expect(put(rust(4), `use b;\n${rust(0)}`)).toBe(`use b;\n${rust(4)}`);
  });

  it('stay where only the words have changed, or where they are new', () => {
    expect(withInlineTestsOf('a.py', python(4), python(4, 'Sums.'))).toBe(python(4, 'Sums.'));
    expect(put(rust(4), rust(4, 'Sums.'))).toBe(rust(4, 'Sums.'));
    expect(withInlineTestsOf('a.py', 'a = 1\n', python(4))).toBe(python(4));
  });

  it('are no tests to count assertions in', () => {
    expect([holdsTests('a.py', python(4)), holdsTests('a.rs', rust(4))]).toEqual([false, false]);
  });
});

describe('a module that has the name of a test', () => {
  const unit =
    'import unittest\n\nclass Add(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(1, 1)\n';

  it('is one if it has tests, and is put back whole', () => {
    expect(withInlineTestsOf('testcalc.py', unit, unit.replace('(1, 1)', '(0, 0)'))).toBe(unit);
    expect(withInlineTestsOf('testcalc.py', 'def test_a():\n    assert f()\n', 'pass\n')).toContain('assert f()');
  });

  it.each([
    ['testing.py', 'def assert_close(a, b):\n    assert a == b\n'],
    ['testimonials.py', 'def all():\n    return []\n'],
    ['calc.py', unit],
  ])('is the work itself if it has none: %s', (path, text) => {
    expect(withInlineTestsOf(path, text, 'b = 2\n')).toBe('b = 2\n');
  });
});

it('leaves every other file alone', () => {
  expect(withInlineTestsOf('a.js', '#[test] fn a() {}', 'b')).toBe('b');
});
