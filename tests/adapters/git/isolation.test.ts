import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import {
  AUTHOR,
  FILES,
  mirrorOf,
  newAdapter,
  newFolder,
  newRemote,
  removeFolders,
  writeFiles,
  type Files,
} from './repositories.js';

afterEach(removeFolders);

const branch = 'weaver/x';

const hostileConfig = (home: string, evil: string, elsewhere: string): string =>
  [
    '[core]',
    `hooksPath = ${home}/hooks`,
    'autocrlf = true',
    'eol = crlf',
    `fsmonitor = "${evil}"`,
    `attributesFile = ${home}/attributes`,
    `excludesFile = ${home}/ignore`,
    `sshCommand = "${evil}"`,
    `askPass = ${home}/evil.sh`,
    `editor = ${home}/evil.sh`,
    `pager = ${home}/evil.sh`,
    'quotePath = true',
    'abbrev = 5',
    '[init]',
    `templateDir = ${home}/template`,
    'defaultBranch = evil',
    '[filter "evil"]',
    `smudge = "${evil}"`,
    `clean = "${evil}"`,
    'required = true',
    '[diff]',
    `external = ${home}/evil.sh`,
    'noprefix = true',
    'renames = copies',
    '[credential]',
    `helper = "!${evil}"`,
    '[commit]',
    'gpgsign = true',
    '[gpg]',
    `program = ${home}/evil.sh`,
    '[push]',
    'gpgSign = true',
    'default = matching',
    'followTags = true',
    '[user]',
    'name = Eve',
    'email = eve@example.org',
    '[i18n]',
    'commitEncoding = latin1',
    `[url "${elsewhere}"]`,
    'insteadOf = /',
    'pushInsteadOf = /',
    '[fetch]',
    'prune = false',
    '[transfer]',
    'hideRefs = refs',
    '[protocol "file"]',
    'allow = never',
    '[uploadpack]',
    `packObjectsHook = ${home}/evil.sh`,
    '[extensions]',
    'worktreeConfig = true',
    '[http]',
    'proxy = http://127.0.0.1:1',
  ].join('\n');

/** A home, a system and an environment that do everything to get a program of theirs run, or bytes changed. */
function hostileWorld(mark: string, elsewhere: string) {
  const home = newFolder('hostile');
  const evil = `touch '${mark}'; true`;
  const script = { script: `#!/bin/sh\ntouch '${mark}'\nexit 1\n` };
  writeFiles(home, {
    ...Object.fromEntries(
      ['post-checkout', 'pre-push', 'pre-commit', 'post-index-change', 'reference-transaction', 'post-commit'].flatMap(
        (name) => [
          [`hooks/${name}`, script],
          [`template/hooks/${name}`, script],
        ],
      ),
    ),
    'evil.sh': script,
    attributes: '* filter=evil eol=crlf\n',
    ignore: '*\n',
    '.gitconfig': hostileConfig(home, evil, elsewhere),
  });
  writeFiles(home, {
    '.config/git/config': readFileSync(join(home, '.gitconfig'), 'utf8'),
    '.netrc': 'machine 127.0.0.1 login eve password evil\n',
  });
  return {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    GIT_CONFIG_GLOBAL: join(home, '.gitconfig'),
    GIT_CONFIG_SYSTEM: join(home, '.gitconfig'),
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.hooksPath',
    GIT_CONFIG_VALUE_0: join(home, 'hooks'),
    GIT_CONFIG_PARAMETERS: `'core.hooksPath=${home}/hooks'`,
    GIT_TEMPLATE_DIR: join(home, 'template'),
    GIT_EXTERNAL_DIFF: join(home, 'evil.sh'),
    GIT_ASKPASS: join(home, 'evil.sh'),
    SSH_ASKPASS: join(home, 'evil.sh'),
    GIT_SSH_COMMAND: evil,
    GIT_EDITOR: join(home, 'evil.sh'),
    GIT_PAGER: join(home, 'evil.sh'),
    GIT_TRACE: join(home, 'trace'),
    GIT_DIR: join(home, 'nowhere'),
    GIT_WORK_TREE: home,
    GIT_INDEX_FILE: join(home, 'index'),
    GIT_OBJECT_DIRECTORY: join(home, 'objects'),
    GIT_AUTHOR_NAME: 'Eve',
    GIT_COMMITTER_DATE: '1 +0900',
    LC_ALL: 'de_DE.UTF-8',
    TZ: 'Asia/Tokyo',
    DISPLAY: ':0',
  };
}

async function landIn(environment: Readonly<Record<string, string | undefined>>, files: Files) {
  const remote = newRemote(files);
  const bench = newAdapter();
  const git = bench.again({ environment });
  const { url } = remote;
  const { baseTree, baseCommit } = await git.open({ url, branch });
  const tree = await git.write(url, baseTree, [
    ['src/sum.js', { mode: '100644', bytes: Buffer.from('a + b\r\n$Id$\n') }],
  ]);
  const { patch } = await git.diff(url, baseTree, tree, 10_000);
  const request = { url, workspace: 'w', tree, commit: baseCommit, keep: [] };
  const directory = await git.checkout(request);
  writeFileSync(join(directory, 'README.md'), 'spoiled');
  writeFileSync(join(directory, 'left'), 'over');
  await git.checkout(request);
  const text = readFileSync(join(directory, 'src/sum.js'), 'utf8');
  const names = readdirSync(directory).toSorted();
  const commit = await git.commit(url, { tree, parent: baseCommit, message: 'm', author: AUTHOR, dateSeconds: 1 });
  const pushed = await git.push({ url, commit, branch, expected: null });
  await git.close('w');
  return { tree, patch: patch.toString(), text, names, pushed: pushed.kind };
}

