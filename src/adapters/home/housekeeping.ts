/** Tidying a weaver home: what tasks left behind that will not come back for it, and what is past its time. */
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ARTIFACT_KEPT_MAX_MS,
  ARTIFACT_KEPT_MIN_MS,
  ARTIFACT_KEPT_MS,
  artifactsIn,
  endedLineages,
  isPast,
  LEDGER_KEPT_MS,
  LEFTOVER_KEPT_MS,
  lineagesOf,
  type Swept,
  type Tasks,
} from '../../domain/housekeeping.js';
import { ownerOfWorkspace } from '../../domain/lineage.js';
import type { Housekeeping, SweepRequest } from '../../ports.js';
import type { LocalRecords } from '../artifacts/records.js';
import { namesIn, orDiskFault } from '../artifacts/durable-file.js';
import { unlessGone } from '../git/error-code.js';
import { removeFolder } from '../git/remove-folder.js';
import { isTerminalState } from '../../domain/task.js';

export interface HousekeepingOptions {
  readonly home: string;
  /** Removes a work tree under its lock. */
  readonly closeWorkspace: (name: string) => Promise<void>;
  readonly records: LocalRecords;
}

/** An hour's leftovers of a busy host; a home that was never tidied takes some runs. */
const REMOVED_MAX = 2_000;
/** Less than the activity may take. */
const SWEEP_MS_MAX = 8 * 60_000;
const LINEAGES_SHOWN = 20;
const FAILED_SHOWN = 5;

export const createHousekeeping = (options: HousekeepingOptions): Housekeeping => ({
  sweep: (request) => orDiskFault('The weaver home could not be tidied', () => sweep(options, request)),
});

/** What a sweep goes through, part by part, until it is over or a bound is reached. */
interface Sweep extends HousekeepingOptions {
  readonly request: SweepRequest;
  readonly tasks: Tasks;
  readonly nowMs: number;
  readonly count: Counts;
}

async function sweep(options: HousekeepingOptions, request: SweepRequest): Promise<Swept> {
  const count = new Counts(request.dryRun, Date.now() + SWEEP_MS_MAX);
  const tasks = await tasksOf(options.records, request.openTasks);
  const all: Sweep = { ...options, request, tasks, nowMs: Date.now(), count };
  await sweepWorkspaces(all);
  await sweepFolders(all, 'tasks', 'taskFolders', LEFTOVER_KEPT_MS);
  await sweepFolders(all, 'ledger', 'ledgers', LEDGER_KEPT_MS);
  await sweepArtifacts(all);
  return count.swept();
}

/** What was removed so far, and whether there may be more. */
class Counts {
  private readonly removed = { workspaces: 0, taskFolders: 0, ledgers: 0, artifacts: 0 };
  private readonly lineages = new Set<string>();
  private readonly failed: string[] = [];
  private bytes = 0;
  private more = false;

  constructor(
    private readonly dryRun: boolean,
    private readonly untilMs: number,
  ) {}

  /** Runs `remove` unless nothing is to be removed, or no more. */
  async remove(
    what: keyof Swept['removed'],
    bytes: number,
    lineage: string | null,
    remove: () => Promise<void>,
  ): Promise<void> {
    if (this.isFull()) return;
    if (!this.dryRun && !(await this.succeeds(`${what} ${lineage ?? ''}`, remove))) return;
    this.removed[what] += 1;
    this.bytes += bytes;
    if (lineage !== null && this.lineages.size < LINEAGES_SHOWN) this.lineages.add(lineage);
  }

  /** One thing that cannot go must not keep the others. */
  private async succeeds(what: string, remove: () => Promise<void>): Promise<boolean> {
    try {
      await remove();
      return true;
    } catch (thrown) {
      const says = thrown instanceof Error ? thrown.message : String(thrown);
      if (this.failed.length < FAILED_SHOWN) this.failed.push(`${what}: ${says}`.slice(0, 300));
      return false;
    }
  }

  isFull(): boolean {
    const total = Object.values(this.removed).reduce((a, b) => a + b, 0);
    this.more ||= total >= REMOVED_MAX || Date.now() > this.untilMs;
    return this.more;
  }

  swept = (): Swept => ({
    dryRun: this.dryRun,
    removed: { ...this.removed },
    lineages: [...this.lineages],
    bytes: this.bytes,
    failed: [...this.failed],
    more: this.more,
  });
}

async function tasksOf(records: LocalRecords, openTasks: SweepRequest['openTasks']): Promise<Tasks> {
  if (openTasks !== null) return { kind: 'asked', open: new Set(openTasks.flatMap(lineagesOf)) };
  return { kind: 'offline', ended: endedLineages((await records.listTasks()).flatMap(storedTask)) };
}

/** Written by `record`: the task as it stood then. */
function storedTask(stored: unknown): readonly { readonly taskId: string; readonly ended: boolean }[] {
  if (typeof stored !== 'object' || stored === null) return [];
  const { taskId, status } = stored as { readonly taskId?: unknown; readonly status?: { readonly state?: unknown } };
  return typeof taskId === 'string' ? [{ taskId, ended: isTerminalState(String(status?.state)) }] : [];
}

