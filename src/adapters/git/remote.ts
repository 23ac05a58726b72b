/** Talking to the remote: what it has, where a task starts, and the one push. */
import type { Git, PushResult, RemoteState } from '../../ports.js';
import { PortFault } from '../../ports.js';
import { GitFailure, remoteFault, shown } from './faults.js';
import type { Redact } from './faults.js';
import type { GitLimits, Mirror, Mirrors } from './mirror.js';
import { assertBranch, assertObjectId } from './names.js';
import type { GitResult } from './run-git.js';
import type { Snapshots } from './snapshots.js';

export interface RemoteOptions {
  readonly mirrors: Mirrors;
  readonly snapshots: Snapshots;
  readonly limits: GitLimits;
  readonly redact: Redact;
}

type OpenRequest = Parameters<Git['open']>[0];
type PushRequest = Parameters<Git['push']>[0];

/** The remote may move between the question and the fetch; who moves it more often than this has a busy day. */
const ROUNDS_MAX = 3;

/** See `Git.open`. One process when the mirror knows the commits already. */
export async function openRemote(options: RemoteOptions, request: OpenRequest): Promise<RemoteState> {
  const { mirrors, snapshots } = options;
  if (request.baseBranch !== undefined) assertBranch(request.baseBranch);
  assertBranch(request.branch);
  const mirror = mirrors.of(request.url);
  await mirrors.ensure(mirror);
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const tips = await readTips(options, mirror, request);
    const commits = tips.branchTip === null ? [tips.baseTip] : [tips.baseTip, tips.branchTip];
    const trees = await haveCommits(options, mirror, tips, commits, request);
    if (trees === null) continue;
    const baseCommit = await startingCommit(options, mirror, tips);
    const baseTree = trees.get(baseCommit) ?? snapshots.knownTreeOf(mirror, baseCommit);
    if (baseTree !== undefined) return { baseBranch: tips.baseBranch, baseCommit, baseTree, branchTip: tips.branchTip };
  }
  throw new PortFault(
    'remoteUnreachable',
    'The branches of the remote moved while they were read, again and again.',
    true,
  );
}

// ---------------------------------------------------------------- what the remote has

interface Tips {
  readonly baseBranch: string;
  readonly baseTip: string;
  readonly branchTip: string | null;
}

async function readTips(
  options: RemoteOptions,
  mirror: Mirror,
  { baseBranch, branch, signal }: OpenRequest,
): Promise<Tips> {
  const names = ['HEAD', ...new Set([baseBranch ?? branch, branch])].map((name) =>
    name === 'HEAD' ? name : `refs/heads/${name}`,
  );
  const refs = await readRefs(options, mirror, baseBranch === undefined ? names : names.slice(1), signal);
  const base = baseBranch ?? refs.headBranch;
  const baseTip = baseBranch === undefined ? refs.ids.get('HEAD') : refs.ids.get(`refs/heads/${baseBranch}`);
  if (base === null || baseTip === undefined) throw await missingBase(options, mirror, baseBranch, signal);
  return { baseBranch: base, baseTip, branchTip: refs.ids.get(`refs/heads/${branch}`) ?? null };
}

interface Refs {
  readonly ids: ReadonlyMap<string, string>;
  /** Branch that HEAD names; null if it names none. */
  readonly headBranch: string | null;
}

