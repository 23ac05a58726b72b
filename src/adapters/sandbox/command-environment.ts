/** The environment of a command: little, the same on every host, and no secrets. */
import { basename, dirname, isAbsolute, join } from 'node:path';

export interface EnvironmentOptions {
  /** What child processes may know of the worker's environment. */
  readonly inherited: Readonly<Record<string, string>>;
  readonly home: string;
  readonly temporary: string;
  readonly network: boolean;
}

/** Where tools are that look for themselves below HOME otherwise. */
export const TOOL_VARIABLES = ['JAVA_HOME', 'GOROOT', 'RUSTUP_HOME', 'DOTNET_ROOT'] as const;
/** Files with certificates. */
export const CERTIFICATE_VARIABLES = [
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'GIT_SSL_CAINFO',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
] as const;
const PROXY = /^(?:https?|all|no)_proxy$/i;

const PATH_DEFAULT = '/usr/local/bin:/usr/bin:/bin';

export function commandEnvironment(options: EnvironmentOptions): Readonly<Record<string, string>> {
  const { inherited, home, temporary, network } = options;
  return {
    // Only a command that may use the network learns how to get there; a proxy's address may hold a password.
    ...(network ? picked(inherited, (name) => PROXY.test(name) || isOneOf(CERTIFICATE_VARIABLES, name)) : {}),
    ...rustup(inherited),
    ...picked(inherited, (name) => isOneOf(TOOL_VARIABLES, name)),
    PATH: commandPath(inherited['PATH']).join(':'),
    HOME: home,
    TMPDIR: temporary,
    LANG: 'C.UTF-8',
    CI: '1',
    TERM: 'dumb',
  };
}

/** Folders of PATH without those that npm adds while weaver itself is run by a script: their programs are weaver's own. */
export function commandPath(path: string | undefined): readonly string[] {
  const folders = (path ?? PATH_DEFAULT).split(':').filter((folder) => isAbsolute(folder) && !isOfNpm(folder));
  return [...new Set(folders)];
}

const isOfNpm = (folder: string): boolean => /\/node_modules\/(?:\.bin|(?:.*\/)?node-gyp-bin)\/?$/.test(folder);

const isOneOf = (names: readonly string[], name: string): boolean => names.includes(name);

const picked = (from: Readonly<Record<string, string>>, wanted: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(from).filter(([name]) => wanted(name)));

/** The programs in ~/.cargo/bin find the compilers below HOME, which is another one here. */
function rustup({ PATH }: Readonly<Record<string, string>>): Record<string, string> {
  const cargo = commandPath(PATH).find(
    (folder) => basename(folder) === 'bin' && basename(dirname(folder)) === '.cargo',
  );
  return cargo === undefined ? {} : { RUSTUP_HOME: join(dirname(dirname(cargo)), '.rustup') };
}
