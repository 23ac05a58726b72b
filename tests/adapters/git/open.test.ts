import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { PortFault } from '../../../src/ports.js';
import { addCommit, gitIn, makeCommit, newAdapter, newFolder, newRemote, removeFolders } from './repositories.js';

afterEach(removeFolders);

describe('opening a repository', () => {
  it('starts at the tip of the branch that the HEAD of the remote names, whatever it is called', async () => {
    const remote = newRemote(undefined, 'trunk');
    const state = await newAdapter().git.open({ url: remote.url, branch: 'weaver/x' });
    expect(state).toEqual({
      baseBranch: 'trunk',
      baseCommit: remote.git('rev-parse', 'trunk'),
      baseTree: remote.git('rev-parse', 'trunk^{tree}'),
      branchTip: null,
    });
  });

  it('starts at the base branch that is named', async () => {
    const remote = newRemote();
    const tip = addCommit(remote, { 'README.md': 'other\n' }, 'release/1.x', 'main');
    const state = await newAdapter().git.open({ url: remote.url, baseBranch: 'release/1.x', branch: 'weaver/x' });
    expect(state).toMatchObject({ baseBranch: 'release/1.x', baseCommit: tip });
  });

  it('goes on with the branch of the task if the remote has it', async () => {
    const remote = newRemote();
    const tip = addCommit(remote, { 'README.md': 'half done\n' }, 'weaver/x', 'main');
    const state = await newAdapter().git.open({ url: remote.url, branch: 'weaver/x' });
    expect(state).toMatchObject({ baseBranch: 'main', baseCommit: tip, branchTip: tip });
  });

  it('starts at the base when that has swallowed the branch of the task', async () => {
    const remote = newRemote();
    remote.git('branch', 'weaver/x', 'main');
    const old = remote.git('rev-parse', 'main');
    const tip = addCommit(remote, { 'README.md': 'merged\n' });
    const state = await newAdapter().git.open({ url: remote.url, branch: 'weaver/x' });
    expect(state).toMatchObject({ baseCommit: tip, branchTip: old });
  });

  it('asks one question of a remote that has not changed', async () => {
    const remote = newRemote();
    const { git, started, again } = newAdapter();
    const first = await git.open({ url: remote.url, branch: 'weaver/x' });
    started();
    expect(await git.open({ url: remote.url, branch: 'weaver/x' })).toEqual(first);
    expect(started().map(({ args }) => args[0])).toEqual(['ls-remote']);
    // A worker that was started anew looks once whether the mirror has the commit.
    expect(await again().open({ url: remote.url, branch: 'weaver/x' })).toEqual(first);
    expect(started().map(({ args }) => args[0])).toEqual(['ls-remote', 'cat-file']);
  });

  it('sees what was pushed since', async () => {
    const remote = newRemote();
    const { git } = newAdapter();
    await git.open({ url: remote.url, branch: 'weaver/x' });
    const tip = addCommit(remote, { 'README.md': 'newer\n' });
    expect(await git.open({ url: remote.url, branch: 'weaver/x' })).toMatchObject({ baseCommit: tip });
  });

  it('follows a base branch whose history was rewritten', async () => {
    const remote = newRemote();
    const { git } = newAdapter();
    await git.open({ url: remote.url, branch: 'weaver/x' });
    const other = newRemote({ 'README.md': 'from scratch\n' });
    remote.git('fetch', '-q', other.url, '+main:main');
    const tip = other.git('rev-parse', 'main');
    expect(await git.open({ url: remote.url, branch: 'weaver/x' })).toMatchObject({ baseCommit: tip });
  });

  it('survives a branch that becomes a folder of branches', async () => {
    const remote = newRemote();
    const { git } = newAdapter();
    addCommit(remote, { 'README.md': '1\n' }, 'topic', 'main');
    await git.open({ url: remote.url, baseBranch: 'topic', branch: 'weaver/x' });
    remote.git('branch', '-D', 'topic');
    const tip = addCommit(remote, { 'README.md': '2\n' }, 'topic/sub', 'main');
    expect(await git.open({ url: remote.url, baseBranch: 'topic/sub', branch: 'weaver/x' })).toMatchObject({
      baseCommit: tip,
    });
  });

  it('reads a repository that names its objects by SHA-256', async () => {
    const remote = newRemote(undefined, 'main', 'sha256');
    const { url } = remote;
    const { git } = newAdapter();
    const { commit, baseCommit } = await makeCommit(git, url, 'weaver/x');
    expect(baseCommit).toHaveLength(64);
    expect(await git.push({ url, commit, branch: 'weaver/x', expected: null })).toEqual({ kind: 'pushed' });
    expect(remote.git('show', 'weaver/x:src/sum.js')).toBe('a + b');
  });
});

