import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Git, TreeChange } from '../../../src/ports.js';
import {
  AUTHOR,
  FILES,
  mirrorOf,
  newAdapter,
  newFolder,
  newRemote,
  objectsIn,
  removeFolders,
  wrongIn,
  type Files,
} from './repositories.js';

afterEach(removeFolders);

const file = (text: string | Buffer, mode = '100644') => ({ mode, bytes: Buffer.from(text) });

async function opened(files: Files = FILES) {
  const remote = newRemote(files);
  const bench = newAdapter();
  const state = await bench.git.open({ url: remote.url, branch: 'weaver/x' });
  return { ...bench, ...remote, git: bench.git, program: remote.git, ...state };
}

const pathsOf = async (git: Git, url: string, tree: string): Promise<readonly string[]> =>
  (await git.list(url, tree)).map(({ path }) => path);

describe('a snapshot', () => {
  it('lists every file in the order of its bytes, with mode and size, whatever its name is', async () => {
    const names = [
      '-rf',
      ' lead',
      'a b',
      'a"b',
      "a'b",
      'a\nb',
      'a\tb',
      'a-b',
      'a.b',
      'a/b',
      'a0',
      'é',
      'e\u0301',
      '漢',
      '😀',
      '*',
      '\\',
    ];
    const files = Object.fromEntries(names.map((name) => [name, `in ${name}`]));
    const { git, url, baseTree } = await opened({ ...files, link: { link: '-rf' }, 'run.sh': { script: 'x' } });
    const entries = await git.list(url, baseTree);
    const expected = [...names, 'link', 'run.sh'].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(entries.map(({ path }) => path)).toEqual(expected);
    const modes = new Map(entries.map(({ path, mode, sizeBytes }) => [path, [mode, sizeBytes]]));
    expect(modes.get('link')).toEqual(['120000', 3]);
    expect(modes.get('run.sh')).toEqual(['100755', 1]);
    const contents = await git.read(url, baseTree, [...expected, 'absent', 'a', '']);
    expect([...contents.keys()].toSorted()).toEqual(expected.toSorted());
    for (const name of names) expect(contents.get(name)?.bytes.toString()).toBe(`in ${name}`);
    expect(contents.get('link')).toEqual(file('-rf', '120000'));
  });

  it('gives the bytes of a file whatever the attributes of the repository ask for', async () => {
    const bytes = Buffer.from([0, 255, 13, 10, 10, 13, 0xef, 0xbb, 0xbf, 36, 73, 100, 36]);
    const { git, url, baseTree } = await opened({ 'a.bin': bytes });
    const attributes =
      '* text eol=crlf ident filter=lfs diff=evil merge=evil working-tree-encoding=UTF-16 export-ignore\n';
    const kept = await git.write(url, baseTree, [
      ['.gitattributes', file(attributes)],
      ['b.txt', file('x\r\ny\n$Id$')],
    ]);
    const contents = await git.read(url, kept, ['a.bin', 'b.txt']);
    expect(contents.get('a.bin')?.bytes).toEqual(bytes);
    expect(contents.get('b.txt')?.bytes.toString()).toBe('x\r\ny\n$Id$');
    expect(await pathsOf(git, url, kept)).toEqual(['.gitattributes', 'a.bin', 'b.txt']);
  });

  it('keeps a submodule, and reads none of it', async () => {
    const remote = newRemote();
    const commit = remote.git('rev-parse', 'main');
    const work = newFolder('sub');
    remote.git('--work-tree', work, 'read-tree', 'main');
    remote.git('--work-tree', work, 'update-index', '--add', '--cacheinfo', `160000,${commit},vendor/lib`);
    const tree = remote.git('write-tree');
    remote.git('update-ref', 'refs/heads/main', remote.git('commit-tree', tree, '-p', 'main', '-m', 'sub'));
    const { git } = newAdapter();
    const { url } = remote;
    const { baseTree } = await git.open({ url, branch: 'weaver/x' });
    expect((await git.list(url, baseTree)).find(({ path }) => path === 'vendor/lib')).toEqual({
      path: 'vendor/lib',
      mode: '160000',
      oid: commit,
      sizeBytes: null,
    });
    expect(await git.read(url, baseTree, ['vendor/lib'])).toEqual(new Map());
    const changed = await git.write(url, baseTree, [['vendor/more', file('x')]]);
    expect((await git.list(url, changed)).find(({ path }) => path === 'vendor/lib')?.oid).toBe(commit);
  });

  it('is read with one process, and not again by the worker that has seen it', async () => {
    const { git, url, baseTree, started } = await opened();
    started();
    for (let round = 0; round < 2; round += 1) {
      await git.list(url, baseTree);
      await git.read(url, baseTree, ['README.md', 'src/sum.js']);
    }
    expect(started().map(({ args }) => args[0])).toEqual(['ls-tree', 'cat-file']);
  });
});

