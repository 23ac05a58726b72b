import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { compileAdapter, startWorker, type WorkerInput } from './other-process.js';
import {
  gitIn,
  makeCommit,
  mirrorOf,
  newAdapter,
  newFolder,
  newRemote,
  removeFolders,
  writeFiles,
  wrongIn,
  type Repository,
} from './repositories.js';
import { newSshKey, verifySigned } from './signing-keys.js';
import { describeWhere } from '../../where.js';

let compiled: string;
beforeAll(() => {
  compiled = compileAdapter(mkdtempSync(join(tmpdir(), 'weaver-compiled-')));
  // For one that is not root.
  chmodSync(compiled, 0o755);
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));
afterEach(removeFolders);

const branch = 'weaver/x';
const text = 'a + b\n';

function ready(remote: Repository = newRemote()) {
  const home = newFolder('home');
  const [baseCommit = '', baseTree = ''] = ['main', 'main^{tree}'].map((name) => remote.git('rev-parse', name));
  const recorded = { baseBranch: 'main', baseCommit, baseTree, branchTip: null };
  const input: WorkerInput = { home, url: remote.url, branch, workspace: 'w', text, recorded };
  return { home, remote, input };
}

const commitsOn = (remote: Repository): readonly string[] =>
  remote.git('rev-list', `main..${branch}`).split('\n').filter(Boolean);

/** Processes of git that work in a folder. */
function gitsIn(folder: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`=${folder}`) &&
        readFileSync(`/proc/${pid}/comm`, 'latin1').startsWith('git')
      );
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean, limitMs = 20_000): Promise<void> {
  for (const end = Date.now() + limitMs; !condition(); await pause(5))
    if (Date.now() > end) throw new Error('the condition did not come true');
}

/** A git that says that it has begun a command, and takes its time for it. */
function slowGit(command: string, script: string): string {
  const folder = newFolder('slow');
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  writeFiles(folder, {
    git: { script: `#!/bin/sh\nif [ "$1" = ${command} ]; then\n${script}\nfi\nexec '${real}' "$@"\n` },
  });
  return folder;
}

describe('a worker killed with SIGKILL', () => {
  it('at any moment leaves nothing that keeps the next one from landing exactly one commit', async () => {
    const { input, remote, home } = ready();
    const calm = await startWorker(compiled, { ...input, home: newFolder('calm'), branch: 'weaver/calm' }).ended;
    const expected = calm.find(([step]) => step === 'commit')?.[1];
    expect(typeof expected).toBe('string');
    // A whole run takes about 150 ms after its beginning: every 10 ms once.
    for (let afterMs = 0; afterMs < 150; afterMs += 10) {
      remote.git('update-ref', '-d', `refs/heads/${branch}`);
      if (afterMs % 20 === 0) rmSync(home, { recursive: true, force: true });
      const victim = startWorker(compiled, input);
      await victim.reached('begin');
      await pause(afterMs);
      victim.child.kill('SIGKILL');
      await victim.ended;
      const said = await startWorker(compiled, input).ended;
      expect(said.at(-1)).toEqual(['close', null]);
      expect(commitsOn(remote)).toEqual([expected]);
      expect(wrongIn(remote.url)).toBe('');
      expect(gitIn(mirrorOf(home), 'fsck', '--no-dangling')).toBe('');
      expect(readdirSync(join(home, 'workspaces'))).toEqual([]);
    }
  });

  it.each(['pre-receive', 'update', 'reference-transaction', 'post-receive'])(
    'while the remote runs its %s hook leaves one commit, whoever pushes it in the end',
    async (name) => {
      const { input, remote } = ready();
      const mark = join(newFolder('mark'), 'reached');
      writeFiles(remote.url, {
        [`hooks/${name}`]: {
          script: `#!/bin/sh\nif [ ! -e '${mark}' ]; then echo > '${mark}'; sleep 0.5; fi\nexit 0\n`,
        },
      });
      const victim = startWorker(compiled, input);
      await until(() => existsSync(mark));
      victim.child.kill('SIGKILL');
      const commit = (await victim.ended).find(([step]) => step === 'commit')?.[1];
      // What the dead one has begun may come to its end while the next one is at it.
      for (let round = 0; ; round += 1) {
        const said = await startWorker(compiled, input).ended;
        if (said.some(([step]) => step === 'push')) break;
        expect(said.at(-1)).toMatchObject(['fault', { retryable: true }]);
        expect(round).toBeLessThan(50);
      }
      await until(() => gitsIn(remote.url).length === 0);
      expect(commitsOn(remote)).toEqual([commit]);
      expect(wrongIn(remote.url)).toBe('');
    },
  );
});

