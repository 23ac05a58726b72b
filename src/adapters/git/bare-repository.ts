/** The mirror as files: the empty repository, what a killed git leaves in it, and the one that is put aside. */
import { statSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, unlessGone } from './error-code.js';
import { removeFolder } from './remove-folder.js';

export type ObjectFormat = 'sha1' | 'sha256';

/**
 * Writes what is missing of an empty bare repository, and puts right what a check may have changed in its configuration.
 * By hand: `git init` is one process more. Costs a look when everything is there.
 */
export async function ensureBareRepository(directory: string, objectFormat?: ObjectFormat): Promise<void> {
  try {
    await writeSkeleton(directory, objectFormat);
  } catch (cause) {
    if (!['EEXIST', 'ENOTDIR', 'EISDIR'].includes(errorCode(cause) ?? '')) throw cause;
    // A file where a folder should be, or the other way round: nothing of git's making.
    await moveAside(directory);
    await writeSkeleton(directory, objectFormat);
  }
}

/** `ensureBareRepository` for who needs it before every git: what was right, and has not been touched since, is not read again. */
export function createEnsure(): typeof ensureBareRepository {
  const right = new Map<string, string>();
  return async (directory, objectFormat) => {
    const key = `${directory}\n${objectFormat ?? ''}`;
    const seen = looksOf(directory);
    if (seen !== null && right.get(key) === seen) return;
    await ensureBareRepository(directory, objectFormat);
    const now = looksOf(directory);
    if (now !== null) right.set(key, now);
  };
}

/**
 * Changes with every change of the two files, whatever a check did to their times; null unless everything is there. Not
 * asynchronous: four looks take microseconds, four trips to the thread pool a hundred times that.
 */
function looksOf(directory: string): string | null {
  const look = (name: string) => statSync(join(directory, name), { throwIfNoEntry: false });
  try {
    const [config, head, packs, refs] = ['config', 'HEAD', join('objects', 'pack'), 'refs'].map(look);
    if (config?.isFile() !== true || head?.isFile() !== true) return null;
    if (packs?.isDirectory() !== true || refs?.isDirectory() !== true) return null;
    return [config, head].map(({ ino, size, ctimeMs }) => `${ino} ${size} ${ctimeMs}`).join('\n');
  } catch {
    return null; // a file where a folder should be: for the long look to put right
  }
}

async function writeSkeleton(directory: string, objectFormat: ObjectFormat | undefined): Promise<void> {
  const [config = '', head] = await Promise.all([
    readFile(join(directory, 'config'), 'utf8').catch(unlessGone),
    readFile(join(directory, 'HEAD'), 'utf8').catch(unlessGone),
    mkdir(join(directory, 'objects', 'pack'), { recursive: true }),
    mkdir(join(directory, 'refs'), { recursive: true }),
  ]);
  const wanted = configOf(objectFormat ?? formatOf(config));
  if (config !== wanted) await replaceFile(join(directory, 'config'), wanted);
  if (head !== HEAD) await replaceFile(join(directory, 'HEAD'), HEAD);
}

/** Points nowhere on purpose: no branch of the mirror is anybody's. */
const HEAD = 'ref: refs/heads/none\n';

const configOf = (format: ObjectFormat): string =>
  format === 'sha1'
    ? '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n'
    : '[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n';

const formatOf = (config: string): ObjectFormat => (config.includes('sha256') ? 'sha256' : 'sha1');

/** Which hash the repository names its objects by. */
export const objectFormatOf = async (directory: string): Promise<ObjectFormat> =>
  formatOf(await readFile(join(directory, 'config'), 'utf8').catch(() => ''));

/** Whole or not at all: several processes may write the same at once. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, text);
  await rename(draft, path);
}

/** Removes lock files and half-written packs of a git that was killed. */
export async function removeLeftovers(directory: string): Promise<void> {
  const names = (await readdir(directory, { recursive: true }).catch(unlessGone)) ?? [];
  const left = names.filter(
    (name) =>
      (name.endsWith('.lock') && !name.startsWith('objects/')) || /^objects\/pack\/(?:\.?tmp_|.*\.lock$)/.test(name),
  );
  for (const name of left) await removeFolder(join(directory, name));
}

/** One broken mirror is kept for whoever wants to know; the one before it goes. */
async function moveAside(directory: string): Promise<void> {
  const broken = `${directory}.broken`;
  await removeFolder(broken);
  await rename(directory, broken).catch(unlessGone);
}

/** Puts a finished repository in the place of another one. */
export async function exchange(fresh: string, directory: string): Promise<void> {
  await moveAside(directory);
  await rename(fresh, directory).catch(async (cause: unknown) => {
    // An operation that waits for no lock has made an empty mirror in the moment between.
    if (errorCode(cause) !== 'ENOTEMPTY' && errorCode(cause) !== 'EEXIST') throw cause;
    await removeFolder(directory);
    await rename(fresh, directory);
  });
}
