/** What the grammars of their languages have against changed files, for the guard that looks at syntax. */
import { setTimeout as pause } from 'node:timers/promises';
import { batchesOf } from '../domain/batches.js';
import type { ChangedFile } from '../domain/guards/change.js';
import { languageOf, type ParsedLanguage } from '../domain/map/languages.js';
import type { ActivityPorts } from './activity-ports.js';
import { unlessParserFails } from './parser-answer.js';

/** JavaScript has a reader of its own, and what macros make of C no grammar knows. */
const UNTOLD: ReadonlySet<ParsedLanguage> = new Set(['cpp', 'javascript']);

/** The parser may be reading whole repositories for others, and an answer that is good must not wait for that. */
const ANSWER_WITHIN_MS = 10_000;

/** Parsed at once. */
const BATCH_CHARACTERS = 1_000_000;

/** Says of the text of a file what is wrong with it; null of all others than the two sides of the changed ones. */
export async function grammarFaults(
  { sourceParser }: Pick<ActivityPorts, 'sourceParser'>,
  files: readonly ChangedFile[],
): Promise<(path: string, text: string) => string | null> {
  const known = new Map<string, string | null>();
  const look = async (side: 'before' | 'after', some: readonly ChangedFile[]): Promise<void> => {
    const told = some.flatMap(({ path, texts }) => {
      const text = texts?.[side] ?? null;
      const language = languageOf(path) ?? null;
      return text === null || language === null || UNTOLD.has(language) ? [] : [{ path, language, text }];
    });
    for (const batch of batchesOf(told, ({ text }) => text.length, BATCH_CHARACTERS)) {
      const faults = await Promise.race([
        unlessParserFails(sourceParser.faults(batch)),
        pause(ANSWER_WITHIN_MS, null, { ref: false }),
      ]);
      // Without an answer nobody can tell, and the checks will.
      for (const [index, { path, text }] of batch.entries()) known.set(keyOf(path, text), faults?.[index] ?? null);
    }
  };
  await look('after', files);
  const faulty = ({ path, texts }: ChangedFile): boolean => known.get(keyOf(path, texts?.after ?? '')) != null;
  await look('before', files.filter(faulty));
  return (path, text) => known.get(keyOf(path, text)) ?? null;
}

const keyOf = (path: string, text: string): string => `${path}\n${text}`;