it('does the same whatever the configuration of the user, of the system and of the environment say', async () => {
  const mark = join(newFolder('mark'), 'ran');
  const calm = await landIn({ PATH: process.env['PATH'] }, FILES);
  const wild = await landIn(hostileWorld(mark, newRemote().url), FILES);
  expect(wild).toEqual(calm);
  expect(wild.text).toBe('a + b\r\n$Id$\n');
  expect(wild.pushed).toBe('pushed');
  expect(existsSync(mark)).toBe(false);
});

it('runs nothing that the tree of the repository brings along', async () => {
  const mark = join(newFolder('mark'), 'ran');
  const script = { script: `#!/bin/sh\ntouch '${mark}'\n` };
  const evil = `touch '${mark}'`;
  const landed = await landIn(
    { PATH: process.env['PATH'] },
    {
      ...FILES,
      '.gitattributes': '*.md filter=evil diff=evil\n',
      '.gitconfig': `[filter "evil"]\nsmudge = "${evil}"\n`,
      '.gitmodules': `[submodule "x"]\npath = x\nurl = ext::sh -c '${evil}'\nupdate = !${evil}\n`,
      'hooks/post-checkout': script,
      '.githooks/post-checkout': script,
      '.husky/post-checkout': script,
      config: `[core]\nfsmonitor = "${evil}"\nbare = false\nworktree = .\n`,
      HEAD: 'ref: refs/heads/main\n',
      'objects/x': '',
      'refs/x': '',
    },
  );
  expect(landed.pushed).toBe('pushed');
  expect(existsSync(mark)).toBe(false);
});

it('runs nothing that a check has put into the git folders that it can reach', async () => {
  const mark = join(newFolder('mark'), 'ran');
  const remote = newRemote();
  const { git, home } = newAdapter();
  const { url } = remote;
  const { baseTree, baseCommit } = await git.open({ url, branch });
  const request = { url, workspace: 'w', tree: baseTree, commit: baseCommit, keep: [] };
  const directory = await git.checkout(request);
  const script = { script: `#!/bin/sh\ntouch '${mark}'\n` };
  const config = `[core]\nfsmonitor = "touch '${mark}'"\nhooksPath = ${mirrorOf(home)}/hooks\nsshCommand = "touch '${mark}'"\n[filter "x"]\nsmudge = "touch '${mark}'"\n[alias]\nread-tree = "!touch '${mark}'"\n[credential]\nhelper = "!touch '${mark}'"\n[url "ext::sh -c touch% '${mark}'"]\ninsteadOf = /\n`;
  for (const folder of [mirrorOf(home), join(directory, '../git')])
    writeFiles(folder, {
      config,
      'config.worktree': config,
      'hooks/post-checkout': script,
      'hooks/pre-push': script,
      'hooks/post-index-change': script,
      'hooks/reference-transaction': script,
      'info/attributes': '* filter=x\n',
    });
  writeFileSync(join(directory, 'README.md'), 'x');
  await git.checkout(request);
  await git.open({ url, branch });
  const commit = await git.commit(url, {
    tree: baseTree,
    parent: baseCommit,
    message: 'm',
    author: AUTHOR,
    dateSeconds: 1,
  });
  await git.push({ url, commit, branch, expected: null });
  expect(existsSync(mark)).toBe(false);
  expect(readFileSync(join(directory, 'README.md'), 'utf8')).toBe('read me\n');
});

/** A git that notes what any process of its user can read of it: its arguments, and for its user the environment. */
function watchedGit() {
  const folder = newFolder('watched');
  const log = join(folder, 'log');
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  writeFiles(folder, {
    git: { script: `#!/bin/sh\n{ printf '%s\\n' "$@"; echo ---; env; echo ===; } >> '${log}'\nexec '${real}' "$@"\n` },
  });
  const calls = () =>
    readFileSync(log, 'utf8')
      .split('===\n')
      .filter((call) => call !== '')
      .map((call) => {
        const [args = '', environment = ''] = call.split('---\n');
        return { args: args.split('\n').slice(0, -1), environment };
      });
  return { environment: { PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: '/nonexistent' }, calls };
}

describe('a token', () => {
  it('is on no command line, in no file, and known only to the gits that talk to its host', async () => {
    const server = createServer(
      (_, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const token = 'tok-abcdef-123456';
    const remote = newRemote();
    const watched = watchedGit();
    const { git, home } = newAdapter({ tokenOf: () => token, environment: watched.environment });
    await git.open({ url: `http://127.0.0.1:${address.port}/x.git`, branch }).catch(() => undefined);
    await git.open({ url: remote.url, branch });
    await new Promise((resolve) => server.close(resolve));
    const calls = watched.calls();
    expect(calls.length).toBeGreaterThan(1);
    for (const { args, environment } of calls) {
      expect(args.join('\n')).not.toContain(token);
      expect(environment.includes(token)).toBe(args.join(' ').includes('http://'));
    }
    const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) expect(readFileSync(join(file.path, file.name), 'latin1')).not.toContain(token);
  });
});
