/** The world as git sees it: nothing of the user's or the system's configuration, the C locale, no prompts, no hooks. */
import { availableParallelism } from 'node:os';

export interface EnvironmentOptions {
  /** Stands in for the user's home, so that no `.netrc` or `.config/git` is found. */
  readonly home: string;
  /** The worker's environment; only the names below are taken from it. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly tokenOf: (host: string) => string | undefined;
}

/** What a host may need to reach the network at all. */
const NETWORK_NAMES = [
  'SSH_AUTH_SOCK',
  'http_proxy',
  'https_proxy',
  'HTTPS_PROXY',
  'all_proxy',
  'ALL_PROXY',
  'no_proxy',
  'NO_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
] as const;

/** A connection on which nothing at all comes for so long is dead. The time limit of the process is the second net. */
const SILENCE_SECONDS = 30;

/**
 * Writing files is the kernel's work, and two processes wait less for it than one (50,000 files on 2 cores: 10.8 s for 14.7 s,
 * medians of four pairs in turn). No more than four, for other tasks have checkouts too.
 */
const CHECKOUT_WORKERS = Math.min(4, availableParallelism());

/**
 * Given by environment, not by `-c` or a file: git takes it away from the server side of a local remote, whose own hooks
 * and settings stay as they are.
 */
const CONFIG: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['core.attributesFile', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.untrackedCache', 'false'],
  ['core.splitIndex', 'false'],
  ['core.sparseCheckout', 'false'],
  ['core.autocrlf', 'false'],
  ['core.fileMode', 'true'],
  ['checkout.workers', String(CHECKOUT_WORKERS)],
  ['core.symlinks', 'true'],
  ['core.ignoreCase', 'false'],
  ['core.precomposeUnicode', 'false'],
  ['core.quotePath', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  // Always a pack, never loose objects: a pack appears whole or not at all, so a killed fetch leaves no commit without its files.
  ['fetch.unpackLimit', '1'],
  ['fetch.fsckObjects', 'false'],
  ['submodule.recurse', 'false'],
  ['push.gpgSign', 'false'],
  ['push.default', 'nothing'],
  ['credential.helper', ''],
  ['credential.interactive', 'false'],
  ['http.lowSpeedLimit', '1'],
  ['http.lowSpeedTime', String(SILENCE_SECONDS)],
];

const TOKEN_VARIABLE = 'WEAVER_GIT_SECRET';

/** Environment of a git that works on the mirror only. */
export const localEnvironment = (
  options: EnvironmentOptions,
  mirror: string,
  extra: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> => ({ ...base(options), ...asVariables(CONFIG), GIT_DIR: mirror, ...extra });

/** Environment of a git that talks to the remote; the only one that knows the token. */
export function remoteEnvironment(options: EnvironmentOptions, url: string): Readonly<Record<string, string>> {
  const network: Record<string, string> = {};
  for (const name of NETWORK_NAMES) {
    const value = options.inherited[name];
    if (value !== undefined) network[name] = value;
  }
  const shared = { ...base(options), ...network };
  const origin = /^https?:\/\//.test(url) ? new URL(url) : null;
  if (origin === null) return { ...shared, ...asVariables(CONFIG), ...sshVariables(options) };
  const token = options.tokenOf(origin.hostname);
  if (token === undefined || token === '') return { ...shared, ...asVariables(CONFIG) };
  return { ...shared, ...asVariables([...CONFIG, credentialHelper(origin)]), [TOKEN_VARIABLE]: token };
}

/**
 * Answers git's question for credentials from the environment: no token on a command line or in a file.
 * Bound to the origin, so that a redirect to another host is not told the token.
 */
function credentialHelper(origin: URL): readonly [string, string] {
  // Forges look at the token only; a user name in the address stays what it is.
  const user = origin.username === '' ? 'echo username=x-access-token; ' : '';
  return [
    `credential.${origin.protocol}//${origin.host}.helper`,
    `!f() { test "$1" = get || return 0; ${user}printf 'password=%s\\n' "$${TOKEN_VARIABLE}"; }; f`,
  ];
}

/** ssh finds its keys and known hosts in the user's real home. */
function sshVariables(options: EnvironmentOptions): Readonly<Record<string, string>> {
  const home = options.inherited['HOME'];
  return {
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=2',
    ...(home === undefined ? {} : { HOME: home }),
  };
}

const base = (options: EnvironmentOptions): Record<string, string> => ({
  PATH: options.inherited['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
  HOME: options.home,
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_TERMINAL_PROMPT: '0',
  // Never ext:: or fd::, which run programs.
  GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
});

function asVariables(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(pairs.length) };
  pairs.forEach(([key, value], at) => {
    variables[`GIT_CONFIG_KEY_${at}`] = key;
    variables[`GIT_CONFIG_VALUE_${at}`] = value;
  });
  return variables;
}