/** `patterns` match the end of a name too, so the reader takes exact names out of the map. */
async function readRefs(
  options: RemoteOptions,
  mirror: Mirror,
  patterns: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Refs> {
  const { mirrors, limits, redact } = options;
  const result = await mirrors.remote(
    mirror,
    ['ls-remote', '--quiet', '--symref', '--', mirror.url, ...patterns],
    limits.askMs,
    signal,
  );
  if (result.exitCode !== 0) throw remoteFault(new GitFailure('ls-remote', result), redact);
  const ids = new Map<string, string>();
  let headBranch: string | null = null;
  for (const line of result.stdout.toString('utf8').split('\n')) {
    const [value = '', name = ''] = line.split('\t');
    if (value.startsWith('ref: refs/heads/') && name === 'HEAD') headBranch = value.slice('ref: refs/heads/'.length);
    else if (/^[0-9a-f]{40,64}$/.test(value)) ids.set(name, value);
  }
  return { ids, headBranch };
}

const BRANCHES_NAMED_MAX = 10;

async function missingBase(
  options: RemoteOptions,
  mirror: Mirror,
  wanted: string | undefined,
  signal: AbortSignal | undefined,
): Promise<PortFault> {
  const { ids } = await readRefs(options, mirror, [], signal);
  if (ids.size === 0) return new PortFault('emptyRepository', 'It has no branch and no tag.', false);
  const branches = [...ids.keys()]
    .filter((name) => name.startsWith('refs/heads/'))
    .map((name) => name.slice('refs/heads/'.length));
  const what =
    wanted === undefined
      ? "The remote's HEAD names no branch that exists."
      : `There is no branch ${JSON.stringify(wanted)}.`;
  const named = branches.slice(0, BRANCHES_NAMED_MAX).join(', ');
  const more = branches.length > BRANCHES_NAMED_MAX ? ` and ${branches.length - BRANCHES_NAMED_MAX} more` : '';
  return new PortFault(
    'missingBaseBranch',
    branches.length === 0 ? `${what} The remote has no branches.` : `${what} The remote has: ${named}${more}.`,
    false,
  );
}

// ---------------------------------------------------------------- where the task starts

/** Makes sure that the mirror has the commits. Null if the remote has moved on and does not give them any more. */
async function haveCommits(
  { mirrors, snapshots }: RemoteOptions,
  mirror: Mirror,
  tips: Tips,
  commits: readonly string[],
  request: OpenRequest,
): Promise<ReadonlyMap<string, string> | null> {
  const lookUp = (): Promise<ReadonlyMap<string, string>> =>
    mirrors.mending(mirror, () => snapshots.treesOf(mirror, commits));
  await mirrors.ensure(mirror, tips.baseTip.length === 64 ? 'sha256' : 'sha1');
  const before = (await mirrors.isEmpty(mirror)) ? new Map<string, string>() : await lookUp();
  if (commits.every((commit) => before.has(commit))) return before;
  const branches = before.has(tips.baseTip) ? [] : [tips.baseBranch];
  if (tips.branchTip !== null && !before.has(tips.branchTip)) branches.push(request.branch);
  await mirrors.fetch(mirror, [...new Set(branches)], request.signal);
  const after = await lookUp();
  return commits.every((commit) => after.has(commit)) ? after : null;
}

/** The task's own branch is gone on with, unless the base has swallowed it. */
async function startingCommit(
  { mirrors, snapshots }: RemoteOptions,
  mirror: Mirror,
  { baseTip, branchTip }: Tips,
): Promise<string> {
  if (branchTip === null) return baseTip;
  const swallowed = await mirrors.mending(mirror, () => snapshots.isAncestor(mirror, branchTip, baseTip));
  return swallowed ? baseTip : branchTip;
}

// ---------------------------------------------------------------- push

/** See `Git.push`. One process when nobody interferes; a lost reply is found out by pushing again. */
export async function pushCommit(options: RemoteOptions, request: PushRequest): Promise<PushResult> {
  const { mirrors, snapshots } = options;
  const { commit, branch, signal } = request;
  assertBranch(branch);
  assertObjectId(commit);
  if (request.expected !== null) assertObjectId(request.expected);
  const mirror = mirrors.of(request.url);
  let expected = request.expected;
  for (let round = 1; ; round += 1) {
    const known = expected;
    const builtOn = known === null || (await isBuiltOn(options, mirror, known, commit));
    const said = builtOn ? await pushOnce(options, mirror, { commit, branch, expected, signal }) : null;
    if (said !== null && said.kind !== 'stale') return said;
    const tip =
      (await readRefs(options, mirror, [`refs/heads/${branch}`], signal)).ids.get(`refs/heads/${branch}`) ?? null;
    if (tip === commit) return { kind: 'already' };
    // Only forward: a branch that was removed meanwhile is somebody's decision, not ours to undo.
    if (tip === null || round === ROUNDS_MAX || !(await snapshots.isAncestor(mirror, tip, commit).catch(notInMirror)))
      return { kind: 'moved', tip };
    expected = tip;
  }
}

/** A commit that the mirror does not have is not in the history of one that it has. */
function notInMirror(cause: unknown): false {
  if (cause instanceof GitFailure) return false;
  throw cause;
}

async function isBuiltOn(
  { mirrors, snapshots }: RemoteOptions,
  mirror: Mirror,
  expected: string,
  commit: string,
): Promise<boolean> {
  const trees = await mirrors.mending(mirror, () => snapshots.treesOf(mirror, [expected]));
  return trees.has(expected) && mirrors.mending(mirror, () => snapshots.isAncestor(mirror, expected, commit));
}

type Said = PushResult | { readonly kind: 'stale' };

async function pushOnce(
  { mirrors, limits, redact }: RemoteOptions,
  mirror: Mirror,
  { commit, branch, expected, signal }: Omit<PushRequest, 'url'>,
): Promise<Said> {
  const ref = `refs/heads/${branch}`;
  const args = ['push', '--porcelain', '--no-verify', '--no-follow-tags', '--recurse-submodules=no', '--no-signed'];
  const send = async (): Promise<Said> => {
    const result = await mirrors.remote(
      mirror,
      [...args, `--force-with-lease=${ref}:${expected ?? ''}`, '--', mirror.url, `${commit}:${ref}`],
      limits.transferMs,
      signal,
    );
    const said = parsePush(result, ref, redact);
    if (said !== null) return said;
    // Before the remote had a word: a mirror without the commit is mended, anything else is the line's fault.
    if (
      /does not match any|bad object|unable to read|missing (?:blob|tree|commit)|pack-objects died|loose object/i.test(
        result.stderr,
      )
    )
      throw new GitFailure('push', result);
    throw remoteFault(new GitFailure('push', result), redact);
  };
  return mirrors.mending(mirror, send);
}

/** Reads `--porcelain`: flag, refs and verdict, tabs between. Null if there is no verdict on the branch. */
function parsePush(result: GitResult, ref: string, redact: Redact): Said | null {
  for (const line of result.stdout.toString('utf8').split('\n')) {
    const [flag, refs = '', verdict = ''] = line.split('\t');
    if (!refs.endsWith(`:${ref}`)) continue;
    if (flag === '=') return { kind: 'already' };
    if (flag !== '!') return result.exitCode === 0 ? { kind: 'pushed' } : null;
    if (verdict.startsWith('[rejected]')) return { kind: 'stale' };
    if (!verdict.startsWith('[remote rejected]')) return null;
    // Two pushes at once: the loser hears about a lock or another value, not about its lease.
    if (/lock|failed to update ref|already exists|incorrect old value|expected/i.test(verdict))
      return { kind: 'stale' };
    // The remote's own trouble, its disk above all: no verdict on the push.
    if (/unpack/i.test(verdict))
      throw new PortFault('remoteUnreachable', shown(`${verdict} ${wordsOf(result)}`, redact), true);
    return {
      kind: 'refused',
      says: shown(`${verdict.replace(/^\[remote rejected\] /, '')} ${wordsOf(result)}`, redact),
    };
  }
  return null;
}

/** What hooks of the remote printed. */
const wordsOf = (result: GitResult): string =>
  result.stderr
    .split('\n')
    .filter((line) => line.startsWith('remote:'))
    .map((line) => line.slice('remote:'.length).trim())
    .filter((line) => line !== '')
    .join('\n');
