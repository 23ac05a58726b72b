/** A change put on top of where its base branch has gone on to. */
import type { RebaseResult } from '../../../src/ports.js';
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

const SEED: Files = { 'a.txt': 'one\ntwo\nthree\nfour\nfive\n', 'b.txt': 'b\n' };
const CHANGE = { 'a.txt': 'ONE\ntwo\nthree\nfour\nfive\n', 'new.txt': 'new\n' };

interface Scene {
  readonly remote: Repository;
  readonly home: string;
  readonly base: string;
  readonly commit: string;
  readonly rebase: () => Promise<RebaseResult>;
}

/** A change that is made on `main` and not pushed. */
async function scene(): Promise<Scene> {
  const remote = newRemote(SEED);
  const { git, home } = newAdapter();
  const { url } = remote;
  const { baseCommit: base, baseTree } = await git.open({ url, branch: 'weaver/task' });
  const changes = Object.entries(CHANGE).map(
    ([path, text]) => [path, { mode: '100644', bytes: Buffer.from(text) }] as const,
  );
  const tree = await git.write(url, baseTree, changes);
  const commit = await git.commit(url, { tree, parent: base, message: 'ours', author: AUTHOR, dateSeconds: 1 });
  const rebase: Scene['rebase'] = () => git.rebase({ url, baseBranch: 'main', baseCommit: base, commit });
  return { remote, home, base, commit, rebase };
}

const fileAt = (home: string, tree: string, path: string): string =>
  gitIn(mirrorOf(home), 'cat-file', 'blob', `${tree}:${path}`);

it('says that nothing has moved', async () => {
  const { rebase } = await scene();
  expect(await rebase()).toEqual({ kind: 'current' });
});

it('gives the change on top of the new tip, twice the same', async () => {
  const { remote, home, rebase } = await scene();
  const tip = addCommit(remote, { 'a.txt': 'one\ntwo\nthree\nfour\nFIVE\n', 'b.txt': 'B\n' }, 'main', 'main');
  const result = await rebase();
  if (result.kind !== 'rebased') throw new Error(result.kind);
  expect(result.baseCommit).toBe(tip);
  expect(result.baseTree).toBe(remote.git('rev-parse', `${tip}^{tree}`));
  expect(fileAt(home, result.tree, 'a.txt')).toBe('ONE\ntwo\nthree\nfour\nFIVE');
  expect(fileAt(home, result.tree, 'b.txt')).toBe('B');
  expect(fileAt(home, result.tree, 'new.txt')).toBe('new');
  expect(await rebase()).toEqual(result);
});

it('names the files that do not fit any more', async () => {
  const { remote, rebase } = await scene();
  addCommit(remote, { 'a.txt': 'first\ntwo\nthree\nfour\nfive\n' }, 'main', 'main');
  expect(await rebase()).toMatchObject({
    kind: 'conflict',
    files: ['a.txt'],
    says: [expect.stringContaining('CONFLICT (content)')],
  });
});

it('does not build on a base branch that was written anew', async () => {
  const { remote, rebase } = await scene();
  const tree = remote.git('rev-parse', 'main^{tree}');
  const other = remote.git('-c', 'user.name=x', '-c', 'user.email=x@y', 'commit-tree', tree, '-m', 'other root');
  remote.git('update-ref', 'refs/heads/main', other);
  expect(await rebase()).toEqual({ kind: 'current' });
});

it('pushes nothing', async () => {
  const { remote, rebase } = await scene();
  addCommit(remote, { 'b.txt': 'B\n' }, 'main', 'main');
  await rebase();
  expect(remote.git('for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
});
