/** Landing with signatures and with the hooks of the repository: real git, real keys, real hooks. */
import { existsSync, mkdirSync, readFileSync, writeFileSync, chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ActivityPorts } from '../../src/activities/activity-ports.js';
import { createLand } from '../../src/activities/land.js';
import { createOpenWorkspace } from '../../src/activities/open-workspace.js';
import { createGit } from '../../src/adapters/git/create-git.js';
import type { CommitSpec } from '../../src/domain/task.js';
import { PortFault } from '../../src/ports.js';
import { newFolder, removeFolders } from '../adapters/git/repositories.js';
import { newSshKey, verifySigned, type SshKey } from '../adapters/git/signing-keys.js';
import { aSpec } from '../client/specs.js';
import { git } from '../e2e/world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';
import { LINEAGE } from './paid-answer.js';

let world: ActivityWorld;
beforeEach(() => {
  world = openActivityWorld();
});
afterEach(() => {
  world.clear();
  removeFolders();
});

/** Executable where the name says so. */
type Files = Readonly<Record<string, string>>;
const isProgram = (path: string): boolean => path.startsWith('.githooks/') || path.startsWith('tools/');

/** A remote with one commit. */
function remoteWith(files: Files): string {
  const [work, url] = [newFolder('work'), join(newFolder('remote'), 'remote.git')];
  git(work, 'init', '--quiet', '.');
  for (const [path, text] of Object.entries({ 'value.txt': 'wrong\n', ...files })) {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), text);
    if (isProgram(path)) chmodSync(join(work, path), 0o755);
  }
  git(work, 'add', '--all', '--force');
  git(work, 'commit', '--quiet', '--message', 'first');
  git(work, 'clone', '--quiet', '--bare', work, url);
  return url;
}

interface Landing {
  readonly files?: Files;
  /** What the change writes beside `value.txt`; null removes. */
  readonly changes?: Readonly<Record<string, string | null>>;
  readonly commit?: Omit<CommitSpec, 'trailers'>;
  readonly ports?: Partial<ActivityPorts>;
}

/** A landing that is ready to be carried out, as often as one likes. */
async function ready({ files = {}, changes = {}, commit = {}, ports: more = {} }: Landing) {
  const url = remoteWith(files);
  const ports = { ...world.ports, ...more };
  const { baseCommit, baseTree } = await ports.git.open({ url, branch: 'weaver/x' });
  const tree = await ports.git.write(url, baseTree, [
    ['value.txt', { mode: '100644', bytes: Buffer.from('right\n') }],
    ...Object.entries(changes).map(
      ([path, text]) =>
        [
          path,
          text === null ? null : { mode: isProgram(path) ? '100755' : '100644', bytes: Buffer.from(text) },
        ] as const,
    ),
  ]);
  const spec = await world.spec({ repo: { url }, commit: { trailers: [], ...commit } });
  const input = {
    taskId: 'job/one/t/0',
    lineage: LINEAGE,
    callId: null,
    subject: 'Make the value right',
    spec,
    tree,
    baseBranch: 'main',
    branch: 'weaver/x',
    branchTip: null,
    dateSeconds: 1_700_000_000,
    baseCommit,
    baseTree,
  };
  const land = (otherPorts: Partial<ActivityPorts> = {}) =>
    world.run(() => createLand({ ...ports, ...otherPorts })(input));
  return { url, land, ports };
}

const textOf = async (ref: Parameters<ActivityPorts['artifacts']['get']>[0]): Promise<string> =>
  (await world.ports.artifacts.get(ref)).toString('utf8');

async function refusalOf(landing: ReturnType<Awaited<ReturnType<typeof ready>>['land']>) {
  const landed = await landing;
  if (landed.kind !== 'refused') throw new Error(landed.kind);
  return { ...landed.failure, evidence: landed.evidence === undefined ? '' : await textOf(landed.evidence) };
}

describe('a remote that refuses the push', () => {
  it.each([
    ['a rule of its own', 'ticket number is missing', 'remoteRule'],
    ['a branch that it protects', 'You are not allowed to push to this protected branch', 'protectedBranch'],
  ])('is told apart by its words: %s', async (_what, says, code) => {
    const { land, url } = await ready({});
    writeFileSync(join(url, 'hooks/pre-receive'), `#!/bin/sh\necho "${says}"\nexit 1\n`, { mode: 0o755 });
    expect(await refusalOf(land())).toMatchObject({ code, detail: expect.stringContaining(says) });
  });
});

