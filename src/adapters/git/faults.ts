/** What git's complaints mean. They are read in the C locale, the only one that weaver runs git in. */
import { PortFault } from '../../ports.js';
import { errorCode } from './error-code.js';
import type { GitResult } from './run-git.js';

/** A git that did not do what it was asked; becomes a PortFault before it leaves the adapter. */
export class GitFailure extends Error {
  constructor(
    readonly doing: string,
    readonly result: GitResult,
  ) {
    super(`git ${doing} ended with ${result.timedOut ? 'its time limit' : String(result.exitCode)}`);
    this.name = 'GitFailure';
  }
}

/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

/** As much of git's or the remote's words as a record keeps. */
const SAYS_CHARACTERS_MAX = 500;

/** Git's or the remote's words as they may be shown: no secrets, no user part of an address, bounded. */
export function shown(text: string, redact: Redact): string {
  const clean = redact(text.replace(/([a-z]+:\/\/)[^/@\s'"]*@/gi, '$1'))
    .trim()
    .replace(/\s*\n\s*/g, ' / ');
  return clean.length > SAYS_CHARACTERS_MAX ? `${clean.slice(0, SAYS_CHARACTERS_MAX - 1)}…` : clean;
}

const DISK = /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/;
const LOCKED = /Unable to create '[^']*\.lock': File exists|cannot lock ref|another git process seems to be running/i;
const CREDENTIALS =
  /Authentication failed|could not read (?:Username|Password)|Permission denied \((?:publickey|password|keyboard)|Host key verification failed|returned error: (?:401|403)|HTTP Basic: Access denied|invalid (?:credentials|username or)|terminal prompts disabled|Access denied/i;
const REMOTE =
  /Could not resolve|Couldn't resolve|Connection (?:refused|reset|timed out|closed)|Failed to connect|unable to connect|unable to access|Operation too slow|timed out|Could not read from remote|does not appear to be a git repository|[Rr]epository .*not found|No route to host|Network is unreachable|RPC failed|returned error: \d|SSL|certificate|remote error|not our ref|early EOF|hung up|unexpected disconnect|couldn't find remote ref|server/i;
/** What git says of a path, of an answer 404, and forges over ssh. */
const ABSENT = /does not appear to be a git repository|[Rr]epository (?:'[^']*' )?not found/;
const BROKEN =
  /object|\bpack|corrupt|not a git repository|unable to (?:read|find|parse)|could not read [0-9a-f]{40}|bad (?:tree|config|revision|signature|index|sha1)|missing|invalid refspec|does not match any|inflate|sha1|hash mismatch|unresolved|broken|Not a valid|did not receive expected/i;

/** A lock file of git is in the way. */
export const isLocked = (cause: unknown): boolean => cause instanceof GitFailure && LOCKED.test(cause.result.stderr);

/** The mirror itself is the likely culprit: something in it is missing or damaged. */
export const isBroken = (cause: unknown): boolean =>
  cause instanceof GitFailure &&
  !cause.result.timedOut &&
  !DISK.test(cause.result.stderr) &&
  !/invalid path/i.test(cause.result.stderr) &&
  BROKEN.test(cause.result.stderr);

/** After `ls-remote` got through: a fetch that fails for no reason of the remote's has a damaged mirror. */
export const isBrokenFetch = (cause: unknown): boolean => isBroken(cause) && !isRemoteTrouble(cause);

const isRemoteTrouble = (cause: unknown): boolean =>
  cause instanceof GitFailure && (REMOTE.test(cause.result.stderr) || CREDENTIALS.test(cause.result.stderr));

/** The fault of an operation on the mirror or the work tree alone. */
export function localFault(cause: unknown, redact: Redact): unknown {
  if (cause instanceof GitFailure) {
    if (DISK.test(cause.result.stderr)) return diskFull(cause);
    const why = cause.result.timedOut ? 'it ran out of its time' : shown(cause.result.stderr, redact);
    return new PortFault('infrastructure', `git ${cause.doing} failed: ${why}`, true, { cause: bare(cause) });
  }
  return fileFault(cause, redact);
}

/**
 * The fault of an operation that talks to the remote. One that was there before is away for a while; of one that nobody here has
 * ever seen, waiting makes nothing better.
 */
export function remoteFault(cause: unknown, redact: Redact, isKnown = true): unknown {
  if (!(cause instanceof GitFailure)) return fileFault(cause, redact);
  const { stderr, timedOut } = cause.result;
  const own = stderr.replace(/^remote:.*$/gm, '');
  if (DISK.test(own)) return diskFull(cause);
  const why = timedOut ? `no end within the time limit of ${cause.doing}` : shown(stderr, redact);
  if (!timedOut && CREDENTIALS.test(stderr))
    return new PortFault('remoteCredentials', why, false, { cause: bare(cause) });
  if (!timedOut && !isKnown && ABSENT.test(stderr))
    return new PortFault('missingRepository', why, false, { cause: bare(cause) });
  return new PortFault('remoteUnreachable', why === '' ? `git ${cause.doing} ended without a word` : why, true, {
    cause: bare(cause),
  });
}

/** An error of the file system, as the port speaks of it. */
function fileFault(cause: unknown, redact: Redact): unknown {
  const code = errorCode(cause);
  if (cause instanceof PortFault || code === undefined || !(cause instanceof Error)) return cause;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(cause);
  return new PortFault('infrastructure', shown(cause.message, redact), true, { cause });
}

const diskFull = (cause: Error): PortFault =>
  new PortFault('diskFull', 'No space is left below the weaver home.', true, { cause: bare(cause) });

/** A cause travels into logs, so it goes without what git printed. */
const bare = (cause: Error): Error => (cause instanceof GitFailure ? new Error(cause.message) : cause);
