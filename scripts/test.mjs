/** `npm test`: sets up what is missing, runs jest with all arguments passed on; the last line on stdout is the count. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkNodeVersion } from './node-version.mjs';
import { runScript, say, SetupFault } from './progress.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** The whole suite takes minutes; a run that is not done after an hour hangs, and would hang a pipeline. */
const RUN_TIMEOUT_MS = 60 * 60_000;

await runScript(async () => {
  const counts = await countTests(process.argv.slice(2));
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
});

async function countTests(args) {
  try {
    checkNodeVersion();
    const { ensurePackages } = await import('./packages.mjs');
    await ensurePackages();
    const { ensureBuilt } = await import('./build.mjs');
    await ensureBuilt();
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    say(error.message); // nothing could be tried: that is a failure, and still ends in the promised line
    return { passed: 0, failed: 1, skipped: 0 };
  }
  return await runJest(args, { ...process.env, ...(await temporalVariable()) });
}

/** Where the tests find the server. Without one the tests that need none still run, and the others say what they miss. */
async function temporalVariable() {
  const { findTemporal } = await import('./temporal-binary.mjs');
  try {
    const { path: binary } = await findTemporal({ log: say });
    return { WEAVER_TEMPORAL_BINARY: binary };
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    say(error.message);
    return {};
  }
}

async function runJest(args, env) {
  const folder = mkdtempSync(path.join(tmpdir(), 'weaver-test-'));
  const countFile = path.join(folder, 'counts.json');
  const reporters = ['--reporters=default', `--reporters=${path.join(root, 'scripts', 'count-reporter.mjs')}`];
  try {
    const exitCode = await runToEnd([...reporters, ...args], { ...env, WEAVER_TEST_COUNTS: countFile });
    if (existsSync(countFile)) return withExitCode(JSON.parse(readFileSync(countFile, 'utf8')), exitCode);
    say('jest ended without a result');
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** jest can fail for more than its tests, for instance in a global teardown. */
const withExitCode = (counts, exitCode) => (exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts);

function runToEnd(args, env) {
  return new Promise((resolve, reject) => {
    const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');
    const child = spawn(process.execPath, [jest, ...args], { cwd: root, env, stdio: 'inherit' });
    const timer = setTimeout(() => {
      say(`the tests are not done after ${RUN_TIMEOUT_MS / 60_000} minutes and are stopped`);
      child.kill('SIGKILL');
    }, RUN_TIMEOUT_MS);
    // An interrupt at the terminal reaches jest too; we stay until it has ended.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}
