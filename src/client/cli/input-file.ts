/** A file that a command is given by name. */
import { readFileSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { usageFault } from '../weaver-fault.js';

/** @param what begins the sentence that says why it cannot be read */
export function readInput(file: string, what: string, next = 'Name an existing file.'): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    throw usageFault(`${what} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`, next);
  }
}

/** The same, where `-` is what comes on standard input. */
export const readInputOrStdin = async (file: string, what: string): Promise<string> =>
  file === '-' ? await textOf(process.stdin) : readInput(file, what, 'Name an existing file, or - for standard input.');

/** What faults call it. */
export const inputName = (file: string): string => (file === '-' ? 'stdin' : file);
