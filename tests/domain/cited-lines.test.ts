import { citedLine, citedPaths } from '../../src/domain/cited-lines';

const PATHS = ['src/greet.js', 'why.txt', 'docs/a page.md', 'test/greet.js', 'Makefile'];

it.each([
  ['why.txt, line 1', ['why.txt']],
  ['See `src/greet.js:3-5`.', ['src/greet.js']],
  ['(greet.js) does it', ['src/greet.js', 'test/greet.js']],
  ['In b/why.txt and ./Makefile:', ['why.txt', 'Makefile']],
  ['docs/a page.md says so', ['docs/a page.md']],
  ['line 999 of nonexistent.py', []],
  ['It is met.', []],
])('finds the files that %j names', (evidence, paths) => {
  expect(citedPaths(evidence, PATHS)).toEqual(paths);
});

it.each([
  ['why.txt, line 1', 1],
  ['lines 3-17 of why.txt', 17],
  ['Lines 3 to 4, L9', 9],
  ['src/greet.js:12-40 and why.txt:7', 40],
  ['at 12:30 there were 500 lines in 3 files', 0],
])('finds the last line that %j names', (evidence, line) => {
  expect(citedLine(evidence)).toBe(line);
});
