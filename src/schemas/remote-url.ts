/** Addresses of git repositories, as a task may name them. */

const URL_CHARACTERS_MAX = 2_000;

/** Starts of access tokens that forges hand out, and lengths that no user name has. */
const TOKEN_LIKE = /^(?:gh[opsur]_|github_pat_|glpat-|x-token|oauth2$)|^.{30,}$/i;

/** A path on this host that must be resolved before the task leaves it. */
export const isRelativePath = (url: string): boolean =>
  url !== '' && !url.startsWith('/') && !url.startsWith('~') && !/^[^/]*:/.test(url);

/** An absolute path of a relative one, without `.` and `..`. */
export function resolvePath(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${folder}/${path}`.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Why weaver does not fetch from this address; null if it does. Never repeats the address: it may hold a password. */
export function remoteUrlFault(url: string): string | null {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(url)) return 'has a control character';
  if (url.length > URL_CHARACTERS_MAX) return `is longer than ${URL_CHARACTERS_MAX} characters`;
  if (hasSecret(url))
    return 'has a password or token in it: take it out, and set the variable that git.tokenEnv names (WEAVER_GIT_TOKEN)';
  if (url.startsWith('/') || /^file:\/\/\/./.test(url)) return null;
  if (url.startsWith('~')) return 'starts with "~", which only a shell understands: write the absolute path';
  if (isRelativePath(url)) return 'is a relative path: write an absolute one, or https://…';
  if (/^(?:https?|ssh|git):\/\/(?:[^/@\s-][^/@\s]*@)?[^/@\s-][^/@\s]*(?:\/|$)/.test(url)) return null;
  // As scp writes it, host:path. Two colons would name a program that git starts.
  if (/^(?:[^/@:\s-][^/@:\s]*@)?[^/@:\s-][^/@:\s]*:(?!:)[^\s]/.test(url) && !/^[a-z][a-z0-9+.-]*:\/\//i.test(url))
    return null;
  return 'is no address that weaver fetches from: https, http, ssh, git or file URL, user@host:path, or an absolute path';
}

function hasSecret(url: string): boolean {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/i.exec(url)?.[1];
  if (authority !== undefined && (authority.includes(':') || TOKEN_LIKE.test(authority))) return true;
  if (/^[^/@:\s]+:[^/@\s]+@[^/]/.test(url)) return true;
  return /[?&][^=&]*(?:token|key|password|secret|auth)[^=&]*=/i.test(url);
}
