/** The work tree of a task as a place to run commands in: filled with a snapshot, set up once, everything printed kept. */
import { cancellationSignal } from '@temporalio/activity';
import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, type Failure } from '../domain/failures.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { SetupSpec, TaskSpec } from '../domain/task.js';
import { PortFault, type TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { CheckInput } from './contract.js';
import {
  adoptGround,
  BARE,
  clearGround,
  dropGround,
  keepGround,
  lyingGround,
  readGround,
  restoreGround,
  warmGround,
} from './ground.js';
import { hashOf } from './json-hash.js';
import { runLogged, type Place } from './logged-command.js';
import { keepCaches, keepSetup, linkCaches, linkSetup, restoreSetup } from './setup-cache.js';
import { setupKey, sharedSteps } from './setup-key.js';

/** What the work tree is made equal to, and what the task has begun from. */
type Snapshot = Pick<CheckInput, 'lineage' | 'tree' | 'baseCommit' | 'baseTree'>;

export { runLogged, type Place } from './logged-command.js';

export interface SetupFailed {
  readonly kind: 'setupFailed';
  readonly failure: Failure;
  readonly log: ArtifactRef;
  readonly sandbox: string;
}

type Prepared = SetupFailed | { readonly kind: 'ready'; readonly place: Place };

/**
 * The snapshot in the work tree of the task, set up. What a set-up step did to tracked files is undone, so that it reaches
 * nobody; and so is what commands have done to the ground since, unless it is to be `as left`.
 */
export async function prepareSetUp(
  ports: ActivityPorts,
  input: Snapshot,
  spec: TaskSpec,
  how: 'clean' | 'as left' = 'clean',
): Promise<Prepared> {
  const setting: Setting = { ports, spec, input };
  const base = await groundOf(setting, input.baseTree, null);
  const wanted = input.tree === input.baseTree ? base : await groundOf(setting, input.tree, base);
  const isLying = (await lyingGround(folderOf(setting)))?.key === wanted.key;
  if (!isLying) await ports.roomForGround(input.lineage, cancellationSignal());
  // The base first, whoever comes first: what is fetched for all must not be fetched by a change.
  const failed = await ensureMade(setting, base);
  return failed ?? (await enter(setting, wanted.key === base.key ? base : wanted, input.tree, how));
}

/** The same, clean, where the set-up has been done before: that it fails now is the host's doing. */
export async function prepare(ports: ActivityPorts, input: Snapshot, spec: TaskSpec): Promise<Place> {
  const prepared = await prepareSetUp(ports, input, spec);
  if (prepared.kind === 'ready') return prepared.place;
  throw new PortFault(
    'infrastructure',
    `What was set up before cannot be set up again: ${prepared.failure.detail}`,
    true,
  );
}

/** What the checks of the base have just left is there for those of the change, and compilers' caches for other tasks too. */
export async function adoptLeft(ports: ActivityPorts, input: Snapshot, spec: TaskSpec, place: Place): Promise<void> {
  if (await adoptGround(ports, place)) await keepCaches(ports, cachesKey({ ports, spec, input }), place);
}

/** Names in the work tree that the set-up has left there. */
export const kept = async ({ folder }: Pick<Place, 'folder'>): Promise<readonly string[]> =>
  (await lyingGround(folder))?.keep ?? [];

interface Setting {
  readonly ports: ActivityPorts;
  readonly spec: TaskSpec;
  readonly input: Snapshot;
}

/** What a set-up makes of one snapshot. */
interface Ground {
  readonly key: string;
  readonly tree: string;
  readonly entries: readonly TreeEntry[];
  /** What it is made upon: the base's; null for the base itself. */
  readonly upon: Ground | null;
}

async function groundOf({ ports, spec }: Setting, tree: string, upon: Ground | null): Promise<Ground> {
  if (spec.setup.length === 0) return { key: BARE, tree, entries: [], upon };
  const entries = await ports.git.list(spec.repo.url, tree);
  return { key: setupKey(spec.setup, entries), tree, entries, upon };
}

/** Null if it is there, or has been made. */
async function ensureMade(setting: Setting, ground: Ground): Promise<SetupFailed | null> {
  const mark = await readGround(folderOf(setting), ground.key);
  // Made on a change that has become the base since: its own files may have had a part in it.
  const isSound = mark !== null && (mark.isOfBase || ground.upon !== null);
  return isSound ? null : await make(setting, ground);
}

async function enter(setting: Setting, ground: Ground, tree: string, how: 'clean' | 'as left'): Promise<Prepared> {
  const failed = await ensureMade(setting, ground);
  if (failed !== null) return failed;
  const folder = folderOf(setting);
  const lying = await lyingGround(folder);
  const isLying = lying?.key === ground.key;
  const place = await checkout(setting, tree, isLying ? lying.keep : []);
  if (isLying && how === 'as left') return { kind: 'ready', place };
  if (ground.upon === null) await warm(setting, ground, place);
  if (await restoreGround(setting.ports, place, ground.key)) return { kind: 'ready', place };
  // What was kept of it is not enough to lay it out again.
  const again = await make(setting, ground);
  return again ?? { kind: 'ready', place: await checkout(setting, tree, await kept({ folder })) };
}

const warm = (setting: Setting, { key }: Ground, place: Place): Promise<void> =>
  warmGround(place, key, (folder, prefix) => linkCaches(setting.ports, cachesKey(setting), folder, prefix));

/** The code of the base has filled them, in its checks: of another base nothing is taken over. The number is that of the shape kept. */
function cachesKey({ ports, spec, input }: Setting): string {
  const { platform, arch, version } = process;
  const { repo, setup, checks } = spec;
  return hashOf([1, repo.url, input.baseTree, setup, checks, ports.sandbox.name, platform, arch, version], 40);
}

const folderOf = ({ ports, input }: Setting): string => ports.taskFolder(input.lineage);

async function checkout(setting: Setting, tree: string, keep: readonly string[]): Promise<Place> {
  const { ports, spec, input } = setting;
  const folder = folderOf(setting);
  const home = join(folder, 'home');
  if ((await lstat(home).catch(() => null))?.isDirectory() === false) await rm(home);
  await mkdir(home, { recursive: true });
  const request = { url: spec.repo.url, workspace: input.lineage, commit: input.baseCommit, tree, keep };
  return { directory: await ports.git.checkout(request), home, folder };
}

// ---------------------------------------------------------------- making a ground

/** Set-up steps run once for each state of the files they install from; what they leave untracked is kept from then on. */
async function make(setting: Setting, ground: Ground): Promise<SetupFailed | null> {
  const { ports, spec, input } = setting;
  const { key, tree, upon } = ground;
  await dropGround(folderOf(setting), key);
  const begun = upon === null ? await emptied(setting, tree) : await enter(setting, upon, tree, 'clean');
  if (begun.kind === 'setupFailed') return begun;
  const { place } = begun;
  const shared = upon === null ? sharedSteps(spec.setup, ground.entries) : [];
  const sharedKey = shared.length === 0 ? null : keyForAll(setting, shared, ground);
  const failed =
    (sharedKey === null ? null : await fetchShared(setting, place, sharedKey, shared)) ??
    (await runSteps(ports, spec.setup.slice(shared.length), place));
  if (failed !== null) return failed;
  const keep = await ports.git.untracked(spec.repo.url, input.lineage);
  const isAllShared = sharedKey !== null && shared.length === spec.setup.length;
  await keepGround(ports, place, key, { keep, isOfBase: upon === null }, async (folder) =>
    isAllShared ? await linkSetup(ports, sharedKey, folder) : false,
  );
  return null;
}

/** With nothing in it but the snapshot. */
async function emptied(setting: Setting, tree: string): Promise<Prepared> {
  const place = await checkout(setting, tree, []);
  await clearGround(place);
  return { kind: 'ready', place };
}

/** Null if all of them end well. */
async function runSteps(ports: ActivityPorts, steps: readonly SetupSpec[], place: Place): Promise<SetupFailed | null> {
  for (const step of steps) {
    const { result, log } = await runLogged(ports, step, step.network, place);
    if (result.exitCode === 0) continue;
    const failed = failure('setupFailed', `${step.name} (exit ${result.exitCode ?? 'none'}).`);
    return { kind: 'setupFailed', failure: failed, log, sandbox: ports.sandbox.name };
  }
  return null;
}

/** The number is that of the shape kept, and of who may have made it. */
function keyForAll({ ports, spec }: Setting, steps: readonly SetupSpec[], { entries }: Ground): string {
  const { platform, arch, version } = process;
  return hashOf([3, spec.repo.url, setupKey(steps, entries), ports.sandbox.name, platform, arch, version], 40);
}

/**
 * On the base and in an empty home alone: nothing of a change gets among what is kept for other tasks. An installer runs code of
 * the repository; where that may be a model's (`ownSetup`), what others have fetched by the same lock files is used, and nothing
 * is kept.
 */
async function fetchShared(
  { ports, spec, input }: Setting,
  place: Place,
  key: string,
  steps: readonly SetupSpec[],
): Promise<SetupFailed | null> {
  if (await restoreSetup(ports, key, place)) return null;
  const failed = await runSteps(ports, steps, place);
  if (failed === null && spec.ownSetup !== true)
    await keepSetup(ports, key, place, await ports.git.untracked(spec.repo.url, input.lineage));
  return failed;
}
