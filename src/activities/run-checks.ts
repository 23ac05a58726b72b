/**
 * Runs the checks on a snapshot, after the set-up steps where they have not been done yet.
 * Harmless twice: the work tree is made equal to the snapshot first, and a verdict is remembered by what it depends on,
 * for as long as what cannot be seen of it (installed tools, what a set-up step fetched) is likely to be the same.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { excerpt, signatureSource } from '../domain/check-output.js';
import type { CheckVerdict } from '../domain/record.js';
import type { CheckSpec, TaskSpec } from '../domain/task.js';
import type { CommandResult } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Checked, CheckInput } from './contract.js';
import { readSpec } from './stored-spec.js';
import { ensureSetup, prepare, runLogged, type Place } from './work-place.js';

/** What of a failing check's log goes into the next prompt. */
const EXCERPT_CHARACTERS = 8_000;
/** Tools are updated and registries move: a day is a round of work on one base, and what changes meanwhile is noticed the next. */
const VERDICT_MS_MAX = 24 * 60 * 60 * 1_000;

type Verdicts = Extract<Checked, { kind: 'checked' }>;

/** @param now epoch milliseconds */
export const createRunChecks =
  (ports: ActivityPorts, now: () => number = Date.now) =>
  async (input: CheckInput): Promise<Checked> => {
    const startedAt = now();
    const { artifacts, sandbox, sandboxWarning, settings } = ports;
    const spec = await readSpec(artifacts, input.spec);
    const memory = memoryOf(ports, spec, input, startedAt);
    const known = await memory.recall();
    const stamp = () => ({ by: settings.identity, startedAt, endedAt: now() });
    if (known !== null) return { ...known, ...stamp(), cached: true };
    const place = await prepare(ports, input, spec);
    const setup = await ensureSetup(ports, spec, input, place);
    if (setup.kind === 'setupFailed') return { ...setup, ...stamp() };
    // What a set-up step did to tracked files must not reach the checks.
    if (setup.kind === 'ran') await prepare(ports, input, spec);
    const verdicts: CheckVerdict[] = [];
    const evidence: string[] = [];
    for (const check of spec.checks ?? []) {
      const { verdict, output } = await runOne(ports, check, place);
      verdicts.push(verdict);
      if (!verdict.passed) evidence.push(evidenceOf(check, verdict, output));
    }
    const result: Verdicts = {
      kind: 'checked',
      ...stamp(),
      verdicts,
      sandbox: sandbox.name,
      warning: sandboxWarning,
      evidence: evidence.length === 0 ? null : await artifacts.put('log', evidence.join('\n\n')),
      cached: false,
    };
    if (verdicts.every(saysSomethingOfTheTree)) await memory.remember(result);
    return result;
  };

/** What is remembered under the name of a verdict. */
interface Remembered {
  /** Epoch milliseconds of the checks' start. */
  readonly at: number;
  readonly lineage: string;
  readonly result: Verdicts;
}

/**
 * Red is remembered for its own task alone, not for its retry: what made it red (a flaky test, a full disk, a registry that
 * was down) may be gone by the next one. Green is remembered for all, but believed of another task only at the base: what is landed has
 * passed its checks in its own task.
 */
function memoryOf({ records, sandbox }: ActivityPorts, spec: TaskSpec, input: CheckInput, nowMs: number) {
  const { taskId, lineage, tree, baseTree } = input;
  const depends = dependencies(spec, tree, sandbox.name);
  const [own, common] = [`checks/${sha([depends, taskId])}`, `checks/${sha(depends)}`];
  return {
    async recall(): Promise<Verdicts | null> {
      const mine = freshIn(await records.recall(own), nowMs);
      if (mine !== null) return mine.result;
      const green = freshIn(await records.recall(common), nowMs);
      return green !== null && (green.lineage === lineage || tree === baseTree) ? green.result : null;
    },
    remember: (result: Verdicts): Promise<void> =>
      records.remember(result.verdicts.every(({ passed }) => passed) ? common : own, {
        at: nowMs,
        lineage,
        result,
      } satisfies Remembered),
  };
}

/** Null if there is nothing, or if it is too old; a time to come is that of a clock that was wrong. */
function freshIn(value: unknown, nowMs: number): Remembered | null {
  // Written below a name of this very shape only.
  const stored = (value ?? null) as Remembered | null;
  if (stored === null) return null;
  const ageMs = nowMs - stored.at;
  return ageMs >= 0 && ageMs < VERDICT_MS_MAX ? stored : null;
}

/** A check that was stopped or killed may have met a busy machine; it is run again the next time. */
const saysSomethingOfTheTree = ({ exitCode, timedOut }: CheckVerdict): boolean => exitCode !== null && !timedOut;

async function runOne(
  ports: ActivityPorts,
  check: CheckSpec,
  place: Place,
): Promise<{ readonly verdict: CheckVerdict; readonly output: string }> {
  const { result, bytes, log } = await runLogged(ports, check, false, place);
  return { verdict: verdictOf(check, result, bytes, log), output: bytes.toString('utf8') };
}

function verdictOf(
  { name }: CheckSpec,
  { exitCode, timedOut, durationMs }: CommandResult,
  bytes: Buffer,
  log: CheckVerdict['log'],
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

const evidenceOf = ({ name, run }: CheckSpec, { exitCode, timedOut }: CheckVerdict, output: string): string =>
  `$ ${run}\n${excerpt(output, EXCERPT_CHARACTERS)}\n(${name}: ${timedOut ? 'stopped at its time limit' : `exit code ${exitCode ?? 'none, killed'}`})`;

const sha = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 40);

/** The number is that of the shape remembered. */
const dependencies = ({ checks, setup, repo }: TaskSpec, tree: string, sandbox: string): readonly unknown[] => [
  2,
  repo.url,
  tree,
  checks,
  setup,
  sandbox,
  hostname(),
  process.version,
  process.platform,
  process.arch,
];
