/** Where a picture or a page goes: standard output, or a file that appears whole. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';

/** @param file null or `-` for standard output */
export async function writeOutput(
  { terminal, json }: Context,
  file: string | null,
  text: string,
  about: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (file === null || file === '-') return terminal.raw(text);
  const path = resolve(file);
  const draft = `${path}.${process.pid}.draft`;
  try {
    await writeFile(draft, terminal.redacted(text));
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new WeaverFault(
      { code: 'usage', message: `${path} cannot be written: ${code}.`, next: 'Name another file with --output.' },
      2,
      { cause },
    );
  }
  if (json) terminal.json({ ...about, file: path, bytes: Buffer.byteLength(text) });
  else terminal.note(`written: ${path}`);
}
