/**
 * The gate behind the checks: failures that another run does not show again, tests that have gone, the tests of the base on
 * the changed code, a new test on the base, and the criteria that a command tells.
 */
import { createHash } from 'node:crypto';
import { excerpt } from '../domain/check-output.js';
import { gateEvidence, outputEvidence } from '../domain/gate-evidence.js';
import { failure, type Failure } from '../domain/failures.js';
import {
  isWorthRerun,
  judgeTests,
  type CheckRuns,
  type GateRules,
  type JudgedCheck,
  type Judgement,
} from '../domain/gate.js';
import type { ArtifactRef } from '../domain/outcome.js';
import { cutToBytes, utf8Bytes } from '../domain/payload-limit.js';
import type { CheckVerdict } from '../domain/record.js';
import { mayHoldTests } from '../domain/inline/inline-tests.js';
import { findReproduction } from '../domain/reproduction.js';
import type { TaskSpec } from '../domain/task.js';
import type { CheckResult, TestCase } from '../domain/test-results.js';
import type { ActivityPorts } from './activity-ports.js';
import { outputOf, runAll, type CheckRun, type Verdicts } from './check-run.js';
import type { Checked, CheckInput, Gated } from './contract.js';
import {
  baseWithTests,
  changedTrees,
  freeFiles,
  isTestFile,
  withTestsOfBase,
  type ChangedTrees,
} from './judging-files.js';
import { reachedFiles, rewrittenChecks, withCriteriaOfBase, type ReachedFiles } from './reached-files.js';
import { prepare, prepareSetUp, runLogged, type Place } from './work-place.js';

/** One more run tells most flaky tests from broken ones; a second only where the first was different. */
const RERUNS_MAX = 2;
/** Of the whole result: the guard's limit is 8,192, and the stamps come on top. */
const RESULT_BYTES_MAX = 7_600;

export interface GateMaterial {
  readonly checked: Verdicts;
  readonly baseline: ArtifactRef;
  /** The checks on a tree made up for a comparison. */
  readonly onTree: (tree: string) => Promise<Checked>;
}

interface Work extends GateMaterial {
  readonly ports: ActivityPorts;
  readonly spec: TaskSpec;
  readonly input: CheckInput;
  readonly trees: ChangedTrees;
  readonly rules: GateRules;
  readonly before: readonly CheckResult[];
}

/** Why a change is refused whose checks have passed. */
interface Refused {
  readonly failure: Failure;
  readonly signature: string;
  readonly evidence: string;
}

export async function gateChecked(
  ports: ActivityPorts,
  spec: TaskSpec,
  input: CheckInput,
  material: GateMaterial,
): Promise<Verdicts> {
  const trees = await changedTrees(ports.git, spec.repo.url, input.baseTree, input.tree);
  const before = await readResults(ports, material.baseline);
  const work: Work = { ...material, ports, spec, input, trees, before, rules: rulesOf(ports, spec, trees) };
  const { judgement, verdicts } = await judgeWithReruns(work);
  const { refused, counts } = judgement;
  if (refused !== null) {
    const evidence = gateEvidence(judgement.checks, await outputs(work, judgement.checks, verdicts));
    return await finished(work, { verdicts, gated: { refused, counts }, evidence });
  }
  const reached = await reachedFiles(ports.git, spec, trees, input.baseTree);
  const { criteria, refused: unmet } = await askCriteria(work, reached);
  const more =
    (await rewrittenMeanwhile(work)) ??
    (await endedEarly(work, judgement)) ??
    (await baseTests(work, judgement, reached)) ??
    (await reproduction(work, judgement)) ??
    unmet ??
    (await rewritten(work, reached));
  const found = { verdicts, gated: { refused: more, counts }, evidence: more?.evidence ?? '' };
  return await finished(work, criteria === null ? found : { ...found, criteria });
}

export const readResults = async ({ artifacts }: ActivityPorts, ref: ArtifactRef): Promise<readonly CheckResult[]> =>
  JSON.parse((await artifacts.get(ref)).toString('utf8')) as readonly CheckResult[];

async function resultsOf(ports: ActivityPorts, { results }: Verdicts): Promise<readonly CheckResult[]> {
  if (results === undefined) throw new TypeError('the checks have run without results');
  return await readResults(ports, results);
}

