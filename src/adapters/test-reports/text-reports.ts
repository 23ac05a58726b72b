/** What runners print for people: node's `spec`, cargo, and `go test` without `-json`. */
import { NOT_ENDED, type ReportedCase, type ReportFormat, type TestState } from '../../domain/test-results.js';

export interface TextReport {
  readonly format: ReportFormat;
  readonly cases: readonly ReportedCase[];
  /** False if tests that pass are not named. */
  readonly complete: boolean;
}

/** One for each of them that has printed a test. */
export const readTextReports = (text: string): readonly TextReport[] =>
  [cargo(text), go(text), nodeSpec(text)].filter((report) => report !== null).filter(({ cases }) => cases.length > 0);

const CARGO_RUNS = /^running \d+ tests?$/gm;
const CARGO_ENDS = /^test result: /gm;
const CARGO_TEST = /^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)\b/;
/** Of an example in documentation: it stands elsewhere after every line that is added above it. */
const CARGO_LINE = / \(line \d+\)/;
const CARGO_STATES: Readonly<Record<string, TestState>> = { ok: 'passed', FAILED: 'failed', ignored: 'skipped' };

/** Which binary a test is of stands on the other stream, and may come late: it is no part of the name. */
function cargo(text: string): TextReport | null {
  const begun = text.match(CARGO_RUNS)?.length ?? 0;
  if (begun === 0) return null;
  const cases: ReportedCase[] = [];
  // A binary whose code ends it has named nothing, and cargo goes by its exit code.
  if (begun > (text.match(CARGO_ENDS)?.length ?? 0)) cases.push({ names: [NOT_ENDED], state: 'failed' });
  for (const line of text.split('\n')) {
    const [, name, word = ''] = CARGO_TEST.exec(line) ?? [];
    const state = CARGO_STATES[word];
    if (name !== undefined && state !== undefined) cases.push({ names: [name.replace(CARGO_LINE, '')], state });
  }
  return { format: 'cargo', cases, complete: true };
}

const GO_BEGIN = '=== RUN   ';
const GO_TEST = /^\s*--- (PASS|FAIL|SKIP): (\S+) \(\d/;
const GO_PACKAGE = /^(ok {2}|FAIL|\?? {3})\t(\S+)\s+(.*)$/;
const GO_STATES: Readonly<Record<string, TestState>> = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' };

/** Tests come before the line of their package. Without `-v` only those are named that fail, and packages. */
function go(text: string): TextReport | null {
  const cases: ReportedCase[] = [];
  let waiting: { readonly name: string; readonly state: TestState }[] = [];
  let isVerbose = false;
  for (const line of text.split('\n')) {
    isVerbose ||= line.startsWith(GO_BEGIN);
    const [, word = '', name] = GO_TEST.exec(line) ?? [];
    const state = GO_STATES[word];
    if (name !== undefined && state !== undefined) {
      isVerbose ||= state !== 'failed';
      waiting.push({ name, state });
      continue;
    }
    const [, verdict = '', pack, rest = ''] = GO_PACKAGE.exec(line) ?? [];
    if (pack === undefined || !/^(?:\(cached\)|\d|\[)/.test(rest)) continue;
    cases.push(...waiting.map((test) => ({ names: [pack, test.name], state: test.state })));
    waiting = [];
    cases.push({ names: [pack], state: packageState(verdict, rest) });
  }
  return cases.length === 0 ? null : { format: 'go', cases, complete: isVerbose };
}

function packageState(verdict: string, rest: string): TestState {
  if (verdict.startsWith('FAIL')) return 'failed';
  return verdict.startsWith('ok') && !rest.includes('[no tests to run]') ? 'passed' : 'skipped';
}

const SPEC_LINE = /^( *)(✔|✖|﹣|▶) (.+?)(?: \(\d[\d.]*ms\))?(?: # (SKIP|TODO)\b.*)?$/;
const SPEC_END = /^ℹ tests \d+$/gm;
/** After a summary those that failed are printed once more, each below its place. */
const SPEC_AGAIN = /^✖ failing tests:$|^test at .+:\d+:\d+\n✖ .*$/gm;
const SPEC_STATES: Readonly<Record<string, TestState>> = { '✔': 'passed', '✖': 'failed', '﹣': 'skipped' };

/** Names are nested by two blanks; a suite is announced by an arrow and closed by a line of its own, which is left out. */
function nodeSpec(text: string): TextReport | null {
  // The last one: a summary that a test has printed itself must not hide what comes after it.
  const end = [...text.matchAll(SPEC_END)].at(-1);
  if (end === undefined) return null;
  const cases: ReportedCase[] = [];
  const suites: string[] = [];
  for (const line of text.slice(0, end.index).replaceAll(SPEC_AGAIN, '').split('\n')) {
    const [, blanks = '', sign = '', name = '', word] = SPEC_LINE.exec(line) ?? [];
    if (name === '') continue;
    const depth = blanks.length / 2;
    if (sign === '▶') {
      suites.splice(depth, suites.length, name);
      continue;
    }
    const isSuite = suites.length === depth + 1 && suites[depth] === name;
    const state = word === undefined ? SPEC_STATES[sign] : 'skipped';
    suites.splice(depth);
    if (!isSuite && state !== undefined) cases.push({ names: [...suites, name], state });
  }
  return { format: 'spec', cases, complete: true };
}
