import { existsSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Git } from '../../../src/ports.js';
import {
  addCommit,
  AUTHOR,
  gitIn,
  mirrorOf,
  newAdapter,
  newRemote,
  removeFolders,
  writeFiles,
  wrongIn,
  type Repository,
} from './repositories.js';

afterEach(removeFolders);

const branch = 'weaver/x';

/** All that a task does, from opening to closing; gives what lies on the branch afterwards. */
async function wholeTask(git: Git, remote: Repository): Promise<string> {
  const { url } = remote;
  remote.git('update-ref', '-d', `refs/heads/${branch}`);
  const { baseTree, baseCommit } = await git.open({ url, branch });
  const entries = await git.list(url, baseTree);
  const files = await git.read(
    url,
    baseTree,
    entries.map(({ path }) => path),
  );
  expect(files.size).toBe(entries.length);
  const tree = await git.write(url, baseTree, [['src/sum.js', { mode: '100644', bytes: Buffer.from('a + b\n') }]]);
  await git.diff(url, baseTree, tree, 10_000);
  const directory = await git.checkout({ url, workspace: 'w', tree, commit: baseCommit, keep: [] });
  expect(readFileSync(join(directory, 'src/sum.js'), 'utf8')).toBe('a + b\n');
  const commit = await git.commit(url, { tree, parent: baseCommit, message: 'm', author: AUTHOR, dateSeconds: 1 });
  expect(await git.push({ url, commit, branch, expected: null })).toEqual({ kind: 'pushed' });
  await git.close('w');
  return remote.git('show', `${branch}:src/sum.js`);
}

const packsOf = (mirror: string): readonly string[] =>
  readdirSync(join(mirror, 'objects/pack')).map((name) => join(mirror, 'objects/pack', name));

/** Writes over every pack (or index of one) what `spoil` makes of it. */
const spoilPacks =
  (ending: '.pack' | '.idx', spoil: (bytes: Buffer) => Buffer) =>
  (mirror: string): void => {
    for (const file of packsOf(mirror).filter((name) => name.endsWith(ending))) {
      const bytes = readFileSync(file);
      rmSync(file);
      writeFileSync(file, spoil(bytes));
    }
  };

const damages: readonly (readonly [string, (mirror: string) => void])[] = [
  ['nothing at all', () => undefined],
  ['its folder is gone', (mirror) => rmSync(mirror, { recursive: true })],
  ['all mirrors are gone', (mirror) => rmSync(join(mirror, '..'), { recursive: true })],
  ['it is a file', (mirror) => (rmSync(mirror, { recursive: true }), writeFileSync(mirror, 'x'))],
  ['its objects are gone', (mirror) => rmSync(join(mirror, 'objects'), { recursive: true })],
  ['its refs are gone', (mirror) => rmSync(join(mirror, 'refs'), { recursive: true })],
  ['its refs are noise', (mirror) => writeFiles(mirror, { 'refs/weaver': 'noise', 'packed-refs': 'noise\n' })],
  [
    'a ref of it is empty',
    (mirror) => {
      for (const name of readdirSync(join(mirror, 'refs/weaver/remote')))
        truncateSync(join(mirror, 'refs/weaver/remote', name));
    },
  ],
  ['its HEAD is empty', (mirror) => writeFileSync(join(mirror, 'HEAD'), '')],
  ['its configuration is noise', (mirror) => writeFileSync(join(mirror, 'config'), '[[[')],
  ['a pack is cut', spoilPacks('.pack', (bytes) => bytes.subarray(0, 60))],
  ['a pack is noise', spoilPacks('.pack', (bytes) => Buffer.alloc(bytes.length, 9))],
  [
    'a pack has wrong bytes in the middle',
    spoilPacks('.pack', (bytes) => Buffer.from(bytes).fill(0xaa, 14, bytes.length - 24)),
  ],
  ['an index of a pack is cut', spoilPacks('.idx', (bytes) => bytes.subarray(0, 100))],
  [
    'a pack is gone',
    (mirror) => {
      for (const file of packsOf(mirror)) rmSync(file);
    },
  ],
  [
    'a killed git left its locks',
    (mirror) =>
      writeFiles(
        mirror,
        Object.fromEntries(
          [
            'index.lock',
            'HEAD.lock',
            'packed-refs.lock',
            'shallow.lock',
            'config.lock',
            'refs/weaver/remote/x.lock',
          ].map((name) => [name, '']),
        ),
      ),
  ],
  [
    'a killed git left the lock of the very ref',
    (mirror) => {
      for (const name of readdirSync(join(mirror, 'refs/weaver/remote')))
        writeFileSync(join(mirror, 'refs/weaver/remote', `${name}.lock`), '');
    },
  ],
];

