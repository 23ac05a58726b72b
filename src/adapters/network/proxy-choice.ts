/** Which proxy a request goes through, by the variables that curl and git read too. Pure. */
import { BlockList, isIP } from 'node:net';

export type Variables = Readonly<Record<string, string | undefined>>;

const NAMES = ['http_proxy', 'https_proxy', 'all_proxy'] as const;

/** Whether any is named at all. */
export const namesProxy = (env: Variables): boolean => NAMES.some((name) => valueOf(env, name) !== '');

/** Variables that name one which is not spoken here, such as SOCKS. */
export const unspokenProxies = (env: Variables): readonly string[] =>
  NAMES.filter((name) => valueOf(env, name) !== '' && addressIn(valueOf(env, name)) === null);

/** Null = none. What is asked on this host never goes through one: no proxy would find the way back. */
export function proxyFor(url: URL, env: Variables): URL | null {
  const host = bare(url.hostname);
  if (isLoopback(host) || isExcepted(host, portOf(url), valueOf(env, 'no_proxy'))) return null;
  const named = valueOf(env, `${url.protocol.slice(0, -1)}_proxy`) || valueOf(env, 'all_proxy');
  return addressIn(named);
}

/** Others (SOCKS) are not spoken here: better straight on than not at all, and doctor says so. */
function addressIn(named: string): URL | null {
  const address = named === '' || named.includes('://') ? named : `http://${named}`;
  return /^https?:/i.test(address) && URL.canParse(address) ? new URL(address) : null;
}

/** The small name first, as everybody does. */
const valueOf = (env: Variables, name: string): string => (env[name] || env[name.toUpperCase()] || '').trim();

/** `[::1]` as `::1`. */
const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '').toLowerCase();

const portOf = ({ port, protocol }: URL): string => port || (protocol === 'https:' ? '443' : '80');

const isLoopback = (host: string): boolean =>
  host === 'localhost' ||
  host.endsWith('.localhost') ||
  host === '::1' ||
  (isIP(host) === 4 && host.startsWith('127.'));

/** `*`, a host, a domain with or without a dot before it, an address, a net as 10.0.0.0/8; each with a port if it names one. */
const isExcepted = (host: string, port: string, list: string): boolean =>
  list.split(/[\s,]+/).some((entry) => {
    const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (isIP(bare(entry)) === 6) return bare(entry) === host;
    if (name === '' || (only !== undefined && only !== port)) return false;
    if (name === '*') return true;
    if (name.includes('/')) return isInNet(host, name);
    const domain = bare(name).replace(/^\*?\./, '');
    return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
  });

function isInNet(host: string, net: string): boolean {
  const [address = '', bits = ''] = net.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const length = Number(bits);
  if (isIP(address) === 0 || isIP(host) !== isIP(address) || !Number.isInteger(length) || bits === '') return false;
  if (length > (family === 'ipv6' ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(address, length, family);
  return list.check(host, family);
}
