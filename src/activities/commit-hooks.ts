/**
 * Hooks of the repository, asked about a commit before it is pushed. They are those of the base: a change does not choose who
 * judges it. Each runs in the sandbox, on the change with the hooks' folder as it is at the base; what it does to files or to
 * the message is thrown away.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, type Failure } from '../domain/failures.js';
import { outputEvidence } from '../domain/gate-evidence.js';
import type { ArtifactRef } from '../domain/outcome.js';
import { quoted } from '../domain/shell-variables.js';
import type { HooksSpec, TaskSpec } from '../domain/task.js';
import type { TreeChange, TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { LandInput } from './contract.js';
import { hashOf } from './json-hash.js';
import { prepare, runLogged, type Place } from './work-place.js';

/** Those that a commit and its push would run, in that order. */
const HOOKS = ['pre-commit', 'commit-msg', 'pre-push'] as const;
type HookName = (typeof HOOKS)[number];

/** Where hooks are that come with the repository, if the task names no folder. */
const HUSKY = '.husky';
const FOLDERS = [HUSKY, '.githooks'] as const;

export interface CommitToJudge {
  readonly input: LandInput;
  readonly commit: string;
  readonly message: string;
}

export interface RefusedByHook {
  readonly failure: Failure;
  readonly evidence: ArtifactRef;
}

/**
 * Null if no hook says no. One that has let the commit through is not asked again: its push may only have lost its reply, or the
 * worker may have been killed between two hooks. Only the one that was under way then runs twice.
 */
export async function askHooks(
  ports: ActivityPorts,
  spec: TaskSpec,
  judged: CommitToJudge,
): Promise<RefusedByHook | null> {
  const hooks = spec.commit.hooks ?? ports.settings.hooks ?? 'skip';
  if (hooks === 'skip') return null;
  const found = await findHooks(ports, spec, hooks, judged.input);
  if (found === null) return null;
  // The number is that of the shape remembered.
  const memory = `hooks/${hashOf([2, judged.commit, found.entries, hooks, ports.sandbox.name], 40)}`;
  // Written below a name of this very shape only.
  const passed = new Set(((await ports.records.recall(memory)) ?? []) as readonly HookName[]);
  const left = found.hooks.filter(({ name }) => !passed.has(name));
  if (left.length === 0) return null;
  const tree = await withHooksOfBase(ports, spec, found, judged.input);
  for (const hook of left) {
    const run = { hook, tree, timeoutSeconds: hooks.timeoutSeconds, ...judged };
    const refused = await ports.alone(judged.input.lineage, () => runHook(ports, spec, run));
    if (refused !== null) return refused;
    passed.add(hook.name);
    await ports.records.remember(memory, [...passed]);
  }
  return null;
}

interface Hook {
  readonly name: HookName;
  readonly path: string;
  readonly isHusky: boolean;
  readonly isExecutable: boolean;
}

interface FoundHooks {
  readonly folder: string;
  /** All that lies in it at the base, by path. */
  readonly entries: readonly TreeEntry[];
  readonly hooks: readonly Hook[];
}

async function findHooks(
  { git }: ActivityPorts,
  { repo }: TaskSpec,
  { path }: HooksSpec,
  { baseTree }: LandInput,
): Promise<FoundHooks | null> {
  const all = await git.list(repo.url, baseTree);
  for (const folder of path === undefined ? FOLDERS : [path.replace(/\/+$/, '')]) {
    const entries = all.filter((entry) => entry.path.startsWith(`${folder}/`));
    const hooks = HOOKS.flatMap((name) => hookOf(entries, folder, name));
    if (hooks.length > 0) return { folder, entries, hooks };
  }
  return null;
}

/** Git passes over a hook that is not executable; husky starts its own by a shell. */
function hookOf(entries: readonly TreeEntry[], folder: string, name: HookName): readonly Hook[] {
  const path = `${folder}/${name}`;
  const mode = entries.find((entry) => entry.path === path)?.mode;
  const isHusky = folder === HUSKY;
  const isExecutable = mode === '100755';
  return isExecutable || (isHusky && mode === '100644') ? [{ name, path, isHusky, isExecutable }] : [];
}

/** The change with the folder of the hooks as it is at the base: hooks read files beside them. */
async function withHooksOfBase(
  { git }: ActivityPorts,
  { repo }: TaskSpec,
  { folder, entries }: FoundHooks,
  { tree, baseTree }: LandInput,
): Promise<string> {
  const now = (await git.list(repo.url, tree)).filter(({ path }) => path === folder || path.startsWith(`${folder}/`));
  const same = (a: TreeEntry) => entries.some((b) => a.path === b.path && a.oid === b.oid && a.mode === b.mode);
  if (now.length === entries.length && now.every(same)) return tree;
  const paths = entries.map(({ path }) => path);
  const contents = await git.read(repo.url, baseTree, paths);
  const gone = now.filter(({ path }) => !contents.has(path)).map(({ path }): TreeChange => [path, null]);
  return await git.write(repo.url, tree, [...gone, ...contents]);
}

