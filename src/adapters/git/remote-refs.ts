/** What the remote has: one small question. */
import { GitFailure, remoteFault } from './faults.js';
import type { Redact } from './faults.js';
import type { Mirror, Mirrors } from './mirror.js';
import type { Snapshots } from './snapshots.js';

export interface RemoteOptions {
  readonly mirrors: Mirrors;
  readonly snapshots: Snapshots;
  readonly redact: Redact;
}

export interface Refs {
  readonly ids: ReadonlyMap<string, string>;
  /** Branch that HEAD names; null if it names none. */
  readonly headBranch: string | null;
}

/** Asks for the refs of these names, or for all if none is given. A pattern matches the end of a longer name too, so take exact names out of the map. */
export async function readRefs(
  { mirrors, redact }: RemoteOptions,
  mirror: Mirror,
  patterns: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Refs> {
  const args = ['ls-remote', '--quiet', '--symref', '--', mirror.url, ...patterns];
  const result = await mirrors.ask(mirror, args, signal);
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

/** Commit at the tip of a branch; null if the remote has no such branch. */
export async function readTip(
  options: RemoteOptions,
  mirror: Mirror,
  branch: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const name = `refs/heads/${branch}`;
  return (await readRefs(options, mirror, [name], signal)).ids.get(name) ?? null;
}
