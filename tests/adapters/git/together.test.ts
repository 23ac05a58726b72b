/** Tasks that start from one repository at the same moment: what they all want to know is asked once. */
import { EventEmitter, once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runGit, type GitCall, type RunGit } from '../../../src/adapters/git/run-git.js';
import { addCommit, mirrorOf, newAdapter, newRemote, removeFolders } from './repositories.js';

afterEach(removeFolders);

const branches = Array.from({ length: 16 }, (_, n) => `weaver/${n}`);

/** A git that is counted where it is started: several at once would write over each other in a log. */
function countedGit(): { readonly run: RunGit; readonly started: () => Readonly<Record<string, number>> } {
  let counts: Record<string, number> = {};
  const run: RunGit = (call) => {
    const name = call.args[0] ?? '';
    counts[name] = (counts[name] ?? 0) + 1;
    return runGit(call);
  };
  const started = (): Readonly<Record<string, number>> => {
    const seen = counts;
    counts = {};
    return seen;
  };
  return { run, started };
}

/** A git whose questions to the remote are answered only when told to; `begun` counts them. */
function gatedGit(): { readonly run: RunGit; readonly begun: () => number; readonly open: () => void } {
  let begun = 0;
  const gate = new EventEmitter();
  const opened = once(gate, 'open');
  const run = async (call: GitCall) => {
    if (call.args[0] === 'ls-remote') {
      begun += 1;
      await opened;
    }
    return runGit(call);
  };
  return { run, begun: () => begun, open: () => void gate.emit('open') };
}

it('opens a new repository for sixteen tasks with a handful of gits', async () => {
  const remote = newRemote();
  const theirs = addCommit(remote, { 'README.md': 'theirs\n' }, 'weaver/7', 'main');
  const { run, started } = countedGit();
  const { git } = newAdapter({ run });
  const states = await Promise.all(branches.map((branch) => git.open({ url: remote.url, branch })));
  const main = remote.git('rev-parse', 'main');
  expect(states.map(({ baseCommit, branchTip }) => [baseCommit, branchTip])).toEqual(
    branches.map((branch) => (branch === 'weaver/7' ? [theirs, theirs] : [main, null])),
  );
  const counts = started();
  expect(counts['ls-remote']).toBeLessThanOrEqual(4);
  // The task that goes on with a branch of its own fetches that one.
  expect(counts['fetch']).toBeLessThanOrEqual(2);
  await Promise.all(states.map(({ baseTree }) => git.list(remote.url, baseTree)));
  expect(started()).toEqual({ 'ls-tree': 2 });
  const read = await Promise.all(branches.map(() => git.read(remote.url, states[0]?.baseTree ?? '', ['README.md'])));
  expect(started()).toEqual({ 'cat-file': 1 });
  expect(read.map((files) => files.get('README.md')?.bytes.toString())).toEqual(branches.map(() => 'read me\n'));
});

it('gives nobody an answer that is older than the question', async () => {
  const remote = newRemote();
  const gated = gatedGit();
  const { git } = newAdapter({ run: gated.run });
  const early = [git.open({ url: remote.url, branch: 'weaver/a' }), git.open({ url: remote.url, branch: 'weaver/b' })];
  // Two are under way by now; this one has to wait for what is asked after it.
  const tip = addCommit(remote, { 'README.md': 'moved\n' });
  const late = git.open({ url: remote.url, branch: 'weaver/c' });
  gated.open();
  expect((await late).baseCommit).toBe(tip);
  await Promise.all(early);
  expect(gated.begun()).toBe(3);
});

it('goes on for the others when one of them is aborted', async () => {
  const remote = newRemote();
  const gated = gatedGit();
  const { git } = newAdapter({ run: gated.run });
  const first = ['a', 'b'].map((name) => git.open({ url: remote.url, branch: `weaver/${name}` }));
  const one = new AbortController();
  const left = git.open({ url: remote.url, branch: 'weaver/c', signal: one.signal });
  const stays = git.open({ url: remote.url, branch: 'weaver/d', signal: new AbortController().signal });
  one.abort(new Error('one has enough'));
  await expect(left).rejects.toThrow('one has enough');
  gated.open();
  expect((await stays).baseCommit).toBe(remote.git('rev-parse', 'main'));
  await Promise.all(first);
});

it('tells each of them when the remote cannot be reached', async () => {
  const { git } = newAdapter();
  const opened = branches.map((branch) => git.open({ url: 'http://127.0.0.1:1/remote.git', branch }));
  const ends = await Promise.allSettled(opened);
  expect(new Set(ends.map((end) => (end.status === 'rejected' ? end.reason.code : end.status)))).toEqual(
    new Set(['remoteUnreachable']),
  );
});

it('puts right what a check did to the configuration of the mirror since the last git', async () => {
  const remote = newRemote();
  const { git, home } = newAdapter();
  const { baseTree } = await git.open({ url: remote.url, branch: 'weaver/x' });
  const config = join(mirrorOf(home), 'config');
  const right = readFileSync(config, 'utf8');
  writeFileSync(config, right.replace('bare = true', 'bare = nope'));
  await git.list(remote.url, baseTree);
  expect(readFileSync(config, 'utf8')).toBe(right);
});