interface HookRun extends CommitToJudge {
  readonly hook: Hook;
  readonly tree: string;
  readonly timeoutSeconds: number;
}

async function runHook(ports: ActivityPorts, spec: TaskSpec, run: HookRun): Promise<RefusedByHook | null> {
  const { hook, input, tree, timeoutSeconds } = run;
  // Anew for each: the one before may have run code of the change.
  const place = await prepare(ports, { ...input, tree }, spec);
  if (hook.isHusky) await standInForHusky(place);
  const line = await lineOf(spec, place, run);
  const author = spec.commit.author ?? ports.settings.author;
  const command = { name: `hook ${hook.name}`, run: `${identity(author)}${OWN_GIT}${line}`, timeoutSeconds };
  const { result, bytes } = await runLogged(ports, command, false, place);
  if (result.exitCode === 0) return null;
  const how = result.timedOut ? `stopped after ${timeoutSeconds} s` : `exit ${result.exitCode ?? 'none'}`;
  const told = outputEvidence({ ...command, run: hook.path }, result, bytes.toString('utf8'));
  return {
    failure: failure('hookFailed', `${hook.path} (${how}).`),
    evidence: await ports.artifacts.put('log', told),
  };
}

/** Up to its version 8 hooks of husky read a file that its installation makes and git ignores. Nothing in it is needed here. */
async function standInForHusky({ directory }: Place): Promise<void> {
  const folder = join(directory, HUSKY, '_');
  const isNew = (await mkdir(folder, { recursive: true })) !== undefined;
  if (isNew) await writeFile(join(folder, 'husky.sh'), '', { flag: 'wx' });
}

/** Hooks that put things aside and back make commits of their own, by whoever commits. */
function identity(author: string): string {
  const [, name = '', address = ''] = /^(.*) <([^>]*)>$/.exec(author) ?? [];
  const variables = ['AUTHOR', 'COMMITTER'].flatMap((who) => [
    `GIT_${who}_NAME=${quoted(name)}`,
    `GIT_${who}_EMAIL=${quoted(address)}`,
  ]);
  return `export ${variables.join(' ')}\n`;
}

/**
 * The git folder that commands see can only be read. Hooks stage what they format, and put aside what is not staged: they get
 * one of their own, with the same commit and index, whose objects come on top of the mirror's.
 */
const OWN_GIT = `g="$HOME/git-of-hooks"
rm -rf "$g" && mkdir -p "$g/objects/info" "$g/refs" && {
  git rev-parse --git-path objects >"$g/objects/info/alternates" &&
  git rev-parse HEAD >"$g/HEAD" &&
  cp "$(git rev-parse --git-common-dir)/config" "$g/config" &&
  cp "$(git rev-parse --git-dir)/index" "$g/index" &&
  export GIT_DIR="$g" GIT_WORK_TREE="$PWD"
} 2>/dev/null
`;

/** As git would start it, at the top of the work tree. */
async function lineOf(spec: TaskSpec, place: Place, { hook, input, commit, message }: HookRun): Promise<string> {
  const program = hook.isExecutable ? quoted(`./${hook.path}`) : `sh -e ${quoted(hook.path)}`;
  const tools = hook.isHusky ? 'PATH="$PWD/node_modules/.bin:$PATH"; export PATH; ' : '';
  switch (hook.name) {
    case 'pre-commit':
      return `${tools}${program}`;
    case 'commit-msg':
      return `${tools}${program} ${quoted(await writeMessage(place, message))}`;
    case 'pre-push': {
      const { branch, branchTip } = input;
      const ref = `refs/heads/${branch}`;
      const pushed = `${ref} ${commit} ${ref} ${branchTip ?? '0'.repeat(commit.length)}`;
      return `${tools}printf '%s\\n' ${quoted(pushed)} | ${program} origin ${quoted(spec.repo.url)}`;
    }
    default:
      throw new TypeError(`unknown hook ${String(hook.name satisfies never)}`);
  }
}

/** In the home of the commands, which may have put anything there: whatever has the name goes first. */
async function writeMessage({ home }: Place, message: string): Promise<string> {
  const file = join(home, 'COMMIT_EDITMSG');
  await rm(file, { recursive: true, force: true });
  await writeFile(file, message, { flag: 'wx' });
  return file;
}
