/** The work tree of a task as a place to run commands in: filled with a snapshot, set up once, everything printed kept. */
import { cancellationSignal } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, type Failure } from '../domain/failures.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { CheckSpec, SetupSpec, TaskSpec } from '../domain/task.js';
import type { CommandResult, TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { CheckInput } from './contract.js';

/** A command may flood its output; this much of it, from both ends, is kept as an artifact. */
const LOG_BYTES_MAX = 4_000_000;

/** What the work tree is made equal to. */
export type Snapshot = Pick<CheckInput, 'lineage' | 'tree' | 'baseCommit'>;

/** Where a task's commands run. */
export interface Place {
  readonly directory: string;
  readonly home: string;
  readonly folder: string;
}

/** The snapshot in the work tree of the task, with what the set-up left there. */
export async function prepare(ports: ActivityPorts, input: Snapshot, spec: TaskSpec): Promise<Place> {
  const folder = ports.taskFolder(input.lineage);
  const home = join(folder, 'home');
  await mkdir(home, { recursive: true });
  const base = { url: spec.repo.url, workspace: input.lineage, commit: input.baseCommit };
  const directory = await ports.git.checkout({ ...base, tree: input.tree, keep: await kept({ folder }) });
  return { directory, home, folder };
}

export type Setup =
  | { readonly kind: 'done' | 'ran' }
  | { readonly kind: 'setupFailed'; readonly failure: Failure; readonly log: ArtifactRef; readonly sandbox: string };

/** Set-up steps run once for each state of the files they install from; what they leave untracked is kept from then on. */
export async function ensureSetup(ports: ActivityPorts, spec: TaskSpec, input: Snapshot, place: Place): Promise<Setup> {
  if (spec.setup.length === 0) return { kind: 'done' };
  const mark = join(place.folder, 'setup.json');
  const key = setupKey(spec.setup, await ports.git.list(spec.repo.url, input.tree));
  if ((await readMark(mark))?.key === key) return { kind: 'done' };
  for (const step of spec.setup) {
    const { result, log } = await runLogged(ports, step, step.network, place);
    if (result.exitCode !== 0) {
      const failed = failure('setupFailed', `${step.name} (exit ${result.exitCode ?? 'none'}).`);
      return { kind: 'setupFailed', failure: failed, log, sandbox: ports.sandbox.name };
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

/** How a command ended, and all that it printed. */
export interface Logged {
  readonly result: CommandResult;
  readonly bytes: Buffer;
  readonly log: ArtifactRef;
}

export async function runLogged(
  { sandbox, artifacts }: Pick<ActivityPorts, 'sandbox' | 'artifacts'>,
  { name, run, timeoutSeconds }: CheckSpec,
  network: boolean,
  { directory, home, folder }: Place,
): Promise<Logged> {
  const logFile = join(folder, `${createHash('sha256').update(name).digest('hex').slice(0, 12)}.log`);
  const command = {
    run,
    directory,
    home,
    network,
    timeoutMs: timeoutSeconds * 1_000,
    logFile,
    logBytesMax: LOG_BYTES_MAX,
  };
  const result = await sandbox.run(command, cancellationSignal());
  const bytes = await readFile(logFile);
  const log = await artifacts.put('log', bytes);
  await rm(logFile, { force: true });
  return { result, bytes, log };
}

const sha = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 40);

/** Files that dependency installers read: when one changes, the set-up has to be done again. */
const MANIFEST =
  /(^|\/)(package\.json|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|requirements[^/]*\.txt|pyproject\.toml|poetry\.lock|uv\.lock|setup\.(py|cfg)|Pipfile(\.lock)?|go\.(mod|sum)|Cargo\.(toml|lock)|Gemfile(\.lock)?|pom\.xml|build\.gradle(\.kts)?)$/;

const setupKey = (setup: readonly SetupSpec[], entries: readonly TreeEntry[]): string =>
  sha([setup, entries.filter(({ path }) => MANIFEST.test(path)).map(({ path, oid }) => [path, oid])]);