function rulesOf(ports: ActivityPorts, spec: TaskSpec, { touched }: ChangedTrees): GateRules {
  const isFree = freeFilesOf(ports, spec);
  const free = touched.filter((path) => (isTestFile(path) || mayHoldTests(path)) && isFree(path));
  const mayVanish = ({ file, id }: TestCase): boolean => {
    // Few runners name the file; of the others any file will do that the task may rewrite.
    const known = file ?? free.find((path) => id.includes(path));
    return known === undefined ? free.length > 0 : free.includes(known);
  };
  return { mayVanish, oldFailuresMayStay: spec.allowOldFailures === true };
}

const freeFilesOf = ({ settings }: ActivityPorts, spec: TaskSpec): ((path: string) => boolean) =>
  freeFiles([...settings.protect, ...spec.protect]);

async function judgeWithReruns(
  work: Work,
): Promise<{ readonly judgement: Judgement; readonly verdicts: readonly CheckVerdict[] }> {
  const first = await resultsOf(work.ports, work.checked);
  const runs = new Map(first.map((result) => [result.name, [result]]));
  const verdicts = new Map(work.checked.verdicts.map((verdict) => [verdict.name, verdict]));
  const judgeAll = (): Judgement =>
    judgeTests(
      work.before,
      [...runs].map(([name, all]): CheckRuns => ({ name, runs: all })),
      work.rules,
    );
  let judgement = judgeAll();
  for (let round = 0; round < RERUNS_MAX; round += 1) {
    const doubtful = judgement.checks.filter((check) => isWorthRerun(check) && (round === 0 || differed(runs, check)));
    if (doubtful.length === 0) break;
    for (const { verdict, result } of await rerun(work, doubtful)) {
      runs.get(result.name)?.push(result);
      if (verdict.passed) verdicts.set(verdict.name, verdict);
    }
    judgement = judgeAll();
  }
  return { judgement, verdicts: [...verdicts.values()] };
}

/** Whether the last run of the check went another way than the one before. */
function differed(runs: ReadonlyMap<string, readonly CheckResult[]>, { name }: JudgedCheck): boolean {
  const [a, b] = runs.get(name)?.slice(-2) ?? [];
  return a?.signature !== b?.signature;
}

/**
 * In a clean tree, or what the first run has left decides the second. A check may need what those before it have built: they
 * are run too, and what they say was said before.
 */
async function rerun(work: Work, doubtful: readonly JudgedCheck[]): Promise<readonly CheckRun[]> {
  const { ports, spec, input } = work;
  const isDoubtful = (name: string): boolean => doubtful.some((check) => check.name === name);
  const checks = spec.checks ?? [];
  const needed = checks.slice(0, checks.findLastIndex(({ name }) => isDoubtful(name)) + 1);
  const runs = await runAll(ports, { ...spec, checks: needed }, await prepare(ports, input, spec));
  return runs.filter(({ result }) => isDoubtful(result.name));
}

/** What the checks print that are not passed. */
async function outputs(
  { ports, spec }: Work,
  checks: readonly JudgedCheck[],
  verdicts: readonly CheckVerdict[],
): Promise<(name: string) => string> {
  const wrong = checks.filter(({ result }) => !result.passed).map(({ name }) => name);
  const texts = new Map<string, string>();
  for (const verdict of verdicts.filter(({ name }) => wrong.includes(name)))
    texts.set(verdict.name, await outputOf(ports.artifacts, spec, verdict));
  return (name) => texts.get(name) ?? '';
}

/** A program that the change has altered (a build script, what the first test loads) makes tests of others pass that way. */
async function rewrittenMeanwhile({ ports, spec, checked, before }: Work): Promise<Refused | null> {
  const isFree = freeFilesOf(ports, spec);
  const known = new Set(before.flatMap(({ rewrote = [] }) => rewrote));
  const now = (await resultsOf(ports, checked)).flatMap(({ rewrote = [] }) => rewrote);
  const fresh = now.filter((path) => !known.has(path) && !isFree(path));
  if (fresh.length === 0) return null;
  const names = listed(fresh);
  return {
    failure: failure('baseTestsFail', cutToBytes(`Rewritten while the checks ran: ${names}.`, DETAIL_BYTES_MAX)),
    signature: `baseTestsFail rewritten\n${names}`,
    evidence: `What the checks run on your change has rewritten tests in the work tree while they ran: ${names}. At the base it does not.`,
  };
}

