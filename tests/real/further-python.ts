import { swap, type RealCase } from './case.js';

const TEST_PATH = 'test_known_bug.py';
const TEST_COMMAND = 'python3 -m unittest -v test_known_bug';
/** The package lies in a folder of its own. */
const TEST_COMMAND_SRC = `PYTHONPATH=src ${TEST_COMMAND}`;

const pyflakes: RealCase = {
  name: 'pyflakes-augmented-print',
  language: 'python',
  package: 'pyflakes',
  base: { version: '3.0.0', sha256: '12da339341ba8b9071e185d4717bef732fdb4f4400b9f4a1d0d6bbc362bf7760' },
  fixed: { version: '3.0.1', sha256: 'ec8b276a6b60bd80defed25add7e439881c19e64850afd9b346283d4165fd0fd' },
  title: 'An augmented assignment to print crashes the checker',
  description:
    'For the print of Python 2 the checker looks what the name stands in. In an augmented assignment (print += 1) that is not ' +
    'known yet when the name is looked up, and the checker ends with an AttributeError.',
  criteria: [
    'An augmented assignment to print is checked without a crash.',
    'The old form of print is still reported, and so are undefined names in augmented assignments.',
  ],
  fixedFiles: ['pyflakes/checker.py'],
  test: {
    path: TEST_PATH,
    names: ['test_augmented_print', 'test_old_print', 'test_undefined_name'],
    content: `import ast
import unittest

from pyflakes.checker import Checker


def reported(source):
    return [type(message).__name__ for message in Checker(ast.parse(source)).messages]


class KnownBugTest(unittest.TestCase):
    def test_augmented_print(self):
        self.assertEqual([], reported("print += 1"))
        self.assertEqual([], reported("print >>= 1"))

    def test_old_print(self):
        self.assertEqual(["InvalidPrintSyntax"], reported("import sys\\nprint >> sys.stderr"))

    def test_undefined_name(self):
        self.assertEqual(["UndefinedName"], reported("missing += 1"))
`,
  },
  testCommand: TEST_COMMAND,
  // Stores the name before it is looked up: no crash, and nothing is undefined any more.
  wrong: {
    path: 'pyflakes/checker.py',
    change: (source) =>
      swap(
        source,
        /self\.handleNodeLoad\(node\.target\)\n( +)self\.handleNode\(node\.value, node\)\n +self\.handleNode\(node\.target, node\)/,
        'self.handleNode(node.value, node)\n$1self.handleNode(node.target, node)\n$1self.handleNodeLoad(node.target)',
      ),
  },
};

const pycodestyle: RealCase = {
  name: 'pycodestyle-bare-yield',
  language: 'python',
  package: 'pycodestyle',
  base: { version: '2.9.0', sha256: 'beaba44501f89d785be791c9462553f06958a221d166c64e1f107320f839acc2' },
  fixed: { version: '2.9.1', sha256: '2c9607871d58c76354b697b42f5d57e1ada7d261c261efac224b664affdc5785' },
  title: 'A yield in parentheses is said to lack a space',
  description:
    'E275 wants a space after keywords. A yield that gives nothing may be followed by the parenthesis that closes it, as in ' +
    'x = (yield), and no space belongs there.',
  criteria: ['(yield) is not reported.', 'A yield before an opening parenthesis and other keywords are.'],
  fixedFiles: ['pycodestyle.py'],
  test: {
    path: TEST_PATH,
    names: ['test_bare_yield', 'test_yield_of_something', 'test_other_keywords'],
    content: `import io
import tokenize
import unittest

from pycodestyle import missing_whitespace_after_keyword


def found(line):
    tokens = list(tokenize.generate_tokens(io.StringIO(line).readline))
    return [text[:4] for _, text in missing_whitespace_after_keyword(line, tokens)]


class KnownBugTest(unittest.TestCase):
    def test_bare_yield(self):
        self.assertEqual([], found("x = (yield)\\n"))

    def test_yield_of_something(self):
        self.assertEqual(["E275"], found("x = yield(1)\\n"))
        self.assertEqual([], found("x = (yield 1)\\n"))

    def test_other_keywords(self):
        self.assertEqual(["E275"], found("from os import(path)\\n"))
        self.assertEqual(["E275"], found("x = not(y)\\n"))
`,
  },
  testCommand: TEST_COMMAND,
  // Lets every yield through.
  wrong: {
    path: 'pycodestyle.py',
    change: (source) => swap(source, /not in \('async', 'await'\) and/, "not in ('async', 'await', 'yield') and"),
  },
};

