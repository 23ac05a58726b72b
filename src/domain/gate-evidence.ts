/** What the next prompt is told of a gate that was not passed: the tests first that are new to fail, then what was printed. */
import { excerpt } from './check-output.js';
import type { JudgedCheck } from './gate.js';
import type { TestTable } from './test-results.js';

/** Names of one kind of one check. */
const NAMED_MAX = 20;
/** Failures shown with their own words. */
const SAID_MAX = 5;
/** What of a failing check's output goes into the next prompt. */
const EXCERPT_CHARACTERS = 8_000;

/** Empty if nothing is wrong. @param outputOf what a check printed in the run that counts */
export function gateEvidence(checks: readonly JudgedCheck[], outputOf: (name: string) => string): string {
  const wrong = checks.filter(({ verdict, tests }) => verdict !== 'passed' || tests.vanished.length > 0);
  const order = wrong.toSorted((a, b) => rank(a) - rank(b));
  return [
    ...order.flatMap((check) => testLines(check)),
    ...order.filter(({ result }) => !result.passed).map(({ name }) => outputOf(name)),
  ].join('\n\n');
}

const rank = ({ verdict }: JudgedCheck): number => ['fresh', 'passed', 'old'].indexOf(verdict);

function testLines({ name, tests, result }: JudgedCheck): readonly string[] {
  const { fresh, vanished, old, flaky } = tests;
  const note = result.note === undefined ? [] : [`${name}: ${result.note}`];
  return [
    ...listed(`${name}: new failures, caused by the change`, fresh, result.tests),
    ...listed(`${name}: tests of the base that are not run any more (gone, renamed or skipped)`, vanished, null),
    ...listed(`${name}: failing since the base`, old, null),
    ...listed(`${name}: flaky, passed when run again`, flaky, null),
    ...note,
  ];
}

function listed(title: string, ids: readonly string[], table: TestTable | null): readonly string[] {
  if (ids.length === 0) return [];
  const words = new Map((table?.cases ?? []).map(({ id, says }) => [id, says]));
  const lines = ids.slice(0, NAMED_MAX).map((id, index) => {
    const says = index < SAID_MAX ? words.get(id) : undefined;
    return says === undefined ? `- ${id}` : `- ${id}\n${says.replaceAll(/^/gm, '    ')}`;
  });
  const more = ids.length > NAMED_MAX ? [`- and ${ids.length - NAMED_MAX} more`] : [];
  return [`${title} (${ids.length}):\n${[...lines, ...more].join('\n')}`];
}

/** A check's own part: its command, what it printed, how it ended. */
export const outputEvidence = (
  { name, run }: { readonly name: string; readonly run: string },
  { exitCode, timedOut }: { readonly exitCode: number | null; readonly timedOut: boolean },
  output: string,
): string =>
  `$ ${run}\n${excerpt(output, EXCERPT_CHARACTERS)}\n(${name}: ${timedOut ? 'stopped at its time limit' : `exit code ${exitCode ?? 'none, killed'}`})`;
