/** Real repositories below a temporary folder, and adapters on them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createGit, type GitOptions } from '../../../src/adapters/git/create-git.js';
import { runGit, type GitCall, type RunGit } from '../../../src/adapters/git/run-git.js';
import type { Git } from '../../../src/ports.js';
import { importCommit, initBare, type ImportedFile } from '../../fast-import.js';

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

const COLLEAGUE = { author: 'Ada <ada@example.org>', message: 'colleague\n' };

/** A bare repository with one commit. */
export function newRemote(files: Files = FILES, branch = 'main', objectFormat = 'sha1'): Repository {
  const url = join(newFolder('remote'), 'remote.git');
  initBare(url, branch, objectFormat);
  importCommit(url, { ...COLLEAGUE, branch, files: importedFiles(files) });
  return { url, git: (...args: readonly string[]) => gitIn(url, ...args) };
}

/** What a colleague does: clones, commits, pushes. Gives the commit. */
export const addCommit = ({ url }: Repository, files: Files, branch = 'main', from = branch): string =>
  importCommit(url, { ...COLLEAGUE, branch, from, files: importedFiles(files) });

const importedFiles = (files: Files): ReadonlyMap<string, ImportedFile> =>
  new Map(Object.entries(files).map(([path, content]) => [path, importedFile(content)]));

function importedFile(content: Files[string]): ImportedFile {
  if (typeof content === 'string' || Buffer.isBuffer(content)) return { mode: '100644', bytes: Buffer.from(content) };
  if ('link' in content) return { mode: '120000', bytes: Buffer.from(content.link) };
  return { mode: '100755', bytes: Buffer.from(content.script) };
}

export interface Bench {
  readonly home: string;
  readonly git: Git;
  /** The gits that were started since the last look. */
  readonly started: () => readonly GitCall[];
  /** Another adapter on the same home: a worker that remembers nothing. */
  readonly again: (options?: Partial<GitOptions>) => Git;
}

/** An adapter on a home of its own, whose gits are counted. */
export function newAdapter(options: Partial<GitOptions> = {}): Bench {
  const home = options.home ?? newFolder('home');
  const environment = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' };
  const calls: GitCall[] = [];
  const { run: inner = runGit } = options;
  const run: RunGit = (call) => {
    calls.push(call);
    return inner(call);
  };
  const again = (other: Partial<GitOptions> = {}): Git =>
    createGit({ tokenOf: () => undefined, redact: (text) => text, environment, ...options, run, ...other, home });
  return { home, git: again(), started: () => calls.splice(0), again };
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
