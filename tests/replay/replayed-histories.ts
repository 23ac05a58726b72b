/** Recorded histories, replayed by the program that is made for it. */
import { runProcess } from '../e2e/world';

const PROGRAM = require.resolve('./replay-histories.cjs');

/** What is wrong with each of the histories in a folder, by name; null = nothing. */
export async function replayHistories(bundle: string, folder: string): Promise<ReadonlyMap<string, string | null>> {
  const env = { PATH: process.env['PATH'] ?? '' };
  const { stdout, stderr, exitCode } = await runProcess(process.execPath, [PROGRAM, bundle, folder], {
    env,
    cwd: folder,
  });
  if (exitCode !== 0) throw new Error(`ended with ${exitCode}:\n${stderr}`);
  const lines = stdout.trim().split('\n');
  const replayed = lines.map((line) => JSON.parse(line) as { readonly name: string; readonly fault: string | null });
  return new Map(replayed.map(({ name, fault }) => [name, fault]));
}
