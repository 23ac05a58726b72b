import { swap, type RealCase } from './case.js';

const TEST_PATH = 'tests/known_bug.rs';

/** By the compiler alone: cargo would look for the packages that the package's own tests need. */
const testCommand = (crate: string, options = ''): string =>
  [
    `rustc --cap-lints allow ${options} --crate-type rlib --crate-name ${crate} --out-dir "$HOME" src/lib.rs`,
    `rustc --edition 2018 --test ${TEST_PATH} --extern ${crate}="$HOME/lib${crate}.rlib" -o "$HOME/known_bug"`,
    '"$HOME/known_bug" --test-threads 1',
  ].join(' && ');

const shlex: RealCase = {
  name: 'shlex-braces',
  language: 'rust',
  package: 'shlex',
  base: { version: '1.2.0', sha256: 'a7cee0529a6d40f580e7a5e6c495c8fbfe21b7b52795ed4bb5e62cdf92bc6380' },
  fixed: { version: '1.2.1', sha256: 'a2beddea41c2e08de73f2874f8b21cc2c3f42f08d8ffc30587e1e4847d3cf67f' },
  title: 'Braces and no-break spaces are not quoted',
  description:
    'quote() makes one word of any text. Words with braces come out bare, and a shell makes several of them; so do words with ' +
    'a no-break space, which some shells take for a space. The test in the source that expects the latter to be bare is wrong.',
  criteria: ['Words with braces are quoted.', 'Words with other than ASCII characters are quoted.'],
  fixedFiles: ['src/bytes.rs', 'src/lib.rs'],
  test: {
    path: TEST_PATH,
    names: ['quotes_braces', 'quotes_no_break_spaces', 'leaves_plain_words'],
    content: `#[test]
fn quotes_braces() {
    assert_eq!(shlex::quote("{one,two}"), "\\"{one,two}\\"");
    assert_eq!(shlex::quote("}"), "\\"}\\"");
}

#[test]
fn quotes_no_break_spaces() {
    assert_eq!(shlex::quote("10\\u{a0}km"), "\\"10\\u{a0}km\\"");
}

#[test]
fn leaves_plain_words() {
    assert_eq!(shlex::quote("plain-word_1.txt"), "plain-word_1.txt");
    assert_eq!(shlex::quote("two words"), "\\"two words\\"");
}
`,
  },
  testCommand: testCommand('shlex', `--cfg 'feature="std"'`),
  // The braces only.
  wrong: {
    path: 'src/bytes.rs',
    change: (source) => swap(source, /'=' \| '%' => true/, "'=' | '%' | '{' | '}' => true"),
  },
};

const strsim: RealCase = {
  name: 'strsim-one-character',
  language: 'rust',
  package: 'strsim',
  base: { version: '0.9.2', sha256: '032c03039aae92b350aad2e3779c352e104d919cb192ba2fabbd7b831ce4f0f6' },
  fixed: { version: '0.9.3', sha256: '6446ced80d6c486436db5c078dde11a9f73d42b57fb273121e160b84f63d894c' },
  title: 'One character has nothing in common with itself',
  description:
    'The Jaro similarity of equal texts is 1. Of two texts of one character each it is 0, whether they are equal or not; the ' +
    'same goes for Jaro-Winkler, which is computed from it.',
  criteria: ['Equal texts of one character have the similarity 1.', 'Different ones have 0.'],
  fixedFiles: ['src/lib.rs'],
  test: {
    path: TEST_PATH,
    names: ['equal_characters', 'different_characters', 'longer_texts'],
    content: `use strsim::{generic_jaro, jaro, jaro_winkler};

#[test]
fn equal_characters() {
    assert_eq!(1.0, jaro("x", "x"));
    assert_eq!(1.0, jaro_winkler("x", "x"));
    assert_eq!(1.0, generic_jaro(&[7], &[7]));
}

#[test]
fn different_characters() {
    assert_eq!(0.0, jaro("x", "y"));
    assert_eq!(0.0, jaro("x", ""));
}

#[test]
fn longer_texts() {
    assert_eq!(1.0, jaro("same", "same"));
    assert!((0.944 - jaro("martha", "marhta")).abs() < 0.001);
}
`,
  },
  testCommand: testCommand('strsim'),
  // Forgets why the case was there: the range of the search would be negative.
  wrong: { path: 'src/lib.rs', change: (source) => swap(source, / \|\| \(a_len == 1 && b_len == 1\)/, '') },
};

const picoArgs: RealCase = {
  name: 'pico-args-letters-of-words',
  language: 'rust',
  package: 'pico-args',
  base: { version: '0.4.1', sha256: '7d7afeb98c5a10e0bffcc7fc16e105b04d06729fac5fd6384aebf7ff5cb5a67d' },
  fixed: { version: '0.4.2', sha256: 'db8bcd96cb740d03149cbad5518db9fd87126a10ab519c011893b1754134c468' },
  title: 'A letter of a long flag counts as a short flag',
  description:
    'With combined-flags, -abc stands for -a -b -c. The letter of a short flag is looked for in every argument with a dash ' +
    'before it, so that --version holds -s, and loses the letter by being asked.',
  criteria: ['A long flag is one flag, whatever its letters.', 'Short flags combine, however many they are.'],
  fixedFiles: ['src/lib.rs'],
  test: {
    path: TEST_PATH,
    names: ['long_flags_are_whole', 'short_flags_combine'],
    content: `use pico_args::Arguments;

fn given(arguments: &[&str]) -> Arguments {
    Arguments::from_vec(arguments.iter().map(|one| one.into()).collect())
}

#[test]
fn long_flags_are_whole() {
    let mut arguments = given(&["--all"]);
    assert!(!arguments.contains("-a"));
    assert!(!arguments.contains("-l"));
    assert!(arguments.contains("--all"));
}

#[test]
fn short_flags_combine() {
    let mut arguments = given(&["-abcd"]);
    for flag in &["-c", "-a", "-d", "-b"] {
        assert!(arguments.contains(*flag));
    }
    assert!(arguments.finish().is_empty());
}
`,
  },
  testCommand: testCommand('pico_args', `--edition 2018 --cfg 'feature="combined-flags"'`),
  // Takes everything longer for a word.
  wrong: {
    path: 'src/lib.rs',
    change: (source) =>
      swap(source, /s\.starts_with\('-'\) && s\.contains/, "s.starts_with('-') && s.len() < 5 && s.contains"),
  },
};

/** From the package registry of Rust, as packed crates. */
export const furtherRustCases: readonly RealCase[] = [shlex, strsim, picoArgs];
