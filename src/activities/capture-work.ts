/** The work tree of a task as work that may land: a snapshot that keeps to the rules for files, with its diff and its message. */
import { lossIn } from '../domain/additions-only.js';
import { commitSubject, commitText } from '../domain/commit-message.js';
import { resolvePath, shown } from '../domain/edit-paths.js';
import type { Edit } from '../domain/edits.js';
import { failure, type FailureCode } from '../domain/failures.js';
import { cutToBytes } from '../domain/payload-limit.js';
import type { TaskSpec } from '../domain/task.js';
import type { TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { addedLines, compute, DIFF_BYTES_MAX, protectionOf, secretsIn } from './apply-edits.js';
import type { Made } from './contract.js';
import { guardWork } from './guard-work.js';
import type { SetupFailed } from './work-place.js';

/** A change of more files is a generated one, or the leftovers of a build that no .gitignore names. */
export const FILES_MAX = 2_000;
const SIGNATURE_BYTES_MAX = 500;

type Bare<T> = T extends unknown ? Omit<T, 'by' | 'startedAt' | 'endedAt'> : never;
/** Without the times and the worker. */
export type Work = Exclude<Bare<Made>, { readonly kind: 'question' | 'plan' }>;
/** In place of work: the task is to be split. */
export type Splitting = Extract<Bare<Made>, { readonly kind: 'plan' }>;

/** Nothing could be worked on. */
export const notSetUp = ({ failure: failed, log }: SetupFailed): Work => ({
  kind: 'failed',
  failure: failed,
  signature: 'setupFailed',
  evidence: log,
});

export interface Captured {
  readonly spec: TaskSpec;
  readonly workspace: string;
  readonly baseTree: string;
  /** What the set-up left there. */
  readonly keep: readonly string[];
  /** Proposed commit message; empty = the task's own words. */
  readonly message: string;
  /** Applied to what the work tree holds. */
  readonly edits?: readonly Edit[];
}

export async function captureWork(ports: ActivityPorts, captured: Captured): Promise<Work> {
  const { git } = ports;
  const { spec, workspace, keep, edits = [] } = captured;
  const { url } = spec.repo;
  const result = await git.capture({ url, workspace, keep, filesMax: FILES_MAX });
  if (result.kind === 'gone') return refuse(ports, 'workLost', workspace);
  if (result.kind === 'refused') return refuse(ports, 'workRefused', result.says);
  if (edits.length === 0) return await judged(ports, captured, result.tree);
  const edited = await compute(ports, spec, result.tree, edits, () => 'allow');
  if (edited.kind === 'rejected') {
    const says = edited.faults.map(({ index, path, says: why }) => `edit ${index + 1} (${path}): ${why}`).join('\n');
    const isRefused = edited.faults.some(({ code }) => code === 'refusedPath');
    return refuse(ports, isRefused ? 'refusedPath' : 'editsRejected', says);
  }
  const changes = edited.changes.map(
    ({ path, file }) => [path, file === null ? null : { mode: file.mode, bytes: Buffer.from(file.bytes) }] as const,
  );
  return await judged(ports, captured, await git.write(url, result.tree, changes));
}

/** Whether the snapshot may land, and what it is then. */
async function judged(ports: ActivityPorts, { spec, baseTree, message }: Captured, tree: string): Promise<Work> {
  const { git, artifacts } = ports;
  const { url } = spec.repo;
  if (tree === baseTree) return refuse(ports, 'nothingToCommit', 'No file was changed.');
  const broken = await brokenRule(ports, spec, baseTree, tree);
  if (broken !== null) return refuse(ports, broken.code, broken.says);
  const { stat, patch, cut } = await git.diff(url, baseTree, tree, DIFF_BYTES_MAX);
  // What cannot be looked at whole is not let out.
  if (cut) return refuse(ports, 'workRefused', `The change is larger than ${DIFF_BYTES_MAX} bytes as a patch.`);
  const text = commitText(spec, message);
  const secrets = secretsIn(ports, [...addedLines(patch.toString('utf8')), text].join('\n'));
  if (secrets !== null) return refuse(ports, 'secretInDiff', secrets.join(', '));
  const guarded = await guardWork(ports, spec, { baseTree, tree }, patch);
  if (guarded.kind === 'refused') {
    const { failure: failed, signature, says } = guarded;
    return { kind: 'failed', failure: failed, signature, evidence: await artifacts.put('log', says) };
  }
  return {
    kind: 'made',
    tree,
    diff: await artifacts.put('diff', patch),
    stat,
    subject: commitSubject(spec, message),
    message: await artifacts.put('answer', text),
    ...(guarded.warnings.length === 0 ? {} : { notes: guarded.warnings }),
  };
}

/** An ended work as a failure with its evidence. */
export async function refuse({ artifacts }: ActivityPorts, code: FailureCode, says: string): Promise<Work> {
  return {
    kind: 'failed',
    failure: failure(code, says),
    signature: cutToBytes(`${code}\n${says}`, SIGNATURE_BYTES_MAX),
    evidence: await artifacts.put('log', says),
  };
}

interface Changed {
  readonly path: string;
  readonly before: TreeEntry | undefined;
  readonly after: TreeEntry | undefined;
}

interface Broken {
  readonly code: FailureCode;
  readonly says: string;
}

/** The rules for files hold for everybody who works on a task. */
async function brokenRule(
  ports: ActivityPorts,
  spec: TaskSpec,
  baseTree: string,
  tree: string,
): Promise<Broken | null> {
  const { url } = spec.repo;
  const [before, after] = await Promise.all([ports.git.list(url, baseTree), ports.git.list(url, tree)]);
  const changed = changesOf(before, after);
  const module = changed.find((each) => [each.before, each.after].some((entry) => entry?.mode === '160000'));
  if (module !== undefined)
    return { code: 'workRefused', says: `${shown(module.path)} is a submodule, another repository.` };
  const policy = protectionOf(ports.settings, spec);
  const denied = changed.filter(({ path }) => policy(path) === 'deny');
  if (denied.length > 0)
    return { code: 'protectedFile', says: denied.map(({ path }) => `${shown(path)}: the task protects it`).join('; ') };
  const lost = await lostLines(
    ports,
    { url, baseTree, tree },
    changed.filter(({ path }) => policy(path) === 'add-only'),
  );
  if (lost.length > 0) return { code: 'protectedFile', says: lost.join('; ') };
  const links = changed.filter((each) => each.after?.mode === '120000').map(({ path }) => path);
  return links.length === 0 ? null : await linkOutside(ports, { url, tree }, after, links);
}

function changesOf(before: readonly TreeEntry[], after: readonly TreeEntry[]): readonly Changed[] {
  const old = new Map(before.map((entry) => [entry.path, entry]));
  const now = new Map(after.map((entry) => [entry.path, entry]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }))
    .filter((each) => each.before?.oid !== each.after?.oid || each.before?.mode !== each.after?.mode);
}

