/** What .gitignore files say, told by weaver's rules and by git itself. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ignoringRule } from '../../../src/domain/ignore-rules.js';
import { chanceFrom } from './chance.js';

const ignoredBy = (path: string, files: Readonly<Record<string, string>>): string | null =>
  ignoringRule(path, (file) => files[file] ?? null);

describe('ignored paths', () => {
  it.each([
    ['*.log', 'a/b/x.log', true],
    ['/x.log', 'a/x.log', false],
    ['build/', 'a/build/x', true],
    ['build/', 'build', false],
    ['a/*.js', 'a/b/x.js', false],
    ['a/**/x', 'a/x', true],
    ['**/x', 'x', true],
    ['a/**', 'a/b/c', true],
    ['*\n!keep', 'keep', false],
    ['dir\n!dir/keep', 'dir/keep', true],
    ['dir/*\n!dir/keep', 'dir/keep', false],
    ['*.py[co]', 'x.pyc', true],
    ['[Bb]in/', 'Bin/x', true],
    ['# x', '# x', false],
    ['\\#x', '#x', true],
    ['x \\ ', 'x  ', true],
    ['x   ', 'x', true],
    ['x\r\ny\r\n', 'y', true],
    ['', 'x', false],
  ])('%j on %s: %s', (rules, path, ignored) => {
    expect(ignoredBy(path, { '.gitignore': rules }) !== null).toBe(ignored);
  });

  it('names the rule that decides and its file', () => {
    const files = { '.gitignore': '*.a\n', 'd/.gitignore': '!x.a\n*.b\n' };
    expect(ignoredBy('x.a', files)).toBe('`*.a` in .gitignore');
    expect(ignoredBy('d/x.a', files)).toBeNull();
    expect(ignoredBy('d/x.b', files)).toBe('`*.b` in d/.gitignore');
  });

  it('does not hang on a pattern made to take long', () => {
    const before = process.cpuUsage();
    const path = `${'a'.repeat(250)}/`.repeat(15) + 'x';
    expect(ignoredBy(path, { '.gitignore': `${'**/*a'.repeat(90)}b\n`.repeat(20) })).toBeNull();
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(10_000);
  });

  it('are those that git ignores, for any rules', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weaver-test-ignore-'));
    try {
      const files = anyRules();
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), text);
      }
      const paths = Array.from({ length: CASES }, (_, index) => NAMES.map((name) => `case${index}/${name}`)).flat();
      const expected = ignoredByGit(folder, paths);
      const differing = paths.filter((path) => (ignoredBy(path, files) !== null) !== expected.has(path));
      expect(
        differing
          .slice(0, 5)
          .map((path) => ({ path, rules: Object.entries(files).filter(([file]) => path.startsWith(dirname(file))) })),
      ).toEqual([]);
      expect(expected.size).toBeGreaterThan(paths.length / 20);
      expect(expected.size).toBeLessThan(paths.length / 1.2);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

const CASES = 400;
const NAMES = [
  'a',
  'b',
  'ab',
  'a.log',
  '#a',
  '!a',
  'a ',
  'a-b',
  'd/a',
  'd/b',
  'd/e/a',
  'd/e/f/ab',
  'a/b',
  'a/b/d',
  'b/d/a.log',
  ']',
  'a\\b',
];
const PIECES = [
  'a',
  'b',
  'd',
  'e',
  '*',
  '*',
  '**',
  '?',
  '/',
  '/',
  '/**/',
  '**/',
  '[ab]',
  '[!a]',
  '[^b]',
  '[a-d]',
  '[]a]',
  '[a',
  '\\a',
  '\\',
  '!',
  '#',
  ' ',
  '.log',
  '-',
  '***',
] as const;

function anyRules(): Readonly<Record<string, string>> {
  const chance = chanceFrom(7);
  const rule = () =>
    `${chance.of(['', '', '', '!', '/'])}${chance.text(PIECES, 4)}${chance.of(['', '', '/', ' ', '\r'])}\n`;
  const rules = () => Array.from({ length: 1 + chance.below(4) }, rule).join('');
  return Object.fromEntries(
    Array.from({ length: CASES }, (_, index) => [
      [`case${index}/.gitignore`, rules()],
      [`case${index}/d/.gitignore`, chance.below(3) === 0 ? rules() : ''],
    ]).flat(),
  );
}

function ignoredByGit(folder: string, paths: readonly string[]): ReadonlySet<string> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
  };
  const git = (args: readonly string[], input = '') =>
    execFileSync('git', args, { cwd: folder, env, input, maxBuffer: 2 ** 26 });
  git(['init', '-q', '.']);
  const output = git(['check-ignore', '--stdin', '-z', '-v', '-n', '--no-index'], paths.join('\0'))
    .toString()
    .split('\0');
  const ignored = new Set<string>();
  // Four fields for each path: file, line, pattern, path.
  for (let at = 0; at + 3 < output.length; at += 4) {
    const pattern = output[at + 2] ?? '';
    if (pattern !== '' && !pattern.startsWith('!')) ignored.add(output[at + 3] ?? '');
  }
  return ignored;
}
