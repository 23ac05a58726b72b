/** `.ci/run`: `npm test`, and `npm run check` behind it, both whatever the other says. The last line counts both together. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { setPriority } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { checkNodeVersion } from './node-version.mjs';
import { ensurePackages, npmCommand } from './packages.mjs';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
import { lastLines, runCommand } from './run-command.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** An install that waits longer waits for another one, or for a network that is not there. */
const INSTALL_TIMEOUT_MS = 3 * 60_000;

/** The checks take the time in which the tests wait, and none that a test could miss. */
const LOWEST_PRIORITY = 19;

/** Programs by the Debian package that has them. */
const PROGRAMS = { bwrap: 'bubblewrap', chromium: 'chromium' };

/** The line that `npm test` and `npm run check` end with. */
const COUNT_LINE = /^(\d+) passed, (\d+) failed$/;

await runScript(async () => {
  const counts = [];
  try {
    checkNodeVersion();
    await Promise.all([installPrograms(), ensurePackages()]);
    const tests = counted(['test']);
    counts.push(...(await Promise.all([tests, counted(['run', 'check'], { behind: tests })])));
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    say(error.message);
    counts.push({ passed: 0, failed: 1 });
  }
  const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`);
  if (sum('failed') > 0) process.exitCode = 1;
});

/**
 * Runs an npm script, passes on what it says but for its count, and gives that. Ending without one is a failure. A script
 * behind another runs beside it with what that leaves of the machine, and is heard after it.
 */
async function counted(args, { behind } = {}) {
  const startedAt = performance.now();
  const name = `npm ${args.join(' ')}`;
  say(name);
  const held = [];
  const hear = behind === undefined ? write : (line) => held.push(line);
  const { code, counts } = await runNpm(args, hear, behind === undefined ? 0 : LOWEST_PRIORITY);
  const took = seconds(startedAt);
  await Promise.allSettled([behind]);
  for (const line of held) write(line);
  const { passed, failed } = counts ?? { passed: 0, failed: 1 };
  say(`${name}: ${passed} good and ${failed} bad in ${took}`);
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

function write(line) {
  process.stdout.write(`${line}\n`);
}

function runNpm(args, hear, priority) {
  return new Promise((resolve, reject) => {
    const [command, ...before] = npmCommand();
    const child = spawn(command, [...before, '--silent', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    // Nobody has to be allowed to be the last; a process that could not start says so by its own event.
    if (priority > 0 && child.pid !== undefined) setPriority(child.pid, priority);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    let counts = null;
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      const [, passed, failed] = COUNT_LINE.exec(line) ?? [];
      // Held back: who reads the output from the end, or for all such lines, must find one answer.
      if (passed === undefined) hear(line);
      else counts = { passed: Number(passed), failed: Number(failed) };
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, counts }));
  });
}

/**
 * The checks' sandbox is tested only where bubblewrap is, and the Web UI only where Chromium is. A pipeline's machine is thrown
 * away, so what it lacks is installed if that is possible at all; weaver and its tests do without, and say so.
 */
async function installPrograms() {
  const missing = Object.entries(PROGRAMS).flatMap(([name, debianPackage]) => (onPath(name) ? [] : [debianPackage]));
  if (missing.length === 0 || process.getuid?.() !== 0 || !onPath('apt-get')) return;
  const startedAt = performance.now();
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  let result;
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...missing]]) {
    result = await runCommand('apt-get', ['-qq', ...args], { env, timeoutMs: INSTALL_TIMEOUT_MS });
  }
  const names = missing.join(', ');
  if (result.code === 0) say(`installed in ${seconds(startedAt)}: ${names}`);
  else say(`could not be installed, their tests are skipped: ${names}: ${lastLines(result.stderr, 1)}`);
}

function onPath(name) {
  return (process.env['PATH'] ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false; // not in this folder
    }
  });
}
