/** Branches merged one after the other, in memory: no work tree, no index, and nothing of it on the remote. */
import type { BranchTip, MergeRequest, MergeResult } from '../../ports.js';
import { PortFault } from '../../ports.js';
import { GitFailure } from './faults.js';
import type { Mirror } from './mirror.js';
import { assertBranch, assertObjectId } from './names.js';
import { readRefs } from './remote-refs.js';
import type { RemoteOptions } from './remote-refs.js';

/** See `Git.merge`. Harmless twice: what is written is named by its content. */
export async function mergeBranches(options: RemoteOptions, request: MergeRequest): Promise<MergeResult> {
  assertObjectId(request.base);
  for (const branch of request.branches) assertBranch(branch);
  const mirror = options.mirrors.of(request.url);
  const tips = await haveTips(options, mirror, request);
  return options.mirrors.mending(mirror, () => mergeTips(options, mirror, request.base, tips));
}

/** Where the branches are now; the mirror has these commits. */
async function haveTips(
  options: RemoteOptions,
  mirror: Mirror,
  { branches, base, signal }: MergeRequest,
): Promise<readonly BranchTip[]> {
  const { mirrors, snapshots } = options;
  if (branches.length === 0) return [];
  const names = [...new Set(branches)];
  const { ids } = await readRefs(
    options,
    mirror,
    names.map((branch) => `refs/heads/${branch}`),
    signal,
  );
  const tips = names.map((branch) => ({ branch, commit: ids.get(`refs/heads/${branch}`) ?? '' }));
  const gone = tips.filter(({ commit }) => commit === '').map(({ branch }) => branch);
  if (gone.length > 0) throw new PortFault('missingBranch', `There is no branch ${gone.join(', ')}.`, false);
  await mirrors.ensure(mirror, base.length === 64 ? 'sha256' : 'sha1');
  const commits = tips.map(({ commit }) => commit);
  const lookUp = () => mirrors.mending(mirror, () => snapshots.treesOf(mirror, commits));
  const known = await lookUp();
  const wanted = tips.filter(({ commit }) => !known.has(commit)).map(({ branch }) => branch);
  if (wanted.length === 0) return tips;
  await mirrors.fetch(mirror, wanted, signal);
  const fetched = await lookUp();
  if (commits.every((commit) => fetched.has(commit))) return tips;
  throw new PortFault('remoteUnreachable', 'The branches of the remote moved while they were read.', true);
}

/** What is merged so far: `commit` has the tree, and below it each branch that brought something. */
interface Head {
  readonly commit: string;
  readonly tree: string;
  readonly merged: readonly BranchTip[];
  readonly unfit: readonly BranchTip[];
  readonly files: readonly string[];
  readonly says: readonly string[];
}

async function mergeTips(
  options: RemoteOptions,
  mirror: Mirror,
  base: string,
  all: readonly BranchTip[],
): Promise<MergeResult> {
  const tree = await treeOf(options, mirror, base);
  let head: Head = { commit: base, tree, merged: [], unfit: [], files: [], says: [] };
  for (const tip of all) {
    if (!(await options.snapshots.isAncestor(mirror, tip.commit, head.commit)))
      head = await withBranch(options, mirror, head, tip);
  }
  const alone = await independent(options, mirror, base, head.merged);
  // The steps hold them all, and their names fit where the names of all branches do not.
  const tips = alone.length > PARENTS_MAX ? [head.commit] : alone;
  const { merged, unfit, says } = head;
  if (unfit.length === 0) return { kind: 'merged', tree: head.tree, tips };
  const files = [...new Set(head.files)].toSorted(byBytes);
  return { kind: 'conflict', tree: head.tree, tips, files, between: { merged, unfit }, says };
}

/** As many as git itself merges in one commit. */
const PARENTS_MAX = 16;

/** What does not fit is merged with its markers: one look at the whole resolves all conflicts, one after the other takes as many. */
async function withBranch(options: RemoteOptions, mirror: Mirror, head: Head, tip: BranchTip): Promise<Head> {
  const { mirrors, snapshots } = options;
  const merged = [...head.merged, tip];
  if (await snapshots.isAncestor(mirror, head.commit, tip.commit))
    return { ...head, commit: tip.commit, tree: await treeOf(options, mirror, tip.commit), merged };
  // A branch with a history of its own is merged too: that it shares nothing is no reason to wait for anything.
  const args = ['merge-tree', '--write-tree', '-z', '--messages', '--allow-unrelated-histories'];
  const result = await mirrors.local(mirror, [...args, head.commit, tip.commit], { also: [1] });
  const { tree, files, says } = parseMerge(result.stdout);
  const message = `Merge ${tip.branch}`;
  const commit = await snapshots.commit(mirror, { ...STEP, message, tree, parent: head.commit, parents: [tip.commit] });
  if (result.exitCode === 0) return { ...head, commit, tree, merged };
  const words = says.map((line) => named(line, head, tip));
  const conflicts = { unfit: [...head.unfit, tip], files: [...head.files, ...files], says: [...head.says, ...words] };
  return { commit, tree, merged, ...conflicts };
}

/** Git wants commits to find what two sides have in common. Equal steps have equal names. */
const STEP = { author: 'weaver <weaver@localhost>', dateSeconds: 0 } as const;

/** Reads `-z`: the tree, a line for each stage of each conflicting file, nothing, then messages: number of paths, paths, kind, text. */
function parseMerge(stdout: Buffer): Pick<Head, 'tree' | 'files' | 'says'> {
  const [tree = '', ...fields] = stdout.toString('utf8').split('\0');
  const end = fields.indexOf('');
  const files = fields.slice(0, Math.max(end, 0)).map((line) => line.slice(line.indexOf('\t') + 1));
  const says: string[] = [];
  for (let at = end + 1; at < fields.length;) {
    const paths = Number(fields[at]);
    const [kind = '', text = ''] = fields.slice(at + 1 + paths, at + 3 + paths);
    if (kind.startsWith('CONFLICT')) says.push(text.trim());
    at += 3 + paths;
  }
  return { tree, files, says };
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Git speaks of commits, people of branches. */
const named = (line: string, head: Head, tip: BranchTip): string =>
  line.replaceAll(head.commit, 'what was merged before').replaceAll(tip.commit, tip.branch);

async function treeOf({ snapshots }: RemoteOptions, mirror: Mirror, commit: string): Promise<string> {
  const tree = (await snapshots.treesOf(mirror, [commit])).get(commit);
  if (tree !== undefined) return tree;
  // Said as git says it, so that the mirror is mended.
  const result = { exitCode: 128, stdout: Buffer.alloc(0), timedOut: false, cut: false };
  throw new GitFailure('cat-file', { ...result, stderr: `bad object ${commit}: missing` });
}

/** A parent that another one contains says nothing new. */
async function independent(
  { mirrors }: RemoteOptions,
  mirror: Mirror,
  base: string,
  tips: readonly BranchTip[],
): Promise<readonly string[]> {
  const commits = [...new Set(tips.map(({ commit }) => commit))];
  if (commits.length < 2) return commits;
  const { stdout } = await mirrors.local(mirror, ['merge-base', '--independent', base, ...commits]);
  const alone = new Set(stdout.toString('latin1').split('\n'));
  return commits.filter((commit) => alone.has(commit));
}
