/** The gate: the checks after the edits, compared with the same checks before them. */
import { failure, type Failure } from './failures.js';
import type { CheckVerdict } from './record.js';
import { compareTests, type CheckResult, type ComparedTests, type TestCase, type TestTable } from './test-results.js';

export type GateVerdict =
  | { readonly kind: 'passed' }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      /** Equal for two runs that failed in the same way. */
      readonly signature: string;
      /** Checks that failed after the edits, those first that passed before. */
      readonly failed: readonly CheckVerdict[];
    };

/**
 * For steps of before there were verdicts for each test: every check must pass after the edits. What failed before in the same way is named as such: the edits did not cause it,
 * but success is never declared over it.
 */
export function judge(before: readonly CheckVerdict[], after: readonly CheckVerdict[]): GateVerdict {
  const red = after.filter((check) => !check.passed);
  if (red.length === 0) return { kind: 'passed' };
  const old = red.filter((check) => isOld(before, check));
  const fresh = red.filter((check) => !old.includes(check));
  return { kind: 'failed', failure: nameFailure(fresh, old), signature: signatureOf(red), failed: [...fresh, ...old] };
}

function isOld(before: readonly CheckVerdict[], check: CheckVerdict): boolean {
  const base = before.find(({ name }) => name === check.name);
  return base !== undefined && !base.passed && base.signature === check.signature;
}

function nameFailure(fresh: readonly CheckVerdict[], old: readonly CheckVerdict[]): Failure {
  const first = fresh[0];
  if (first === undefined) return failure('baselineBroken', `Failing since the base: ${namesOf(old)}.`);
  if (first.timedOut)
    return failure('checkTimedOut', `${first.name} was stopped after ${Math.round(first.durationMs / 1_000)} s.`);
  const since = old.length === 0 ? '' : ` Failing since the base: ${namesOf(old)}.`;
  return failure('checksFailed', `Failed: ${namesOf(fresh)}.${since}`);
}

const namesOf = (checks: readonly CheckVerdict[]): string =>
  checks
    .map(({ name, exitCode }) => (exitCode === null ? name : `${name} (exit ${exitCode})`))
    .join(', ')
    .slice(0, 500);

const signatureOf = (red: readonly CheckVerdict[]): string =>
  red.map(({ name, signature }) => `${name}=${signature}`).join('\n');

/** Every time that a check has run on the changed tree, the first time first; at least once. */
export interface CheckRuns {
  readonly name: string;
  readonly runs: readonly CheckResult[];
}

export interface GateRules {
  /** Whether a test may go: its file is one that the task is free to change. */
  readonly mayVanish: (test: TestCase) => boolean;
  /** What fails since the base may go on failing, if something of it is fixed. */
  readonly oldFailuresMayStay: boolean;
}

/** Tests, and checks of which only the exit code is known. */
export interface TestCounts {
  readonly fixed: number;
  readonly fresh: number;
  readonly old: number;
  readonly flaky: number;
  readonly vanished: number;
}

/** What came of one check. `old` fails as it did at the base. */
export interface JudgedCheck {
  readonly name: string;
  readonly verdict: 'passed' | 'fresh' | 'old';
  /** The run that counts. */
  readonly result: CheckResult;
  readonly tests: ComparedTests;
}

export interface Judgement {
  readonly checks: readonly JudgedCheck[];
  readonly counts: TestCounts;
  /** Null if the gate is passed. */
  readonly refused: {
    readonly failure: Failure;
    /** Equal for two refusals of one kind. */ readonly signature: string;
  } | null;
}

/** Passed if nothing fails that did not fail before, no test has gone, and nothing is left of what failed before. */
export function judgeTests(before: readonly CheckResult[], after: readonly CheckRuns[], rules: GateRules): Judgement {
  const checks = after.map(({ name, runs }) => {
    const base = before.find((check) => check.name === name);
    return judgeCheck(base, { name, runs: runs.map((run) => believed(base, run)) }, rules);
  });
  const counts = countTests(before, checks);
  return { checks, counts, refused: refusalOf(checks, counts, rules) };
}

/** A runner does not change its words by itself: a table of another format is one that the change has had printed. */
function believed(base: CheckResult | undefined, run: CheckResult): CheckResult {
  const [was, is] = [base?.tests?.format, run.tests?.format];
  if (was === undefined || is === undefined || was === is) return run;
  const note = `its table is of another format (${is}) than at the base (${was}): the exit code alone counts.`;
  return { ...run, tests: null, note };
}

function judgeCheck(base: CheckResult | undefined, { name, runs }: CheckRuns, { mayVanish }: GateRules): JudgedCheck {
  const result = runs.find(({ passed }) => passed) ?? runs[0];
  if (result === undefined) throw new TypeError(`check ${name} has not run`);
  const compared = compareTests(base?.tests ?? null, tablesOf(runs), mayVanish);
  // Of a check that broke down nothing is known of its tests; that it is red is enough.
  const tests = result.passed || result.tests !== null ? compared : { ...compared, vanished: [] };
  return { name, result, tests, verdict: verdictOf(base, runs, result, tests) };
}

const tablesOf = (runs: readonly CheckResult[]): readonly (TestTable | null)[] => runs.map(({ tests }) => tests);

