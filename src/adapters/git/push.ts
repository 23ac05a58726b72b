/** The one push: a compare-and-swap of the remote branch. */
import type { Git, PushResult } from '../../ports.js';
import { PortFault } from '../../ports.js';
import { GitFailure, remoteFault, shown } from './faults.js';
import type { Redact } from './faults.js';
import type { Mirror } from './mirror.js';
import { assertBranch, assertObjectId } from './names.js';
import { readTip } from './remote-refs.js';
import type { RemoteOptions } from './remote-refs.js';
import type { GitResult } from './run-git.js';

type PushRequest = Parameters<Git['push']>[0];

/** See `Git.push`. One process when nobody interferes. Harmless twice: a lost reply is found out by pushing again. */
export async function pushCommit(options: RemoteOptions, request: PushRequest): Promise<PushResult> {
  const { commit, branch, expected, signal } = request;
  assertBranch(branch);
  assertObjectId(commit);
  if (expected !== null) assertObjectId(expected);
  const mirror = options.mirrors.of(request.url);
  // The lease alone would overwrite the very commit it names.
  const forward = expected === null || (await isBuiltOn(options, mirror, expected, commit));
  const verdict = forward ? await pushOnce(options, mirror, request) : null;
  if (verdict !== null && verdict.kind !== 'stale') return verdict;
  const tip = await readTip(options, mirror, branch, signal);
  if (tip !== null && (tip === commit || (await isBelow(options, mirror, { commit, branch, tip, signal }))))
    return { kind: 'already' };
  // Nobody moved it: another push has the remote's lock this moment, or left it behind.
  if (verdict !== null && tip === expected) throw new PortFault('remoteUnreachable', verdict.says, true);
  return { kind: 'moved', tip };
}

async function isBuiltOn(
  { mirrors, snapshots }: RemoteOptions,
  mirror: Mirror,
  expected: string,
  commit: string,
): Promise<boolean> {
  const known = await mirrors.mending(mirror, () => snapshots.treesOf(mirror, [expected]));
  return known.has(expected) && mirrors.mending(mirror, () => snapshots.isAncestor(mirror, expected, commit));
}

/** Our push went through, its reply was lost, and somebody has built on it since: it must not land a second time. */
async function isBelow(
  { mirrors, snapshots }: RemoteOptions,
  mirror: Mirror,
  { commit, branch, tip, signal }: Pick<PushRequest, 'commit' | 'branch' | 'signal'> & { readonly tip: string },
): Promise<boolean> {
  await mirrors.fetch(mirror, [branch], signal);
  const known = await snapshots.treesOf(mirror, [tip]);
  return known.has(tip) && snapshots.isAncestor(mirror, commit, tip);
}

/** `stale`: the branch is not where the lease says, or is being moved this moment. */
type Verdict = PushResult | { readonly kind: 'stale'; readonly says: string };

const PUSH = ['push', '--porcelain', '--no-verify', '--no-follow-tags', '--recurse-submodules=no', '--no-signed'];

function pushOnce(
  { mirrors, redact }: RemoteOptions,
  mirror: Mirror,
  { commit, branch, expected, signal }: PushRequest,
): Promise<Verdict> {
  const ref = `refs/heads/${branch}`;
  const args = [...PUSH, `--force-with-lease=${ref}:${expected ?? ''}`, '--', mirror.url, `${commit}:${ref}`];
  return mirrors.mending(mirror, async () => {
    const result = await mirrors.send(mirror, args, signal);
    // Our own side could not send it, whatever the remote says to that: the mirror is mended.
    const own = result.stderr.replace(/^remote:.*$/gm, '');
    if (result.exitCode !== 0 && (MIRROR_LACKS.test(own) || own.includes(mirror.directory)))
      throw new GitFailure('push', result);
    const verdict = parsePush(result, ref, redact);
    if (verdict === null) throw remoteFault(new GitFailure('push', result), redact);
    return verdict;
  });
}

const MIRROR_LACKS =
  /does not match any|bad object|unable to read|missing (?:blob|tree|commit)|pack-objects died|loose object/i;

/** Two pushes at once: the loser hears about a lock or another value, not about its lease. */
const CONTENDED = /cannot lock|unable to lock|failed to (?:update|lock) ref|already exists|incorrect old value/i;

/** A branch `a` leaves no room for `a/b`, nor the other way round. */
const NO_ROOM = /exists; cannot create|refname conflict/i;

/** Reads `--porcelain`: flag, refs and verdict, tabs between. Null if there is no verdict on the branch. */
function parsePush(result: GitResult, ref: string, redact: Redact): Verdict | null {
  for (const line of result.stdout.toString('utf8').split('\n')) {
    const [flag, refs = '', verdict = ''] = line.split('\t');
    if (!refs.endsWith(`:${ref}`)) continue;
    if (flag === '=') return { kind: 'already' };
    if (flag !== '!') return result.exitCode === 0 ? { kind: 'pushed' } : null;
    const words = wordsOf(result);
    const says = shown(`${verdict.replace(/^\[(?:remote )?rejected\] /, '')} ${words}`, redact);
    if (verdict.startsWith('[rejected]')) return { kind: 'stale', says };
    if (!verdict.startsWith('[remote rejected]')) return null;
    if (CONTENDED.test(verdict) && !NO_ROOM.test(words)) return { kind: 'stale', says };
    // The remote's own trouble, its disk above all: no verdict on the push.
    if (/unpack/i.test(verdict)) throw new PortFault('remoteUnreachable', says, true);
    return { kind: 'refused', says };
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
