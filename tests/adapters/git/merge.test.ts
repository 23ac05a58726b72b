import { inspect } from 'node:util';
import { PortFault, type MergeResult } from '../../../src/ports.js';
import {
  addCommit,
  AUTHOR,
  gitIn,
  mirrorOf,
  newAdapter,
  newRemote,
  removeFolders,
  type Files,
  type Repository,
} from './repositories.js';

afterEach(removeFolders);

const LINES = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];
/** The file with one line changed, far enough from the others' for a merge. */
const withLine = (at: number, text: string): string =>
  `${LINES.map((line, index) => (index === at ? text : line)).join('\n')}\n`;
const SEED: Files = { 'a.txt': withLine(-1, ''), 'b.txt': 'b\n', 'gone.txt': 'here\n' };

interface Scene {
  readonly remote: Repository;
  readonly base: string;
  readonly bench: ReturnType<typeof newAdapter>;
  readonly merge: (...branches: readonly string[]) => Promise<MergeResult>;
}

async function scene(
  branches: Readonly<Record<string, Files>>,
): Promise<Scene & { tips: Readonly<Record<string, string>> }> {
  const remote = newRemote(SEED);
  const base = remote.git('rev-parse', 'main');
  const tips = Object.fromEntries(
    Object.entries(branches).map(([name, files]) => [name, addCommit(remote, files, name, 'main')]),
  );
  const bench = newAdapter();
  await bench.git.open({ url: remote.url, branch: 'weaver/join' });
  const merge: Scene['merge'] = (...names) => bench.git.merge({ url: remote.url, base, branches: names });
  return { remote, base, bench, merge, tips };
}

/** A colleague deletes a file. */
function addRemoval(remote: Repository, path: string, branch: string): string {
  const clone = `${remote.url}-${branch}`;
  gitIn('/', 'clone', '-q', remote.url, clone);
  gitIn(clone, 'rm', '-q', path);
  gitIn(clone, 'commit', '-q', '-m', 'remove');
  gitIn(clone, 'push', '-q', 'origin', `HEAD:refs/heads/${branch}`);
  return gitIn(clone, 'rev-parse', 'HEAD');
}

const treeAt = (repository: string, tree: string): string => gitIn(repository, 'ls-tree', '-r', '--name-only', tree);
const fileAt = (repository: string, tree: string, path: string): string =>
  gitIn(repository, 'cat-file', 'blob', `${tree}:${path}`);
const conflictOf = (result: MergeResult) => {
  if (result.kind !== 'conflict') throw new Error(inspect(result));
  return result;
};
const mergedOf = (result: MergeResult) => {
  if (result.kind !== 'merged') throw new Error(inspect(result));
  return result;
};

describe('branches that fit', () => {
  it('give the tree that git merge gives, five of them one after the other', async () => {
    const changes = Object.fromEntries(
      [0, 2, 4, 8, 11].map((at) => [`w/${at}`, { 'a.txt': withLine(at, `new ${at}`) }]),
    );
    const { merge, remote, bench, tips } = await scene(changes);
    const names = Object.keys(changes);
    const result = mergedOf(await merge(...names));
    expect(result.tips).toEqual(names.map((name) => tips[name]));
    const clone = `${remote.url}-by-hand`;
    gitIn('/', 'clone', '-q', remote.url, clone);
    for (const name of names) gitIn(clone, 'merge', '-q', '--no-edit', `origin/${name}`);
    expect(result.tree).toBe(gitIn(clone, 'rev-parse', 'HEAD^{tree}'));
    expect(fileAt(mirrorOf(bench.home), result.tree, 'a.txt')).toContain('new 0\ntwo\nnew 2\nfour\nnew 4');
  });

  it('give the same tree again, in a worker that remembers nothing and on another host', async () => {
    const { merge, bench, remote, base } = await scene({ l: { 'a.txt': withLine(0, 'l') }, r: { 'b.txt': 'r\n' } });
    const first = await merge('l', 'r');
    const request = { url: remote.url, base, branches: ['l', 'r'] };
    expect(await bench.again().merge(request)).toEqual(first);
    expect(await newAdapter().git.merge(request)).toEqual(first);
  });

  it('change nothing where the base or a later branch has them already', async () => {
    const { merge, remote, tips } = await scene({ below: { 'b.txt': 'below\n' } });
    const top = addCommit(remote, { 'c.txt': 'c\n' }, 'top', 'below');
    remote.git('branch', 'old', 'main');
    expect(mergedOf(await merge('old', 'below', 'top'))).toEqual({
      kind: 'merged',
      tree: remote.git('rev-parse', 'top^{tree}'),
      tips: [top],
    });
    expect(mergedOf(await merge('top', 'below')).tips).toEqual([top]);
    expect(mergedOf(await merge('below')).tips).toEqual([tips['below']]);
    expect(mergedOf(await merge('old'))).toMatchObject({ tree: remote.git('rev-parse', 'main^{tree}'), tips: [] });
  });

  it('more of them than a commit may well have parents hang on the last of a chain', async () => {
    const { merge, bench, tips } = await scene(
      Object.fromEntries([...Array(17).keys()].map((n) => [`w/${n}`, { [`n/${n}.txt`]: `${n}\n` }])),
    );
    const result = mergedOf(await merge(...Object.keys(tips)));
    expect(result.tips).toHaveLength(1);
    const below = gitIn(mirrorOf(bench.home), 'rev-list', result.tips[0] ?? '').split('\n');
    expect(below).toEqual(expect.arrayContaining(Object.values(tips)));
    expect(mergedOf(await merge(...Object.keys(tips).slice(0, 16))).tips).toHaveLength(16);
  });

  it('are merged also when they share no history', async () => {
    const { merge, remote, bench } = await scene({ l: { 'b.txt': 'l\n' } });
    const other = newRemote({ 'c.txt': 'from elsewhere\n' });
    remote.git('fetch', '-q', other.url, 'main:stranger');
    const { tree } = mergedOf(await merge('l', 'stranger'));
    expect(treeAt(mirrorOf(bench.home), tree).split('\n')).toEqual(['a.txt', 'b.txt', 'c.txt', 'gone.txt']);
  });

  it('become a commit that has each of them for a parent, the same one each time', async () => {
    const { merge, bench, remote, base } = await scene({ l: { 'a.txt': withLine(0, 'l') }, r: { 'b.txt': 'r\n' } });
    const { tree, tips } = mergedOf(await merge('l', 'r'));
    const request = { tree, parent: base, parents: tips, message: 'Merge', author: AUTHOR, dateSeconds: 1_700_000_000 };
    const commit = await bench.git.commit(remote.url, request);
    expect(await bench.again().commit(remote.url, request)).toBe(commit);
    const branch = 'weaver/join';
    expect(await bench.git.push({ url: remote.url, commit, branch, expected: null })).toEqual({ kind: 'pushed' });
    expect(remote.git('rev-list', '--parents', '-1', branch)).toBe([commit, base, ...tips].join(' '));
    expect(remote.git('fsck', '--strict')).toBe('');
  });
});

