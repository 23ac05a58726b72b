/** `npm run check`: everything that can be said about the sources without running weaver. All steps run, whatever fails. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleReport } from './bundle-check.mjs';
import { ensureBuilt } from './build.mjs';
import { checkNodeVersion } from './node-version.mjs';
import { ensurePackages } from './packages.mjs';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
import { runCommand } from './run-command.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** The slowest step takes seconds; a step that takes five minutes hangs. */
const STEP_TIMEOUT_MS = 5 * 60_000;

const STEPS = [
  ['format', () => tool('prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.'])],
  ['lint', () => tool('oxlint/bin/oxlint', ['--deny-warnings'])],
  ['types', () => typesOf('tsconfig.json')],
  ['types of tests', () => typesOf('tsconfig.tests.json')],
  ['bundle', bundle],
  ['unused code', () => tool('knip/bin/knip.js', ['--no-progress', '--no-config-hints'])],
  ['architecture', () => tool('jest/bin/jest.js', ['--silent', 'tests/architecture.test.ts'])],
];

await runScript(async () => {
  const outcomes = [];
  try {
    checkNodeVersion();
    await ensurePackages();
    for (const outcome of await allSteps()) outcomes.push(reported(outcome));
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    say(error.message); // nothing could be tried: that is a failure, and still ends in the promised line
    outcomes.push(false);
  }
  const failed = outcomes.filter((ok) => !ok).length;
  process.stdout.write(`${outcomes.length - failed} passed, ${failed} failed\n`);
  if (failed > 0) process.exitCode = 1;
});

/** Two at a time: the format takes one processor for as long as all others together take another. In their order here. */
async function allSteps() {
  const outcomes = [];
  const waiting = STEPS.entries();
  const lane = async () => {
    for (const [at, [name, run]] of waiting) {
      const startedAt = performance.now();
      outcomes[at] = { name, ...(await run()), took: seconds(startedAt) };
    }
  };
  await Promise.all([lane(), lane()]);
  return outcomes;
}

/** One line for a step that is fine; all that it said for one that is not. */
function reported({ name, ok, says, took }) {
  const first = `${ok ? 'ok    ' : 'FAILED'} ${name.padEnd(14)} ${took.padStart(6)}`;
  process.stdout.write(ok ? `${`${first}  ${says}`.trimEnd()}\n` : `${first}\n${indented(says)}\n`);
  return ok;
}

function indented(text) {
  return text.trimEnd().replaceAll(/^(?=.)/gm, '       ');
}

/** A package's program with this very Node, so that nothing has to be on PATH. */
async function tool(program, args) {
  const command = [path.join(root, 'node_modules', ...program.split('/')), ...args];
  const result = await runCommand(process.execPath, command, { cwd: root, timeoutMs: STEP_TIMEOUT_MS });
  const late = result.timedOut ? `not done after ${STEP_TIMEOUT_MS / 60_000} minutes\n` : '';
  return { ok: result.code === 0, says: result.code === 0 ? '' : `${late}${result.stdout}${result.stderr}` };
}

function typesOf(project) {
  return tool('typescript/bin/tsc', ['--noEmit', '--pretty', 'false', '-p', project]);
}

async function bundle() {
  try {
    await ensureBuilt({ root });
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    return { ok: false, says: error.message };
  }
  const { faults, says } = bundleReport(root);
  return faults.length === 0 ? { ok: true, says } : { ok: false, says: faults.join('\n') };
}
