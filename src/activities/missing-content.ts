/** What a clone would have and the work tree of a check has not: it is made of git's own objects alone. */
import picomatch from 'picomatch';
import type { Git, TreeEntry } from '../ports.js';

/** Named in a warning, which is a line of the status; the rest is a number. */
const PATHS_SHOWN = 3;
/** What stands in for a file of Git LFS has some 130 bytes; its own specification allows 1,024. */
const POINTER_BYTES_MAX = 1_024;
/** `.gitattributes` of so many folders are read, the outermost first. */
const ATTRIBUTES_MAX = 20;

export async function contentWarnings(
  git: Pick<Git, 'read'>,
  url: string,
  tree: string,
  entries: readonly TreeEntry[],
): Promise<readonly string[]> {
  const submodules = entries.filter(({ mode }) => mode === '160000').map(({ path }) => path);
  const pointers = await pointersIn(git, url, tree, entries);
  return [
    ...(submodules.length === 0
      ? []
      : [
          `submodules are empty folders for the checks (${shortOf(submodules)}): a check that needs them has to fetch them`,
        ]),
    ...(pointers.length === 0
      ? []
      : [
          `files of Git LFS are pointers for the checks and the model (${shortOf(pointers)}): their content is not fetched`,
        ]),
  ];
}

const shortOf = (paths: readonly string[]): string =>
  `${paths.slice(0, PATHS_SHOWN).join(', ')}${paths.length > PATHS_SHOWN ? ` and ${paths.length - PATHS_SHOWN} more` : ''}`;

/** Nothing is read where no folder has attributes. */
async function pointersIn(
  git: Pick<Git, 'read'>,
  url: string,
  tree: string,
  entries: readonly TreeEntry[],
): Promise<readonly string[]> {
  const files = entries
    .filter(({ path, mode }) => (path === ATTRIBUTES || path.endsWith(`/${ATTRIBUTES}`)) && mode !== '160000')
    .map(({ path }) => path)
    .toSorted((a, b) => a.split('/').length - b.split('/').length)
    .slice(0, ATTRIBUTES_MAX);
  if (files.length === 0) return [];
  const contents = await git.read(url, tree, files);
  const patterns = files.flatMap((file) => lfsPatterns(file, contents.get(file)?.bytes.toString('utf8') ?? ''));
  if (patterns.length === 0) return [];
  const isLfs = picomatch(patterns, { dot: true });
  const small = entries.filter(({ sizeBytes }) => sizeBytes !== null && sizeBytes <= POINTER_BYTES_MAX);
  return small.filter(({ path }) => isLfs(path)).map(({ path }) => path);
}

const ATTRIBUTES = '.gitattributes';

/** As globs from the top of the tree. A pattern without a slash names files in all folders below. */
function lfsPatterns(file: string, text: string): readonly string[] {
  const folder = file.slice(0, -ATTRIBUTES.length);
  return text.split('\n').flatMap((line) => {
    const [pattern = '', ...attributes] = line.trim().split(/\s+/);
    if (!attributes.includes('filter=lfs') || pattern.startsWith('#')) return [];
    return pattern.includes('/') ? [`${folder}${pattern.replace(/^\//, '')}`] : [`${folder}**/${pattern}`];
  });
}