/**
 * Node names a file as a test if none of the tests in it has begun: green, it is a script that has come to its end, or one whose
 * tests were left out by what it loads.
 */
async function endedEarly({ ports, spec, input, trees }: Work, { checks }: Judgement): Promise<Refused | null> {
  const byNode = checks.filter(({ result: { tests } }) => tests?.format === 'spec' || tests?.format === 'tap');
  const paths = byNode
    .flatMap(({ tests, result }) => tests.fixed.filter((id) => result.tests?.cases.some((each) => each.id === id)))
    .filter((id) => trees.now.has(id));
  const files = await ports.git.read(spec.repo.url, input.tree, paths);
  const empty = paths.filter((path) => files.get(path)?.bytes.includes('node:test') === true);
  if (empty.length === 0) return null;
  const names = listed(empty);
  return {
    failure: failure('testsVanished', cutToBytes(`None of the tests has run in ${names}.`, DETAIL_BYTES_MAX)),
    signature: `testsVanished\n${names}`,
    evidence: `The checks end with success, but no test has run in ${names}: what it loads ends the program first.`,
  };
}

/** The tests that judged the base, on the changed code: what a new line in them hides comes out. */
async function baseTests(work: Work, judgement: Judgement, { checks: reached }: ReachedFiles): Promise<Refused | null> {
  const { ports, spec, input, trees, before, rules } = work;
  if (before.length === 0) return null;
  const restored = await withTestsOfBase(ports.git, spec, freeFilesOf(ports, spec), reached, trees, input);
  if (restored === null) return null;
  // What the change has fixed must pass without its tests too: a new file may undo what the old ones expect.
  const mended = restored.areFirst ? [] : mendedOf(before, judgement);
  // A change of the tests alone leaves the base itself, of which all is known.
  if (mended.length === 0 && restored.tree === input.baseTree) return null;
  // Every test of the base has just run beside the new ones, and was told by name.
  if (mended.length === 0 && restored.isOnlyNew && namesAll(before, judgement)) return null;
  const checked = await work.onTree(restored.tree);
  if (checked.kind === 'setupFailed') return await notSetUp(work, checked);
  const results = await resultsOf(ports, checked);
  const runs = results.map((result): CheckRuns => ({ name: result.name, runs: [result] }));
  const { checks } = judgeTests(before, runs, rules);
  const unproven = new Map(checks.map((check) => [check.name, unprovenIn(check, mended)]));
  const wrong = checks.filter(
    ({ name, verdict, tests }) =>
      verdict === 'fresh' || tests.vanished.length > 0 || (unproven.get(name)?.length ?? 0) > 0,
  );
  if (wrong.length === 0) return null;
  const names = wrong
    .flatMap(({ name, tests }) => [
      ...new Set([name, ...tests.fresh, ...tests.vanished, ...(unproven.get(name) ?? [])]),
    ])
    .join('; ');
  const told = gateEvidence(wrong, await outputs(work, wrong, checked.verdicts));
  return {
    failure: failure('baseTestsFail', cutToBytes(names, DETAIL_BYTES_MAX)),
    signature: `baseTestsFail\n${names}`,
    evidence: `The checks were run once more on your change, with the tests and the test settings (scripts of package.json, Makefile, settings of runners) as they were at the base: ${listed(restored.paths)}. Then this is what happens:\n\n${told}`,
  };
}

/** What was red at the base and is not any more, check by check. */
interface Mended {
  readonly name: string;
  readonly fixed: readonly string[];
  /** The check as a whole. */
  readonly isWhole: boolean;
}

const mendedOf = (before: readonly CheckResult[], { checks }: Judgement): readonly Mended[] =>
  checks
    .map(({ name, verdict, tests: { fixed } }): Mended => {
      const wasRed = before.some((base) => base.name === name && !base.passed);
      return { name, fixed, isWhole: verdict === 'passed' && wasRed };
    })
    .filter(({ fixed, isWhole }) => isWhole || fixed.length > 0);

