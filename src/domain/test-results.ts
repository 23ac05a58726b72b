/** What a check's runner says of each test, and what became of the tests between two runs of the same check. */
import { groupsOf } from './groups.js';

export type TestState = 'passed' | 'failed' | 'skipped';

export interface TestCase {
  /** Unique in its table: suites, classes and the name, in the runner's words. */
  readonly id: string;
  readonly state: TestState;
  /** Path from the top of the repository, where the runner tells it. */
  readonly file?: string;
  /** What a failure says, cut. */
  readonly says?: string;
}

/** Where the results were read from. */
export type ReportFormat = 'junit' | 'jest' | 'mocha' | 'go' | 'cargo' | 'unittest' | 'tap' | 'spec' | 'summary';

export interface TestTable {
  readonly format: ReportFormat;
  /** By id. */
  readonly cases: readonly TestCase[];
  /** False if the runner names only some of its tests: then one that is not named has not gone. */
  readonly complete: boolean;
  /** How many it says that it has run, skipped ones left out, where it says so beside the names. */
  readonly ran?: number;
}

/** One check as it ended, with what is known of its tests. */
export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** Equal for the same failure. */
  readonly signature: string;
  readonly tests: TestTable | null;
  /** Tests that were rewritten while the checks ran. */
  readonly rewrote?: readonly string[];
  /** Why there is no table although a report was there or expected. */
  readonly note?: string;
}

/** Large suites have ten thousand; a table of these is five megabytes. */
const CASES_MAX = 50_000;
const ID_CHARACTERS_MAX = 400;
/** An assertion with its difference; the log has the rest. */
const SAYS_CHARACTERS_MAX = 1_500;
/** Failures whose words are kept: what comes after them has the same cause. */
const SAYING_MAX = 50;

/** The name that stands for what a runner has begun and said nothing more of. */
export const NOT_ENDED = 'a test binary without result';

/** As read from a report: ids may repeat. */
export interface ReportedCase {
  readonly names: readonly string[];
  readonly state: TestState;
  readonly file?: string | undefined;
  readonly says?: string | undefined;
}

/** Orders, bounds and numbers what a report holds; null if it holds no test. */
export function tableOf(
  format: ReportFormat,
  reported: readonly ReportedCase[],
  complete = true,
  ran?: number,
): TestTable | null {
  if (reported.length === 0) return null;
  const named = reported.map((each) => ({ ...each, id: idOf(each.names) })).toSorted(byIdAndState);
  const seen = new Map<string, number>();
  let saying = 0;
  const cases = named.slice(0, CASES_MAX).map(({ id, state, file, says }): TestCase => {
    const number = (seen.get(id) ?? 0) + 1;
    seen.set(id, number);
    const isSaid = state === 'failed' && says !== undefined && says.trim() !== '' && saying < SAYING_MAX;
    if (isSaid) saying += 1;
    return {
      // Tests of one name are told apart by number, those that passed first: one less is one gone.
      id: number === 1 ? id : `${id} #${number}`,
      state,
      ...(file === undefined || file === '' ? {} : { file }),
      ...(isSaid ? { says: says.trim().slice(0, SAYS_CHARACTERS_MAX).toWellFormed() } : {}),
    };
  });
  const table = { format, cases, complete: complete && named.length <= CASES_MAX };
  return ran === undefined ? table : { ...table, ran };
}

const INSIDE = ' › ';

const idOf = (names: readonly string[]): string =>
  names
    .map((name) => name.replaceAll(/\s+/g, ' ').trim())
    .filter((name) => name !== '')
    .join(INSIDE)
    .slice(0, ID_CHARACTERS_MAX)
    .toWellFormed() || '(no name)';

const ORDER: Readonly<Record<TestState, number>> = { passed: 0, failed: 1, skipped: 2 };

function byIdAndState(
  a: { readonly id: string; readonly state: TestState },
  b: { readonly id: string; readonly state: TestState },
): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return ORDER[a.state] - ORDER[b.state];
}

/** How many tests of a table are in which state. */
export const countsOf = ({ cases }: TestTable): Readonly<Record<TestState, number>> => {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { state } of cases) counts[state] += 1;
  return counts;
};

/** What became of the tests of one check: each list holds ids in byte order. */
export interface ComparedTests {
  /** Failed before, passes now. */
  readonly fixed: readonly string[];
  /** Fails now and did not fail before. */
  readonly fresh: readonly string[];
  readonly old: readonly string[];
  /** Failed in one run on the same tree and passed in another. */
  readonly flaky: readonly string[];
  /** Was there and is not run any more: gone, renamed or skipped. */
  readonly vanished: readonly string[];
  /** Was not there and passes. */
  readonly added: readonly string[];
}

/**
 * @param runs of the same tree, the first one first; at least one
 * @param mayVanish tests whose file the task is free to change
 */
export function compareTests(
  before: TestTable | null,
  runs: readonly (TestTable | null)[],
  mayVanish: (test: TestCase) => boolean = () => false,
): ComparedTests {
  const was = new Map((before?.cases ?? []).map((test) => [test.id, test.state]));
  const tables = runs.filter((table) => table !== null).map((table) => distrusting(was, table));
  const now = statesOver(tables);
  const failing = [...now].filter(([, states]) => states.has('failed') && !states.has('passed')).map(([id]) => id);
  const passing = [...now].filter(([, states]) => states.has('passed')).map(([id]) => id);
  const opened = before === null ? [] : openedIn(before, now);
  const missing = before === null ? [] : before.cases.filter((test) => isGone(test, before, tables, now));
  const named = missing.filter(({ id }) => !opened.includes(id));
  const empty = before === null ? [] : emptyPackages(before, now);
  const gone = named.length === 0 && before !== null ? [...empty, ...fewer(before, tables)] : [...named, ...empty];
  const silent = before === null || gone.length > 0 ? [] : silentlyFixed(before, tables, now);
  return {
    fixed: sorted([...passing.filter((id) => was.get(id) === 'failed'), ...silent, ...opened]),
    fresh: sorted(failing.filter((id) => was.get(id) !== 'failed')),
    old: sorted(failing.filter((id) => was.get(id) === 'failed')),
    flaky: sorted(passing.filter((id) => now.get(id)?.has('failed') === true)),
    vanished: sorted(gone.filter((test) => !mayVanish(test)).map(({ id }) => id)),
    added: before === null ? [] : sorted(passing.filter((id) => !was.has(id))),
  };
}

