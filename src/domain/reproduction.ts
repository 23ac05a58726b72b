/** Whether the tests of a change show what it is for: without the rest of it they fail, with it they pass. */
import type { CheckResult, TestState } from './test-results.js';

export interface Reproduction {
  readonly before: readonly CheckResult[];
  /** The base with the tests of the change. */
  readonly without: readonly CheckResult[];
  readonly after: readonly CheckResult[];
}

/** The test, or the check where no tests are told apart; null if there is none. */
export function findReproduction({ before, without, after }: Reproduction): string | null {
  for (const now of after) {
    const base = before.find(({ name }) => name === now.name);
    const lone = without.find(({ name }) => name === now.name);
    if (lone === undefined) continue;
    const test = failingAlone(base, lone, now);
    if (test !== null) return test;
    // A test that cannot even be loaded without the change makes its whole check red.
    if (now.passed && base?.passed === true && !lone.passed && !lone.timedOut) return now.name;
  }
  return null;
}

function failingAlone(base: CheckResult | undefined, lone: CheckResult, now: CheckResult): string | null {
  const [was, alone] = [statesOf(base), statesOf(lone)];
  const passing = [...statesOf(now)].filter(([, state]) => state === 'passed').map(([id]) => id);
  return passing.find((id) => alone.get(id) === 'failed' && was.get(id) !== 'failed') ?? null;
}

const statesOf = (result: CheckResult | undefined): ReadonlyMap<string, TestState> =>
  new Map((result?.tests?.cases ?? []).map(({ id, state }) => [id, state]));
