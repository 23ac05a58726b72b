/**
 * A jest reporter that leaves the counts of a run, with those of each file that failed, in the file that WEAVER_TEST_COUNTS
 * names: for the last line of `npm test`.
 */
import { writeFileSync } from 'node:fs';

export default class CountReporter {
  onRunComplete(contexts, results) {
    const failing = results.testResults
      .filter((file) => file.numFailingTests > 0 || file.testExecError !== undefined)
      .map((file) => ({
        file: file.testFilePath,
        passed: file.numPassingTests,
        failed: file.numFailingTests > 0 ? file.numFailingTests : 1,
        skipped: file.numPendingTests + file.numTodoTests,
      }));
    const counts = {
      passed: results.numPassedTests,
      // A suite that cannot even be loaded has no failed test, and is a failure.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
      failing,
    };
    writeFileSync(process.env['WEAVER_TEST_COUNTS'], JSON.stringify(counts));
  }
}
