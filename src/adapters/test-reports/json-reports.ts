/** The JSON of jest and vitest, of mocha, and of `go test -json`. */
import type { ReportedCase, ReportFormat, TestState } from '../../domain/test-results.js';
import { isObject } from '../../domain/plain-object.js';

export interface JsonReport {
  readonly format: ReportFormat;
  readonly cases: readonly ReportedCase[];
}

/** Null if the value is no report of a kind that is known here. */
export function readJsonReport(value: unknown): JsonReport | null {
  if (!isObject(value)) return null;
  if (Array.isArray(value['testResults'])) return { format: 'jest', cases: value['testResults'].flatMap(casesOfFile) };
  if (Array.isArray(value['tests']) && isObject(value['stats'])) return { format: 'mocha', cases: mochaCases(value) };
  return null;
}

const STATES: Readonly<Record<string, TestState>> = {
  passed: 'passed',
  failed: 'failed',
  pending: 'skipped',
  skipped: 'skipped',
  todo: 'skipped',
  disabled: 'skipped',
  focused: 'passed',
};

function casesOfFile(value: unknown): readonly ReportedCase[] {
  if (!isObject(value)) return [];
  const file = textOf(value['name']) || textOf(value['testFilePath']);
  const results: readonly unknown[] = Array.isArray(value['assertionResults']) ? value['assertionResults'] : [];
  const cases = results.flatMap((each) => assertionOf(file, each));
  // A file that could not be loaded has no tests of its own.
  const isBroken = value['status'] === 'failed' && !cases.some(({ state }) => state === 'failed');
  return isBroken ? [...cases, { names: [file], state: 'failed', file, says: textOf(value['message']) }] : cases;
}

function assertionOf(file: string, value: unknown): readonly ReportedCase[] {
  if (!isObject(value)) return [];
  const titles = Array.isArray(value['ancestorTitles']) ? value['ancestorTitles'].map(textOf) : [];
  const says = Array.isArray(value['failureMessages']) ? value['failureMessages'].map(textOf).join('\n') : '';
  const state = STATES[textOf(value['status'])];
  return state === undefined ? [] : [{ names: [file, ...titles, textOf(value['title'])], state, file, says }];
}

/** Files and titles, which together name a test. */
const titlesIn = (list: unknown): ReadonlySet<string> =>
  new Set(Array.isArray(list) ? list.filter(isObject).map(titleOf) : []);

const titleOf = (test: Readonly<Record<string, unknown>>): string =>
  `${textOf(test['file'])}\n${textOf(test['fullTitle'])}`;

function mochaCases(value: Readonly<Record<string, unknown>>): readonly ReportedCase[] {
  const [failed, pending] = [titlesIn(value['failures']), titlesIn(value['pending'])];
  const tests: readonly unknown[] = Array.isArray(value['tests']) ? value['tests'] : [];
  return tests.filter(isObject).map((test) => {
    const file = textOf(test['file']);
    const key = titleOf(test);
    const error = test['err'];
    return {
      names: [file, textOf(test['fullTitle'])],
      state: failed.has(key) ? 'failed' : pending.has(key) ? 'skipped' : 'passed',
      file,
      says: isObject(error) ? textOf(error['message']) : '',
    };
  });
}

/** Lines of other programs may stand between; null if there is none of go's. A test that began and has no end has failed. */
export function readGoEvents(text: string): JsonReport | null {
  const ends = new Map<string, { readonly names: readonly string[]; state: TestState; says: string; fails?: true }>();
  for (const line of text.split('\n')) {
    if (!line.startsWith('{"')) continue;
    const event = parsed(line);
    if (!isObject(event) || typeof event['Action'] !== 'string' || typeof event['Package'] !== 'string') continue;
    const { Action: action, Package: pack, Test: test, Output: output } = event;
    // The end of a package stands for what is in no test: its build, its TestMain.
    const names = typeof test === 'string' ? [pack, test] : [pack];
    const key = names.join('\n');
    const known = ends.get(key) ?? { names, state: 'failed', says: '' };
    // What a test prints may look like the end of another: a failure stays one.
    if (action === 'fail') Object.assign(known, { state: 'failed', fails: true });
    else if (known.fails !== true && (action === 'pass' || action === 'skip'))
      known.state = action === 'pass' ? 'passed' : 'skipped';
    if (action === 'output' && known.says.length < SAYS_MAX) known.says += textOf(output);
    ends.set(key, known);
  }
  const cases = [...ends.values()].map(({ names, state, says }) => ({ names, state, says }));
  return ends.size === 0 ? null : { format: 'go', cases };
}

/** What a failing test prints first. */
const SAYS_MAX = 3_000;

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Two programs wrote into one line; the others stand.
    return null;
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
