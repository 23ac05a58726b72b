/**
 * A jest reporter that leaves the counts of a run, with those of each file that failed and what was skipped for want of
 * something, in the file that WEAVER_TEST_COUNTS names: for the last lines of `npm test`.
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
      missing: results.testResults.flatMap(missingIn),
    };
    writeFileSync(process.env['WEAVER_TEST_COUNTS'], JSON.stringify(counts));
  }
}

/** What tests/where.ts writes behind the name of a block that is skipped. */
const NEED = / \[needs ([^\]]+)\]$/;

/** One row for each thing that a file needs and the machine has not. */
function missingIn({ testFilePath: file, testResults }) {
  const needs = testResults.flatMap(({ status, ancestorTitles }) => {
    const need = ancestorTitles.map((title) => NEED.exec(title)?.[1]).find((found) => found !== undefined);
    return status === 'pending' && need !== undefined ? [need] : [];
  });
  return [...new Set(needs)].map((need) => ({ file, need, skipped: needs.filter((each) => each === need).length }));
}
