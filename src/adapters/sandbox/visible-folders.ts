/**
 * What a command in bubblewrap sees of the host's files: everything, read-only, without people's homes, sockets of daemons,
 * other programs' temporary files and the weaver home; but with the tools that PATH names inside them.
 */
import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { unlessGone } from '../git/error-code.js';
import { CERTIFICATE_VARIABLES, commandEnvironment, commandPath, TOOL_VARIABLES } from './command-environment.js';

export interface VisibleFolders {
  /** Replaced by empty folders; none inside another. */
  readonly hidden: readonly string[];
  /** Files that cannot be read. */
  readonly masked: readonly string[];
  /** Shown again inside hidden folders, read-only; a folder before what is in it. */
  readonly shown: readonly string[];
  /** Shown again to commands that may use the network: certificates, name servers. */
  readonly shownWithNetwork: readonly string[];
}

export interface VisibleFoldersOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** The weaver home. */
  readonly home: string;
  /** The worker's user is root, whose commands could read what is root's. */
  readonly asRoot: boolean;
  /** Files and folders of the worker's own, such as a key of an endpoint: wherever they are, no command sees them. */
  readonly secrets: readonly string[];
}

/** Homes; sockets (docker, databases, D-Bus) and tokens of services; temporary files. */
const HIDDEN = ['/home', '/root', '/run', '/var/run', '/tmp', '/var/tmp'];
/** Root's own secrets. Other users may not read them anyway. */
const HIDDEN_FROM_ROOT = [
  '/etc/ssh',
  '/etc/ssl/private',
  '/etc/sudoers.d',
  '/etc/kubernetes',
  '/var/lib/docker',
  '/var/lib/containerd',
  '/var/lib/kubelet',
];
const MASKED_FROM_ROOT = ['/etc/shadow', '/etc/shadow-', '/etc/gshadow', '/etc/gshadow-', '/etc/sudoers'];

export async function visibleFolders({
  environment,
  home,
  asRoot,
  secrets,
}: VisibleFoldersOptions): Promise<VisibleFolders> {
  const secretPlaces = await placesOf(secrets);
  const own = [environment['HOME'] ?? '/root', home, ...secretPlaces.folders];
  const wanted = [...HIDDEN, ...(asRoot ? HIDDEN_FROM_ROOT : []), ...own];
  const hidden = outermost((await realPaths(wanted)).filter((path) => path !== sep));
  const weaverHome = await realPaths([home]);
  const usable = (path: string): boolean => isBelow(path, hidden) && !isBelow(path, weaverHome);
  const tools = await toolFolders(environment, usable);
  return {
    // A tool's folder may have the weaver home in it, or a key.
    hidden: [...hidden, ...[...weaverHome, ...secretPlaces.folders].filter((path) => isBelow(path, tools))],
    masked: [
      ...(asRoot ? await realPaths(MASKED_FROM_ROOT) : []),
      ...secretPlaces.files.filter((path) => !isBelow(path, hidden) || isBelow(path, tools)),
    ],
    shown: tools,
    shownWithNetwork: (await realPaths(['/etc/resolv.conf', ...valuesOf(environment, CERTIFICATE_VARIABLES)])).filter(
      usable,
    ),
  };
}

/**
 * The same with the secrets where they are now: one that is renewed may be another file by now, or gone. What is not there
 * cannot be covered, and a sandbox that tries to does not start.
 */
export async function visibleNow(folders: VisibleFolders, secrets: readonly string[]): Promise<VisibleFolders> {
  const { hidden, masked, shown } = folders;
  const [places, stillHidden, stillMasked] = await Promise.all([placesOf(secrets), still(hidden), still(masked)]);
  const isBare = (path: string): boolean => !isBelow(path, stillHidden) || isBelow(path, shown);
  const added = (found: readonly string[], known: readonly string[]): readonly string[] =>
    found.filter((path) => !known.includes(path) && isBare(path));
  return {
    ...folders,
    hidden: [...stillHidden, ...added(places.folders, stillHidden)],
    masked: [...stillMasked, ...added(places.files, stillMasked)],
  };
}

/** Those that are there, under that very name. */
async function still(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map((path) => realpath(path).catch(() => null)));
  return paths.filter((path, index) => found[index] === path);
}

const valuesOf = (environment: Readonly<Record<string, string>>, names: readonly string[]): readonly string[] =>
  names.flatMap((name) => environment[name] ?? []);

/** Without those that are not there; each once. */
async function realPaths(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map((path) => realpath(path).catch(() => null)));
  return [...new Set(found.filter((path) => path !== null))];
}

