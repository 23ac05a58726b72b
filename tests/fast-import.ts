/**
 * Bare repositories as a first push leaves them, made by one `git fast-import` in place of the dozen processes of init, add,
 * commit and push; and no file system can change names, modes or bytes on the way.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ImportedFile {
  readonly mode: string;
  /** Of a submodule none. */
  readonly bytes: Buffer | Uint8Array;
}

export interface ImportedCommit {
  readonly branch: string;
  /** Branch whose tip is the parent; none for the first commit. */
  readonly from?: string;
  readonly author: string;
  readonly message: string;
  readonly files: ReadonlyMap<string, ImportedFile>;
}

const SUBMODULE_COMMIT = 'c0ffee'.padEnd(40, '0');

/** What `git init --bare` makes, without its examples of hooks. What tidies up in the background would outlive a test. */
export function initBare(bare: string, branch = 'main', objectFormat = 'sha1'): void {
  for (const folder of ['hooks', 'objects/info', 'objects/pack', 'refs/heads', 'refs/tags'])
    mkdirSync(join(bare, folder), { recursive: true });
  const isOld = objectFormat === 'sha1';
  const extensions = isOld ? '' : `[extensions]\n\tobjectformat = ${objectFormat}\n`;
  const core = `[core]\n\trepositoryformatversion = ${isOld ? 0 : 1}\n\tfilemode = true\n\tbare = true\n`;
  writeFileSync(join(bare, 'config'), `${core}${extensions}[receive]\n\tautogc = false\n`);
  writeFileSync(join(bare, 'HEAD'), `ref: refs/heads/${branch}\n`);
}

/** Gives the commit. */
export function importCommit(bare: string, { branch, from, author, message, files }: ImportedCommit): string {
  const text = Buffer.from(message);
  const head = [
    `commit refs/heads/${branch}`,
    `committer ${author} ${Math.floor(Date.now() / 1_000)} +0000`,
    `data ${text.length}`,
  ];
  const input = Buffer.concat([
    Buffer.from(`${head.join('\n')}\n`),
    text,
    Buffer.from(from === undefined ? '\n' : `\nfrom refs/heads/${from}^0\n`),
    ...[...files].flatMap(([path, file]) => modify(path, file)),
  ]);
  // A pack is as good as loose objects, and one process less.
  execFileSync('git', ['-c', 'fastimport.unpackLimit=0', 'fast-import', '--quiet'], {
    cwd: bare,
    env: ENVIRONMENT,
    input,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  return readFileSync(join(bare, 'refs/heads', branch), 'latin1').trim();
}

const ENVIRONMENT = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  LC_ALL: 'C',
};

function modify(path: string, { mode, bytes }: ImportedFile): readonly Buffer[] {
  const quoted = `"${path.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`;
  if (mode === '160000') return [Buffer.from(`M ${mode} ${SUBMODULE_COMMIT} ${quoted}\n`)];
  return [Buffer.from(`M ${mode} inline ${quoted}\ndata ${bytes.length}\n`), Buffer.from(bytes), Buffer.from('\n')];
}
