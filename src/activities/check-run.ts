/** One check on the work tree as it is: its verdict, and what its runner says of its tests. */
import { createHash } from 'node:crypto';
import { signatureSource, withoutPassing } from '../domain/check-output.js';
import { outputEvidence } from '../domain/gate-evidence.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { CheckVerdict } from '../domain/record.js';
import type { CheckSpec, TaskSpec } from '../domain/task.js';
import type { CheckResult } from '../domain/test-results.js';
import type { CommandResult } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Checked } from './contract.js';
import { readTests, reportName, reportsBefore, withoutReportName, withReport } from './test-reports.js';
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

async function runOne(ports: ActivityPorts, check: CheckSpec, place: Place): Promise<CheckRun> {
  const report = { name: reportName(), before: await reportsBefore(check, place) };
  const run = withReport(check.run, report.name);
  const { result, bytes, log } = await runLogged(ports, { ...check, run }, false, place);
  const verdict = verdictOf(check, result, withoutReportName(bytes.toString('utf8'), report.name), log);
  const { name, passed, exitCode, timedOut, signature } = verdict;
  // What was stopped in the middle has said half of what there is to say.
  const read =
    exitCode === null || timedOut ? { tests: null } : await tests(ports, check, place, report, result, bytes);
  return { verdict, result: { name, passed, exitCode, timedOut, signature, ...read } };
}

const tests = (
  { testReports }: ActivityPorts,
  check: CheckSpec,
  place: Place,
  report: Parameters<typeof readTests>[3],
  { cut }: CommandResult,
  bytes: Buffer,
) => readTests(testReports, check, place, report, cut ? null : bytes.toString('utf8'));

function verdictOf(
  { name }: CheckSpec,
  { exitCode, timedOut, durationMs }: CommandResult,
  printed: string,
  log: ArtifactRef,
): CheckVerdict {
  const source = `${exitCode ?? 'killed'} ${timedOut}\n${signatureSource(withoutPassing(printed))}`;
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
  const printed = withoutPassing((await artifacts.get(verdict.log)).toString('utf8'));
  return outputEvidence({ name: verdict.name, run }, verdict, printed);
}