describe('a worker killed between signing and the end of its push', () => {
  // Before the branch is there, and when it is there and nobody has been told.
  it.each(['pre-receive', 'post-receive'])(
    'in %s leaves a commit that the next one pushes as it was signed',
    async (name) => {
      const { input, remote } = ready();
      const key = newSshKey();
      const mark = join(newFolder('mark'), 'reached');
      const script = `#!/bin/sh\nif [ ! -e '${mark}' ]; then echo > '${mark}'; sleep 0.5; exit 1; fi\nexit 0\n`;
      writeFiles(remote.url, { [`hooks/${name}`]: { script } });
      const victim = startWorker(compiled, { ...input, key: key.settings.key });
      await until(() => existsSync(mark));
      victim.child.kill('SIGKILL');
      const signed = (await victim.ended).find(([step]) => step === 'sign')?.[1];
      await until(() => gitsIn(remote.url).length === 0);
      const said = await startWorker(compiled, { ...input, key: key.settings.key }).ended;
      expect(said).toContainEqual(['sign', signed]);
      expect(said).toContainEqual(['push', { kind: name === 'pre-receive' ? 'pushed' : 'already' }]);
      expect(commitsOn(remote)).toEqual([signed]);
      expect(verifySigned(remote.url, String(signed), key)).toContain('Good "git" signature');
    },
  );
});

describe('a git of a killed worker', () => {
  it('while it fetches leaves a lock that the next one takes over, with the fetch ended', async () => {
    const { input, remote, home } = ready();
    const mark = join(newFolder('mark'), 'reached');
    const slow = slowGit(
      'fetch',
      `echo > "$GIT_DIR/objects/pack/tmp_pack_half"; echo $$ > '${mark}.new'; mv '${mark}.new' '${mark}'; exec sleep 600`,
    );
    const victim = startWorker(compiled, { ...input, slowGit: slow });
    await until(() => existsSync(mark));
    victim.child.kill('SIGKILL');
    await victim.ended;
    const orphan = Number(readFileSync(mark, 'utf8'));
    expect(() => process.kill(orphan, 0)).not.toThrow();
    expect(readdirSync(join(home, 'mirrors')).some((name) => name.endsWith('.lock'))).toBe(true);
    const said = await startWorker(compiled, input).ended;
    expect(said.at(-1)).toEqual(['close', null]);
    await until(() => !existsSync(`/proc/${orphan}`) || readFileSync(`/proc/${orphan}/stat`, 'latin1').includes(' Z '));
    expect(commitsOn(remote)).toHaveLength(1);
    expect(existsSync(join(mirrorOf(home), 'objects/pack/tmp_pack_half'))).toBe(false);
  });

  it('while it checks out leaves a work tree that is right after the next checkout, and nobody writes there any more', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`d${at % 20}/f${at}`, `${at}\n`]));
    const { input, remote, home } = ready(newRemote({ ...many, 'src/sum.js': 'a - b\n' }));
    const mark = join(newFolder('mark'), 'reached');
    const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
    const slow = slowGit(
      'read-tree',
      `echo $$ > '${mark}.new'; mv '${mark}.new' '${mark}'; '${real}' "$@"; while :; do echo noise > "$GIT_WORK_TREE/noise"; sleep 0.01; done`,
    );
    const victim = startWorker(compiled, { ...input, slowGit: slow });
    await until(() => existsSync(join(home, 'workspaces/w/tree/noise')));
    victim.child.kill('SIGKILL');
    await victim.ended;
    const { git } = newAdapter({ home });
    const { baseTree, baseCommit } = await git.open({ url: remote.url, branch });
    const directory = await git.checkout({
      url: remote.url,
      workspace: 'w',
      tree: baseTree,
      commit: baseCommit,
      keep: [],
    });
    expect(gitsIn(directory)).toEqual([]);
    await pause(50);
    expect(gitIn(directory, 'status', '--porcelain', '--ignored')).toBe('');
    expect(readFileSync(join(directory, 'd7/f7'), 'utf8')).toBe('7\n');
  });
});