describe('branches that change the same lines', () => {
  it('are a conflict: the files, the markers, and which branch did not fit', async () => {
    const { merge, bench, tips } = await scene({
      l: { 'a.txt': withLine(1, 'left'), 'b.txt': 'left\n' },
      r: { 'a.txt': withLine(1, 'right'), 'b.txt': 'right\n', 'new.txt': 'r\n' },
    });
    const conflict = conflictOf(await merge('l', 'r'));
    expect(conflict).toMatchObject({
      files: ['a.txt', 'b.txt'],
      between: {
        merged: ['l', 'r'].map((branch) => ({ branch, commit: tips[branch] })),
        unfit: [{ branch: 'r', commit: tips['r'] }],
      },
      tips: [tips['l'], tips['r']],
      says: ['CONFLICT (content): Merge conflict in a.txt', 'CONFLICT (content): Merge conflict in b.txt'],
    });
    const text = fileAt(mirrorOf(bench.home), conflict.tree, 'a.txt');
    expect(text).toMatch(/^one\n<<<<<<< [0-9a-f]{40}\nleft\n=======\nright\n>>>>>>> [0-9a-f]{40}\nthree\n/);
    expect(fileAt(mirrorOf(bench.home), conflict.tree, 'new.txt')).toBe('r');
    expect(await merge('l', 'r')).toEqual(conflict);
  });

  it('do not keep the others from being merged, and all that do not fit are marked', async () => {
    const { merge, bench, tips } = await scene({
      x: { 'b.txt': 'x\n' },
      l: { 'a.txt': withLine(1, 'left') },
      r: { 'a.txt': withLine(1, 'right') },
      z: { 'gone.txt': 'z\n' },
      y: { 'b.txt': 'y\n' },
      s: { 'a.txt': withLine(1, 'third') },
    });
    const conflict = conflictOf(await merge('x', 'l', 'r', 'z', 'y', 's'));
    expect(conflict.between.unfit.map(({ branch }) => branch)).toEqual(['r', 'y', 's']);
    expect(conflict.files).toEqual(['a.txt', 'b.txt']);
    expect(conflict.tips).toEqual(Object.values(tips));
    const text = (path: string): string => fileAt(mirrorOf(bench.home), conflict.tree, path);
    expect(text('gone.txt')).toBe('z');
    expect(text('a.txt')).toMatch(/left\n=======\nright[^]*=======\nthird\n>>>>>>> /);
    expect(text('b.txt')).toMatch(/x\n=======\ny\n/);
  });

  it('conflict too where one changes what the other deletes; git says it in words', async () => {
    const { merge, remote } = await scene({ changed: { 'gone.txt': 'changed\n' } });
    const deleted = addRemoval(remote, 'gone.txt', 'deleted');
    const conflict = conflictOf(await merge('changed', 'deleted'));
    expect(conflict).toMatchObject({
      files: ['gone.txt'],
      between: { unfit: [{ branch: 'deleted', commit: deleted }] },
    });
    expect(conflict.says.join('\n')).toMatch(/gone\.txt deleted in deleted and modified in/);
    expect(conflict.says.join('\n')).not.toContain(deleted);
  });

  it('name their files as they are, blanks and other alphabets included', async () => {
    const path = 'a "b"\tс.txt';
    const { merge } = await scene({ l: { [path]: 'l\n' }, r: { [path]: 'r\n' } });
    expect(conflictOf(await merge('l', 'r')).files).toEqual([path]);
  });

  it('fit once somebody has merged them', async () => {
    const { merge, remote, tips } = await scene({ l: { 'b.txt': 'left\n' }, r: { 'b.txt': 'right\n' } });
    const clone = `${remote.url}-by-hand`;
    gitIn('/', 'clone', '-q', '-b', 'l', remote.url, clone);
    gitIn(clone, 'merge', '-q', '-s', 'ours', '--no-edit', 'origin/r');
    gitIn(clone, 'push', '-q', 'origin', 'HEAD:refs/heads/both');
    expect(tips['l']).not.toBe(tips['r']);
    expect(mergedOf(await merge('both', 'l', 'r')).tips).toEqual([gitIn(clone, 'rev-parse', 'HEAD')]);
  });
});

