/** One run of jest with all that it needs, counted. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkNodeVersion } from './node-version.mjs';
import { say, SetupFault } from './progress.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** More than so many files at once fail for a reason, not by chance. */
const AGAIN_FILES_MAX = 3;

/** Says the counts; the last line on stdout is the promised one. */
export function reportCounts({ passed, failed, skipped, unsteady = [], missing = [] }) {
  for (const file of unsteady)
    process.stdout.write(`unsteady: ${file} failed, and passed when it was run again alone\n`);
  // A machine that lacks something tests less: nobody shall take that for a pass.
  for (const { file, need, skipped: tests } of missing)
    process.stdout.write(`skipped: ${path.relative(root, file)}, ${tests} for want of ${need}\n`);
  if (skipped > 0) process.stdout.write(`${skipped} skipped\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

/** Sets up what is missing, runs jest, gives the counts. A set-up that fails counts as one failure and is told. */
export async function countTests(args, { env = process.env, timeoutMs } = {}) {
  let server;
  try {
    checkNodeVersion();
    const { ensurePackages } = await import('./packages.mjs');
    await ensurePackages();
    const { ensureBuilt } = await import('./build.mjs');
    // The server comes over the network while the compiler has the processor.
    [server] = await Promise.all([temporalVariable(), ensureBuilt()]);
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    say(error.message); // nothing could be tried: that is a failure, and still ends in the promised line
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const whole = { ...env, ...server };
  const counts = await runJest(args, whole, timeoutMs);
  return args.length === 0 ? await againAlone(counts, whole, timeoutMs) : counts;
}

/**
 * Of thousands of tests that share two cores with killed workers and full compilers, one may miss its time. In a run of all of
 * them the files that failed are run once more by themselves, and named: what is broken fails again, what is unsteady is seen.
 */
async function againAlone(counts, env, timeoutMs) {
  const { failing = [], missing = [] } = counts;
  if (failing.length === 0 || failing.length > AGAIN_FILES_MAX) return counts;
  const files = failing.map(({ file }) => path.relative(root, file));
  say(`failed, and run again alone: ${files.join(', ')}`);
  const again = await runJest(['--maxWorkers=1', '--runTestsByPath', ...files], env, timeoutMs);
  const replaced = (key) => counts[key] - failing.reduce((sum, file) => sum + file[key], 0) + again[key];
  const stillFailing = new Set((again.failing ?? []).map(({ file }) => path.relative(root, file)));
  return {
    passed: replaced('passed'),
    failed: replaced('failed'),
    skipped: replaced('skipped'),
    missing: [...missing.filter((row) => !failing.some(({ file }) => file === row.file)), ...(again.missing ?? [])],
    unsteady: files.filter((file) => !stillFailing.has(file)),
  };
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

async function runJest(args, env, timeoutMs) {
  const folder = mkdtempSync(path.join(tmpdir(), 'weaver-test-'));
  const countFile = path.join(folder, 'counts.json');
  // Last, for jest takes every bare word after such an option for one more of its values.
  const reporters = ['--reporters=default', `--reporters=${path.join(root, 'scripts', 'count-reporter.mjs')}`];
  try {
    const exitCode = await runToEnd([...args, ...reporters], { ...env, WEAVER_TEST_COUNTS: countFile }, timeoutMs);
    if (existsSync(countFile)) return withExitCode(JSON.parse(readFileSync(countFile, 'utf8')), exitCode);
    say('jest ended without a result');
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** jest can fail for more than its tests, for instance in a global teardown. */
function withExitCode(counts, exitCode) {
  return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

function runToEnd(args, env, timeoutMs) {
  return new Promise((resolve, reject) => {
    const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');
    const child = spawn(process.execPath, [jest, ...args], { cwd: root, env, stdio: 'inherit' });
    const timer = setTimeout(() => {
      say(`the tests are not done after ${timeoutMs / 60_000} minutes and are stopped`);
      child.kill('SIGKILL');
    }, timeoutMs);
    // An interrupt at the terminal reaches jest too; we stay until it has ended.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}
