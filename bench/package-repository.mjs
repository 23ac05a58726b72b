/** Repositories of a real size: packages of the registry by pinned version and content, unpacked and committed as they are. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { git, run } from './bench-world.mjs';
import { fetchRelease } from './map/archives.mjs';

/** A file of our own in each of them, for conversations to read and edit. */
export const TARGET = 'notes/target.txt';
const TARGET_LINES = 400;
export const targetLine = (n) => `line ${n} of the file that the conversation works on\n`;

/** A bare repository of these packages; gives its address and what is in it. */
export async function packageRepository(world, name, packages) {
  const stem = path.join(world.folder, 'remotes', name);
  const [url, work] = [`${stem}.git`, `${stem}.work`];
  for (const folder of [url, path.join(work, path.dirname(TARGET))]) mkdirSync(folder, { recursive: true });
  for (const one of packages) {
    const folder = path.join(work, one.name.replace('@', ''));
    mkdirSync(folder, { recursive: true });
    await run('tar', ['-xzf', await archiveOf(one), '-C', folder, '--strip-components=1', '--no-same-owner'], {
      cwd: world.folder,
      env: world.environment(),
    });
  }
  writeFileSync(path.join(work, TARGET), targetText());
  git(url, 'init', '--bare', '--quiet', '.');
  git(work, 'init', '--quiet', '.');
  // What a package left out of its own repository belongs to this one.
  git(work, 'add', '--all', '--force');
  git(work, 'commit', '--quiet', '--message', 'the packages');
  git(work, 'push', '--quiet', url, 'HEAD:refs/heads/main');
  const paths = git(url, 'ls-tree', '-r', '--name-only', 'main').trim().split('\n');
  return { url, files: paths.length, tree: git(url, 'rev-parse', 'main^{tree}').trim() };
}

const targetText = () => Array.from({ length: TARGET_LINES }, (_, n) => targetLine(n)).join('');

/** From the user's cache or the registry; refused unless it is the very one. */
async function archiveOf({ name, version, sha256: pinned }) {
  const { file, sha256 } = await fetchRelease({ registry: 'npm', name, version });
  if (sha256 !== pinned) throw new Error(`${name} ${version} has the hash ${sha256}, not the pinned one (${file})`);
  return file;
}
