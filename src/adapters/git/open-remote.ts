/** Where a task starts on the remote, and that the mirror has it. */
import type { Git, RemoteState } from '../../ports.js';
import { PortFault } from '../../ports.js';
import { ALL_REFS } from './mirror.js';
import type { Mirror } from './mirror.js';
import { assertBranch, assertObjectId } from './names.js';
import { readRefs } from './remote-refs.js';
import type { RemoteOptions } from './remote-refs.js';

type OpenRequest = Parameters<Git['open']>[0];

/** The remote may move between the question and the fetch; who moves it more often than this has a busy day. */
const ROUNDS_MAX = 3;

/** See `Git.open`. One process when the mirror knows the commits already. */
export async function openRemote(options: RemoteOptions, request: OpenRequest): Promise<RemoteState> {
  const { mirrors, snapshots } = options;
  if (request.baseBranch !== undefined) assertBranch(request.baseBranch);
  if (request.baseCommit !== undefined) assertObjectId(request.baseCommit);
  assertBranch(request.branch);
  const mirror = mirrors.of(request.url);
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const tips = await readTips(options, mirror, request);
    const commits = tips.branchTip === null ? [tips.baseTip] : [tips.baseTip, tips.branchTip];
    const trees = await haveCommits(options, mirror, tips, commits, request);
    if (trees === null) continue;
    const base = await pinnedBase(options, mirror, tips, request);
    const baseCommit = await startingCommit(options, mirror, { ...tips, baseTip: base });
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
  const baseRef = baseBranch === undefined ? 'HEAD' : `refs/heads/${baseBranch}`;
  const refs = await readRefs(options, mirror, [...new Set([baseRef, `refs/heads/${branch}`])], signal);
  const base = baseBranch ?? refs.headBranch;
  const baseTip = refs.ids.get(baseRef);
  if (base === null || baseTip === undefined) throw await missingBase(options, mirror, baseBranch, signal);
  return { baseBranch: base, baseTip, branchTip: refs.ids.get(`refs/heads/${branch}`) ?? null };
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
  // Without mending, which would wait for the lock that this is asked under.
  const isThere = (): Promise<boolean> =>
    snapshots.treesOf(mirror, commits).then(
      (found) => commits.every((commit) => found.has(commit)),
      () => false,
    );
  await mirrors.fetch(mirror, [...new Set(branches)], request.signal, isThere);
  const after = await lookUp();
  return commits.every((commit) => after.has(commit)) ? after : null;
}

/** The commit that the request names, if the remote has it below one of its branches; else the tip of the base branch. */
async function pinnedBase(
  { mirrors, snapshots }: RemoteOptions,
  mirror: Mirror,
  { baseTip, baseBranch }: Tips,
  { baseCommit, signal }: OpenRequest,
): Promise<string> {
  if (baseCommit === undefined || baseCommit === baseTip) return baseTip;
  const isKnown = async (): Promise<boolean> =>
    (await mirrors.mending(mirror, () => snapshots.treesOf(mirror, [baseCommit]))).has(baseCommit);
  if ((await isKnown()) && (await mirrors.mending(mirror, () => snapshots.isAncestor(mirror, baseCommit, baseTip))))
    return baseCommit;
  // Its branch may be another one, or the base branch was written anew; a commit that only the mirror has cannot be built on.
  await mirrors.fetchAll(mirror, signal);
  if ((await isKnown()) && (await isBelowSomeBranch(mirrors, mirror, baseCommit))) return baseCommit;
  const says = `No branch of the remote has the commit ${baseCommit} that the task starts from (base branch ${baseBranch}).`;
  throw new PortFault('missingBaseBranch', says, false);
}

async function isBelowSomeBranch(mirrors: RemoteOptions['mirrors'], mirror: Mirror, commit: string): Promise<boolean> {
  const args = ['for-each-ref', '--count=1', '--format=%(refname)', `--contains=${commit}`, ALL_REFS];
  const { stdout } = await mirrors.mending(mirror, () => mirrors.local(mirror, args));
  return stdout.length > 0;
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
