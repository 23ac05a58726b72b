/** Real repositories below a temporary folder, and adapters on them. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createGit, type GitOptions } from '../../../src/adapters/git/create-git.js';
import type { Git } from '../../../src/ports.js';

/** Content by path; a script is executable, a link points to its target. */
export type Files = Readonly<Record<string, string | Buffer | { readonly script: string } | { readonly link: string }>>;

export interface Repository {
  readonly url: string;
  readonly git: (...args: readonly string[]) => string;
}

const folders: string[] = [];

/** A folder that `removeFolders` removes. */
export function newFolder(name = 'git'): string {
  const folder = mkdtempSync(join(tmpdir(), `weaver-test-${name}-`));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

const CLEAN = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
};

/** The git program as the test itself uses it. */
export const gitIn = (directory: string, ...args: readonly string[]): string =>
  execFileSync('git', args, { cwd: directory, env: CLEAN, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

export function writeFiles(folder: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { recursive: true, force: true });
    if (typeof content === 'string' || Buffer.isBuffer(content)) writeFileSync(file, content);
    else if ('link' in content) symlinkSync(content.link, file);
    else {
      writeFileSync(file, content.script);
      chmodSync(file, 0o755);
    }
  }
}

export const FILES: Files = { 'README.md': 'read me\n', 'src/sum.js': 'a - b\n', 'run.sh': { script: '#!/bin/sh\n' } };

/** A bare repository with one commit. */
export function newRemote(files: Files = FILES, branch = 'main', objectFormat = 'sha1'): Repository {
  const folder = newFolder('remote');
  const seed = join(folder, 'seed');
  mkdirSync(seed);
  gitIn(seed, 'init', '-q', '-b', branch, `--object-format=${objectFormat}`);
  commitFiles(seed, files);
  const url = join(folder, 'remote.git');
  gitIn(folder, 'clone', '-q', '--bare', seed, url);
  return { url, git: (...args: readonly string[]) => gitIn(url, ...args) };
}

let clones = 0;

/** What a colleague does: clones, commits, pushes. Gives the commit. */
export function addCommit({ url }: Repository, files: Files, branch = 'main', from = branch): string {
  const clone = join(dirname(url), `clone-${(clones += 1)}`);
  gitIn(dirname(url), 'clone', '-q', '-b', from, url, clone);
  commitFiles(clone, files);
  gitIn(clone, 'push', '-q', 'origin', `HEAD:refs/heads/${branch}`);
  return gitIn(clone, 'rev-parse', 'HEAD');
}

function commitFiles(folder: string, files: Files): void {
  writeFiles(folder, files);
  gitIn(folder, 'add', '-A', '-f');
  gitIn(folder, 'commit', '-q', '-m', 'colleague');
}

export interface Bench {
  readonly home: string;
  readonly git: Git;
  /** Argument lists of the gits that were started since the last look, with their environment. */
  readonly started: () => readonly { readonly args: readonly string[]; readonly environment: string }[];
  /** Another adapter on the same home: a worker that remembers nothing. */
  readonly again: (options?: Partial<GitOptions>) => Git;
}

/** An adapter on a home of its own, whose gits are counted. */
export function newAdapter(options: Partial<GitOptions> = {}): Bench {
  const home = options.home ?? newFolder('home');
  const shim = newFolder('shim');
  const log = join(shim, 'log');
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  writeFiles(shim, {
    git: { script: `#!/bin/sh\n{ printf '%s\\n' "$@"; echo ---; env; echo ===; } >> '${log}'\nexec '${real}' "$@"\n` },
  });
  const environment = { PATH: `${shim}:${process.env['PATH'] ?? ''}`, HOME: '/nonexistent' };
  const again = (other: Partial<GitOptions> = {}): Git =>
    createGit({ tokenOf: () => undefined, redact: (text) => text, environment, ...options, ...other, home });
  const started = (): ReturnType<Bench['started']> => {
    const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
    rmSync(log, { force: true });
    return text
      .split('===\n')
      .filter((call) => call !== '')
      .map((call) => {
        const [args = '', environmentOf = ''] = call.split('---\n');
        return { args: args.split('\n').slice(0, -1), environment: environmentOf };
      });
  };
  return { home, git: again(), started, again };
}

export const AUTHOR = 'weaver <weaver@localhost>';

/** Changes one file on top of the base and commits it. */
export async function makeCommit(git: Git, url: string, branch: string, text = 'a + b\n') {
  const state = await git.open({ url, branch });
  const tree = await git.write(url, state.baseTree, [['src/sum.js', { mode: '100644', bytes: Buffer.from(text) }]]);
  const commit = await git.commit(url, {
    tree,
    parent: state.baseCommit,
    message: 'Add instead of subtracting',
    author: AUTHOR,
    dateSeconds: 1_700_000_000,
  });
  return { ...state, tree, commit };
}

/** The mirrors of a home. */
export const mirrorOf = (home: string): string =>
  execFileSync('sh', ['-c', `ls -d '${home}'/mirrors/*.git`], { encoding: 'utf8' }).trim();

/** What git finds wrong with the objects of a repository; nothing if all is well. */
export const wrongIn = (directory: string): string => gitIn(directory, 'fsck', '--full', '--strict', '--no-dangling');

/** How many objects a repository has. */
export const objectsIn = (directory: string): number =>
  gitIn(directory, 'cat-file', '--batch-all-objects', '--batch-check').split('\n').length;
