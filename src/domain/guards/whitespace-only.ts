/** A change that only moves blanks does nothing of what a task asks, unless it asks for that. */
import type { Change, ChangedFile, Finding } from './change.js';

const ASKED =
  /\b(?:format|whitespace|white space|blank|indent|lint|prettier|black|gofmt|rustfmt|line end|newline|crlf|tabs?|spaces?|trailing|style|editorconfig)/i;

export function whitespaceOnly({ files, words }: Change): readonly Finding[] {
  if (files.length === 0 || !files.every(isBlankChange)) return [];
  const weight = ASKED.test(words) ? 'warn' : 'deny';
  return [{ guard: 'whitespaceOnly', path: '', line: null, says: 'Nothing but white space is changed.', weight }];
}

/** A change of the mode has no lines, and is a change; so is a new file, even an empty one. */
function isBlankChange(file: ChangedFile): boolean {
  if (file.change !== 'modified' || file.isBinary || file.lines.length === 0) return false;
  const strip = MEANS_SOMETHING.test(file.path) ? trimmedEnds : withoutBlanks;
  return strip(side(file, '-')) === strip(side(file, '+'));
}

/** With the lines around, or a line that has moved to another place would seem to have stayed. */
const side = ({ lines }: ChangedFile, sign: '-' | '+'): readonly string[] =>
  lines.filter((line) => line.sign === ' ' || line.sign === sign).map(({ text }) => text);

/** Where blanks at the start of a line are part of the language. */
const MEANS_SOMETHING =
  /\.(?:py|pyi|ya?ml|mk|nim|coffee|pug|haml|sass|fs|hs|md|rst|snap|txt|csv|tsv)$|(?:^|\/)(?:GNUm|M|m)akefile$/;

const trimmedEnds = (lines: readonly string[]): string =>
  lines
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
const withoutBlanks = (lines: readonly string[]): string => lines.join('').replaceAll(/\s+/g, '');
