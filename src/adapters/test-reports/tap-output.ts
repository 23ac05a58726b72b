/** The Test Anything Protocol, with subtests. */
import { Parser, type Result } from 'tap-parser';
import type { ReportedCase } from '../../domain/test-results.js';
import { isObject } from '../../domain/plain-object.js';

const LOOKS_LIKE_TAP = /^TAP version \d+\s*$|^1\.\.\d+\s*(?:#.*)?$/m;
const HAS_TEST = /^ *(?:not )?ok\b/m;

/** Null if the output is no TAP. Lines of other programs in between are left out. */
export function readTap(text: string): readonly ReportedCase[] | null {
  if (!LOOKS_LIKE_TAP.test(text) || !HAS_TEST.test(text)) return null;
  const cases: ReportedCase[] = [];
  // Each run of a runner begins with a version; what comes before the first is of others.
  const runs = text.split(/^(?=TAP version \d)/m);
  for (const run of runs.length === 1 ? runs : runs.filter((each) => each.startsWith('TAP version'))) {
    const parser = new Parser();
    listen(parser, [], cases);
    parser.end(run);
  }
  return cases;
}

function listen(parser: Parser, parents: readonly string[], cases: ReportedCase[]): void {
  const suites = new Set<string>();
  parser.on('child', (child: Parser) => {
    suites.add(child.name);
    listen(child, [...parents, child.name], cases);
  });
  const hasFailedIn = (name: string): boolean =>
    cases.some(({ state, names }) => state === 'failed' && names[parents.length] === name);
  parser.on('assert', (result: Result) => {
    // The line that closes a subtest says what its tests have said, unless it fails by itself.
    if (suites.has(result.name) && (result.ok || hasFailedIn(result.name))) return;
    cases.push({
      names: [...parents, result.name],
      state: isSet(result.skip) || isSet(result.todo) ? 'skipped' : result.ok ? 'passed' : 'failed',
      says: wordsOf(result.diag),
    });
  });
}

const isSet = (mark: boolean | string | undefined): boolean => mark !== undefined && mark !== false;

function wordsOf(diag: unknown): string {
  if (!isObject(diag)) return '';
  const words = ['error', 'message', 'failureType', 'expected', 'actual'].flatMap((field) => {
    const value = diag[field];
    return typeof value === 'string' || typeof value === 'number' ? [`${field}: ${value}`] : [];
  });
  return words.join('\n');
}
