/** Files that could be read before the change, or are new, and cannot be read any more. Faults that were there do not count. */
import type { Change, Finding } from './change.js';

/** What is wrong with the text of a file, in one sentence; null if nothing is, or if the language is not known. */
export type SyntaxCheck = (path: string, text: string, isNew: boolean) => string | null;

export const syntaxErrors = ({ files }: Change, check: SyntaxCheck): readonly Finding[] =>
  files.flatMap(({ path, texts, isTest }): readonly Finding[] => {
    // A new file of the tests may be broken on purpose.
    if (texts?.after == null || (isTest && texts.before === null)) return [];
    const says = check(path, texts.after, texts.before === null);
    if (says === null || (texts.before !== null && check(path, texts.before, false) !== null)) return [];
    return [{ guard: 'syntax', path, line: null, says, weight: 'deny' }];
  });
