/** A file that a command is given by name. */
import { closeSync, openSync, readSync } from 'node:fs';
import { usageFault, type WeaverFault } from '../weaver-fault.js';

/** The largest job file has four million characters, of four bytes each at most. What has no end is not read for one. */
const BYTES_MAX = 16_000_000;
const CHUNK_BYTES = 64 * 1_024;

/** @param what begins the sentence that says why it cannot be read */
export function readInput(file: string, what: string, next = 'Name an existing file.'): string {
  try {
    const bytes = readBounded(file);
    if (bytes !== null) return bytes.toString('utf8');
  } catch (thrown) {
    throw usageFault(`${what} cannot be read: ${wordsFor(thrown, file)}`, next);
  }
  throw tooLong(what, next);
}

function wordsFor(thrown: unknown, file: string): string {
  if (!(thrown instanceof Error)) return String(thrown);
  switch ((thrown as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return `there is no file ${file}`;
    case 'EISDIR':
      return `${file} is a folder`;
    default:
      return thrown.message;
  }
}

/** The same, where `-` is what comes on standard input. */
export async function readInputOrStdin(
  file: string,
  what: string,
  stdin: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<string> {
  const next = 'Name an existing file, or - for standard input.';
  if (file !== '-') return readInput(file, what, next);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stdin) {
    const chunk = Buffer.from(piece);
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw tooLong(what, next);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Null if there is more than is read. */
function readBounded(file: string): Buffer | null {
  const descriptor = openSync(file, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let bytes = 0; bytes <= BYTES_MAX;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const read = readSync(descriptor, chunk);
      if (read === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, read));
      bytes += read;
    }
    return null;
  } finally {
    closeSync(descriptor);
  }
}

const tooLong = (what: string, next: string): WeaverFault =>
  usageFault(`${what} is longer than ${BYTES_MAX / 1_000_000} MB.`, next);

/** What faults call it. */
export const inputName = (file: string): string => (file === '-' ? 'stdin' : file);