/** Changes, and all files after them. */
const cases: readonly (readonly [string, readonly TreeChange[], Readonly<Record<string, string>>])[] = [
  [
    'changes a file',
    [['src/sum.js', file('a + b\n')]],
    { 'README.md': 'read me\n', 'run.sh': '#!/bin/sh\n', 'src/sum.js': 'a + b\n' },
  ],
  [
    'adds files in new folders',
    [
      ['x/y/z', file('1')],
      ['x-y', file('2')],
      ['x.y', file('3')],
    ],
    {
      'README.md': 'read me\n',
      'run.sh': '#!/bin/sh\n',
      'src/sum.js': 'a - b\n',
      'x-y': '2',
      'x.y': '3',
      'x/y/z': '1',
    },
  ],
  [
    'removes the last file of a folder with the folder',
    [['src/sum.js', null]],
    { 'README.md': 'read me\n', 'run.sh': '#!/bin/sh\n' },
  ],
  [
    'puts a file in the place of a folder',
    [
      ['src/sum.js', null],
      ['src', file('now a file')],
    ],
    { 'README.md': 'read me\n', 'run.sh': '#!/bin/sh\n', src: 'now a file' },
  ],
  [
    'puts a folder in the place of a file',
    [
      ['run.sh', null],
      ['run.sh/in', file('1')],
    ],
    { 'README.md': 'read me\n', 'run.sh/in': '1', 'src/sum.js': 'a - b\n' },
  ],
  ['removes a folder', [['src', null]], { 'README.md': 'read me\n', 'run.sh': '#!/bin/sh\n' }],
  [
    'removes everything',
    [
      ['src', null],
      ['README.md', null],
      ['run.sh', null],
    ],
    {},
  ],
  [
    'takes odd names',
    [['-x "é\n漢', file('')]],
    { '-x "é\n漢': '', 'README.md': 'read me\n', 'run.sh': '#!/bin/sh\n', 'src/sum.js': 'a - b\n' },
  ],
];

describe('writing a tree', () => {
  it.each(cases)('%s, and git finds nothing wrong with it', async (_, changes, after) => {
    const { git, url, baseTree, home, again } = await opened();
    const tree = await git.write(url, baseTree, changes);
    // A worker that remembers nothing reads it back from the mirror.
    const read = await again().read(url, tree, Object.keys(after));
    expect(Object.fromEntries([...read].map(([path, { bytes }]) => [path, bytes.toString()]))).toEqual(after);
    expect(await pathsOf(again(), url, tree)).toEqual(Object.keys(after));
    expect(wrongIn(mirrorOf(home))).toBe('');
  });
});