/** `NAME`, `.NAME.closed` of a removal that was killed, and locks whose owner was. */
async function sweepWorkspaces({ home, tasks, nowMs, count, closeWorkspace, request }: Sweep): Promise<void> {
  const folder = join(home, 'workspaces');
  const found = await namesIn(folder);
  const locks = found.filter((name) => /\.lock(?:\.\d+\.[0-9a-f]{8})?$/.test(name));
  const spaces = new Set(found.filter((name) => !locks.includes(name)).map((name) => name.replace(CLOSED, '$1')));
  for (const name of spaces) {
    request.signal?.throwIfAborted();
    const ageMs =
      nowMs - Math.max(await changedAt(join(folder, name)), await changedAt(join(folder, `.${name}.closed`)));
    if (isPast(tasks, ownerOfWorkspace(name), ageMs, LEFTOVER_KEPT_MS))
      await count.remove('workspaces', 0, name, () => closeWorkspace(name));
  }
  for (const name of locks) {
    const of = name.replace(/\.lock.*$/, '');
    // Nobody works under a lock for an hour.
    const ageMs = nowMs - (await changedAt(join(folder, name)));
    if (!request.dryRun && !spaces.has(of) && isPast(tasks, ownerOfWorkspace(of), ageMs, LEFTOVER_KEPT_MS))
      await unlink(join(folder, name)).catch(unlessGone);
  }
}

const CLOSED = /^\.(.+)\.closed$/;

/** Folders named by lineage. */
async function sweepFolders(
  { home, tasks, nowMs, count, request }: Sweep,
  part: string,
  what: 'taskFolders' | 'ledgers',
  keptMs: number,
): Promise<void> {
  for (const name of await namesIn(join(home, part))) {
    request.signal?.throwIfAborted();
    const folder = join(home, part, name);
    // Their own names come and go with their files; the files' times say when they were last written.
    const owner = part === 'tasks' ? ownerOfWorkspace(name) : name;
    if (!isPast(tasks, owner, nowMs - (await changedAt(folder)), keptMs)) continue;
    if (!isPast(tasks, owner, nowMs - (await youngestIn(folder)), keptMs)) continue;
    await count.remove(what, 0, name, () => removeFolder(folder));
  }
}

async function youngestIn(folder: string): Promise<number> {
  const names = (await readdir(folder).catch(() => undefined)) ?? [];
  const times = await Promise.all(names.map((name) => changedAt(join(folder, name))));
  return Math.max(0, ...times);
}

/** Epoch milliseconds; 0 if it is not there. */
const changedAt = async (path: string): Promise<number> => (await lstat(path).catch(unlessGone))?.mtimeMs ?? 0;

/** By kind, which the records tell; what the record of an open task names stays, however old. */
async function sweepArtifacts(all: Sweep): Promise<void> {
  const { nowMs, count, records, request } = all;
  const old = await oldArtifacts(all);
  if (old.length === 0) return;
  const keptMs = new Map<string, number>();
  for await (const entry of records.walk())
    for (const [sha256, kind] of artifactsIn(entry))
      keptMs.set(sha256, Math.max(keptMs.get(sha256) ?? 0, ARTIFACT_KEPT_MS[kind]));
  const named = await namedByOpenTasks(all);
  for (const { file, sha256, ageMs, bytes } of old) {
    request.signal?.throwIfAborted();
    if (named.has(sha256) || ageMs <= (keptMs.get(sha256) ?? ARTIFACT_KEPT_MAX_MS)) continue;
    // Stored again since we looked: it is wanted again.
    if (nowMs - (await changedAt(file)) < ageMs) continue;
    await count.remove('artifacts', bytes, null, () => unlink(file).catch(unlessGone));
  }
}

interface OldArtifact {
  readonly file: string;
  readonly sha256: string;
  readonly ageMs: number;
  readonly bytes: number;
}

async function oldArtifacts({ home, nowMs, request }: Sweep): Promise<readonly OldArtifact[]> {
  const root = join(home, 'artifacts');
  const old: OldArtifact[] = [];
  for (const folder of await namesIn(root)) {
    request.signal?.throwIfAborted();
    const names = await namesIn(join(root, folder));
    const seen = await Promise.all(
      names.map(async (name) => ({ name, about: await aboutFile(join(root, folder, name)) })),
    );
    for (const { name, about } of seen) {
      const [, sha256] = /^([0-9a-f]{64})\.gz/.exec(name) ?? [];
      const ageMs = nowMs - (about?.mtimeMs ?? nowMs);
      if (sha256 === undefined || about === undefined || ageMs <= ARTIFACT_KEPT_MIN_MS) continue;
      old.push({ file: join(root, folder, name), sha256, ageMs, bytes: about.size });
    }
  }
  return old;
}

const aboutFile = (file: string) => lstat(file).catch(unlessGone);

async function namedByOpenTasks({ records, request }: Sweep): Promise<ReadonlySet<string>> {
  const open =
    request.openTasks ??
    (await records.listTasks()).flatMap(storedTask).flatMap(({ taskId, ended }) => (ended ? [] : [taskId]));
  const named = new Set<string>();
  for (const taskId of open) {
    const account = [await records.read(taskId), await records.recall(`task/${taskId}`)];
    for (const [sha256] of artifactsIn(account)) named.add(sha256);
  }
  return named;
}