/** What counts as mended, and fails where the tests are those of the base. */
function unprovenIn({ name, verdict, result, tests }: JudgedCheck, mended: readonly Mended[]): readonly string[] {
  const then = mended.find((each) => each.name === name);
  if (then === undefined) return [];
  const still = then.fixed.filter((id) => tests.old.includes(id) || (result.tests === null && !result.passed));
  return [...(then.isWhole && verdict !== 'passed' ? [name] : []), ...still];
}

const namesAll = (before: readonly CheckResult[], { checks }: Judgement): boolean =>
  before.every(({ tests }) => tests?.complete === true) &&
  checks.every(({ result }) => result.tests?.complete === true);

const DETAIL_BYTES_MAX = 500;

/** What cannot be set up as the base says is no proof of anything. */
async function notSetUp({ ports }: Work, { failure: failed, log }: NotSetUp): Promise<Refused> {
  const printed = (await ports.artifacts.get(log)).toString('utf8');
  return {
    failure: failure('baseTestsFail', cutToBytes(`the set-up: ${failed.detail}`, DETAIL_BYTES_MAX)),
    signature: `baseTestsFail set-up ${failed.detail}`,
    evidence: `The set-up was run once more on your change, with the tests and the test settings (scripts of package.json, Makefile, settings of runners) as they were at the base. It fails:\n\n${excerpt(printed, EVIDENCE_CHARACTERS_MAX)}`,
  };
}

type NotSetUp = Pick<Extract<Checked, { kind: 'setupFailed' }>, 'failure' | 'log'>;
/** As of a check. */
const EVIDENCE_CHARACTERS_MAX = 12_000;

/** A new test, without the rest of the change, must fail. */
async function reproduction(work: Work, { checks }: Judgement): Promise<Refused | null> {
  const { ports, spec, input, trees, before } = work;
  if (spec.reproduceFirst !== true) return null;
  const tree = await baseWithTests(ports.git, spec, trees, input);
  if (tree === null) return notReproduced('The change brings no test.', '');
  const checked = await work.onTree(tree);
  if (checked.kind === 'setupFailed')
    return notReproduced('The base cannot be set up with the tests of the change.', '');
  const results = await resultsOf(ports, checked);
  const after = checks.map(({ result }) => result);
  if (findReproduction({ before, without: results, after }) !== null) return null;
  const printed = await Promise.all(checked.verdicts.map((verdict) => outputOf(ports.artifacts, spec, verdict)));
  const why = 'The tests of the change do not fail on the base without the rest of it, so they show nothing.';
  return notReproduced(why, printed.join('\n\n'));
}

const notReproduced = (why: string, evidence: string): Refused => ({
  failure: failure('notReproduced', why),
  signature: `notReproduced ${why}`,
  evidence: `${why}\n\n${evidence}`.trim(),
});

interface Told {
  readonly criteria: NonNullable<Verdicts['criteria']> | null;
  readonly refused: Refused | null;
}

/** Each command on the clean tree, and where the change has altered what such a command comes by, also with that as it was. */
async function askCriteria(work: Work, reached: ReachedFiles): Promise<Told> {
  const { ports, spec, input, trees } = work;
  if ((spec.criterionChecks ?? []).length === 0) return { criteria: null, refused: null };
  const told = await askCriteriaOn(work, input.tree, '');
  if (told.refused !== null) return told;
  const tree = await withCriteriaOfBase(ports.git, spec, reached, isLeftTo(work), trees, input);
  if (tree === null) return told;
  const again = await askCriteriaOn(work, tree, OF_BASE);
  return again.refused === null ? told : again;
}

const OF_BASE =
  'What the commands of the criteria run (scripts, scripts of package.json, Makefile) is as it was at the base here. ';

/** What has another rule of its own: tests may grow, and some files the task is free to change. */
function isLeftTo({ ports, spec }: Work): (path: string) => boolean {
  const isFree = freeFilesOf(ports, spec);
  return (path) => isFree(path) || isTestFile(path);
}

