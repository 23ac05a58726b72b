/** Blocks of lines that are equal but for one shift of their indentation. */

/** Turns an indentation of the searched block into that of the file; null if the shift has no answer for it. */
export type Shift = (indentation: string) => string | null;

/** A line as its indentation and the rest. */
export interface IndentedLine {
  readonly indentation: string;
  readonly rest: string;
}

export function splitIndentation(line: string): IndentedLine {
  let width = 0;
  while (line[width] === ' ' || line[width] === '\t') width += 1;
  return { indentation: line.slice(0, width), rest: line.slice(width) };
}

/** The one shift that leads from every searched indentation to the file's; null if there is none. Blank lines do not count. */
export function shiftBetween(searched: readonly IndentedLine[], found: readonly IndentedLine[]): Shift | null {
  const pairs = searched
    .map((line, index) => ({ from: line.indentation, to: found[index]?.indentation ?? '', blank: line.rest === '' }))
    .filter(({ blank }) => !blank);
  const telling = pairs.find(({ from, to }) => from !== to);
  if (telling === undefined) return null;
  const fits = (shift: Shift): boolean => pairs.every(({ from, to }) => shift(from) === to);
  return candidates(telling.from, telling.to).find(fits) ?? null;
}

/** Re-indents a line; blank lines stay as they are. Null if the shift has no answer for its indentation. */
export function shiftLine(line: string, shift: Shift): string | null {
  const { indentation, rest } = splitIndentation(line);
  if (rest === '') return line;
  const shifted = shift(indentation);
  return shifted === null ? null : shifted + rest;
}

/** Wider than any indentation step in use. */
const STEP_MAX = 8;

function candidates(from: string, to: string): readonly Shift[] {
  const shifts: Shift[] = [];
  if (to.endsWith(from)) shifts.push(deeper(to.slice(0, to.length - from.length)));
  if (from.endsWith(to)) shifts.push(shallower(from.slice(0, from.length - to.length)));
  if (isOnly(from, ' ') && isOnly(to, '\t') && isStep(from.length / to.length))
    shifts.push(spacesToTabs(from.length / to.length));
  if (isOnly(from, '\t') && isOnly(to, ' ') && isStep(to.length / from.length))
    shifts.push(tabsToSpaces(to.length / from.length));
  return shifts;
}

const deeper =
  (added: string): Shift =>
  (indentation) =>
    added + indentation;

const shallower =
  (removed: string): Shift =>
  (indentation) =>
    indentation.startsWith(removed) ? indentation.slice(removed.length) : null;

/** What is left over after whole steps is alignment and stays spaces. */
const spacesToTabs =
  (step: number): Shift =>
  (indentation) =>
    indentation.includes('\t')
      ? null
      : '\t'.repeat(Math.floor(indentation.length / step)) + ' '.repeat(indentation.length % step);

const tabsToSpaces =
  (step: number): Shift =>
  (indentation) =>
    indentation.replaceAll('\t', ' '.repeat(step));

const isOnly = (text: string, char: string): boolean => text.length > 0 && text === char.repeat(text.length);

const isStep = (step: number): boolean => Number.isInteger(step) && step <= STEP_MAX;