/**
 * Where secrets are. A folder that has nothing else in it is one itself: when a file is renewed by renaming another one over it,
 * the kernel takes away what covers it, also from a command that runs.
 */
async function placesOf(paths: readonly string[]): Promise<Readonly<Record<'files' | 'folders', readonly string[]>>> {
  const real = await Promise.all(paths.map(async (path) => ({ path: await realPlace(path), is: await kindOf(path) })));
  const those = (kind: Kind): readonly string[] => real.flatMap(({ path, is }) => (is === kind ? [path] : []));
  const files = new Set(those('file'));
  const around = [...new Set([...files, ...those('missing')].map(dirname))];
  const own = await Promise.all(around.map(async (folder) => ((await hasOnly(folder, files)) ? [folder] : [])));
  return { files: [...files], folders: [...new Set([...those('folder'), ...own.flat()])] };
}

type Kind = 'file' | 'folder' | 'missing';

const kindOf = async (path: string): Promise<Kind> => {
  const about = await stat(path).catch(() => null);
  return about === null ? 'missing' : about.isDirectory() ? 'folder' : 'file';
};

/** Of what is not there, where it would be. */
const realPlace = (path: string): Promise<string> =>
  realpath(path).catch(async () => join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path)));

async function hasOnly(folder: string, files: ReadonlySet<string>): Promise<boolean> {
  const names = await readdir(folder).catch(() => null);
  return names?.every((name) => files.has(join(folder, name))) ?? false;
}

const isBelow = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path === folder || path.startsWith(folder + sep));

const outermost = (folders: readonly string[]): readonly string[] =>
  folders.filter((folder) => !folders.some((other) => other !== folder && isBelow(folder, [other]))).toSorted();

/** Links that are followed from tool to tool; a bound for a folder full of them. */
const FOLDERS_MAX = 200;

/** Folders of PATH that are hidden, those that links in PATH lead to, and what belongs to them. */
async function toolFolders(
  environment: Readonly<Record<string, string>>,
  usable: (path: string) => boolean,
): Promise<readonly string[]> {
  const variables = commandEnvironment({ inherited: environment, home: '/', temporary: '/', network: false });
  const roots = await realPaths(valuesOf(variables, TOOL_VARIABLES));
  const found = new Set(roots.filter(usable));
  const queue = [...(await realPaths(commandPath(environment['PATH'])))];
  const seen = new Set<string>();
  for (let folder = queue.shift(); folder !== undefined && seen.size < FOLDERS_MAX; folder = queue.shift()) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    if (usable(folder)) for (const root of await toolRoots(folder)) if (usable(root)) found.add(root);
    queue.push(...(await linkedFolders(folder, usable)));
  }
  return outermost([...found]);
}

/** Managers of versions: the programs in their folders of links need all of it. */
const MANAGER =
  /^.*?\/(?:\.(?:pyenv|rbenv|nodenv|goenv|jenv|asdf|nvm|volta|sdkman|deno|bun|dotnet|ghcup|juliaup|linuxbrew|rustup)|\.local\/share\/(?:mise|fnm|pnpm|uv|pipx|rtx|nvm)|(?:ana|mini)conda3?|(?:mini|mamba)forge3?)(?=\/|$)/;
/** What an installation has beside its `bin`, and a person's own folder seldom. */
const SIGNS = ['pyvenv.cfg', 'lib', 'lib64', 'libexec', 'conda-meta', 'release', 'VERSION', 'pkg'];
/** Folders with a `bin` that are a person's, with secrets beside it. */
const PERSONAL = new Set(['.local', '.config', '.cargo', '.cache']);

async function toolRoots(folder: string): Promise<readonly string[]> {
  const manager = MANAGER.exec(folder)?.[0];
  if (manager !== undefined) return [manager];
  const parent = dirname(folder);
  const isHome = dirname(parent) === '/home' || parent === '/root' || PERSONAL.has(basename(parent));
  if (isHome || !/^s?bin$|^shims$/.test(basename(folder))) return [folder];
  const signs = await Promise.all(SIGNS.map((name) => stat(join(parent, name)).catch(() => null)));
  return signs.some((sign) => sign !== null) ? [parent] : [folder];
}

/** Hidden folders that links in this one lead to: a program is often a link to where it was installed. */
async function linkedFolders(folder: string, usable: (path: string) => boolean): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = new Set<string>();
  for (const entry of entries) {
    if (!entry.isSymbolicLink()) continue;
    const target = await readlink(join(folder, entry.name)).catch(unlessGone);
    if (target === undefined || !usable(resolve(folder, target))) continue;
    const real = await realpath(join(folder, entry.name)).catch(() => null);
    if (real !== null && usable(real)) found.add(dirname(real));
  }
  return [...found];
}
