import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer, Edit } from '../../src/domain/edits.js';
import { run } from './commands.js';

/** Lines around a change that make its place unique; the whole file is written if neither is enough. */
const CONTEXT_LINES = [3, 12] as const;

const EMPTY = { content: null, search: null, replace: null, to: null } as const;

/** A new content for a file, as the answer contract has it. */
export const writeEdit = (path: string, content: string): Edit => ({ ...EMPTY, op: 'write', path, content });

/** The smallest edits that turn one text of a file into another: replacements where each place is unique, else the whole file. */
export async function editsBetween(path: string, before: string, after: string): Promise<readonly Edit[]> {
  if (before === after) throw new Error(`${path} is the same in both`);
  for (const lines of CONTEXT_LINES) {
    const edits = replacements(path, await diff(before, after, lines));
    if (edits !== null && applyReplacements(before, edits) === after) return edits;
  }
  return [writeEdit(path, after)];
}

/** The text after the replacements in their order; null if one does not fit exactly once. */
export function applyReplacements(before: string, edits: readonly Edit[]): string | null {
  let text = before;
  for (const { search, replace } of edits) {
    if (search === null || replace === null) return null;
    const at = text.indexOf(search);
    if (at < 0 || text.indexOf(search, at + 1) >= 0) return null;
    text = text.slice(0, at) + replace + text.slice(at + search.length);
  }
  return text;
}

/** An answer as the endpoint sends it. */
export const answerText = (edits: readonly Edit[], commitMessage: string, notes: string): string =>
  JSON.stringify({ edits, commitMessage, notes } satisfies Answer);

async function diff(before: string, after: string, contextLines: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weaver-diff-'));
  try {
    await writeFile(join(folder, 'before'), before);
    await writeFile(join(folder, 'after'), after);
    const args = ['diff', '--no-index', '--no-color', '--no-ext-diff', `--unified=${contextLines}`, 'before', 'after'];
    const { exitCode, stdout, output } = await run('git', args, { cwd: folder, env: process.env, timeoutMs: 10_000 });
    if (exitCode !== 1) throw new Error(`git diff ended with ${exitCode}: ${output}`);
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One replacement a hunk; null where a file's last line has no line end, which lines cannot say. */
function replacements(path: string, patch: string): readonly Edit[] | null {
  if (patch.includes('\n\\ ')) return null;
  const hunks = patch.split(/^@@ .*\n/m).slice(1);
  return hunks.map((hunk) => {
    const lines = hunk.replace(/\n$/, '').split('\n');
    const side = (sign: string): string =>
      lines.flatMap((line) => (line.startsWith(' ') || line.startsWith(sign) ? [line.slice(1)] : [])).join('\n');
    return { ...EMPTY, op: 'replace', path, search: side('-'), replace: side('+') } as const;
  });
}
