/** A change of one commit put on top of where its base branch is now, in memory: no work tree, and nothing of it on the remote. */
import type { RebaseRequest, RebaseResult } from '../../ports.js';
import { assertBranch, assertObjectId } from './names.js';
import { readTip } from './remote-refs.js';
import type { RemoteOptions } from './remote-refs.js';
import { mergeBranches } from './merge.js';

/** See `Git.rebase`. One question to the remote when nothing has moved. Harmless twice: what is written is named by its content. */
export async function rebaseTree(options: RemoteOptions, request: RebaseRequest): Promise<RebaseResult> {
  const { url, baseBranch, baseCommit, commit, signal } = request;
  assertBranch(baseBranch);
  assertObjectId(baseCommit);
  assertObjectId(commit);
  const mirror = options.mirrors.of(url);
  const seen = await readTip(options, mirror, baseBranch, signal);
  if (seen === null || seen === baseCommit) return { kind: 'current' };
  const merged = await mergeBranches(options, { url, base: commit, branches: [baseBranch], signal });
  // Read once more by the merge, and that is what it has merged.
  const tip = merged.kind === 'merged' ? merged.tips[0] : merged.between.merged[0]?.commit;
  if (tip === undefined || !(await options.snapshots.isAncestor(mirror, baseCommit, tip))) return { kind: 'current' };
  const baseTree = (await options.snapshots.treesOf(mirror, [tip])).get(tip);
  if (baseTree === undefined) return { kind: 'current' };
  const base = { baseCommit: tip, baseTree };
  if (merged.kind === 'merged') return { kind: 'rebased', ...base, tree: merged.tree };
  return { kind: 'conflict', ...base, files: merged.files, says: merged.says };
}
