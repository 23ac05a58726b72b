/** What child processes get of the environment: what programs need to run at all, and never a key. */
import { percentDecoded } from './percent-decoded.js';

const NAMES = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'TMPDIR',
  'LANG',
  'TZ',
  // Proxies and certificates: without them nothing leaves some networks.
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'GIT_SSL_CAINFO',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
  // The agent signs, and never gives its keys away.
  'SSH_AUTH_SOCK',
  // Where tools are installed that look for themselves below HOME otherwise.
  'JAVA_HOME',
  'GOROOT',
  'RUSTUP_HOME',
  'DOTNET_ROOT',
]);

const isPassed = (name: string): boolean => NAMES.has(name) || /^LC_[A-Z]+$/.test(name) || isProxy(name);
const isProxy = (name: string): boolean => /^(?:https?|no|all)_proxy$/i.test(name);

export const childEnvironment = (env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && isPassed(name) ? [[name, value]] : [])),
  );

/** Passwords of proxies: they are passed on, but must not be shown. */
export const proxyPasswords = (env: Readonly<Record<string, string | undefined>>): readonly string[] =>
  Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || !isProxy(name) || !URL.canParse(value)) return [];
    const { password } = new URL(value);
    return password === '' ? [] : [...new Set([password, percentDecoded(password)])];
  });
