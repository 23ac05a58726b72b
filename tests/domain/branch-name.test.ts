import { spawnSync } from 'node:child_process';
import { branchFaults, defaultBranch } from '../../src/domain/branch-name';

describe('the default branch', () => {
  it.each([
    ['Greet by name', 'weaver/greet-by-name-a1b2c3d4'],
    ['  Fix: `total()` is wrong!  ', 'weaver/fix-total-is-wrong-a1b2c3d4'],
    ['Größe der Tür, déjà vu', 'weaver/gro-e-der-tur-deja-vu-a1b2c3d4'],
    ['修复 parser 的错误', 'weaver/parser-a1b2c3d4'],
    ['Исправить ошибку', 'weaver/task-a1b2c3d4'],
    ['🎉', 'weaver/task-a1b2c3d4'],
    ['', 'weaver/task-a1b2c3d4'],
    ['../../etc/passwd', 'weaver/etc-passwd-a1b2c3d4'],
    ['a.lock', 'weaver/a-lock-a1b2c3d4'],
    [
      'Make the very long title of this task short enough for a list',
      'weaver/make-the-very-long-title-of-this-task-sh-a1b2c3d4',
    ],
    [`${'x'.repeat(39)} yz`, `weaver/${'x'.repeat(39)}-a1b2c3d4`],
  ])('of %j is %s', (title, branch) => {
    expect(defaultBranch(title, 'a1b2c3d4')).toBe(branch);
    expect(branchFaults(branch)).toEqual([]);
  });
});

describe('a name that cannot be a branch', () => {
  it.each([
    ['', ['is empty']],
    ['-x', ['starts with "-"']],
    ['a b', ['has a blank or a control character']],
    ['a\u0007', ['has a blank or a control character']],
    ['a..b', ['has ".."']],
    ['a~1', ['has one of the characters ~ ^ : ? * [ \\']],
    ['a\\b', ['has one of the characters ~ ^ : ? * [ \\']],
    ['a@{1}', ['has "@{"']],
    ['/a', ['has a slash at its start or end, or two in a row']],
    ['a//b', ['has a slash at its start or end, or two in a row']],
    ['a/', ['has a slash at its start or end, or two in a row']],
    ['a.', ['ends with "."']],
    ['a/.b', ['has a part that starts with "."']],
    ['a.lock/b', ['has a part that ends with ".lock"']],
    ['-a..b', ['starts with "-"', 'has ".."']],
  ])('%j: every reason, and git refuses it too', (name, faults) => {
    expect(branchFaults(name)).toEqual(faults);
    expect(gitAccepts(name)).toBe(false);
  });

  it.each([
    ['refs/heads/main', ['starts with "refs/": give the name after refs/heads/ only']],
    ['@', ['is a name that git keeps for itself']],
    ['HEAD', ['is a name that git keeps for itself']],
    ['x'.repeat(201), ['is longer than 200 characters']],
    [`a/${'é'.repeat(121)}`, ['has a part longer than 240 bytes']],
    ['a\ud800', ['is not valid Unicode']],
  ])('%j, though git might take it', (name, faults) => {
    expect(branchFaults(name)).toEqual(faults);
  });

  it.each(['main', 'weaver/x', 'feature/a.b_c-d', 'é/ü', 'a@b', 'release/1.0', 'x#1', "it's", 'a,b;c&d'])(
    '%j is none',
    (name) => {
      expect(branchFaults(name)).toEqual([]);
      expect(gitAccepts(name)).toBe(true);
    },
  );
});

const gitAccepts = (name: string): boolean => {
  const { status, error } = spawnSync('git', ['check-ref-format', '--branch', name]);
  if (error !== undefined) throw error;
  return status === 0;
};
