import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Git, PushResult } from '../../../src/ports.js';
import {
  addCommit,
  makeCommit,
  mirrorOf,
  newAdapter,
  newRemote,
  objectsIn,
  removeFolders,
  writeFiles,
  wrongIn,
  type Repository,
} from './repositories.js';

afterEach(removeFolders);

const branch = 'weaver/x';

async function ready() {
  const remote = newRemote();
  const bench = newAdapter();
  const made = await makeCommit(bench.git, remote.url, branch);
  const push = (expected: string | null = null, commit = made.commit, git: Git = bench.git): Promise<PushResult> =>
    git.push({ url: remote.url, commit, branch, expected });
  return { ...bench, ...made, remote, url: remote.url, push };
}

const tipOf = (remote: Repository): string =>
  remote.git('for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`);

const hook = (remote: Repository, name: string, script: string): void => {
  writeFiles(remote.url, { [`hooks/${name}`]: { script: `#!/bin/sh\n${script}\n` } });
};

describe('a push', () => {
  it('makes the branch with exactly the commit, in one process, and touches no other branch', async () => {
    const { push, started, remote, commit, baseCommit } = await ready();
    started();
    expect(await push()).toEqual({ kind: 'pushed' });
    expect(started().map(({ args }) => args[0])).toEqual(['push']);
    expect(remote.git('for-each-ref', '--format=%(refname) %(objectname)').split('\n')).toEqual([
      `refs/heads/main ${baseCommit}`,
      `refs/heads/${branch} ${commit}`,
    ]);
    expect(wrongIn(remote.url)).toBe('');
  });

  it('finds the commit there when it is done again, also by a worker that remembers nothing', async () => {
    const { push, remote, commit, again } = await ready();
    await push();
    expect(await push()).toEqual({ kind: 'already' });
    expect(await push(null, commit, again())).toEqual({ kind: 'already' });
    expect(await push(commit)).toEqual({ kind: 'already' });
    expect(tipOf(remote)).toBe(commit);
  });

  it('finds the commit there when somebody has built on it since', async () => {
    const { push, remote } = await ready();
    await push();
    const tip = addCommit(remote, { 'README.md': 'on top\n' }, branch);
    expect(await push()).toEqual({ kind: 'already' });
    expect(tipOf(remote)).toBe(tip);
  });

  it('goes on from the tip that was read', async () => {
    const remote = newRemote();
    const tip = addCommit(remote, { 'README.md': 'half\n' }, branch, 'main');
    const { git } = newAdapter();
    const { commit } = await makeCommit(git, remote.url, branch);
    expect(await git.push({ url: remote.url, commit, branch, expected: tip })).toEqual({ kind: 'pushed' });
    expect(remote.git('rev-parse', `${branch}~1`)).toBe(tip);
  });
});

describe('a branch that somebody else moves', () => {
  it('keeps the commits that somebody else has pushed to the branch', async () => {
    const { push, remote } = await ready();
    const tip = addCommit(remote, { 'README.md': 'theirs\n' }, branch, 'main');
    expect(await push()).toEqual({ kind: 'moved', tip });
    expect(tipOf(remote)).toBe(tip);
  });

  it('does not overwrite the tip that it expects when the commit is not built on it', async () => {
    const { push, remote, git, url } = await ready();
    const tip = addCommit(remote, { 'README.md': 'theirs\n' }, branch, 'main');
    await git.open({ url, branch });
    expect(await push(tip)).toEqual({ kind: 'moved', tip });
    expect(await push('1'.repeat(40))).toEqual({ kind: 'moved', tip });
    expect(tipOf(remote)).toBe(tip);
  });

  it('does not move a branch that is somewhere else than expected, even if that would be forward', async () => {
    const { push, remote, baseCommit } = await ready();
    remote.git('branch', branch, 'main');
    expect(await push(null)).toEqual({ kind: 'moved', tip: baseCommit });
    expect(tipOf(remote)).toBe(baseCommit);
  });

  it('does not bring back a branch that somebody has removed', async () => {
    const remote = newRemote();
    const tip = addCommit(remote, { 'README.md': 'half\n' }, branch, 'main');
    const { git } = newAdapter();
    const { commit } = await makeCommit(git, remote.url, branch);
    remote.git('branch', '-D', branch);
    expect(await git.push({ url: remote.url, commit, branch, expected: tip })).toEqual({ kind: 'moved', tip: null });
    expect(tipOf(remote)).toBe('');
  });

  it('lets exactly one of many different commits win', async () => {
    const remote = newRemote();
    const benches = await Promise.all(
      Array.from({ length: 6 }, async (_, at) => {
        const { git } = newAdapter();
        return { git, ...(await makeCommit(git, remote.url, branch, `try ${at}\n`)) };
      }),
    );
    const results = await Promise.all(
      benches.map(({ git, commit }) =>
        git.push({ url: remote.url, commit, branch, expected: null }).catch((cause: unknown) => cause),
      ),
    );
    const tip = tipOf(remote);
    const winner = benches.findIndex(({ commit }) => commit === tip);
    expect(results[winner]).toEqual({ kind: 'pushed' });
    // In the middle of the winner's push the others may see no tip yet: then they are told to try again.
    const others = [{ kind: 'moved', tip }, expect.objectContaining({ retryable: true })];
    for (const result of results.filter((_, at) => at !== winner)) expect(others).toContainEqual(result);
    expect(results.filter((result) => (result as PushResult).kind === 'pushed')).toHaveLength(1);
  });
});

describe('a remote that says no', () => {
  it('is quoted when a hook refuses', async () => {
    const { push, remote } = await ready();
    hook(remote, 'pre-receive', 'echo "Signed-off-by is missing"; echo "see CONTRIBUTING" >&2; exit 1');
    expect(await push()).toEqual({
      kind: 'refused',
      says: '(pre-receive hook declined) Signed-off-by is missing / see CONTRIBUTING',
    });
    expect(tipOf(remote)).toBe('');
  });

  it('is quoted when its words sound like a lock', async () => {
    const { push, remote } = await ready();
    hook(remote, 'update', 'echo "this branch is locked and blocked"; exit 1');
    expect(await push()).toMatchObject({ kind: 'refused', says: expect.stringContaining('locked and blocked') });
  });

  it('is quoted when the branch has no room beside another one', async () => {
    const { push, remote } = await ready();
    remote.git('branch', 'weaver', 'main');
    expect(await push()).toMatchObject({
      kind: 'refused',
      says: expect.stringContaining("'refs/heads/weaver' exists"),
    });
  });

  it('is quoted without its secrets and without end', async () => {
    const remote = newRemote();
    const { git } = newAdapter({ redact: (text) => text.replaceAll('tok-123456', '[removed]') });
    const { commit } = await makeCommit(git, remote.url, branch);
    hook(
      remote,
      'pre-receive',
      'echo "bad token tok-123456"; i=0; while [ $i -lt 9999 ]; do echo "no no no"; i=$((i+1)); done; exit 1',
    );
    const result = await git.push({ url: remote.url, commit, branch, expected: null });
    expect(result).toMatchObject({ kind: 'refused', says: expect.stringContaining('bad token [removed]') });
    expect(result.kind === 'refused' ? result.says.length : 0).toBeLessThanOrEqual(500);
  });
});

describe('a remote that fails', () => {
  it('may be asked again when it is gone', async () => {
    const { push, remote } = await ready();
    writeFiles(remote.url, { HEAD: 'nonsense' });
    await expect(push()).rejects.toMatchObject({ code: 'remoteUnreachable', retryable: true });
  });

  it('may be asked again when it dies in the middle, and then has the commit once', async () => {
    const { push, remote, commit } = await ready();
    hook(remote, 'pre-receive', 'kill -9 $PPID');
    await expect(push()).rejects.toMatchObject({ code: 'remoteUnreachable', retryable: true });
    expect(tipOf(remote)).toBe('');
    hook(remote, 'pre-receive', 'exit 0');
    expect(await push()).toEqual({ kind: 'pushed' });
    expect(tipOf(remote)).toBe(commit);
  });

  it('has the commit once when its reply was lost', async () => {
    const { push, remote, commit } = await ready();
    hook(remote, 'post-receive', 'kill -9 $PPID');
    const first = await push().catch((cause: unknown) => cause);
    expect([{ kind: 'pushed' }, expect.objectContaining({ retryable: true })]).toContainEqual(first);
    expect(await push()).toEqual({ kind: 'already' });
    expect(tipOf(remote)).toBe(commit);
  });

  it('may be asked again while another push has its lock, and is not overwritten', async () => {
    const { push, remote, commit } = await ready();
    const lock = join(remote.url, `refs/heads/${branch}.lock`);
    writeFiles(remote.url, { [`refs/heads/${branch}.lock`]: '' });
    await expect(push()).rejects.toMatchObject({ code: 'remoteUnreachable', retryable: true });
    rmSync(lock);
    expect(await push()).toEqual({ kind: 'pushed' });
    expect(tipOf(remote)).toBe(commit);
  });

  it('is left alone when the task is cancelled, and the hook of its side is not waited for', async () => {
    const { git, remote, url, commit } = await ready();
    const mark = join(remote.url, 'reached');
    hook(remote, 'pre-receive', `echo > '${mark}'; exec sleep 60`);
    const cancel = new AbortController();
    const startedAt = Date.now();
    const pushed = git.push({ url, commit, branch, expected: null, signal: cancel.signal });
    while (!existsSync(mark)) await new Promise((resolve) => setImmediate(resolve));
    const reason = new Error('cancelled');
    cancel.abort(reason);
    await expect(pushed).rejects.toBe(reason);
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    expect(tipOf(remote)).toBe('');
  });

  it('is given up after the time limit', async () => {
    const remote = newRemote();
    const { git } = newAdapter({ limits: { transferMs: 700 } });
    const { commit } = await makeCommit(git, remote.url, branch);
    hook(remote, 'pre-receive', 'exec sleep 60');
    await expect(git.push({ url: remote.url, commit, branch, expected: null })).rejects.toMatchObject({
      code: 'remoteUnreachable',
      retryable: true,
    });
  });
});

describe('a mirror that has lost the commit', () => {
  it('is told apart from a remote that cannot be reached', async () => {
    const { push, home, again } = await ready();
    rmSync(mirrorOf(home), { recursive: true });
    await expect(push(null, undefined, again())).rejects.toMatchObject({ code: 'infrastructure', retryable: true });
    expect(objectsIn(mirrorOf(home))).toBeGreaterThan(0);
  });
});

describe('taking a branch back', () => {
  it('removes it while it is where it was pushed, and twice is once', async () => {
    const { git, push, remote, url, commit } = await ready();
    await push();
    expect(await git.unpublish({ url, branch, commit })).toBe('removed');
    expect(tipOf(remote)).toBe('');
    expect(await git.unpublish({ url, branch, commit })).toBe('gone');
  });

  it('leaves it alone when somebody has built on it', async () => {
    const { git, push, remote, url, commit } = await ready();
    await push();
    const next = addCommit(remote, { 'more.txt': 'more\n' }, branch, branch);
    expect(await git.unpublish({ url, branch, commit })).toBe('moved');
    expect(tipOf(remote)).toBe(next);
  });

  it('says so when the remote refuses', async () => {
    const { git, push, remote, url, commit } = await ready();
    await push();
    remote.git('config', 'receive.denyDeletes', 'true');
    await expect(git.unpublish({ url, branch, commit })).rejects.toMatchObject({ name: 'PortFault' });
    expect(tipOf(remote)).toBe(commit);
  });
});
