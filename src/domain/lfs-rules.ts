/** Whether git keeps the content of a path outside of the repository (Git LFS), by the .gitattributes files beside and above it. */
import { ruleOfPath } from './ignore-rules.js';

/**
 * The rule that gives the path to Git LFS, with its file; null if none does.
 * @param textOf content of a .gitattributes file, null if there is none
 */
export const lfsRule = (path: string, textOf: (path: string) => string | null): string | null =>
  ruleOfPath(path, '.gitattributes', (file) => patternsOf(textOf(file) ?? ''));

/** The last word on `filter` counts, so what takes it back follows as an exception. */
const patternsOf = (attributes: string): string =>
  attributes
    .split(/\r?\n/)
    .flatMap((line) => {
      const [pattern = '', ...words] = line.trim().split(/[ \t]+/);
      // Folders have no attributes; exceptions and quoted names are no patterns as .gitignore has them.
      if (/^[#!"]/.test(pattern) || pattern.endsWith('/')) return [];
      if (words.includes('filter=lfs')) return [pattern];
      return words.some((word) => /^(?:[-!]filter|filter(?:=.*)?)$/.test(word)) ? [`!${pattern}`] : [];
    })
    .join('\n');
