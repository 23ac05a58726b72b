/** One check on the work tree as it is: its verdict, and what its runner says of its tests. */
import { createHash } from 'node:crypto';
import { signatureSource } from '../domain/check-output.js';
import { outputEvidence } from '../domain/gate-evidence.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { CheckVerdict } from '../domain/record.js';
import type { CheckSpec, TaskSpec } from '../domain/task.js';
import type { CheckResult } from '../domain/test-results.js';
import type { CommandResult } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Checked } from './contract.js';
import { readTests, reportsBefore, withReport } from './test-reports.js';
import { runLogged, type Place } from './work-place.js';

export type Verdicts = Extract<Checked, { kind: 'checked' }>;

export interface CheckRun {
  readonly verdict: CheckVerdict;
  readonly result: CheckResult;
}

/** In their order, each in the tree as the ones before have left it: a build may come first. */
export async function runAll(ports: ActivityPorts, spec: TaskSpec, place: Place): Promise<readonly CheckRun[]> {
  const runs: CheckRun[] = [];
  for (const check of spec.checks ?? []) runs.push(await runOne(ports, check, place));
  return runs;
}

export async function runOne(ports: ActivityPorts, check: CheckSpec, place: Place): Promise<CheckRun> {
  const before = await reportsBefore(check, place);
  const { result, bytes, log } = await runLogged(ports, { ...check, run: withReport(check.run) }, false, place);
  const verdict = verdictOf(check, result, bytes, log);
  const { name, passed, exitCode, timedOut, signature } = verdict;
  // What was stopped in the middle has said half of what there is to say.
  const read =
    exitCode === null || timedOut ? { tests: null } : await tests(ports, check, place, before, result, bytes);
  return { verdict, result: { name, passed, exitCode, timedOut, signature, ...read } };
}

const tests = (
  { testReports }: ActivityPorts,
  check: CheckSpec,
  place: Place,
  before: Awaited<ReturnType<typeof reportsBefore>>,
  { cut }: CommandResult,
  bytes: Buffer,
) => readTests(testReports, check, place, before, cut ? null : bytes.toString('utf8'));

function verdictOf(
  { name }: CheckSpec,
  { exitCode, timedOut, durationMs }: CommandResult,
  bytes: Buffer,
  log: ArtifactRef,
): CheckVerdict {
  const source = `${exitCode ?? 'killed'} ${timedOut}\n${signatureSource(bytes.toString('utf8'))}`;
  return {
    name,
    passed: exitCode === 0,
    exitCode,
    timedOut,
    durationMs,
    signature: createHash('sha256').update(source).digest('hex').slice(0, 16),
    log,
  };
}

/** A check's part of the evidence, from its log as it was stored. */
export async function outputOf(
  artifacts: ActivityPorts['artifacts'],
  spec: TaskSpec,
  verdict: CheckVerdict,
): Promise<string> {
  const run = spec.checks?.find(({ name }) => name === verdict.name)?.run ?? verdict.name;
  return outputEvidence({ name: verdict.name, run }, verdict, (await artifacts.get(verdict.log)).toString('utf8'));
}
