/** A work tree as a snapshot: what a program or a person has made of it. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { FILES, gitIn, newAdapter, newRemote, removeFolders, type Files } from './repositories.js';

afterEach(removeFolders);

const MORE: Files = {
  ...FILES,
  '.gitignore': 'build/\n*.o\n',
  'kept.o': 'tracked though ignored\n',
  'lines.txt': 'one\r\ntwo\r\n',
  'docs/a.md': 'a\n',
};

async function worked(files: Files = MORE) {
  const remote = newRemote(files);
  const { git } = newAdapter();
  const { url } = remote;
  const { baseTree, baseCommit } = await git.open({ url, branch: 'weaver/x' });
  const directory = await git.checkout({ url, workspace: 'task-1', tree: baseTree, commit: baseCommit, keep: [] });
  const capture = (keep: readonly string[] = [], filesMax = 100) =>
    git.capture({ url, workspace: 'task-1', keep, filesMax });
  const paths = async (tree: string) => (await git.list(url, tree)).map(({ path, mode }) => `${mode} ${path}`);
  const changes = async (keep: readonly string[] = []) => {
    const captured = await capture(keep);
    if (captured.kind !== 'captured') throw new Error(JSON.stringify(captured));
    const [before, after] = [await paths(baseTree), await paths(captured.tree)];
    const read = await git.read(
      url,
      captured.tree,
      (await git.list(url, captured.tree)).map(({ path }) => path),
    );
    return {
      tree: captured.tree,
      added: after.filter((path) => !before.includes(path)),
      removed: before.filter((path) => !after.includes(path)),
      text: (path: string) => read.get(path)?.bytes.toString('latin1'),
    };
  };
  return { git, url, baseTree, directory, capture, changes };
}

it('of nothing changed is the tree that it was made equal to', async () => {
  const { baseTree, capture } = await worked();
  expect(await capture()).toEqual({ kind: 'captured', tree: baseTree });
});

it('has what was changed, added, moved, removed and made executable, and nothing that is ignored', async () => {
  const { directory, changes } = await worked();
  writeFileSync(join(directory, 'lines.txt'), 'one\r\nthree\r\n');
  writeFileSync(join(directory, 'kept.o'), 'changed\n');
  writeFileSync(join(directory, 'left.o'), 'left over\n');
  mkdirSync(join(directory, 'build'));
  writeFileSync(join(directory, 'build', 'out.js'), 'built\n');
  mkdirSync(join(directory, 'ä b'));
  writeFileSync(join(directory, 'ä b', '-n'), 'odd\n');
  renameSync(join(directory, 'docs', 'a.md'), join(directory, 'b.md'));
  writeFileSync(join(directory, 'tool.sh'), '#!/bin/sh\n');
  chmodSync(join(directory, 'tool.sh'), 0o755);
  symlinkSync('b.md', join(directory, 'link'));
  const { added, removed, text } = await changes();
  expect({ added, removed }).toEqual({
    added: ['100644 b.md', '120000 link', '100755 tool.sh', '100644 ä b/-n'],
    removed: ['100644 docs/a.md'],
  });
  expect([text('lines.txt'), text('kept.o'), text('ä b/-n')]).toEqual(['one\r\nthree\r\n', 'changed\n', 'odd\n']);
});

it('sees a change of the same length in the same moment, whatever time it claims', async () => {
  const { directory, changes } = await worked();
  const file = join(directory, 'lines.txt');
  const { atime, mtime } = statSync(file);
  writeFileSync(file, 'ONE\r\ntwo\r\n');
  utimesSync(file, atime, mtime);
  expect((await changes()).text('lines.txt')).toBe('ONE\r\ntwo\r\n');
});

it('has a folder in the place of a file, and a file in the place of a folder', async () => {
  const { directory, changes } = await worked();
  rmSync(join(directory, 'docs'), { recursive: true });
  writeFileSync(join(directory, 'docs'), 'a file\n');
  rmSync(join(directory, 'lines.txt'));
  mkdirSync(join(directory, 'lines.txt'));
  writeFileSync(join(directory, 'lines.txt', 'one'), '1\n');
  expect(await changes()).toMatchObject({
    added: ['100644 docs', '100644 lines.txt/one'],
    removed: ['100644 docs/a.md', '100644 lines.txt'],
  });
});

it('leaves out what the set-up has left, and leaves the work tree as it is', async () => {
  const { directory, changes, baseTree } = await worked();
  mkdirSync(join(directory, 'node_modules'));
  writeFileSync(join(directory, 'node_modules', 'x.js'), 'x\n');
  writeFileSync(join(directory, 'node_modules.txt'), 'mine\n');
  const { added } = await changes(['node_modules']);
  expect(added).toEqual(['100644 node_modules.txt']);
  expect(existsSync(join(directory, 'node_modules', 'x.js'))).toBe(true);
  rmSync(join(directory, 'node_modules.txt'));
  expect((await changes(['node_modules'])).tree).toBe(baseTree);
});

it('refuses a repository inside of it, and too many files', async () => {
  const { directory, capture } = await worked();
  for (const name of ['1', '2', '3', '4']) writeFileSync(join(directory, name), name);
  expect(await capture([], 3)).toEqual({
    kind: 'refused',
    says: expect.stringContaining('4 files were changed, 3 are the most'),
  });
  mkdirSync(join(directory, 'clone'));
  gitIn(join(directory, 'clone'), 'init', '--quiet', '.');
  writeFileSync(join(directory, 'clone', 'a'), 'a');
  gitIn(join(directory, 'clone'), 'add', 'a');
  gitIn(join(directory, 'clone'), 'commit', '--quiet', '--message', 'a');
  expect(await capture()).toEqual({
    kind: 'refused',
    says: expect.stringContaining('clone/ is a git repository of its own'),
  });
});

it('says that it is gone', async () => {
  const { git, url } = await worked();
  expect(await git.capture({ url, workspace: 'another', keep: [], filesMax: 10 })).toEqual({ kind: 'gone' });
});

it('is told by what is not as in the snapshot, without writing anything', async () => {
  const { git, url, directory } = await worked();
  const changed = (keep: readonly string[] = []) => git.changed({ url, workspace: 'task-1', keep });
  expect(await changed()).toEqual([]);
  writeFileSync(join(directory, 'lines.txt'), 'new\n');
  rmSync(join(directory, 'docs'), { recursive: true });
  for (const folder of ['build', 'made', 'kept']) mkdirSync(join(directory, folder));
  for (const path of ['build/x', 'made/x', 'kept/x']) writeFileSync(join(directory, path), '');
  expect(await changed(['kept'])).toEqual(['docs/a.md', 'lines.txt', 'made/']);
});
