/** Whole files that came as a chat window shows them: between two fences. */
import { isProse } from './guards/change.js';

/**
 * True if the content would put fences into a file that has no use for them. Never taken off: where a file ends that has
 * fences of its own inside would be a guess.
 * @param old what the file was; null if it is new
 */
export const isFencedFile = (path: string, content: string, old: string | null): boolean =>
  isFenced(content) && !isProse(path) && (old === null || !isFenced(old));

/** The first line opens a fence, with a language or without, and the last one closes it. */
function isFenced(text: string): boolean {
  const open = /^\s*(`{3,}|~{3,})[^`\r\n]*\r?\n/.exec(text)?.[1];
  return open !== undefined && text.trimEnd().endsWith(`\n${open}`);
}
