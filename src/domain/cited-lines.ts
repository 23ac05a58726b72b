/** What a text names of a repository: files and lines, in the ways in which models and people write them. Pure. */
import { baseName } from './path-parts.js';

/** Those of `paths` that are named, whole or by the name of their file. */
export function citedPaths(text: string, paths: readonly string[]): readonly string[] {
  const words = new Set(text.split(BETWEEN).map(withoutPlace));
  return paths.filter(
    (path) => words.has(path) || words.has(baseName(path)) || (/\s/.test(path) && text.includes(path)),
  );
}

const BETWEEN = /[\s'"`()[\]{}<>,;|*]+/;

/** Without the line behind it, the end of a sentence, and what stands before paths in a patch. */
const withoutPlace = (word: string): string =>
  word
    .replace(/(?<=[^:]):.*$/, '')
    .replace(/\.+$/, '')
    .replace(/^(?:\.|a|b)\//, '');

/** The highest number of a line; 0 if none is named. */
export function citedLine(text: string): number {
  const numbers = [...text.matchAll(IN_WORDS), ...text.matchAll(BEHIND_PATH)].flatMap(([, from, to]) => [from, to]);
  return Math.max(0, ...numbers.flatMap((number) => (number === undefined ? [] : [Number(number)])));
}

const IN_WORDS = /\b(?:lines?\s+|L)(\d{1,9})(?:\s*(?:-|–|to|and|,)\s*L?(\d{1,9}))?/gi;
const BEHIND_PATH = /[^\s:]*[A-Za-z][^\s:]*:(\d{1,9})(?:-(\d{1,9}))?/g;