describe('a written tree', () => {
  it('has the same id for the same input, in any order and in another home', async () => {
    const remote = newRemote();
    const changes: readonly TreeChange[] = [
      ['b', file('1')],
      ['a/c', file('2', '100755')],
      ['README.md', null],
    ];
    const ids = new Set<string>();
    for (const list of [changes, changes.toReversed()]) {
      const { git } = newAdapter();
      const { baseTree } = await git.open({ url: remote.url, branch: 'weaver/x' });
      ids.add(await git.write(remote.url, baseTree, list));
      ids.add(await git.write(remote.url, baseTree, list));
    }
    expect(ids.size).toBe(1);
  });

  it('is the tree itself when nothing changes', async () => {
    const { git, url, baseTree } = await opened();
    expect(await git.write(url, baseTree, [])).toBe(baseTree);
    expect(await git.write(url, baseTree, [['README.md', file('read me\n')]])).toBe(baseTree);
    expect(await git.write(url, baseTree, [['absent', null]])).toBe(baseTree);
  });

  it('costs no process', async () => {
    const { git, url, baseTree, started } = await opened();
    await git.list(url, baseTree);
    started();
    await git.write(url, baseTree, [['README.md', file('x')]]);
    expect(started()).toEqual([]);
  });

  it('is there after many were written at the same moment', async () => {
    const { git, url, baseTree, again } = await opened();
    const texts = Array.from({ length: 20 }, (_, at) => `text ${at % 10}`);
    const other = again();
    const trees = await Promise.all(
      texts.map((text, at) => (at % 2 === 0 ? git : other).write(url, baseTree, [['README.md', file(text)]])),
    );
    for (const [at, tree] of trees.entries())
      expect((await again().read(url, tree, ['README.md'])).get('README.md')?.bytes.toString()).toBe(texts[at]);
  });

  it.each([
    '../x',
    '/etc/x',
    'a/../b',
    './a',
    '.git/hooks/pre-commit',
    'a/.GIT/config',
    'a//b',
    '',
    'a/',
    'git~1',
    'a\0b',
  ])('is refused for the path %j, and nothing is written', async (path) => {
    const { git, url, baseTree, home } = await opened();
    const before = objectsIn(mirrorOf(home));
    await expect(
      git.write(url, baseTree, [
        ['fine', file('x')],
        [path, file('x')],
      ]),
    ).rejects.toMatchObject({
      code: 'refusedPath',
      retryable: false,
    });
    expect(objectsIn(mirrorOf(home))).toBe(before);
  });

  it.each<readonly [string, TreeChange]>([
    ['a file below a file', ['README.md/x', file('x')]],
    ['a file where a folder is', ['src', file('x')]],
    ['a mode that git has not', ['x', file('x', '100600')]],
  ])('is refused for %s, and nothing is written', async (_, change) => {
    const { git, url, baseTree, home } = await opened();
    const before = objectsIn(mirrorOf(home));
    await expect(git.write(url, baseTree, [['fine', file('x')], change])).rejects.toMatchObject({
      code: 'editsRejected',
      retryable: false,
    });
    expect(objectsIn(mirrorOf(home))).toBe(before);
  });
});

const request = (tree: string, parent: string) => ({
  tree,
  parent,
  message: 'Füge hinzu\n\nWeaver-Task: 1\n',
  author: 'Ädä Lövelace <ada@example.org>',
  dateSeconds: 1_700_000_000,
});

