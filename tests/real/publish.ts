import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer, Edit } from '../../src/domain/edits.js';
import { applyReplacements } from './answers.js';
import { mustRun } from './commands.js';
import { isolatedGit } from './environment.js';

/** Pushes a recorded answer as a branch built on `main`, without weaver: what would be on the remote if nobody looked. */
export async function publishAnswer(repositoryUrl: string, branch: string, text: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weaver-publish-'));
  try {
    const start = { cwd: folder, env: isolatedGit(), timeoutMs: 30_000 };
    const answer = JSON.parse(text) as Answer;
    await mustRun('git', ['clone', '--quiet', '--branch', 'main', '--', repositoryUrl, '.'], start);
    for (const edit of answer.edits) await applyEdit(folder, edit);
    await mustRun('git', ['add', '--all'], start);
    await mustRun('git', ['commit', '--quiet', '--message', answer.commitMessage], start);
    await mustRun('git', ['push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`], start);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The two operations that the recorded answers use. */
async function applyEdit(folder: string, edit: Edit): Promise<void> {
  const file = join(folder, edit.path);
  const after = edit.op === 'write' ? edit.content : applyReplacements(await readFile(file, 'utf8'), [edit]);
  if (after === null) throw new Error(`an edit of ${edit.path} does not fit`);
  await writeFile(file, after);
}
