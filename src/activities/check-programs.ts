/** Checks that cannot be run for want of a program: asking a model again does not bring it. */
import { failure, type Failure } from '../domain/failures.js';
import { mayLackProgram, missingOnHost, missingProgram } from '../domain/missing-program.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { CheckVerdict } from '../domain/record.js';
import type { TaskSpec } from '../domain/task.js';
import type { ActivityPorts } from './activity-ports.js';
import type { CheckInput } from './contract.js';
import { readResults } from './gate-checks.js';

/**
 * What no edit can bring. At the base: a program that the check's own command names, where no set-up could install it. After the
 * edits (`baseline` is what the checks said before them): every one that was not there before either.
 */
export async function programMissing(
  ports: ActivityPorts,
  { checks = [], setup }: TaskSpec,
  { tree, baseTree }: CheckInput,
  verdicts: readonly CheckVerdict[],
  baseline: ArtifactRef | null,
): Promise<{ readonly failure: Failure; readonly log: ArtifactRef } | null> {
  if (baseline === null && (tree !== baseTree || setup.length > 0)) return null;
  const lacking = verdicts.filter(({ exitCode }) => mayLackProgram(exitCode));
  if (lacking.length === 0) return null;
  const before = baseline === null ? null : await readResults(ports, baseline);
  for (const { name, exitCode, log } of lacking) {
    if (before?.some((base) => base.name === name && base.exitCode === exitCode) === false) continue;
    const printed = (await ports.artifacts.get(log)).toString('utf8');
    const run = checks.find((check) => check.name === name)?.run ?? '';
    const missing = missingOnHost(exitCode, printed);
    if (missing === null || (before === null && missingProgram(run, exitCode, printed) !== missing)) continue;
    const why = setup.length === 0 ? 'The task has no setup.' : 'The setup of the task does not bring it.';
    const detail = `${name}: ${missing} is not found (exit ${exitCode}). ${why}`;
    return { failure: failure('checkProgramMissing', detail), log };
  }
  return null;
}
