/** Which files a one-shot prompt shows, and how the repository's structure is listed. */
import { baseName } from './path-parts.js';

/** Folders that hold built or installed things: they say nothing about the task. */
const NOISE = new Set([
  'node_modules',
  '__pycache__',
  '.pytest_cache',
  'venv',
  '.venv',
  'dist',
  'build',
  'vendor',
  'target',
  '.git',
  '.tox',
  'coverage',
]);

/** A prompt that lists more paths than this is no map any more. */
const PATHS_SHOWN_MAX = 400;

/** Small repositories are shown whole: about 12,000 tokens. */
const WHOLE_REPOSITORY_BYTES_MAX = 48_000;

/** What one prompt shows of files in all: about 40,000 tokens, which every current model's window holds. */
export const PROMPT_FILES_BYTES_MAX = 160_000;

export interface ListedFile {
  readonly path: string;
  readonly mode: string;
  readonly sizeBytes: number | null;
}

/** Paths for the prompt, nearest the top first, with a line for what is left out. */
export function structureLines(files: readonly ListedFile[]): readonly string[] {
  const shown = files.map(({ path }) => path).filter((path) => !isNoise(path));
  const near = shown.toSorted((a, b) => depth(a) - depth(b) || compare(a, b));
  const kept = near.slice(0, PATHS_SHOWN_MAX).toSorted(compare);
  return near.length === kept.length ? kept : [...kept, `… and ${near.length - kept.length} more files`];
}

/**
 * The named related files first, then files that the task's words name, then, if the repository is small, all others;
 * within the byte budget.
 */
export function filesToShow(
  files: readonly ListedFile[],
  related: readonly string[],
  words: string,
): readonly string[] {
  const texts = files.filter(
    ({ path, mode, sizeBytes }) => mode.startsWith('100') && sizeBytes !== null && !isNoise(path),
  );
  const whole = texts.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0) <= WHOLE_REPOSITORY_BYTES_MAX;
  const named = texts.filter(({ path }) => isNamed(path, words)).map(({ path }) => path);
  const rest = whole ? texts.filter(({ path }) => !isLock(path)).map(({ path }) => path) : [];
  const sizes = new Map(texts.map(({ path, sizeBytes }) => [path, sizeBytes ?? 0]));
  let bytes = 0;
  return [...new Set([...related, ...named, ...rest])].filter((path) => {
    const size = sizes.get(path);
    if (size === undefined) return related.includes(path);
    bytes += Math.min(size, PROMPT_FILES_BYTES_MAX);
    return related.includes(path) || bytes <= PROMPT_FILES_BYTES_MAX;
  });
}

/** Instructions for agents: AGENTS.md at the top and in the folders of the files shown. */
export function instructionPaths(files: readonly ListedFile[], shown: readonly string[]): readonly string[] {
  const folders = new Set(shown.flatMap(foldersOf));
  return files
    .map(({ path }) => path)
    .filter(
      (path) =>
        path === 'AGENTS.md' || (path.endsWith('/AGENTS.md') && folders.has(path.slice(0, -'/AGENTS.md'.length))),
    );
}

const foldersOf = (path: string): string[] => {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
};

function isNamed(path: string, words: string): boolean {
  const name = baseName(path);
  return words.includes(path) || (name.length > 4 && name.includes('.') && words.includes(name));
}

/** Whether a path is of something built or installed. */
export const isNoise = (path: string): boolean => path.split('/').some((part) => NOISE.has(part));
const isLock = (path: string): boolean =>
  /(^|\/)(package-lock\.json|yarn\.lock|pnpm-lock\.yaml|Cargo\.lock|poetry\.lock|go\.sum)$/.test(path);
const depth = (path: string): number => path.split('/').length;
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
