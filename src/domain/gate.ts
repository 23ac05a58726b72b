/** The gate: the checks after the edits, compared with the same checks before them. */
import { failure, type Failure } from './failures.js';
import type { CheckVerdict } from './record.js';

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
 * Every check must pass after the edits. What failed before in the same way is named as such: the edits did not cause it,
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
