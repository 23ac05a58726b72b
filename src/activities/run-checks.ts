/**
 * Runs the checks on a snapshot, after the set-up steps where they have not been done yet, and compares what comes of it with
 * the base. Harmless twice: one at a time works in the work tree of a task, which is made equal to the snapshot first, with
 * what the set-up has left; and a verdict is remembered by what it depends on, for as long as what cannot be seen of it
 * (installed tools, what a set-up step fetched) is likely to be the same.
 */
import { hostname } from 'node:os';
import type { ArtifactRef } from '../domain/outcome.js';
import type { CheckVerdict } from '../domain/record.js';
import type { TaskSpec } from '../domain/task.js';
import { PortFault } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { programMissing } from './check-programs.js';
import { outputOf, runAll, type CheckRun, type Verdicts } from './check-run.js';
import type { Checked, CheckInput } from './contract.js';
import { hashOf } from './json-hash.js';
import { gateChecked } from './gate-checks.js';
import { rewrittenTests } from './rewritten-tests.js';
import { readSpec } from './stored-spec.js';
import { adoptLeft, prepareSetUp } from './work-place.js';

/** Tools are updated and registries move: a day is a round of work on one base, and what changes meanwhile is noticed the next. */
const VERDICT_MS_MAX = 24 * 60 * 60 * 1_000;

/** @param now epoch milliseconds */
export const createRunChecks =
  (ports: ActivityPorts, now: () => number = Date.now) =>
  (input: CheckInput): Promise<Checked> =>
    ports.alone(input.lineage, () => runChecks(ports, input, now));

async function runChecks(ports: ActivityPorts, input: CheckInput, now: () => number): Promise<Checked> {
  const startedAt = now();
  const stamp = () => ({ by: ports.settings.identity, startedAt, endedAt: now() });
  const spec = await readSpec(ports.artifacts, input.spec);
  const baseline = input.baseline === undefined ? null : await baselineOf(ports, spec, input, input.baseline, stamp);
  if (baseline !== null && 'setupFailed' in baseline) return { ...baseline.setupFailed, ...stamp() };
  const checked = await verdictsOn(ports, spec, input, stamp);
  if (checked.kind === 'setupFailed') return { ...checked, ...stamp() };
  const missing = await programMissing(ports, spec, input, checked.verdicts, baseline);
  if (missing !== null) return { kind: 'setupFailed', ...missing, sandbox: checked.sandbox, ...stamp() };
  if (baseline === null) return { ...checked, ...stamp() };
  const memory = memoryOf(ports, spec, input, startedAt, hashOf([baseline.sha256, gateFields(ports, spec)], 40));
  const known = await memory.recall();
  if (known !== null) return { ...known, ...stamp(), cached: true };
  const onTree = (tree: string): Promise<Checked> => verdictsOn(ports, spec, { ...input, tree }, stamp);
  const gated = await gateChecked(ports, spec, input, { checked, baseline, onTree });
  if (gated.verdicts.every(saysSomethingOfTheTree)) await memory.remember(gated);
  return { ...gated, ...stamp() };
}

interface NoBaseline {
  readonly setupFailed: Extract<Checked, { readonly kind: 'setupFailed' }>;
}

/**
 * Results are kept for days, and a question may stay open for longer: then the base is checked again. Without them there is no
 * verdict: one without the gate would be taken for green.
 */
async function baselineOf(
  ports: ActivityPorts,
  spec: TaskSpec,
  input: CheckInput,
  ref: ArtifactRef,
  stamp: Stamp,
): Promise<ArtifactRef | NoBaseline> {
  try {
    await ports.artifacts.get(ref);
    return ref;
  } catch (thrown) {
    if (!(thrown instanceof PortFault) || thrown.code !== 'infrastructure') throw thrown;
  }
  const checked = await verdictsOn(ports, spec, { ...input, tree: input.baseTree }, stamp);
  if (checked.kind === 'setupFailed') return { setupFailed: checked };
  if (checked.results === undefined) throw new TypeError('the checks of the base have run without results');
  return checked.results;
}

/** What the gate's verdict depends on beside the checks and the base: a task may be taken up again with other rules. */
const gateFields = (
  { settings }: ActivityPorts,
  { handler, protect, acceptanceCriteria, criterionChecks, reproduceFirst, allowOldFailures }: TaskSpec,
): readonly unknown[] => [
  handler,
  settings.protect,
  protect,
  acceptanceCriteria,
  criterionChecks,
  reproduceFirst,
  allowOldFailures,
];