describe('two workers on one home', () => {
  it('both land what they were asked for', async () => {
    const { input, remote, home } = ready();
    const runs = Array.from({ length: 4 }, (_, at) =>
      startWorker(compiled, { ...input, branch: `weaver/${at}`, workspace: `w${at}`, text: `text ${at}\n`, steps: 3 }),
    );
    for (const { ended } of runs) expect((await ended).at(-1)).toEqual(['close', null]);
    for (const at of runs.keys()) expect(remote.git('show', `weaver/${at}:src/sum.js`)).toBe(`text ${at}`);
    expect(readdirSync(join(home, 'workspaces'))).toEqual([]);
    expect(readdirSync(join(home, 'mirrors')).filter((name) => !name.endsWith('.git'))).toEqual([]);
  });

  it('on one workspace take turns, and each finds what it asked for', async () => {
    const { input, remote } = ready();
    const runs = ['weaver/a', 'weaver/b'].map((name) =>
      startWorker(compiled, { ...input, branch: name, text: `${name}\n`, steps: 5 }),
    );
    for (const { ended } of runs) expect((await ended).at(-1)).toEqual(['close', null]);
    for (const name of ['weaver/a', 'weaver/b']) expect(remote.git('show', `${name}:src/sum.js`)).toBe(name);
  });
});

// Permissions mean nothing to root, so this one has to be somebody else.
describeWhere(process.getuid?.() === 0, 'root, who may be somebody else')('a worker that is not root', () => {
  it('gets over what a check has closed', async () => {
    const { input, home, remote } = ready();
    const uid = 65_534;
    for (const folder of [remote.url, join(remote.url, '..')]) chmodSync(folder, 0o755);
    execFileSync('chown', ['-R', `${uid}:${uid}`, home, remote.url]);
    const seen = join(newFolder('seen'), 'seen');
    chownSync(join(seen, '..'), uid, uid);
    const slow = slowGit('push', 'exit 1');
    chmodSync(slow, 0o755);
    // The first one stops before closing, with its work tree in place.
    const first = await startWorker(compiled, { ...input, slowGit: slow }, { uid }).ended;
    expect(first.at(-1)?.[0]).toBe('fault');
    const directory = join(home, 'workspaces/w/tree');
    expect(readFileSync(join(directory, 'src/sum.js'), 'utf8')).toBe(text);
    writeFileSync(join(directory, 'src/left'), '');
    writeFileSync(join(directory, 'src/sum.js'), 'spoiled');
    execFileSync(
      'sh',
      [
        '-c',
        `mkdir -p left/in && : > left/in/x && chown -R ${uid}:${uid} . && chmod 0 left/in && chmod 500 left src README.md && chmod 0 src/sum.js && chmod 0 src`,
      ],
      { cwd: directory },
    );
    const second = await startWorker(compiled, { ...input, slowGit: slow }, { uid }).ended;
    expect(second.map(([step]) => step)).toEqual([
      'begin',
      'open',
      'write',
      'checkout',
      'checkout',
      'checkout',
      'commit',
      'fault',
    ]);
    expect(readdirSync(directory).toSorted()).toEqual(['.git', 'README.md', 'run.sh', 'src']);
    expect(readdirSync(join(directory, 'src'))).toEqual(['sum.js']);
    expect(readFileSync(join(directory, 'src/sum.js'), 'utf8')).toBe(text);
    execFileSync(
      'sh',
      ['-c', `mkdir -p left/in && : > left/in/x && chown -R ${uid}:${uid} . && chmod 0 left/in left`],
      { cwd: directory },
    );
    const last = await startWorker(compiled, input, { uid }).ended;
    expect(last.at(-1)).toEqual(['close', null]);
    expect(readdirSync(join(home, 'workspaces'))).toEqual([]);
  });
});

it('says that the disk is full, and lands the commit when there is room again', async () => {
  const remote = newRemote();
  const { home, git } = newAdapter();
  await makeCommit(git, remote.url, branch);
  const folder = newFolder('full');
  // A git and a disk that have no room: the words are git's own for ENOSPC.
  const full = slowGit(
    'read-tree',
    'echo "fatal: unable to write new index file: No space left on device" >&2; exit 128',
  );
  const { baseTree, baseCommit } = await git.open({ url: remote.url, branch });
  const poor = newAdapter({ home }).again({ environment: { PATH: `${full}:${process.env['PATH'] ?? ''}` } });
  const request = { url: remote.url, workspace: 'w', tree: baseTree, commit: baseCommit, keep: [] };
  await expect(poor.checkout(request)).rejects.toMatchObject({ code: 'diskFull', retryable: true });
  expect(await git.checkout(request)).toContain(home);
  rmSync(folder, { recursive: true, force: true });
});
