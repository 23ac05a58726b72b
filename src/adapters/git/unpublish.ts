/** Taking a branch back that was pushed: the same compare-and-swap as the push, towards nothing. */
import type { Git } from '../../ports.js';
import { GitFailure, remoteFault } from './faults.js';
import { assertBranch, assertObjectId } from './names.js';
import { readTip } from './remote-refs.js';
import type { RemoteOptions } from './remote-refs.js';

type UnpublishRequest = Parameters<Git['unpublish']>[0];

/** See `Git.unpublish`. Harmless twice: what is gone is gone, and what has moved is left alone. */
export async function unpublishBranch(
  options: RemoteOptions,
  { url, branch, commit, signal }: UnpublishRequest,
): Promise<'removed' | 'gone' | 'moved'> {
  assertBranch(branch);
  assertObjectId(commit);
  const mirror = options.mirrors.of(url);
  const ref = `refs/heads/${branch}`;
  const lease = `--force-with-lease=${ref}:${commit}`;
  const args = ['push', '--porcelain', '--no-verify', lease, '--', mirror.url, `:${ref}`];
  const result = await options.mirrors.send(mirror, args, signal);
  if (result.exitCode === 0) return 'removed';
  // Whatever the remote says, its branch tells what is the case.
  const tip = await readTip(options, mirror, branch, signal);
  if (tip === null) return 'gone';
  if (tip !== commit) return 'moved';
  throw remoteFault(new GitFailure('push', result), options.redact);
}