describe('a signed landing', () => {
  const pushed: string[] = [];
  beforeEach(() => void pushed.splice(0));
  /** A worker of its own; its line is down if `isDown`. */
  const gitWith = (key: SshKey, isDown = false): ActivityPorts['git'] => {
    const real = createGit({
      home: join(world.folder, 'home'),
      environment: { PATH: process.env['PATH'] ?? '', HOME: world.folder },
      tokenOf: () => undefined,
      redact: (text) => text,
      signing: key.settings,
    });
    const push: ActivityPorts['git']['push'] = (request) => {
      pushed.push(request.commit);
      return isDown ? Promise.reject(new PortFault('remoteUnreachable', 'No line.', true)) : real.push(request);
    };
    return { ...real, push };
  };

  it('is done where a key is configured, and again with the very same commit after a push that failed', async () => {
    const key = newSshKey();
    const settings = { ...world.ports.settings, signs: true };
    const { land, url } = await ready({ ports: { settings, git: gitWith(key, true) } });
    await expect(land()).rejects.toMatchObject({ message: 'No line.' });
    const signed = await land({ git: gitWith(key) });
    expect(signed).toMatchObject({ kind: 'landed', landing: { commit: git(url, 'rev-parse', 'weaver/x') } });
    expect(await land({ git: gitWith(key) })).toMatchObject({ kind: 'landed' });
    expect(pushed).toHaveLength(3);
    expect(new Set(pushed)).toEqual(new Set([git(url, 'rev-parse', 'weaver/x')]));
    expect(verifySigned(url, 'weaver/x', key)).toContain('Good "git" signature for weaver@localhost');
    expect(git(url, 'rev-list', '--count', 'main..weaver/x')).toBe('1');
  });

  it('is left out where the task says so, and wanted where it says so', async () => {
    const settings = { ...world.ports.settings, signs: true };
    const { land, url } = await ready({ commit: { sign: false }, ports: { settings, git: gitWith(newSshKey()) } });
    await land();
    expect(git(url, 'cat-file', 'commit', 'weaver/x')).not.toContain('gpgsig');
    const unsigned = await ready({ commit: { sign: true } });
    await expect(unsigned.land()).rejects.toMatchObject({ code: 'signingFailed' });
    expect(git(unsigned.url, 'for-each-ref', '--format=%(refname:short)')).toBe('main');
  });

  it('is found to be impossible before anything is paid for', async () => {
    const spec = aSpec({ commit: { trailers: [], sign: true } });
    const input = { taskId: 'job/one/t/0', lineage: LINEAGE, attempt: 1, suffix: 'x', last: null };
    const context = JSON.stringify({ spec, prerequisites: [], instructions: [] });
    const opened = world.run(() => createOpenWorkspace(world.ports)(input, context));
    await expect(opened).rejects.toMatchObject({ code: 'signingFailed' });
  });
});

/** Hooks tell here that they have run. */
const SEEN = () => join(world.folder, 'seen');
const note = (words: string): string => `echo "${words}" >> '${SEEN()}'`;
const seen = (): readonly string[] => (existsSync(SEEN()) ? readFileSync(SEEN(), 'utf8').trimEnd().split('\n') : []);
const hooksSeen = (): readonly string[] => seen().map((line) => line.split(' ')[0] ?? '');
const HOOKS = (): Files => ({
  '.githooks/pre-commit': `#!/bin/sh\n${note('pre-commit $(git diff --cached --name-only) $(cat value.txt)')}\n`,
  '.githooks/commit-msg': `#!/bin/sh\n${note('commit-msg $(head -n1 "$1")')}\ngrep -q '^Weaver-Task: ' "$1"\n`,
  '.githooks/pre-push': `#!/bin/sh\nread line\n${note('pre-push $1 $2 $line')}\n`,
});