/** Neither the checks nor the command before have been there. */
async function askCriteriaOn(work: Work, tree: string, how: string): Promise<Told> {
  const { ports, spec, input } = work;
  const met: number[] = [];
  const unmet: { readonly criterion: number; readonly evidence: string }[] = [];
  for (const { criterion, run, timeoutSeconds } of spec.criterionChecks ?? []) {
    const place = tree === input.tree ? await prepare(ports, input, spec) : await placeFor(work, tree);
    if ('refused' in place) return { criteria: null, refused: place.refused };
    const command = { name: `criterion ${criterion}`, run, timeoutSeconds };
    const { result, bytes } = await runLogged(ports, command, false, place);
    if (result.exitCode === 0) met.push(criterion);
    else unmet.push({ criterion, evidence: how + outputEvidence(command, result, bytes.toString('utf8')) });
  }
  const numbers = unmet.map(({ criterion }) => criterion);
  const criteria = { met, unmet: numbers };
  if (unmet.length === 0) return { criteria, refused: null };
  const texts = numbers.map((number) => `${number}. ${spec.acceptanceCriteria[number - 1] ?? ''}`);
  return {
    criteria,
    refused: {
      failure: failure('criteriaUnmet', cutToBytes(texts.join('; '), DETAIL_BYTES_MAX)),
      signature: `criteriaUnmet ${numbers.join(' ')}`,
      evidence: unmet
        .map(({ criterion, evidence }, index) => `Not met: ${texts[index] ?? criterion}\n${evidence}`)
        .join('\n\n'),
    },
  };
}

/** A tree made up for a comparison may not be set up at all. */
async function placeFor(work: Work, tree: string): Promise<Place | { readonly refused: Refused }> {
  const prepared = await prepareSetUp(work.ports, { ...work.input, tree }, work.spec);
  return prepared.kind === 'ready' ? prepared.place : { refused: await notSetUp(work, prepared) };
}

/** The next task has the checks that this one leaves. */
async function rewritten(work: Work, reached: ReachedFiles): Promise<Refused | null> {
  const { ports, spec, input, trees } = work;
  const files = await rewrittenChecks(ports.git, spec, reached, isLeftTo(work), trees, input.tree);
  if (files.length === 0) return null;
  const names = listed(files);
  return {
    failure: failure('protectedFile', cutToBytes(`A check runs ${names}.`, DETAIL_BYTES_MAX)),
    signature: `protectedFile\n${names}`,
    evidence: `The checks pass, but your change rewrites what they run: ${names}. Leave that as it was at the base.`,
  };
}

const LISTED_MAX = 10;

const listed = (paths: readonly string[]): string =>
  [...paths.slice(0, LISTED_MAX), ...(paths.length > LISTED_MAX ? [`${paths.length - LISTED_MAX} more`] : [])].join(
    ', ',
  );

interface Found {
  readonly verdicts: readonly CheckVerdict[];
  readonly gated: Gated;
  readonly evidence: string;
  readonly criteria?: NonNullable<Verdicts['criteria']>;
}

async function finished({ ports, checked }: Work, { gated, evidence, ...found }: Found): Promise<Verdicts> {
  const { refused, counts } = gated;
  const signature = refused === null ? '' : createHash('sha256').update(refused.signature).digest('hex').slice(0, 16);
  const result: Verdicts = {
    ...checked,
    cached: false,
    ...found,
    evidence: evidence === '' ? null : await ports.artifacts.put('log', evidence),
    gated: { counts, refused: refused === null ? null : { failure: refused.failure, signature } },
  };
  return fitting(result);
}

/** Twenty checks with long names leave little room for what is said of them; the evidence says it in full. */
function fitting(result: Verdicts): Verdicts {
  const over = utf8Bytes(JSON.stringify(result)) - RESULT_BYTES_MAX;
  const { gated, notes: _notes, ...rest } = result;
  if (over <= 0 || gated === undefined) return result;
  if (gated.refused === null) return { ...rest, gated };
  const { failure: failed, signature } = gated.refused;
  const detail = cutToBytes(failed.detail, Math.max(0, utf8Bytes(failed.detail) - over));
  return { ...rest, gated: { ...gated, refused: { signature, failure: { ...failed, detail } } } };
}
