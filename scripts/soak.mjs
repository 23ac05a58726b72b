/** `npm run soak [-- jest arguments]`: the tests under fire in full, every point and hundreds of moments. Takes hours. */
import { runScript } from './progress.mjs';
import { countTests, reportCounts } from './run-tests.mjs';

/** A night. What is not done by then hangs. */
const RUN_TIMEOUT_MS = 12 * 60 * 60_000;

/** Under fire, and all real packages. */
const IN_FULL = 'tests/(chaos|real)/';

/** Waits inside the tests have limits of their own; this one is for a test that only counts its work. */
const TEST_TIMEOUT_MS = 3 * 60 * 60_000;

await runScript(async () => {
  const args = process.argv.slice(2);
  const chosen = args.some((arg) => !arg.startsWith('-')) ? args : [`--testPathPatterns=${IN_FULL}`, ...args];
  const env = { ...process.env, WEAVER_SOAK: '1' };
  reportCounts(await countTests([`--testTimeout=${TEST_TIMEOUT_MS}`, ...chosen], { env, timeoutMs: RUN_TIMEOUT_MS }));
});