const click: RealCase = {
  name: 'click-path-arguments',
  language: 'python',
  package: 'click',
  base: { version: '8.1.1', sha256: '7ab900e38149c9872376e8f9b5986ddcaf68c0f413cf73678a0bca5547e6f976' },
  fixed: { version: '8.1.2', sha256: '479707fe14d9ec9a0757618b7a100a0ae4c4e236fac5b7f80ca68028141a1a72' },
  title: 'Path has its arguments in another order, and the wrong word for what cannot be read',
  description:
    'With the last release the arguments of the type Path changed their places: whoever gives them by position now asks for ' +
    'something else. And a file that cannot be read is said not to be executable.',
  criteria: [
    'By position the arguments are exists, file_okay, dir_okay, writable, readable, as they used to be, and executable is last.',
    'A file that cannot be read is said not to be readable.',
  ],
  fixedFiles: ['src/click/types.py'],
  test: {
    path: TEST_PATH,
    names: ['test_order_of_arguments', 'test_not_readable'],
    content: `import unittest
from unittest import mock

import click


class KnownBugTest(unittest.TestCase):
    def test_order_of_arguments(self):
        path = click.Path(True, True, True, True, False)
        self.assertEqual([True, False, False], [path.writable, path.readable, path.executable])

    def test_not_readable(self):
        # The tests may run as root, who can read everything.
        with mock.patch("os.access", return_value=False):
            with self.assertRaises(click.BadParameter) as caught:
                click.Path(exists=True).convert(__file__, None, None)
        self.assertIn("is not readable", str(caught.exception))
`,
  },
  testCommand: TEST_COMMAND_SRC,
  // The word only.
  wrong: {
    path: 'src/click/types.py',
    change: (source) =>
      swap(source, /(if self\.readable and [^]{0,120}?\{filename!r\} is not )executable/, '$1readable'),
  },
};

const dotenv: RealCase = {
  name: 'python-dotenv-last-line',
  language: 'python',
  package: 'python-dotenv',
  base: { version: '0.19.1', sha256: '14f8185cc8d494662683e6914addcb7e95374771e707601dfc70166946b4c4b8' },
  fixed: { version: '0.19.2', sha256: 'a5de49a31e953b45ff2d2fd434bbc2670e8db5273606c1e737cc6b93eff3655f' },
  title: 'A new key is written onto the last line of a file without a line end',
  description:
    'set_key appends a key that the file does not have. If the last line of the file has no line end, the new key becomes a ' +
    'part of that line, and both are spoilt.',
  criteria: ['A new key begins a line of its own.', 'No empty line is added where there is a line end.'],
  fixedFiles: ['src/dotenv/main.py'],
  test: {
    path: TEST_PATH,
    names: ['test_without_line_end', 'test_with_line_end', 'test_known_key'],
    content: `import os
import tempfile
import unittest

import dotenv


def after(text, key):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "settings")
        with open(path, "w") as file:
            file.write(text)
        dotenv.set_key(path, key, "new")
        with open(path) as file:
            return file.read()


class KnownBugTest(unittest.TestCase):
    def test_without_line_end(self):
        self.assertEqual("A=1\\nB='new'\\n", after("A=1", "B"))

    def test_with_line_end(self):
        self.assertEqual("A=1\\nB='new'\\n", after("A=1\\n", "B"))
        self.assertEqual("B='new'\\n", after("", "B"))

    def test_known_key(self):
        self.assertEqual("A='new'\\n", after("A=1", "A"))
`,
  },
  testCommand: TEST_COMMAND_SRC,
  // A line end before every new key.
  wrong: {
    path: 'src/dotenv/main.py',
    change: (source) =>
      swap(
        source,
        /^( +)if not replaced:\n( +)dest\.write\(line_out\)$/m,
        '$1if not replaced:\n$2dest.write("\\n")\n$2dest.write(line_out)',
      ),
  },
};

const semanticVersion: RealCase = {
  name: 'semantic-version-leading-zeros',
  language: 'python',
  package: 'semantic_version',
  base: { version: '2.8.3', sha256: '9dcc6fbad58da3c4d5eee2287025e226bb05c39463f14b741357801baae9dcce' },
  fixed: { version: '2.8.4', sha256: '352459f640f3db86551d8054d1288608b29a96e880c7746f0a59c92879d412a3' },
  title: 'Versions with leading zeros cannot be coerced',
  description:
    'coerce() makes a version of whatever resembles one. Parts with zeros before their number, as 1.01.007, are common ' +
    'in dates and build numbers, and end in a ValueError.',
  criteria: ['Leading zeros of each part are left out.', 'A part that is zero stays zero.'],
  fixedFiles: ['semantic_version/base.py'],
  test: {
    path: TEST_PATH,
    names: ['test_leading_zeros', 'test_zero_stays', 'test_other_versions'],
    content: `import unittest

from semantic_version import Version


class KnownBugTest(unittest.TestCase):
    def expect_coerced(self, text, wanted):
        self.assertEqual(wanted, str(Version.coerce(text)))

    def test_leading_zeros(self):
        self.expect_coerced("1.01.007", "1.1.7")
        self.expect_coerced("2024.02", "2024.2.0")
        self.expect_coerced("007.1.08-rc.1", "7.1.8-rc.1")

    def test_zero_stays(self):
        self.expect_coerced("0.0.0", "0.0.0")
        self.expect_coerced("00.1", "0.1.0")

    def test_other_versions(self):
        self.expect_coerced("10.20", "10.20.0")
        self.expect_coerced("0.1.2.3", "0.1.2+3")
`,
  },
  testCommand: TEST_COMMAND,
  // The first part only.
  wrong: {
    path: 'semantic_version/base.py',
    change: (source) =>
      swap(
        source,
        /^( +)version = version_string\[:match\.end\(\)\]$/m,
        "$1version = re.sub(r'^0+(?=\\d)', '', version_string[:match.end()])",
      ),
  },
};