describe('a remote without what is asked for', () => {
  it('names the branches that there are when the base branch is missing', async () => {
    const { url } = newRemote();
    await expect(newAdapter().git.open({ url, baseBranch: 'develop', branch: 'weaver/x' })).rejects.toMatchObject({
      name: 'PortFault',
      code: 'missingBaseBranch',
      retryable: false,
      message: 'There is no branch "develop". The remote has: main.',
    });
  });

  it('says so when its HEAD names a branch that does not exist', async () => {
    const remote = newRemote();
    remote.git('symbolic-ref', 'HEAD', 'refs/heads/gone');
    await expect(newAdapter().git.open({ url: remote.url, branch: 'weaver/x' })).rejects.toMatchObject({
      name: 'PortFault',
      code: 'missingBaseBranch',
      retryable: false,
    });
  });

  it('is empty if it has no branch', async () => {
    const url = join(newFolder('empty'), 'remote.git');
    mkdirSync(url);
    gitIn(url, 'init', '-q', '--bare');
    for (const baseBranch of [undefined, 'main'])
      await expect(newAdapter().git.open({ url, baseBranch, branch: 'weaver/x' })).rejects.toMatchObject({
        name: 'PortFault',
        code: 'emptyRepository',
        retryable: false,
      });
  });

  it('is missing, which no waiting mends, if nothing is there and never was', async () => {
    const url = join(newFolder('nothing'), 'gone.git');
    await expect(newAdapter().git.open({ url, branch: 'weaver/x' })).rejects.toMatchObject({
      name: 'PortFault',
      code: 'missingRepository',
      retryable: false,
    });
  });

  it.each(['ext::sh -c id', '-oProxyCommand=id', 'file://host/x', 'https://user:secret@127.0.0.1/x', '../x', ''])(
    'is refused if its address is %j',
    async (url) => {
      const { git, started } = newAdapter();
      await expect(git.open({ url, branch: 'weaver/x' })).rejects.toMatchObject({ retryable: false });
      expect(started()).toEqual([]);
    },
  );

  it.each(['-x', 'a..b', 'a b', 'x.lock', 'a//b', '/a', 'a\nb', '@{1}', 'x:y', '$(id)\\', '~', '', 'HEAD'])(
    'is not asked for a branch named %j',
    async (branch) => {
      const { git, started } = newAdapter();
      await expect(git.open({ url: newRemote().url, branch })).rejects.toMatchObject({
        name: 'PortFault',
        code: 'invalidTask',
        retryable: false,
      });
      expect(started()).toEqual([]);
    },
  );

  it('takes names with quotes, dollars and letters of other alphabets as they are', async () => {
    const remote = newRemote();
    const branch = `weaver/$(id)'"&é漢`;
    const { git } = newAdapter();
    const { commit } = await makeCommit(git, remote.url, branch);
    expect(await git.push({ url: remote.url, commit, branch, expected: null })).toEqual({ kind: 'pushed' });
    expect(await git.open({ url: remote.url, branch })).toMatchObject({ branchTip: commit });
  });
});

