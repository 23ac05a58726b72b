/** The work tree of a task as a place to run commands in: filled with a snapshot, set up once, everything printed kept. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, type Failure } from '../domain/failures.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { SetupSpec, TaskSpec } from '../domain/task.js';
import type { TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { CheckInput } from './contract.js';
import { hashOf } from './json-hash.js';
import { runLogged, type Place } from './logged-command.js';
import { isFreshHome, keepSetup, restoreSetup } from './setup-cache.js';

/** What the work tree is made equal to. */
export type Snapshot = Pick<CheckInput, 'lineage' | 'tree' | 'baseCommit'>;

export { runLogged, type Place } from './logged-command.js';

/** The snapshot in the work tree of the task, with what the set-up left there. */
export async function prepare(ports: ActivityPorts, input: Snapshot, spec: TaskSpec): Promise<Place> {
  const folder = ports.taskFolder(input.lineage);
  const home = join(folder, 'home');
  await mkdir(home, { recursive: true });
  const base = { url: spec.repo.url, workspace: input.lineage, commit: input.baseCommit };
  const directory = await ports.git.checkout({ ...base, tree: input.tree, keep: await kept({ folder }) });
  return { directory, home, folder };
}

export interface SetupFailed {
  readonly kind: 'setupFailed';
  readonly failure: Failure;
  readonly log: ArtifactRef;
  readonly sandbox: string;
}

type Setup = { readonly kind: 'done' | 'ran' } | SetupFailed;

/** The same, set up: what a set-up step did to tracked files is undone, so that it reaches nobody. */
export async function prepareSetUp(
  ports: ActivityPorts,
  input: Snapshot,
  spec: TaskSpec,
): Promise<SetupFailed | { readonly kind: 'ready'; readonly place: Place }> {
  const place = await prepare(ports, input, spec);
  const setup = await ensureSetup(ports, spec, input, place);
  if (setup.kind === 'setupFailed') return setup;
  if (setup.kind === 'ran') await prepare(ports, input, spec);
  return { kind: 'ready', place };
}

/** Set-up steps run once for each state of the files they install from; what they leave untracked is kept from then on. */
async function ensureSetup(ports: ActivityPorts, spec: TaskSpec, input: Snapshot, place: Place): Promise<Setup> {
  if (spec.setup.length === 0) return { kind: 'done' };
  const mark = join(place.folder, 'setup.json');
  const entries = await ports.git.list(spec.repo.url, input.tree);
  const key = setupKey(spec.setup, entries);
  if ((await readMark(mark))?.key === key) return { kind: 'done' };
  const shared = sharedSteps(spec.setup, entries);
  const failed =
    (await fetchShared(ports, spec, input, { place, steps: shared, entries })) ??
    (await runSteps(ports, spec.setup.slice(shared.length), place));
  if (failed !== null) return failed;
  const keep = await ports.git.untracked(spec.repo.url, input.lineage);
  await writeFile(mark, JSON.stringify({ key, keep }));
  return { kind: 'ran' };
}

/** Null if all of them end well. */
async function runSteps(ports: ActivityPorts, steps: readonly SetupSpec[], place: Place): Promise<Setup | null> {
  for (const step of steps) {
    const { result, log } = await runLogged(ports, step, step.network, place);
    if (result.exitCode === 0) continue;
    const failed = failure('setupFailed', `${step.name} (exit ${result.exitCode ?? 'none'}).`);
    return { kind: 'setupFailed', failure: failed, log, sandbox: ports.sandbox.name };
  }
  return null;
}

/**
 * The steps up to the last one that uses the network fetch what the lock files name, and are the same for every task. Those
 * after it build, perhaps from the task's own files; and without a lock file nobody knows what is fetched.
 */
function sharedSteps(setup: readonly SetupSpec[], entries: readonly TreeEntry[]): readonly SetupSpec[] {
  const isLocked = entries.some(({ path }) => LOCK.test(path));
  return isLocked ? setup.slice(0, setup.findLastIndex(({ network }) => network) + 1) : [];
}

interface Shared {
  readonly place: Place;
  readonly steps: readonly SetupSpec[];
  readonly entries: readonly TreeEntry[];
}

async function fetchShared(
  ports: ActivityPorts,
  { repo }: TaskSpec,
  { lineage }: Snapshot,
  { place, steps, entries }: Shared,
): Promise<Setup | null> {
  if (steps.length === 0) return null;
  const { platform, arch, version } = process;
  const key = hashOf([1, repo.url, setupKey(steps, entries), ports.sandbox.name, platform, arch, version], 40);
  // In a home with other things in it nobody could tell what of it the set-up has made.
  const isFresh = await isFreshHome(place);
  if (isFresh && (await restoreSetup(ports, key, place))) return null;
  const failed = await runSteps(ports, steps, place);
  if (failed === null && isFresh) await keepSetup(ports, key, place, await ports.git.untracked(repo.url, lineage));
  return failed;
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

/** Names in the work tree that the set-up has left there. */
export const kept = async ({ folder }: Pick<Place, 'folder'>): Promise<readonly string[]> =>
  (await readMark(join(folder, 'setup.json')))?.keep ?? [];

/** Files that dependency installers read: when one changes, the set-up has to be done again. */
const MANIFEST =
  /(^|\/)(package\.json|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|requirements[^/]*\.txt|pyproject\.toml|poetry\.lock|uv\.lock|setup\.(py|cfg)|Pipfile(\.lock)?|go\.(mod|sum)|Cargo\.(toml|lock)|Gemfile(\.lock)?|pom\.xml|build\.gradle(\.kts)?)$/;

/** Those among them that say exactly what is fetched. */
const LOCK =
  /(^|\/)(package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|requirements[^/]*\.txt|poetry\.lock|uv\.lock|Pipfile\.lock|go\.sum|Cargo\.lock|Gemfile\.lock)$/;

const setupKey = (setup: readonly SetupSpec[], entries: readonly TreeEntry[]): string =>
  hashOf([setup, entries.filter(({ path }) => MANIFEST.test(path)).map(({ path, oid }) => [path, oid])], 40);