const parse: RealCase = {
  name: 'parse-fractions-of-seconds',
  language: 'python',
  package: 'parse',
  base: { version: '1.20.0', sha256: 'bd28bae37714b45d5894d77160a16e2be36b64a3b618c81168b3684676aa498b' },
  fixed: { version: '1.20.1', sha256: '09002ca350ad42e76629995f71f7b518670bcf93548bdde3684fd55d2be51975' },
  title: 'Fractions of seconds must have six digits',
  description:
    'In a format with %f, strptime of the standard library takes one to six digits. Here the pattern wants six of them, and ' +
    'anything shorter does not match at all.',
  criteria: ['%f takes one to six digits.', 'More are no match.'],
  fixedFiles: ['parse.py'],
  test: {
    path: TEST_PATH,
    names: ['test_fewer_digits', 'test_six_digits', 'test_too_many_digits'],
    content: `import unittest
from datetime import datetime

import parse

FORMAT = "at {:%Y-%m-%d %H:%M:%S.%f}!"


def read(fraction):
    return parse.parse(FORMAT, "at 2024-01-28 04:08:47." + fraction + "!")


class KnownBugTest(unittest.TestCase):
    def expect_read(self, fraction, microsecond):
        self.assertEqual(datetime(2024, 1, 28, 4, 8, 47, microsecond), read(fraction)[0])

    def test_fewer_digits(self):
        self.assertIsNotNone(read("5"))
        self.expect_read("5", 500000)
        self.expect_read("125", 125000)

    def test_six_digits(self):
        self.expect_read("000042", 42)

    def test_too_many_digits(self):
        self.assertIsNone(read("1234567"))
`,
  },
  testCommand: TEST_COMMAND,
  // Milliseconds, which the report had for an example.
  wrong: { path: 'parse.py', change: (source) => swap(source, /"%f": "\[0-9\]\{6\}"/, '"%f": "[0-9]{3,6}"') },
};

const mistune: RealCase = {
  name: 'mistune-bars-in-cells',
  language: 'python',
  package: 'mistune',
  base: { version: '0.8.3', sha256: 'bc10c33bfdcaa4e749b779f62f60d6e12f8215c46a292d05e486b869ae306619' },
  fixed: { version: '0.8.4', sha256: '59a3429db53c50b5c6bcc8a07f8848cb00d7dc8bdb431a4ab41920d201d4756e' },
  title: 'An escaped bar ends the cell of a table',
  description:
    'Cells of a table are separated by bars, and a bar with a backslash before it belongs to the text. It is taken for a ' +
    'separator all the same, so that the row has a cell too many and the backslash is shown.',
  criteria: ['An escaped bar is a bar in the text of its cell, in tables with and without outer bars.'],
  fixedFiles: ['mistune.py'],
  test: {
    path: TEST_PATH,
    names: ['test_outer_bars', 'test_no_outer_bars', 'test_plain_rows'],
    content: `import re
import unittest

import mistune


def cells(text):
    return re.findall("<td[^>]*>(.*?)</td>", mistune.markdown(text))


class KnownBugTest(unittest.TestCase):
    def test_outer_bars(self):
        self.assertEqual(["a | b", "c"], cells("| x | y |\\n|---|---|\\n| a \\\\| b | c |\\n"))

    def test_no_outer_bars(self):
        self.assertEqual(["a | b", "c"], cells("x | y\\n---|---\\na \\\\| b | c\\n"))

    def test_plain_rows(self):
        self.assertEqual(["a", "b"], cells("| x | y |\\n|---|---|\\n| a | b |\\n"))
`,
  },
  testCommand: TEST_COMMAND,
  // The tables with outer bars, where the backslash stays too.
  wrong: {
    path: 'mistune.py',
    change: (source) =>
      swap(source, /cells\[i\] = re\.split\(r' \*\\\| \*', v\)/, "cells[i] = re.split(r' *(?<!\\\\)\\| *', v)"),
  },
};

/** More of them, carried by conversations with tools. */
export const furtherPythonCases: readonly RealCase[] = [
  pyflakes,
  pycodestyle,
  click,
  dotenv,
  semanticVersion,
  parse,
  mistune,
];
