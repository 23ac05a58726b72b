/** The parsing thread as Node runs it, from the sources as they are now. */
import { transformFileSync } from '@swc/core';
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../../..');

/** @returns a folder to remove, and the thread's program in it */
export function compileThread(): { readonly folder: string; readonly program: string } {
  const folder = mkdtempSync(join(tmpdir(), 'weaver-tags-'));
  for (const room of ['domain/map', 'adapters/source'])
    for (const name of readdirSync(join(ROOT, 'src', room))) {
      const { code } = transformFileSync(join(ROOT, 'src', room, name), {
        swcrc: false,
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
      });
      const file = join(folder, room, name.replace(/ts$/, 'js'));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, code);
    }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return { folder, program: join(folder, 'adapters/source/parser-thread.js') };
}