/** What a rule of additions only forbids, in words. */
async function lostLines(
  { git }: ActivityPorts,
  { url, baseTree, tree }: { readonly url: string; readonly baseTree: string; readonly tree: string },
  changed: readonly Changed[],
): Promise<readonly string[]> {
  const paths = changed.filter(({ before }) => before !== undefined).map(({ path }) => path);
  if (paths.length === 0) return [];
  const [base, now] = await Promise.all([git.read(url, baseTree, paths), git.read(url, tree, paths)]);
  return paths.flatMap((path) => {
    const [was, is] = [base.get(path), now.get(path)];
    if (was === undefined) return [];
    if (is === undefined) return [`the task allows additions only to ${shown(path)}, and it is gone`];
    return lossIn(path, was.bytes, is.bytes) ?? [];
  });
}

/** A link that leads out of the repository is how a later step would write there. */
async function linkOutside(
  { git }: ActivityPorts,
  { url, tree }: { readonly url: string; readonly tree: string },
  entries: readonly TreeEntry[],
  links: readonly string[],
): Promise<Broken | null> {
  const modes = new Map(entries.map(({ path, mode }) => [path, mode]));
  const folders = new Set(entries.flatMap(({ path }) => foldersOf(path)));
  const all = entries.filter(({ mode }) => mode === '120000').map(({ path }) => path);
  const targets = await git.read(url, tree, all);
  const paths = {
    modeOf: (path: string) => modes.get(path),
    isFolder: (path: string) => folders.has(path),
    linkTarget: (path: string) => targets.get(path)?.bytes ?? { unread: path },
  };
  for (const link of links) {
    const resolved = resolvePath(paths, link, true);
    if (resolved.kind === 'fault' && resolved.code === 'refusedPath')
      return { code: 'refusedPath', says: `${shown(link)}: ${resolved.says}` };
  }
  return null;
}

const foldersOf = (path: string): readonly string[] =>
  path
    .split('/')
    .slice(0, -1)
    .map((_name, index, names) => names.slice(0, index + 1).join('/'));
