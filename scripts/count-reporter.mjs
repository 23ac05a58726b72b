/** A jest reporter that leaves the counts of a run in the file that WEAVER_TEST_COUNTS names, for the last line of `npm test`. */
import { writeFileSync } from 'node:fs';

export default class CountReporter {
  onRunComplete(contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      // A suite that cannot even be loaded has no failed test, and is a failure.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    writeFileSync(process.env['WEAVER_TEST_COUNTS'], JSON.stringify(counts));
  }
}
