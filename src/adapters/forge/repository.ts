/** Host, owner and name of a repository, from the address that git fetches from. */

export interface ForgeRepository {
  /** In lower case; with the port where the address is one of HTTP and has one. */
  readonly host: string;
  readonly owner: string;
  readonly name: string;
}

/** Null if it is no address of a forge: a path, or an address without an owner. */
export function repositoryOf(url: string): ForgeRepository | null {
  const scp = /^(?:[^/@:\s]+@)?([^/@:\s]+):(?!\/\/)(.+)$/.exec(url);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return ofAddress(url);
  return scp === null ? null : named(scp[1] ?? '', scp[2] ?? '');
}

function ofAddress(url: string): ForgeRepository | null {
  if (!URL.canParse(url)) return null;
  const { protocol, host, hostname, pathname } = new URL(url);
  if (protocol === 'file:') return null;
  // The port of ssh is not that of the forge's API.
  return named(protocol.startsWith('http') ? host : hostname, decoded(pathname));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function named(host: string, path: string): ForgeRepository | null {
  const parts = path.split('/').filter((part) => part !== '');
  const [owner, last] = parts.slice(-2);
  const name = last?.replace(/\.git$/, '');
  if (owner === undefined || name === undefined || name === '' || parts.includes('..')) return null;
  return { host: host.toLowerCase(), owner, name };
}