function verdictOf(
  base: CheckResult | undefined,
  runs: readonly CheckResult[],
  result: CheckResult,
  { fresh, old, flaky }: ComparedTests,
): JudgedCheck['verdict'] {
  if (fresh.length > 0) return 'fresh';
  // A check that has failed at the base for tests that still fail has not become green by its exit code.
  if (result.passed) return base?.passed === false && old.length > 0 ? 'fresh' : 'passed';
  const isNamed = runs.every((run) => run.passed || namesFailure(run));
  // Failures that take turns are no proof that the check can pass: in one run nothing but what is old must have failed.
  if (isNamed && flaky.length > 0 && !runs.some((run) => failuresOf(run).every((id) => old.includes(id))))
    return 'fresh';
  if (base === undefined || base.passed) return 'fresh';
  if (isNamed) return base.exitCode === result.exitCode ? 'old' : 'fresh';
  return base.signature === result.signature ? 'old' : 'fresh';
}

const failuresOf = ({ tests }: CheckResult): readonly string[] =>
  (tests?.cases ?? []).filter(({ state }) => state === 'failed').map(({ id }) => id);

const namesFailure = (result: CheckResult): boolean => failuresOf(result).length > 0;

/** A check of which no test is known counts as one. */
function countTests(before: readonly CheckResult[], checks: readonly JudgedCheck[]): TestCounts {
  const sum = (of: (check: JudgedCheck) => number): number => checks.reduce((all, check) => all + of(check), 0);
  const isMended = ({ name, verdict }: JudgedCheck): boolean =>
    verdict === 'passed' && before.some((base) => base.name === name && !base.passed && !namesFailure(base));
  return {
    fixed: sum((check) => Math.max(check.tests.fixed.length, isMended(check) ? 1 : 0)),
    fresh: sum(({ tests, verdict }) => Math.max(tests.fresh.length, verdict === 'fresh' ? 1 : 0)),
    old: sum(({ tests, verdict }) => Math.max(tests.old.length, verdict === 'old' ? 1 : 0)),
    flaky: sum(({ tests }) => tests.flaky.length),
    vanished: sum(({ tests }) => tests.vanished.length),
  };
}

function refusalOf(
  checks: readonly JudgedCheck[],
  counts: TestCounts,
  { oldFailuresMayStay }: GateRules,
): Judgement['refused'] {
  const fresh = checks.filter(({ verdict }) => verdict === 'fresh');
  const old = checks.filter(({ verdict }) => verdict === 'old');
  const vanished = checks.flatMap(({ tests }) => tests.vanished);
  const oldStays = oldFailuresMayStay && counts.fixed > 0 && old.every(({ result }) => namesFailure(result));
  if (fresh.length === 0 && vanished.length === 0 && (old.length === 0 || oldStays)) return null;
  return {
    failure: nameRefusal(fresh, vanished, old, counts),
    signature: [
      ...[...fresh, ...old].map(({ name, result }) => `${name}=${result.signature}`),
      ...vanished.map((id) => `gone ${id}`),
    ].join('\n'),
  };
}

function nameRefusal(
  fresh: readonly JudgedCheck[],
  vanished: readonly string[],
  old: readonly JudgedCheck[],
  { fixed }: TestCounts,
): Failure {
  const first = fresh[0];
  const since = old.length === 0 ? '' : ` Failing since the base: ${checkNames(old)}.`;
  if (first?.result.timedOut === true) return failure('checkTimedOut', `${first.name} was stopped at its time limit.`);
  if (first !== undefined) return failure('checksFailed', `Failed: ${checkNames(fresh)}.${since}`);
  if (vanished.length > 0)
    return failure('testsVanished', `${vanished.length} not run any more: ${listed(vanished)}.${since}`);
  // Mostly it is what the task is there for; something else was wrong before it where its edits have mended a part, or hangs.
  const isApart = fixed > 0 || old.some(({ result }) => result.timedOut);
  return failure(isApart ? 'baselineBroken' : 'stillFailing', `Failing since the base: ${checkNames(old)}.`);
}

const checkNames = (checks: readonly JudgedCheck[]): string =>
  checks
    .map(({ name, result, verdict, tests }) => {
      const ids = verdict === 'old' ? tests.old : tests.fresh;
      const exit = result.exitCode === null ? name : `${name} (exit ${result.exitCode})`;
      return ids.length === 0 ? exit : `${exit}: ${listed(ids)}`;
    })
    .join(', ')
    .slice(0, 700);

/** Enough to know which; the evidence names more. */
const NAMED_MAX = 5;

const listed = (ids: readonly string[]): string => {
  const shown = ids.slice(0, NAMED_MAX).map((id) => id.slice(0, 120).toWellFormed());
  return `${shown.join('; ')}${ids.length > NAMED_MAX ? `; and ${ids.length - NAMED_MAX} more` : ''}`;
};

/** `3 fixed, 0 new, 1 old, 0 vanished` */
export const countWords = ({ fixed, fresh, old, flaky, vanished }: TestCounts): string =>
  `${fixed} fixed, ${fresh} new, ${old} old, ${vanished} vanished${flaky === 0 ? '' : `, ${flaky} flaky`}`;

/** Whether another run may show that what is new is not: a check that was stopped or killed is not run again for that. */
export const isWorthRerun = ({ verdict, result }: JudgedCheck): boolean =>
  verdict === 'fresh' && !result.passed && result.exitCode !== null && !result.timedOut;
