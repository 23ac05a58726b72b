import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import {
  FILES,
  gitIn,
  mirrorOf,
  newAdapter,
  newFolder,
  newRemote,
  removeFolders,
  writeFiles,
  type Files,
} from './repositories.js';

afterEach(removeFolders);

const MORE: Files = {
  ...FILES,
  '.gitignore': '__pycache__/\nnode_modules/\n*.o\n',
  'src/deep/a.js': '1\n',
  'src/deep/b.js': '2\n',
  'a b/-c "d"\n.txt': 'odd\n',
  link: { link: 'src/sum.js' },
};

async function checkedOut(files: Files = MORE) {
  const remote = newRemote(files);
  const bench = newAdapter();
  const { url } = remote;
  const { baseTree, baseCommit } = await bench.git.open({ url, branch: 'weaver/x' });
  const checkout = (tree = baseTree, keep: readonly string[] = [], git = bench.git): Promise<string> =>
    git.checkout({ url, workspace: 'task-1', tree, commit: baseCommit, keep });
  const directory = await checkout();
  return { ...bench, url, baseTree, baseCommit, checkout, directory };
}

/** Every path of a folder with its kind and content, the pointer to git left out. */
function contentOf(directory: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const look = (folder: string): void => {
    for (const entry of readdirSync(join(directory, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const file = join(directory, path);
      if (path === '.git') continue;
      if (entry.isDirectory()) look(path);
      else if (entry.isSymbolicLink()) found[path] = `-> ${readlinkSync(file)}`;
      else if (!entry.isFile()) found[path] = 'special';
      else found[path] = `${(statSync(file).mode & 0o111) === 0 ? '' : 'x '}${readFileSync(file, 'utf8')}`;
    }
  };
  look('');
  return found;
}

const WHOLE = {
  '.gitignore': '__pycache__/\nnode_modules/\n*.o\n',
  'README.md': 'read me\n',
  'a b/-c "d"\n.txt': 'odd\n',
  link: '-> src/sum.js',
  'run.sh': 'x #!/bin/sh\n',
  'src/deep/a.js': '1\n',
  'src/deep/b.js': '2\n',
  'src/sum.js': 'a - b\n',
};

describe('a work tree', () => {
  it('has every file of the snapshot and nothing else, below the home', async () => {
    const { directory, home } = await checkedOut();
    expect(directory.startsWith(`${home}/workspaces/task-1/`)).toBe(true);
    expect(contentOf(directory)).toEqual(WHOLE);
  });

  it('is made with one process, the first time and again', async () => {
    const { checkout, started } = await checkedOut();
    expect(started().filter(({ args }) => args[0] === 'read-tree')).toHaveLength(1);
    await checkout();
    expect(started().map(({ args }) => args[0])).toEqual(['ls-tree', 'read-tree']);
    await checkout();
    expect(started().map(({ args }) => args[0])).toEqual(['read-tree']);
  });

  it('leaves files alone that are as they should be', async () => {
    const { checkout, directory } = await checkedOut();
    const before = lstatSync(join(directory, 'README.md'));
    await checkout();
    expect(lstatSync(join(directory, 'README.md'))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  });

  it('follows from snapshot to snapshot, also where a folder becomes a file and a file a folder', async () => {
    const { git, url, baseTree, checkout, directory } = await checkedOut();
    const file = { mode: '100644', bytes: Buffer.from('new') };
    const tree = await git.write(url, baseTree, [
      ['src/deep', null],
      ['src/deep', file],
      ['README.md', null],
      ['README.md/in', file],
      ['link', { mode: '100755', bytes: Buffer.from('no link') }],
      ['run.sh', { mode: '120000', bytes: Buffer.from('README.md') }],
    ]);
    await checkout(tree);
    expect(contentOf(directory)).toEqual({
      '.gitignore': WHOLE['.gitignore'],
      'README.md/in': 'new',
      'a b/-c "d"\n.txt': 'odd\n',
      link: 'x no link',
      'run.sh': '-> README.md',
      'src/deep': 'new',
      'src/sum.js': 'a - b\n',
    });
    await checkout();
    expect(contentOf(directory)).toEqual(WHOLE);
  });
});

const spoilers: readonly (readonly [string, (directory: string) => void])[] = [
  ['a file was changed', (at) => writeFileSync(join(at, 'README.md'), 'other')],
  [
    'a file was changed to the same length with its time put back',
    (at) => {
      const { atime, mtime } = statSync(join(at, 'src/sum.js'));
      writeFileSync(join(at, 'src/sum.js'), 'a * b\n');
      utimesSync(join(at, 'src/sum.js'), atime, mtime);
    },
  ],
  ['a file was removed', (at) => rmSync(join(at, 'src/sum.js'))],
  ['a folder was removed', (at) => rmSync(join(at, 'src'), { recursive: true })],
  ['everything was removed', (at) => readdirSync(at).forEach((name) => rmSync(join(at, name), { recursive: true }))],
  ['a script lost its bit', (at) => chmodSync(join(at, 'run.sh'), 0o644)],
  ['a file may be read by nobody', (at) => chmodSync(join(at, 'README.md'), 0)],
  ['a file is read-only', (at) => (writeFileSync(join(at, 'README.md'), 'x'), chmodSync(join(at, 'README.md'), 0o400))],
  ['a link became a file', (at) => (rmSync(join(at, 'link')), writeFileSync(join(at, 'link'), 'x'))],
  [
    'a file became a folder',
    (at) => (
      rmSync(join(at, 'run.sh')),
      mkdirSync(join(at, 'run.sh/a/b'), { recursive: true }),
      writeFileSync(join(at, 'run.sh/a/b/c'), 'x')
    ),
  ],
  [
    'a folder became a file',
    (at) => (rmSync(join(at, 'src/deep'), { recursive: true }), writeFileSync(join(at, 'src/deep'), 'x')),
  ],
  [
    'a file became a link',
    (at) => (rmSync(join(at, 'README.md')), symlinkSync('/etc/hostname', join(at, 'README.md'))),
  ],
  ['a file became a pipe', (at) => (rmSync(join(at, 'README.md')), execFileSync('mkfifo', [join(at, 'README.md')]))],
  [
    'a folder went elsewhere behind a link',
    (at) => (
      rmSync(join(at, '../elsewhere'), { recursive: true, force: true }),
      renameSync(join(at, 'src'), join(at, '../elsewhere')),
      symlinkSync('../elsewhere', join(at, 'src'))
    ),
  ],
  [
    'leftovers were made, ignored ones too',
    (at) => (
      mkdirSync(join(at, 'src/__pycache__')),
      writeFileSync(join(at, 'src/__pycache__/sum.pyc'), 'x'),
      mkdirSync(join(at, 'node_modules/x'), { recursive: true }),
      writeFileSync(join(at, 'a.o'), ''),
      writeFileSync(join(at, 'new'), '')
    ),
  ],
  [
    'a repository was made in it',
    (at) => (mkdirSync(join(at, 'sub')), gitIn(join(at, 'sub'), 'init', '-q'), gitIn(join(at, 'src'), 'init', '-q')),
  ],
  [
    'leftovers cannot be written to',
    (at) => (
      mkdirSync(join(at, 'left/in'), { recursive: true }),
      writeFileSync(join(at, 'left/in/x'), ''),
      chmodSync(join(at, 'left/in'), 0o500),
      chmodSync(join(at, 'left'), 0)
    ),
  ],
  [
    'its folders cannot be written to',
    (at) => (
      writeFileSync(join(at, 'src/deep/a.js'), 'x'),
      chmodSync(join(at, 'src/deep'), 0o500),
      chmodSync(join(at, 'src'), 0)
    ),
  ],
  [
    'its index of git was spoiled',
    (at) => (writeFileSync(join(at, '../git/index'), 'x'), writeFileSync(join(at, 'README.md'), 'x')),
  ],
  [
    "weaver's index was cut",
    (at) => (truncateSync(join(at, '../index'), 20), writeFileSync(join(at, 'README.md'), 'x')),
  ],
  ["weaver's index is full of noise", (at) => writeFileSync(join(at, '../index'), Buffer.alloc(500, 7))],
  [
    'a lock of a killed git is there',
    (at) => (writeFileSync(join(at, '../index.lock'), ''), writeFileSync(join(at, 'README.md'), 'x')),
  ],
  [
    'its pointer to git became a link',
    (at) => (rmSync(join(at, '.git')), symlinkSync(join(at, 'README.md'), join(at, '.git'))),
  ],
  [
    'its pointer to git became a folder',
    (at) => (rmSync(join(at, '.git')), mkdirSync(join(at, '.git/hooks'), { recursive: true })),
  ],
  ['the work tree is gone', (at) => rmSync(at, { recursive: true })],
  ['the work tree became a file', (at) => (rmSync(at, { recursive: true }), writeFileSync(at, 'x'))],
  ['all of the task is gone', (at) => rmSync(dirname(at), { recursive: true })],
  ['the mirror is gone', (at) => rmSync(join(at, '../../../mirrors'), { recursive: true })],
];

describe('a work tree that was spoiled', () => {
  it.each(spoilers)('is equal to the snapshot again after %s', async (_, spoil) => {
    const { git, url, checkout, directory, again } = await checkedOut();
    spoil(directory);
    expect(await checkout()).toBe(directory);
    expect(contentOf(directory)).toEqual(WHOLE);
    expect(gitIn(directory, 'status', '--porcelain', '--ignored')).toBe('');
    // The same for a worker that remembers nothing.
    spoil(directory);
    expect(await checkout(undefined, [], again())).toBe(directory);
    expect(contentOf(directory)).toEqual(WHOLE);
    expect(await git.untracked(url, 'task-1')).toEqual([]);
  });

  it('writes nothing through a link that a check has put in the place of a folder', async () => {
    const outside = newFolder('outside');
    const { checkout, directory } = await checkedOut();
    rmSync(join(directory, 'src'), { recursive: true });
    symlinkSync(outside, join(directory, 'src'));
    await checkout();
    expect(readdirSync(outside)).toEqual([]);
    expect(contentOf(directory)).toEqual(WHOLE);
  });

  it('gives line ends as a clone would, and its snapshot keeps the bytes', async () => {
    const { git, url, baseTree, directory } = await checkedOut({
      '.gitattributes': '*.bat eol=crlf\n',
      'a.bat': '1\n',
    });
    expect(readFileSync(join(directory, 'a.bat'), 'utf8')).toBe('1\r\n');
    expect((await git.read(url, baseTree, ['a.bat'])).get('a.bat')?.bytes.toString()).toBe('1\n');
  });

  it('shows a check that asks git a clean state at the commit', async () => {
    const { directory, baseCommit } = await checkedOut();
    expect(gitIn(directory, 'rev-parse', 'HEAD')).toBe(baseCommit);
    expect(gitIn(directory, 'status', '--porcelain')).toBe('');
    expect(gitIn(directory, 'log', '--format=%s')).toBe('colleague');
    writeFileSync(join(directory, 'README.md'), 'x\n');
    expect(gitIn(directory, 'diff', '--stat')).toContain('README.md');
  });

  it('comes to the right state while something still writes into it, and to the whole one after that', async () => {
    const { checkout, directory } = await checkedOut();
    const noise =
      'while :; do mkdir -p noise/a/b src/noise; echo x > noise/a/b/$i; echo x > src/noise/$i; i=$((i+1)); done';
    const writer = spawn('sh', ['-c', noise], { cwd: directory, stdio: 'ignore' });
    try {
      while (!existsSync(join(directory, 'src/noise'))) await breathe();
      const results = [];
      for (let round = 0; round < 5; round += 1) results.push(...(await Promise.allSettled([checkout()])));
      // Either it has won the race, or it says that another try may.
      const other = {
        status: 'rejected',
        reason: expect.objectContaining({ code: 'infrastructure', retryable: true }),
      };
      for (const result of results) expect([{ status: 'fulfilled', value: directory }, other]).toContainEqual(result);
    } finally {
      writer.kill('SIGKILL');
      await once(writer, 'close');
    }
    await checkout();
    expect(contentOf(directory)).toEqual(WHOLE);
  });
});

describe('what a set-up step has left', () => {
  it('is named by its outermost new folder, and stays when it is kept', async () => {
    const { git, url, baseTree, checkout, directory } = await checkedOut();
    const made = ['node_modules/a/b.js', 'src/node_modules/c.js', 'src/deep/gen.o', 'étage/x'];
    writeFiles(directory, Object.fromEntries(made.map((path) => [path, 'set up'])));
    const keep = await git.untracked(url, 'task-1');
    expect(keep).toEqual(['node_modules', 'src/deep/gen.o', 'src/node_modules', 'étage']);
    writeFileSync(join(directory, 'leftover'), '');
    writeFileSync(join(directory, 'src/leftover'), '');
    const tree = await git.write(url, baseTree, [['étage/tracked', { mode: '100644', bytes: Buffer.from('t') }]]);
    await checkout(tree, keep);
    expect(contentOf(directory)).toEqual({
      ...WHOLE,
      'node_modules/a/b.js': 'set up',
      'src/node_modules/c.js': 'set up',
      'src/deep/gen.o': 'set up',
      'étage/x': 'set up',
      'étage/tracked': 't',
    });
    // Also when the folder around it is not of the snapshot any more.
    await checkout(await git.write(url, baseTree, [['src', null]]), keep);
    expect(existsSync(join(directory, 'src/node_modules/c.js'))).toBe(true);
    expect(existsSync(join(directory, 'src/sum.js'))).toBe(false);
    await checkout(baseTree, []);
    expect(contentOf(directory)).toEqual(WHOLE);
  });

  it('is nothing where no work tree is', async () => {
    const { git, url } = await checkedOut();
    expect(await git.untracked(url, 'task-2')).toEqual([]);
  });
});

describe('closing', () => {
  it('removes the work tree and what is beside it, and is harmless twice', async () => {
    const { git, home, directory } = await checkedOut();
    mkdirSync(join(directory, 'left'));
    chmodSync(join(directory, 'left'), 0o500);
    await git.close('task-1');
    await git.close('task-1');
    await git.close('never-there');
    expect(readdirSync(join(home, 'workspaces'))).toEqual([]);
    expect(existsSync(mirrorOf(home))).toBe(true);
  });

  it.each(['..', 'a/b', '', '.hidden', '-x/..'])('does not touch a workspace named %j', async (name) => {
    const { git, home } = await checkedOut();
    await expect(git.close(name)).rejects.toMatchObject({ code: 'infrastructure', retryable: false });
    expect(readdirSync(join(home, 'workspaces'))).toEqual(['task-1']);
  });
});