describe('hooks of the repository', () => {
  const RUN = { hooks: { timeoutSeconds: 20 } } as const;

  it('are never started by themselves', async () => {
    const { land } = await ready({ files: HOOKS() });
    expect(await land()).toMatchObject({ kind: 'landed' });
    expect(seen()).toEqual([]);
  });

  it('judge the commit as git would have it done, once, where the task or the configuration wants it', async () => {
    const { land, url } = await ready({ files: HOOKS(), commit: RUN });
    const landed = await land();
    const commit = git(url, 'rev-parse', 'weaver/x');
    expect(landed).toMatchObject({ kind: 'landed', landing: { commit } });
    const all = [
      'pre-commit value.txt right',
      'commit-msg Make the value right',
      `pre-push origin ${url} refs/heads/weaver/x ${commit} refs/heads/weaver/x ${'0'.repeat(40)}`,
    ];
    expect(seen()).toEqual(all);
    expect(await land()).toMatchObject({ kind: 'landed' });
    expect(seen()).toEqual(all);
    const settings = { ...world.ports.settings, hooks: RUN.hooks };
    expect(
      await (await ready({ files: HOOKS(), commit: { hooks: 'skip' }, ports: { settings } })).land(),
    ).toMatchObject({ kind: 'landed' });
    expect(seen()).toEqual(all);
  });

  it('are not asked again by the successor of a worker that was killed between two of them', async () => {
    const { land } = await ready({ files: HOOKS(), commit: RUN });
    let hooks = 0;
    const killed: ActivityPorts['alone'] = (_lineage, work) =>
      (hooks += 1) === 2 ? Promise.reject(new Error('killed')) : work();
    await expect(land({ alone: killed })).rejects.toThrow('killed');
    expect(hooksSeen()).toEqual(['pre-commit']);
    expect(await land()).toMatchObject({ kind: 'landed' });
    expect(hooksSeen()).toEqual(['pre-commit', 'commit-msg', 'pre-push']);
  });

  it.each([
    ['pre-commit', 'exit 3'],
    ['commit-msg', 'grep -q "^Ticket: " "$1"'],
    ['pre-push', 'cat; exit 1'],
  ])('refuse the landing with what %s printed', async (name, script) => {
    const path = `.githooks/${name}`;
    const { land, url } = await ready({ files: { [path]: `#!/bin/sh\necho "No: $0"\n${script}\n` }, commit: RUN });
    const refused = await refusalOf(land());
    expect(refused).toMatchObject({ code: 'hookFailed', detail: expect.stringMatching(`${path} \\(exit [13]\\)`) });
    expect(refused.evidence).toContain(`No: ./${path}`);
    expect(git(url, 'for-each-ref', '--format=%(refname:short)')).toBe('main');
  });

  it('are those of the base, with the files beside them, whatever the change does to them', async () => {
    const files = {
      '.githooks/pre-commit': '#!/bin/sh\n. ./.githooks/rules.sh\n',
      '.githooks/rules.sh': 'echo "the rules of the base"; exit 1\n',
    };
    const changes = { '.githooks/pre-commit': null, '.githooks/rules.sh': 'exit 0\n', '.githooks/new': 'x\n' };
    const { land } = await ready({ files, changes, commit: RUN });
    expect((await refusalOf(land())).evidence).toContain('the rules of the base');
  });

  it('are not undone by what an earlier one has run', async () => {
    const files = {
      '.githooks/pre-commit': '#!/bin/sh\nsh code-of-the-change.sh\n',
      '.githooks/commit-msg': '#!/bin/sh\necho "still here"; exit 1\n',
    };
    const changes = { 'code-of-the-change.sh': 'echo "exit 0" > .githooks/commit-msg; rm -f value.txt\n' };
    const { land } = await ready({ files, changes, commit: RUN });
    expect((await refusalOf(land())).evidence).toContain('still here');
  });

  it('change nothing of what lands', async () => {
    // What lint-staged and its kin do with git.
    const stashes =
      'git stash store -m backup "$(git stash create)" && git add value.txt && git stash drop --quiet || exit 1';
    const hook = `#!/bin/sh\necho more >> value.txt; ${stashes}; echo "Change-Id: x" >> "\${1:-/dev/null}"\n`;
    const files = { '.githooks/pre-commit': hook, '.githooks/commit-msg': hook };
    const { land, url } = await ready({ files, commit: RUN });
    expect(await land()).toMatchObject({ kind: 'landed' });
    expect(git(url, 'show', 'weaver/x:value.txt')).toBe('right');
    expect(git(url, 'log', '-1', '--format=%B', 'weaver/x')).not.toContain('Change-Id');
  });

  it('of husky run by a shell, with or without what its installation makes', async () => {
    const old = '#!/usr/bin/env sh\n. "$(dirname -- "$0")/_/husky.sh"\n';
    const { land } = await ready({
      files: { '.husky/pre-commit': `${old}${note('old')}\n`, '.husky/commit-msg': `${note('new $(basename $1)')}\n` },
      commit: RUN,
    });
    expect(await land()).toMatchObject({ kind: 'landed' });
    expect(seen()).toEqual(['old', 'new COMMIT_EDITMSG']);
  });

  it('are passed over where git would pass over them, and found in the folder that is named', async () => {
    const files = { 'tools/hooks/pre-commit': '#!/bin/sh\necho "found"; exit 1\n' };
    const { land } = await ready({ files, commit: { hooks: { path: 'tools/hooks', timeoutSeconds: 20 } } });
    expect((await refusalOf(land())).evidence).toContain('found');
    const plain = await ready({
      files: { 'docs/pre-commit': '#!/bin/sh\nexit 1\n' },
      commit: { hooks: { path: 'docs', timeoutSeconds: 20 } },
    });
    expect(await plain.land()).toMatchObject({ kind: 'landed' });
  });

  it('are stopped when their time is over', async () => {
    const files = { '.githooks/pre-commit': '#!/bin/sh\nwhile :; do :; done\n' };
    const { land } = await ready({ files, commit: { hooks: { timeoutSeconds: 1 } } });
    expect(await refusalOf(land())).toMatchObject({
      code: 'hookFailed',
      detail: '.githooks/pre-commit (stopped after 1 s).',
    });
  });
});
