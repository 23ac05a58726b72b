/**
 * Runs the checks on a snapshot, after the set-up steps where they have not been done yet.
 * Harmless twice: the work tree is made equal to the snapshot first, and a verdict is remembered by what it depends on,
 * for as long as what cannot be seen of it (installed tools, what a set-up step fetched) is likely to be the same.
 */
import { cancellationSignal } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { excerpt, signatureSource } from '../domain/check-output.js';
import { failure, type Failure } from '../domain/failures.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { CheckVerdict } from '../domain/record.js';
import type { CheckSpec, SetupSpec, TaskSpec } from '../domain/task.js';
import type { CommandResult, TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Checked, CheckInput } from './contract.js';
import { readSpec } from './stored-spec.js';

/** A check may flood its output; this much of it, from both ends, is kept as an artifact. */
const LOG_BYTES_MAX = 4_000_000;
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
      const { verdict, output } = await runOne(ports, check, false, place);
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

interface Place {
  readonly directory: string;
  readonly home: string;
  readonly folder: string;
}

async function prepare(ports: ActivityPorts, input: CheckInput, spec: TaskSpec): Promise<Place> {
  const folder = ports.taskFolder(input.lineage);
  const home = join(folder, 'home');
  await mkdir(home, { recursive: true });
  const base = { url: spec.repo.url, workspace: input.lineage, commit: input.baseCommit };
  const directory = await ports.git.checkout({ ...base, tree: input.tree, keep: await kept({ folder }) });
  return { directory, home, folder };
}

type Setup =
  | { readonly kind: 'done' | 'ran' }
  | { readonly kind: 'setupFailed'; readonly failure: Failure; readonly log: ArtifactRef; readonly sandbox: string };

/** Set-up steps run once for each state of the files they install from; what they leave untracked is kept from then on. */
async function ensureSetup(ports: ActivityPorts, spec: TaskSpec, input: CheckInput, place: Place): Promise<Setup> {
  if (spec.setup.length === 0) return { kind: 'done' };
  const mark = join(place.folder, 'setup.json');
  const key = setupKey(spec.setup, await ports.git.list(spec.repo.url, input.tree));
  if ((await readMark(mark))?.key === key) return { kind: 'done' };
  for (const step of spec.setup) {
    const { verdict } = await runOne(ports, step, step.network, place);
    if (!verdict.passed) {
      const failed = failure('setupFailed', `${step.name} (exit ${verdict.exitCode ?? 'none'}).`);
      return { kind: 'setupFailed', failure: failed, log: verdict.log, sandbox: ports.sandbox.name };
    }
  }
  const keep = await ports.git.untracked(spec.repo.url, input.lineage);
  await writeFile(mark, JSON.stringify({ key, keep }));
  return { kind: 'ran' };
}

interface SetupMark {
  readonly key: string;
  readonly keep: readonly string[];
}

async function readMark(path: string): Promise<SetupMark | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as SetupMark;
  } catch {
    // Not there, or torn by a crash: either way the set-up has to be done (again).
    return null;
  }
}

const kept = async ({ folder }: Pick<Place, 'folder'>): Promise<readonly string[]> =>
  (await readMark(join(folder, 'setup.json')))?.keep ?? [];

async function runOne(
  { sandbox, artifacts }: ActivityPorts,
  check: CheckSpec | SetupSpec,
  network: boolean,
  { directory, home, folder }: Place,
): Promise<{ readonly verdict: CheckVerdict; readonly output: string }> {
  const logFile = join(folder, `${createHash('sha256').update(check.name).digest('hex').slice(0, 12)}.log`);
  const command = {
    run: check.run,
    directory,
    home,
    network,
    timeoutMs: check.timeoutSeconds * 1_000,
    logFile,
    logBytesMax: LOG_BYTES_MAX,
  };
  const result = await sandbox.run(command, cancellationSignal());
  const bytes = await readFile(logFile);
  const log = await artifacts.put('log', bytes);
  await rm(logFile, { force: true });
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

/** Files that dependency installers read: when one changes, the set-up has to be done again. */
const MANIFEST =
  /(^|\/)(package\.json|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|requirements[^/]*\.txt|pyproject\.toml|poetry\.lock|uv\.lock|setup\.(py|cfg)|Pipfile(\.lock)?|go\.(mod|sum)|Cargo\.(toml|lock)|Gemfile(\.lock)?|pom\.xml|build\.gradle(\.kts)?)$/;

const setupKey = (setup: readonly SetupSpec[], entries: readonly TreeEntry[]): string =>
  sha([setup, entries.filter(({ path }) => MANIFEST.test(path)).map(({ path, oid }) => [path, oid])]);