const servers: (Server | TcpServer)[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen<S extends Server | TcpServer>(server: S): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('a remote on the network', () => {
  it('cannot be reached if nobody listens', async () => {
    const port = await listen(createTcpServer());
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
    await expect(
      newAdapter().git.open({ url: `https://127.0.0.1:${port}/x.git`, branch: 'weaver/x' }),
    ).rejects.toMatchObject({
      name: 'PortFault',
      code: 'remoteUnreachable',
      retryable: true,
      message: expect.stringMatching(/Failed to connect|refused/),
    });
  });

  it('refuses a wrong token at once and without a question, and the token is shown nowhere', async () => {
    const asked: (string | undefined)[] = [];
    const port = await listen(
      createServer((request, response) => {
        asked.push(request.headers.authorization);
        response.writeHead(401, { 'www-authenticate': 'Basic realm="weaver"' }).end();
      }),
    );
    const { git, started } = newAdapter({ tokenOf: (host) => (host === '127.0.0.1' ? 'tok-123456' : undefined) });
    const fault: unknown = await git
      .open({ url: `http://127.0.0.1:${port}/x.git`, branch: 'weaver/x' })
      .catch((cause: unknown) => cause);
    expect(fault).toMatchObject({ name: 'PortFault', code: 'remoteCredentials', retryable: false });
    expect(asked).toContain(`Basic ${Buffer.from('x-access-token:tok-123456').toString('base64')}`);
    expect(inspect(fault, { depth: 9 })).not.toContain('tok-123456');
    for (const { args } of started()) expect(args.join(' ')).not.toContain('tok-123456');
  });

  it('refuses who has no token, without asking anybody for one', async () => {
    const port = await listen(
      createServer((_, response) => {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="weaver"' }).end();
      }),
    );
    await expect(
      newAdapter().git.open({ url: `http://127.0.0.1:${port}/x.git`, branch: 'weaver/x' }),
    ).rejects.toMatchObject({ name: 'PortFault', code: 'remoteCredentials', retryable: false });
  });

  it('does not tell the token to a host that it is sent on to', async () => {
    const asked: (string | undefined)[] = [];
    const elsewhere = await listen(
      createServer((request, response) => {
        asked.push(request.headers.authorization);
        response.writeHead(401, { 'www-authenticate': 'Basic realm="elsewhere"' }).end();
      }),
    );
    const port = await listen(
      createServer((request, response) => {
        response.writeHead(302, { location: `http://127.0.0.1:${elsewhere}${request.url ?? ''}` }).end();
      }),
    );
    const { git } = newAdapter({ tokenOf: () => 'tok-123456' });
    await expect(git.open({ url: `http://127.0.0.1:${port}/x.git`, branch: 'weaver/x' })).rejects.toBeInstanceOf(
      PortFault,
    );
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((value) => value !== undefined)).toEqual([]);
  });
});

describe('a remote on the network that does not answer well', () => {
  it.each([
    [500, 'remoteUnreachable', true],
    [503, 'remoteUnreachable', true],
    [404, 'missingRepository', false],
  ])('while it answers %d it is a case of %s', async (status, code, retryable) => {
    const port = await listen(createServer((_, response) => void response.writeHead(status).end('no')));
    await expect(
      newAdapter().git.open({ url: `http://127.0.0.1:${port}/x.git`, branch: 'weaver/x' }),
    ).rejects.toMatchObject({ name: 'PortFault', code, retryable });
  });

  it('is given up after the time limit if it accepts and says nothing', async () => {
    const port = await listen(createTcpServer());
    const startedAt = Date.now();
    const { git } = newAdapter({ limits: { askMs: 500 } });
    await expect(git.open({ url: `http://127.0.0.1:${port}/x.git`, branch: 'weaver/x' })).rejects.toMatchObject({
      name: 'PortFault',
      code: 'remoteUnreachable',
      retryable: true,
    });
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });

  it('is left alone at once when the task is cancelled', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
    const cancel = new AbortController();
    const opened = newAdapter().git.open({
      url: `http://127.0.0.1:${port}/x.git`,
      branch: 'weaver/x',
      signal: cancel.signal,
    });
    const closed = connected.then((socket) => new Promise((resolve) => socket.resume().once('close', resolve)));
    await connected;
    const reason = new Error('cancelled');
    cancel.abort(reason);
    await expect(opened).rejects.toBe(reason);
    // The helper that spoke for git is gone too.
    await closed;
  });
});