describe('a mirror is mended by itself when', () => {
  it.each(damages)('%s: for the worker that knew it whole', async (_, damage) => {
    const remote = newRemote();
    const { git, home } = newAdapter();
    expect(await wholeTask(git, remote)).toBe('a + b');
    damage(mirrorOf(home));
    expect(await wholeTask(git, remote)).toBe('a + b');
    // Also when there is something to fetch.
    damage(existsSync(mirrorOf(home)) ? mirrorOf(home) : home);
    addCommit(remote, { 'README.md': 'newer\n' });
    expect(await wholeTask(git, remote)).toBe('a + b');
    expect(wrongIn(remote.url)).toBe('');
  });

  it.each(damages)('%s: for one that was started anew', async (_, damage) => {
    const remote = newRemote();
    const { git, home, again } = newAdapter();
    await wholeTask(git, remote);
    damage(mirrorOf(home));
    addCommit(remote, { 'README.md': 'newer\n' });
    expect(await wholeTask(again(), remote)).toBe('a + b');
    expect(wrongIn(remote.url)).toBe('');
  });
});

it('carries the snapshots of running tasks over from a broken mirror', async () => {
  const remote = newRemote();
  const { git, home, again } = newAdapter();
  const { url } = remote;
  const { baseTree } = await git.open({ url, branch });
  const tree = await git.write(url, baseTree, [['x', { mode: '100644', bytes: Buffer.from('in flight') }]]);
  for (const file of packsOf(mirrorOf(home))) rmSync(file);
  const other = again();
  expect((await other.read(url, tree, ['x', 'README.md'])).get('x')?.bytes.toString()).toBe('in flight');
  expect((await other.list(url, tree)).map(({ path }) => path)).toEqual(['README.md', 'run.sh', 'src/sum.js', 'x']);
});

it('says that an object is nowhere, without making the mirror anew again and again', async () => {
  const remote = newRemote();
  const { git, home, started } = newAdapter();
  const { url } = remote;
  await git.open({ url, branch });
  const lost = 'f'.repeat(40);
  for (let round = 0; round < 3; round += 1)
    await expect(git.list(url, lost)).rejects.toMatchObject({ code: 'infrastructure', retryable: true });
  const fetches = started().filter(({ args }) => args[0] === 'fetch');
  // The first one; one refresh a time; one rebuild.
  expect(fetches.length).toBeLessThanOrEqual(1 + 3 + 1);
  expect(await wholeTask(git, remote)).toBe('a + b');
  expect(readdirSync(join(home, 'mirrors')).filter((name) => name.endsWith('.new'))).toEqual([]);
});

it('keeps the mirror when the remote cannot be reached, and goes on when it is back', async () => {
  const remote = newRemote();
  const { git } = newAdapter();
  await wholeTask(git, remote);
  renameSync(remote.url, `${remote.url}.away`);
  await expect(git.open({ url: remote.url, branch })).rejects.toMatchObject({
    code: 'remoteUnreachable',
    retryable: true,
  });
  renameSync(`${remote.url}.away`, remote.url);
  expect(await wholeTask(git, remote)).toBe('a + b');
});

it('does not take a server that talks nonsense for a broken mirror', async () => {
  const server = createServer(
    (_, response) =>
      void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>\n<p>Back soon\n</html>\n'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { git, started } = newAdapter();
  await expect(git.open({ url: `http://127.0.0.1:${address.port}/x.git`, branch })).rejects.toMatchObject({
    code: 'remoteUnreachable',
    retryable: true,
  });
  expect(started().map(({ args }) => args[0])).toEqual(['ls-remote']);
  await new Promise((resolve) => server.close(resolve));
});

it('lets many tasks begin at once on a repository that no one has fetched yet', async () => {
  const remote = newRemote();
  const { again, home } = newAdapter();
  const workers = [again(), again(), again()];
  const states = await Promise.all(
    Array.from({ length: 12 }, (_, at) => workers[at % 3]?.open({ url: remote.url, branch: `weaver/${at}` })),
  );
  expect(new Set(states.map((state) => state?.baseCommit))).toEqual(new Set([remote.git('rev-parse', 'main')]));
  expect(gitIn(mirrorOf(home), 'fsck', '--no-dangling')).toBe('');
});