describe('a commit', () => {
  it('has the id that git gives it, in any time zone and locale, twice and in another home', async () => {
    const remote = newRemote();
    const ids = new Set<string>();
    const workers = [{}, { TZ: 'Asia/Tokyo', LC_ALL: 'de_DE.UTF-8', LANG: 'ja_JP', GIT_AUTHOR_NAME: 'Eve' }].map(
      (environment) => newAdapter({ environment: { PATH: process.env['PATH'], ...environment } }).git,
    );
    for (const git of workers) {
      const { baseTree, baseCommit } = await git.open({ url: remote.url, branch: 'weaver/x' });
      const tree = await git.write(remote.url, baseTree, [['README.md', file('x')]]);
      for (let round = 0; round < 2; round += 1) ids.add(await git.commit(remote.url, request(tree, baseCommit)));
    }
    expect(ids.size).toBe(1);
    await workers[0]?.push({ url: remote.url, commit: [...ids].join(), branch: 'weaver/x', expected: null });
    expect(remote.git('log', '-1', '--format=%an|%ae|%ad|%cn|%cd|%B', '--date=raw', 'weaver/x')).toBe(
      'Ädä Lövelace|ada@example.org|1700000000 +0000|Ädä Lövelace|1700000000 +0000|Füge hinzu\n\nWeaver-Task: 1',
    );
    expect(wrongIn(remote.url)).toBe('');
  });

  it.each([
    ['an author without an address', { author: 'Ada' }],
    ['an author over two lines', { author: 'Ada\ncommitter Eve <e@e>' }],
    ['an empty message', { message: ' \n' }],
    ['a message with a NUL', { message: 'a\0b' }],
    ['a date that is none', { dateSeconds: Number.NaN }],
    ['a parent that is none', { parent: 'HEAD' }],
  ])('is not made with %s', async (_, wrong) => {
    const { git, url, baseTree, baseCommit } = await opened();
    await expect(git.commit(url, { ...request(baseTree, baseCommit), ...wrong })).rejects.toMatchObject({
      retryable: false,
    });
  });

  it('is not made of a tree that nobody has', async () => {
    const { git, url, baseCommit } = await opened();
    await expect(git.commit(url, request('1'.repeat(40), baseCommit))).rejects.toMatchObject({
      code: 'infrastructure',
    });
  });

  it('is made of the tree, so that leftovers of a check stay outside', async () => {
    const { git, url, baseTree, baseCommit } = await opened();
    const tree = await git.write(url, baseTree, [['README.md', file('x')]]);
    const directory = await git.checkout({ url, workspace: 'w', tree, commit: baseCommit, keep: [] });
    for (const name of ['__pycache__', '.pytest_cache', 'node_modules', 'src/__pycache__']) {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'left'), 'over');
    }
    writeFileSync(join(directory, 'README.md'), 'changed by a check');
    const commit = await git.commit(url, { ...request(tree, baseCommit), author: AUTHOR });
    await git.push({ url, commit, branch: 'weaver/x', expected: null });
    expect(await git.diff(url, baseTree, tree, 10_000)).toMatchObject({ stat: { filesChanged: 1 } });
    expect((await git.read(url, tree, ['README.md'])).get('README.md')?.bytes.toString()).toBe('x');
  });
});

describe('a difference', () => {
  it('shows new, changed and removed files with their figures', async () => {
    const { git, url, baseTree } = await opened();
    const tree = await git.write(url, baseTree, [
      ['new é.txt', file('1\n2\n')],
      ['src/sum.js', file('a + b\n')],
      ['run.sh', null],
    ]);
    const { stat, patch, cut } = await git.diff(url, baseTree, tree, 100_000);
    expect(stat).toEqual({ filesChanged: 3, insertions: 3, deletions: 2 });
    expect(cut).toBe(false);
    expect(patch.toString()).toContain('+++ b/new é.txt');
    expect(patch.toString()).toContain('-a - b\n+a + b\n');
    expect(patch.toString()).toContain('deleted file mode 100755');
  });

  it('is cut at the limit, with its figures whole', async () => {
    const { git, url, baseTree } = await opened();
    const tree = await git.write(url, baseTree, [['big', file('line\n'.repeat(100_000))]]);
    const { stat, patch, cut } = await git.diff(url, baseTree, tree, 1_000);
    expect(stat).toEqual({ filesChanged: 1, insertions: 100_000, deletions: 0 });
    expect([patch.length, cut]).toEqual([1_000, true]);
  });

  it('is not worked out again for its figures', async () => {
    const { git, url, baseTree, started } = await opened();
    const tree = await git.write(url, baseTree, [['README.md', file('x\n')]]);
    const { stat } = await git.diff(url, baseTree, tree, 1_000);
    started();
    expect((await git.diff(url, baseTree, tree, 0)).stat).toEqual(stat);
    expect(started()).toEqual([]);
  });

  it('is empty between equal trees', async () => {
    const { git, url, baseTree } = await opened();
    expect(await git.diff(url, baseTree, baseTree, 1_000)).toEqual({
      stat: { filesChanged: 0, insertions: 0, deletions: 0 },
      patch: Buffer.alloc(0),
      cut: false,
    });
  });
});