describe('a merge', () => {
  it('of a branch that is gone is a fault which names it', async () => {
    const { merge, remote } = await scene({ l: { 'b.txt': 'l\n' } });
    await expect(merge('l', 'never', 'nowhere')).rejects.toMatchObject({
      code: 'missingBranch',
      retryable: false,
    });
    await expect(merge('never')).rejects.toThrow('There is no branch never.');
    remote.git('branch', '-D', 'l');
    await expect(merge('l')).rejects.toBeInstanceOf(PortFault);
  });

  it('sees where the branches are now', async () => {
    const { merge, remote } = await scene({ l: { 'b.txt': 'l\n' } });
    await merge('l');
    const tip = addCommit(remote, { 'c.txt': 'c\n' }, 'l');
    expect(mergedOf(await merge('l')).tips).toEqual([tip]);
  });

  it('works in a mirror that has neither the base nor the branches', async () => {
    const { remote, base, tips } = await scene({ l: { 'b.txt': 'l\n' } });
    const result = await newAdapter().git.merge({ url: remote.url, base, branches: ['l'] });
    expect(mergedOf(result).tips).toEqual([tips['l']]);
  });

  it('leaves nothing on the remote', async () => {
    const { merge, remote } = await scene({ l: { 'a.txt': withLine(0, 'l') }, r: { 'b.txt': 'r\n' } });
    const before = remote.git('for-each-ref');
    await merge('l', 'r');
    expect(remote.git('for-each-ref')).toBe(before);
  });
});

describe('a base that is pinned', () => {
  it('is where the task starts, though the branch has moved on', async () => {
    const remote = newRemote();
    const old = remote.git('rev-parse', 'main');
    addCommit(remote, { 'README.md': 'newer\n' });
    const state = await newAdapter().git.open({ url: remote.url, baseCommit: old, branch: 'weaver/x' });
    expect(state).toEqual({
      baseBranch: 'main',
      baseCommit: old,
      baseTree: remote.git('rev-parse', `${old}^{tree}`),
      branchTip: null,
    });
  });

  it('may be on another branch than the base branch', async () => {
    const remote = newRemote();
    const side = addCommit(remote, { 'README.md': 'side\n' }, 'side', 'main');
    const open = (baseCommit: string) => newAdapter().git.open({ url: remote.url, baseCommit, branch: 'weaver/x' });
    expect(await open(side)).toMatchObject({ baseBranch: 'main', baseCommit: side });
  });

  it('gives way to the branch of the task, which is gone on with', async () => {
    const remote = newRemote();
    const old = remote.git('rev-parse', 'main');
    addCommit(remote, { 'README.md': 'newer\n' });
    const tip = addCommit(remote, { 'README.md': 'half done\n' }, 'weaver/x', 'main');
    const state = await newAdapter().git.open({ url: remote.url, baseCommit: old, branch: 'weaver/x' });
    expect(state).toMatchObject({ baseCommit: tip, branchTip: tip });
  });

  it('is a fault if the remote has it no more, also where the mirror still does', async () => {
    const remote = newRemote();
    const side = addCommit(remote, { 'README.md': 'side\n' }, 'side', 'main');
    const { git } = newAdapter();
    await git.open({ url: remote.url, baseBranch: 'side', branch: 'weaver/x' });
    remote.git('branch', '-D', 'side');
    const opened = git.open({ url: remote.url, baseCommit: side, branch: 'weaver/x' });
    await expect(opened).rejects.toMatchObject({ code: 'missingBaseBranch', retryable: false });
    await expect(opened).rejects.toThrow(side);
    const never = git.open({ url: remote.url, baseCommit: 'ab'.repeat(20), branch: 'weaver/x' });
    await expect(never).rejects.toMatchObject({ code: 'missingBaseBranch' });
  });
});
