/** `npm test`: sets up what is missing, runs jest with all arguments passed on; the last line on stdout is the count. */
import { runScript } from './progress.mjs';
import { countTests, reportCounts } from './run-tests.mjs';

/** The whole suite takes minutes; a run that is not done after an hour hangs, and would hang a pipeline. */
const RUN_TIMEOUT_MS = 60 * 60_000;

await runScript(async () => reportCounts(await countTests(process.argv.slice(2), { timeoutMs: RUN_TIMEOUT_MS })));