type Stamp = () => Pick<Verdicts, 'by' | 'startedAt' | 'endedAt'>;

/** Whatever the base says: the same checks on the same tree give this again. */
async function verdictsOn(ports: ActivityPorts, spec: TaskSpec, input: CheckInput, stamp: Stamp): Promise<Checked> {
  const memory = memoryOf(ports, spec, input, stamp().endedAt, 'checks');
  const known = await memory.recall();
  if (known !== null) return { ...known, ...stamp(), cached: true };
  const prepared = await prepareSetUp(ports, input, spec);
  if (prepared.kind === 'setupFailed') return { ...prepared, ...stamp() };
  const { place } = prepared;
  const beganMs = Date.now();
  const runs = withRewritten(
    await runAll(ports, spec, place),
    await rewrittenTests(ports, spec, input.tree, place, beganMs),
  );
  // Code of the base alone has run there.
  if (input.tree === input.baseTree) await adoptLeft(ports, input, spec, place);
  const result = { kind: 'checked', ...stamp(), ...(await storeRuns(ports, spec, runs)), cached: false } as const;
  if (result.verdicts.every(saysSomethingOfTheTree)) await memory.remember(result);
  return result;
}

/** Which of the checks it was cannot be told: it stands at the last. */
const withRewritten = (runs: readonly CheckRun[], rewrote: readonly string[]): readonly CheckRun[] =>
  rewrote.length === 0
    ? runs
    : runs.map((run, at) => (at === runs.length - 1 ? { ...run, result: { ...run.result, rewrote } } : run));

type Stored = Pick<Verdicts, 'verdicts' | 'sandbox' | 'warning' | 'evidence' | 'results' | 'notes'>;

async function storeRuns(
  { artifacts, sandbox, sandboxWarning }: ActivityPorts,
  spec: TaskSpec,
  runs: readonly CheckRun[],
): Promise<Stored> {
  const verdicts = runs.map(({ verdict }) => verdict);
  const red = await Promise.all(
    verdicts.filter(({ passed }) => !passed).map((verdict) => outputOf(artifacts, spec, verdict)),
  );
  const notes = runs.flatMap(({ result }) => (result.note === undefined ? [] : [`${result.name}: ${result.note}`]));
  return {
    verdicts,
    sandbox: sandbox.name,
    warning: sandboxWarning,
    evidence: red.length === 0 ? null : await artifacts.put('log', red.join('\n\n')),
    results: await artifacts.put('test', JSON.stringify(runs.map(({ result }) => result))),
    ...(notes.length === 0
      ? {}
      : { notes: notes.slice(0, NOTES_MAX).map((note) => note.slice(0, NOTE_CHARACTERS_MAX)) }),
  };
}

/** With twenty verdicts they fit into a payload. */
const NOTES_MAX = 3;
const NOTE_CHARACTERS_MAX = 150;

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
 * @param how what the result depends on beside the tree: the baseline, the set-up
 */
function memoryOf({ records, sandbox }: ActivityPorts, spec: TaskSpec, input: CheckInput, nowMs: number, how: string) {
  const { taskId, lineage, tree, baseTree } = input;
  const depends = [...dependencies(spec, tree, sandbox.name), how];
  const [own, common] = [`checks/${hashOf([depends, taskId], 40)}`, `checks/${hashOf(depends, 40)}`];
  return {
    async recall(): Promise<Verdicts | null> {
      const mine = freshIn(await records.recall(own), nowMs);
      if (mine !== null) return mine.result;
      const green = freshIn(await records.recall(common), nowMs);
      return green !== null && (green.lineage === lineage || tree === baseTree) ? green.result : null;
    },
    remember: (result: Verdicts): Promise<void> =>
      records.remember(isGreen(result) ? common : own, {
        at: nowMs,
        lineage,
        result,
      } satisfies Remembered),
  };
}

const isGreen = ({ verdicts, gated }: Verdicts): boolean =>
  gated === undefined ? verdicts.every(({ passed }) => passed) : gated.refused === null;

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

/** The number is that of the shape remembered. */
const dependencies = ({ checks, setup, repo }: TaskSpec, tree: string, sandbox: string): readonly unknown[] => [
  6,
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
