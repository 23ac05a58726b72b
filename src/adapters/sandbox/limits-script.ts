/**
 * Limits that every command gets from its shell. Memory has none: Node, Go and Java reserve far more than they use, and a
 * limit on that would end healthy programs. Instead the kernel, short of memory, ends the command before the worker.
 * The number of processes has none either: the kernel counts all of a user's, and root's not at all.
 */

/** No single file of a healthy check comes near; a flood ends here instead of filling the disk. In blocks of 512 bytes: 4 GB. */
const FILE_BLOCKS_MAX = 8_000_000;

/** For `sh -c LIMITS sh COMMAND`. A limit of the host that is lower stays. */
export const LIMITS = [
  `ulimit -c 0 2>/dev/null`,
  `ulimit -f ${FILE_BLOCKS_MAX} 2>/dev/null`,
  `{ echo 500 >/proc/self/oom_score_adj; } 2>/dev/null`,
  `exec /bin/sh -c "$1"`,
].join('\n');
