/** The difference between two trees. */
import type { DiffStat, Git } from '../../ports.js';
import type { Mirror, Mirrors } from './mirror.js';
import { assertObjectId } from './names.js';
import { placed } from './snapshot-memory.js';
import type { SnapshotMemory } from './snapshot-memory.js';

/** See `Git.diff`. One process, or none for the figures alone (`bytesMax` 0) of trees that were compared before. */
export async function diffTrees(
  mirrors: Mirrors,
  memory: SnapshotMemory,
  mirror: Mirror,
  from: string,
  to: string,
  bytesMax: number,
): ReturnType<Git['diff']> {
  assertObjectId(from);
  assertObjectId(to);
  const key = placed(mirror, `${from}..${to}`);
  const known = memory.stats.get(key);
  if (known !== undefined && bytesMax === 0)
    return { stat: known, patch: Buffer.alloc(0), cut: known.filesChanged > 0 };
  const { stdout, cut } = await mirrors.local(mirror, ['diff-tree', ...DIFF_OPTIONS, from, to], {
    bytesMax: bytesMax + STAT_BYTES_MAX,
  });
  // ` 2 files changed, 3 insertions(+), 1 deletion(-)`, an empty line, the patch; nothing at all for equal trees.
  const end = stdout.indexOf('\n\n');
  const patch = end < 0 ? Buffer.alloc(0) : stdout.subarray(end + 2);
  const stat = statOf(stdout.toString('latin1', 0, Math.max(end, 0)));
  memory.stats.set(key, stat);
  return { stat, patch: patch.subarray(0, bytesMax), cut: cut || patch.length > bytesMax };
}

const DIFF_OPTIONS = [
  '-r',
  '-p',
  '--shortstat',
  '--no-renames',
  '--no-ext-diff',
  '--no-textconv',
  '--no-color',
  '--full-index',
] as const;

const statOf = (line: string): DiffStat => ({
  filesChanged: figure(line, /(\d+) files? changed/),
  insertions: figure(line, /(\d+) insertion/),
  deletions: figure(line, /(\d+) deletion/),
});

/** Room for the line with the figures. */
const STAT_BYTES_MAX = 200;

const figure = (line: string, pattern: RegExp): number => Number(pattern.exec(line)?.[1] ?? 0);
