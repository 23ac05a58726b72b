/** Tests that are not in the work tree any more as they were put there: what the checks run has rewritten them. */
import { createHash } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskSpec } from '../domain/task.js';
import type { TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { isTestFile } from './judging-files.js';
import type { Place } from './work-place.js';

/** Programs alone: runners write snapshots and reports beside them, and no honest one writes these. */
const PROGRAM =
  /\.(?:py|[cm]?[jt]sx?|rs|go|rb|java|kt|scala|groovy|c|cc|cpp|cxx|m|mm|cs|php|pl|t|sh|bats|exs|swift|dart|lua)$/;
/** Who rewrites more is known by the first ones. */
const NAMED_MAX = 10;
const AT_ONCE = 200;

/** @param sinceMs when the checks began: the kernel says what has been touched later, and nobody can set that back */
export async function rewrittenTests(
  { git }: Pick<ActivityPorts, 'git'>,
  { repo }: TaskSpec,
  tree: string,
  { directory }: Place,
  sinceMs: number,
): Promise<readonly string[]> {
  const entries = await git.list(repo.url, tree);
  const tests = entries.filter(({ path, mode }) => mode.startsWith('100') && PROGRAM.test(path) && isTestFile(path));
  const found: string[] = [];
  for (let at = 0; at < tests.length && found.length < NAMED_MAX; at += AT_ONCE) {
    const some = tests.slice(at, at + AT_ONCE);
    const changed = await Promise.all(some.map((entry) => isRewritten(entry, join(directory, entry.path), sinceMs)));
    found.push(...some.filter((_entry, index) => changed[index] === true).map(({ path }) => path));
  }
  return found.slice(0, NAMED_MAX);
}

async function isRewritten({ oid }: TreeEntry, path: string, sinceMs: number): Promise<boolean> {
  try {
    if ((await lstat(path)).ctimeMs <= sinceMs) return false;
    const bytes = await readFile(path);
    const hash = createHash(oid.length === SHA1_DIGITS ? 'sha1' : 'sha256');
    return hash.update(`blob ${bytes.length}\0`).update(bytes).digest('hex') !== oid;
  } catch {
    // Gone, or in a folder that is now something else.
    return true;
  }
}

const SHA1_DIGITS = 40;
