import { swap, type RealCase, type Release } from './case.js';

const TEST_COMMAND = 'python3 -m unittest -v test_known_bug';

const wheel = (version: string, sha256: string): Release => ({ version, sha256, isWheel: true });

const cachetools: RealCase = {
  name: 'cachetools-missing-not-stored',
  language: 'python',
  package: 'cachetools',
  base: { version: '4.2.0', sha256: '3796e1de094f0eaca982441c92ce96c68c89cced4cd97721ab297ea4b16db90e' },
  fixed: { version: '4.2.1', sha256: 'f469e29e7aa4cff64d8de4aad95ce76de8ea1125a16c68e0d93f65c3c3dc92e9' },
  title: 'Caches break when __missing__ computes a value without storing it',
  description:
    'A subclass of LRUCache, MRUCache or LFUCache may define __missing__ and return a value that it does not put into the cache. ' +
    'The three caches then note the use of a key that they do not hold: eviction later picks that phantom key and raises KeyError, ' +
    'or the least frequently used order is wrong.',
  criteria: ['A key that __missing__ answered for without storing it leaves no trace in the order of eviction.'],
  fixedFiles: ['cachetools/lfu.py', 'cachetools/lru.py', 'cachetools/mru.py'],
  test: {
    path: 'test_known_bug.py',
    names: ['test_lru_forgets_computed_keys', 'test_mru_forgets_computed_keys', 'test_lfu_forgets_computed_keys'],
    content: `import unittest

import cachetools


def computing(kind):
    class Computing(kind):
        def __missing__(self, key):
            return key * 10

    return Computing(maxsize=2)


class KnownBugTest(unittest.TestCase):
    def look_up_then_fill(self, kind):
        cache = computing(kind)
        self.assertEqual(70, cache[7])
        self.assertNotIn(7, cache)
        for key in (1, 2, 3, 4):
            cache[key] = key
        self.assertEqual(2, len(cache))
        self.assertNotIn(7, cache)
        held = sorted(cache)
        evicted = [cache.popitem()[0], cache.popitem()[0]]
        self.assertEqual(held, sorted(evicted))

    def test_lru_forgets_computed_keys(self):
        self.look_up_then_fill(cachetools.LRUCache)

    def test_mru_forgets_computed_keys(self):
        self.look_up_then_fill(cachetools.MRUCache)

    def test_lfu_forgets_computed_keys(self):
        self.look_up_then_fill(cachetools.LFUCache)
`,
  },
  // Its own tests need nothing but unittest, so they run too.
  testCommand: 'python3 -m unittest discover -v',
  // Mends one cache of the three.
  wrong: {
    path: 'cachetools/lru.py',
    change: (source) =>
      swap(
        source,
        /^( +)self\.__update\(key\)\n( +)return value$/m,
        '$1if key in self:\n$1    self.__update(key)\n$2return value',
      ),
  },
};

const natsort: RealCase = {
  name: 'natsort-current-folder',
  language: 'python',
  package: 'natsort',
  base: wheel('8.0.1', 'c504a229c38926e047e9c3952a08920bc585efb62d7d160514ace9898b00ac0b'),
  fixed: wheel('8.0.2', '09cff3cabb617f9794f643758ab5b337c1c0af1a6df11edf5c04de496fd7fb26'),
  title: 'Sorting paths fails if one of them is the current folder',
  description:
    'With ns.PATH every item is taken apart as a path. The path "." has no parts in pathlib, and neither has an empty one, ' +
    'so splitting them raises ValueError and the whole sort is lost.',
  criteria: ['"." sorts before named entries instead of raising.', 'All other paths are split as before.'],
  fixedFiles: ['natsort/utils.py'],
  test: {
    path: 'test_known_bug.py',
    names: ['test_dot_is_one_component', 'test_dot_sorts_first', 'test_other_paths_split_as_before'],
    content: `import pathlib
import unittest

from natsort import natsorted, ns
from natsort.utils import path_splitter


class KnownBugTest(unittest.TestCase):
    def test_dot_is_one_component(self):
        self.assertEqual((".",), tuple(path_splitter(".")))
        self.assertEqual((".",), tuple(path_splitter(pathlib.PurePath("."))))

    def test_dot_sorts_first(self):
        given = ["shelf/b", "box10", ".", "box9"]
        self.assertEqual([".", "box9", "box10", "shelf/b"], natsorted(given, alg=ns.PATH))

    def test_other_paths_split_as_before(self):
        self.assertEqual(("shelf", "box", ".txt"), tuple(path_splitter("shelf/box.txt")))
`,
  },
  testCommand: TEST_COMMAND,
  // Guards the empty text; pathlib has turned it into a dot by then.
  wrong: {
    path: 'natsort/utils.py',
    change: (source) =>
      swap(source, /^( +)# Split the path into parts\.$/m, '$1if str(s) == "":\n$1    return iter(())\n\n$&'),
  },
};

const semver: RealCase = {
  name: 'semver-zero-part',
  language: 'python',
  package: 'semver',
  base: wheel('2.10.1', '21eb9deafc627dfd122e294f96acd0deadf1b5b7758ab3bbdf3698155dca4705'),
  fixed: wheel('2.10.2', '21e80ca738975ed513cba859db0a0d2faca2380aef1962f48272ebf9a8a44bd4'),
  title: 'Index access to a version part that is zero raises IndexError',
  description:
    'VersionInfo can be indexed and sliced. A part whose value is 0 is taken for a missing one: version[1] of "1.0.2" raises ' +
    'IndexError, and a slice leaves the zeros out. Negative bounds of a slice are let through if only one of them is negative.',
  criteria: [
    'Zero is a value: index and slice give it back.',
    'A part that the version does not have still raises IndexError.',
    'A slice with a negative bound raises IndexError.',
  ],
  fixedFiles: ['semver.py'],
  test: {
    path: 'test_known_bug.py',
    names: ['test_zero_by_index', 'test_zero_in_slice', 'test_absent_part_raises', 'test_negative_bound_raises'],
    content: `import unittest

from semver import VersionInfo


class KnownBugTest(unittest.TestCase):
    def test_zero_by_index(self):
        self.assertEqual(0, VersionInfo.parse("0.4.7")[0])
        self.assertEqual(0, VersionInfo.parse("4.0.7")[1])
        self.assertEqual(0, VersionInfo.parse("4.7.0")[2])

    def test_zero_in_slice(self):
        self.assertEqual((5, 0, 0), VersionInfo.parse("5.0.0-beta")[0:3])

    def test_absent_part_raises(self):
        with self.assertRaises(IndexError):
            VersionInfo.parse("5.0.0")[3]

    def test_negative_bound_raises(self):
        with self.assertRaises(IndexError):
            VersionInfo.parse("5.6.7")[0:-1]
`,
  },
  testCommand: TEST_COMMAND,
  // Keeps the zero in the tuple, and loses it in the test for emptiness that follows.
  wrong: {
    path: 'semver.py',
    change: (source) => swap(source, /filter\(None, /, 'filter(lambda item: item is not None, '),
  },
};

/** From the Python package registry: one as a source distribution, with its own tests. */
export const pythonCases: readonly RealCase[] = [cachetools, natsort, semver];