/**
 * More tests of one name than before: what is new may be made up, a line that a program under test has printed beside the one
 * of its runner. So the worst of them stand for those that were there.
 */
function distrusting(was: ReadonlyMap<string, TestState>, table: TestTable): TestTable {
  const groups = groupsOf(table.cases, ({ id }) => id.replace(NUMBERED, ''));
  return { ...table, cases: [...groups.values()].flatMap((group) => worstFirst(was, group)) };
}

const NUMBERED = / #\d+$/;
const WORST: Readonly<Record<TestState, number>> = { failed: 0, skipped: 1, passed: 2 };

function worstFirst(was: ReadonlyMap<string, TestState>, group: readonly TestCase[]): readonly TestCase[] {
  const ids = group.map(({ id }) => id);
  const old = ids.filter((id) => was.has(id));
  if (old.length === 0 || old.length === ids.length) return group;
  const placed = [...old, ...ids.filter((id) => !was.has(id))];
  const tests = group.toSorted((a, b) => WORST[a.state] - WORST[b.state]);
  return tests.map((test, at) => ({ ...test, id: placed[at] ?? test.id }));
}

type States = ReadonlySet<TestState>;

function statesOver(tables: readonly TestTable[]): ReadonlyMap<string, States> {
  const states = new Map<string, Set<TestState>>();
  for (const { id, state } of tables.flatMap(({ cases }) => cases)) {
    const known = states.get(id);
    if (known === undefined) states.set(id, new Set([state]));
    else known.add(state);
  }
  return states;
}

/** A runner that counts, and names only some: so many have gone, whichever they were. */
function fewer(before: TestTable, tables: readonly TestTable[]): readonly TestCase[] {
  const was = before.ran ?? 0;
  const now = Math.max(...tables.map(({ ran = 0 }) => ran));
  return now < was && tables.length > 0 ? [{ id: `${was - now} of ${was} tests`, state: 'passed' }] : [];
}

/**
 * A package of go that was red before any test had begun, and is green without one: it has ended before them. Where packages
 * were green without tests at the base too, the runner names none that passes.
 */
function emptyPackages({ format, cases }: TestTable, now: ReadonlyMap<string, States>): readonly TestCase[] {
  if (format !== 'go') return [];
  const ids = [...now.keys()];
  const before = cases.map(({ id }) => id);
  if (cases.some(({ id, state }) => state === 'passed' && isEmpty(id, before))) return [];
  return cases
    .filter(({ id, state }) => state === 'failed' && now.get(id)?.has('passed') === true)
    .filter(({ id }) => isEmpty(id, before) && isEmpty(id, ids))
    .map((each) => ({ ...each, id: `${each.id} (no test of it is named)` }));
}

const isEmpty = (id: string, names: readonly string[]): boolean =>
  !id.includes(INSIDE) && !names.some((other) => other.startsWith(id + INSIDE));

/**
 * What could not be loaded at the base stands there as one failing test: its file (node, jest), its module (pytest), a line of
 * its class. Loaded, it is not named any more, but its tests are; node does not say of which file they are.
 */
function openedIn({ cases }: TestTable, now: ReadonlyMap<string, States>): readonly string[] {
  const was = new Set(cases.map(({ id }) => id));
  const fresh = [...now].filter(([id, states]) => !was.has(id) && states.has('passed')).map(([id]) => id);
  const hasCome = (id: string): boolean => {
    if (id === NOT_ENDED) return now.size > 0;
    const place = id.replace(NOT_BEGUN, '');
    if (SOURCE.test(id)) return fresh.length > 0;
    return fresh.some((other) => other.startsWith(place + INSIDE) || other.startsWith(`${place}.`));
  };
  return cases.filter(({ id, state }) => state === 'failed' && !now.has(id) && hasCome(id)).map(({ id }) => id);
}

const SOURCE = /^[^›]+\.[cm]?[jt]sx?$/;
/** As JUnit names what went wrong before the first test of a class. */
const NOT_BEGUN = / › (?:initializationError|executionError|classMethod)$/;

/** What such a runner has named as failing, and does not any more. */
const silentlyFixed = (
  { ran, cases }: TestTable,
  tables: readonly TestTable[],
  now: ReadonlyMap<string, States>,
): readonly string[] =>
  ran === undefined || tables.length === 0
    ? []
    : cases.filter(({ id, state }) => state === 'failed' && !now.has(id)).map(({ id }) => id);

/** Skipped is gone too, and so is every test of a report that is not there any more. */
function isGone(
  { id, state }: TestCase,
  before: TestTable,
  tables: readonly TestTable[],
  now: ReadonlyMap<string, States>,
): boolean {
  if (state === 'skipped') return false;
  const states = now.get(id);
  if (states !== undefined) return !states.has('passed') && !states.has('failed');
  // A runner that names only what fails leaves out what passes. What it named at the base it names as long as it runs it.
  return tables.length === 0 || before.complete || state === 'passed';
}

const sorted = (ids: readonly string[]): readonly string[] => ids.toSorted();
