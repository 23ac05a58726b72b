import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Language, RealCase, Release } from './case.js';
import { hasCode, mustRun, run, type Finished } from './commands.js';
import { cacheHome } from './environment.js';

/** A source distribution is prepared by its build system, which pip may have to fetch first. */
const FETCH_TIMEOUT_MS = 180_000;
const UNPACK_TIMEOUT_MS = 30_000;

export interface Archive {
  readonly language: Language;
  readonly package: string;
  readonly release: Release;
}

export interface FetchOptions {
  readonly cacheFolder: string;
  /** Of the registry's client, so that the user's proxies and mirrors are honoured. */
  readonly env: NodeJS.ProcessEnv;
}

/** Archives are shared by all runs of a user; the hash says whether one can be trusted. */
export const defaultFetchOptions = (): FetchOptions => ({
  cacheFolder: join(cacheHome(), 'weaver', 'real-packages'),
  env: process.env,
});

export const baseOf = (real: RealCase): Archive => ({ ...real, release: real.base });
export const fixedOf = (real: RealCase): Archive => ({ ...real, release: real.fixed });

/**
 * Gives the file of an archive with the pinned content: from the cache if it is sound there, else from the registry by the
 * registry's own client. Throws, naming the package and what the client said, if neither works.
 */
export async function fetchArchive(archive: Archive, options: FetchOptions = defaultFetchOptions()): Promise<string> {
  const file = join(options.cacheFolder, archive.language, fileName(archive));
  if ((await hashOf(file)) === archive.release.sha256) return file;
  const folder = await mkdtemp(join(tmpdir(), 'weaver-fetch-'));
  try {
    const fetched = await fetchers[archive.language](archive, folder, options.env);
    const sha256 = await hashOf(fetched);
    if (sha256 !== archive.release.sha256)
      throw new Error(`${label(archive)} has the hash ${sha256}, not the pinned one`);
    await store(fetched, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return file;
}

/** Unpacks an archive so that the package's files stand at the top of `folder`, which must not exist yet. */
export async function unpack(archive: Archive, file: string, folder: string): Promise<void> {
  const start = { cwd: dirname(file), env: process.env, timeoutMs: UNPACK_TIMEOUT_MS };
  if (archive.release.isWheel === true) {
    await mustRun('python3', [...UNZIP, file, folder], start);
    return;
  }
  if (archive.language !== 'go') {
    await mkdir(folder, { recursive: true });
    await mustRun('tar', ['-xzf', file, '-C', folder, '--strip-components=1', '--no-same-owner'], start);
    return;
  }
  // Module archives are zip files with the module and its version as the top folder.
  const whole = await mkdtemp(join(dirname(folder), 'module-'));
  await mustRun('python3', [...UNZIP, file, whole], start);
  await rename(join(whole, `${archive.package}@${archive.release.version}`), folder);
  await rm(whole, { recursive: true, force: true });
}

const UNZIP = ['-m', 'zipfile', '-e'];

const label = ({ package: name, release }: Archive): string => `${name} ${release.version}`;

const fileName = (archive: Archive): string =>
  `${label(archive).replaceAll(/[^A-Za-z0-9.]+/g, '-')}${endingOf(archive)}`;

function endingOf({ language, release }: Archive): string {
  if (release.isWheel === true) return '.whl';
  return language === 'go' ? '.zip' : '.tar.gz';
}

async function hashOf(file: string): Promise<string | null> {
  try {
    return createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw cause;
  }
}

/** By rename, so that a run beside this one never reads half an archive. */
async function store(fetched: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}`;
  await copyFile(fetched, beside);
  await rename(beside, file);
}

type Fetcher = (archive: Archive, folder: string, env: NodeJS.ProcessEnv) => Promise<string>;

const fetchers: Readonly<Record<Language, Fetcher>> = {
  python: async (archive, folder, env) => {
    const requirements = join(folder, 'requirements.txt');
    await writeFile(
      requirements,
      `${archive.package}==${archive.release.version} --hash=sha256:${archive.release.sha256}\n`,
    );
    // The hash is checked by pip before it runs anything of the archive.
    const form = archive.release.isWheel === true ? '--only-binary' : '--no-binary';
    const args = ['-m', 'pip', 'download', '--quiet', '--no-deps', form, ':all:', '--require-hashes'];
    await ask(archive, 'python3', [...args, '-r', requirements, '-d', folder], folder, env);
    return only(archive, folder, endingOf(archive));
  },
  javascript: async (archive, folder, env) => {
    const spec = `${archive.package}@${archive.release.version}`;
    await ask(archive, 'npm', ['pack', spec, '--pack-destination', folder, '--loglevel', 'error'], folder, env);
    return only(archive, folder, '.tgz');
  },
  go: async (archive, folder, env) => {
    // An own module cache, writable so that it can be removed afterwards.
    const goEnv = { ...env, GOMODCACHE: join(folder, 'modules'), GOFLAGS: '-mod=mod -modcacherw' };
    const spec = `${archive.package}@${archive.release.version}`;
    const { stdout } = await ask(archive, 'go', ['mod', 'download', '-json', spec], folder, goEnv);
    const answer: unknown = JSON.parse(stdout);
    if (typeof answer === 'object' && answer !== null && 'Zip' in answer && typeof answer.Zip === 'string')
      return answer.Zip;
    throw new Error(`go names no archive for ${label(archive)}: ${stdout}`);
  },
  rust: async (archive, folder, env) => {
    const { package: name, release } = archive;
    await mkdir(join(folder, 'src'));
    await writeFile(join(folder, 'src', 'lib.rs'), '');
    const manifest = '[package]\nname = "fetched"\nversion = "0.0.0"\n';
    await writeFile(join(folder, 'Cargo.toml'), `${manifest}[dependencies]\n${name} = "=${release.version}"\n`);
    await ask(archive, 'cargo', ['fetch', '--quiet'], folder, env);
    // One folder for each registry or mirror, named by its address.
    const cache = join(env['CARGO_HOME'] ?? join(homedir(), '.cargo'), 'registry', 'cache');
    for (const registry of await readdir(cache)) {
      const file = join(cache, registry, `${name}-${release.version}.crate`);
      if ((await hashOf(file)) !== null) return file;
    }
    throw new Error(`cargo has fetched no archive of ${label(archive)}`);
  },
};

async function ask(
  archive: Archive,
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Finished> {
  const finished = await run(program, args, { cwd, env, timeoutMs: FETCH_TIMEOUT_MS });
  if (finished.exitCode === 0) return finished;
  const why = finished.exitCode === null ? `stopped after ${FETCH_TIMEOUT_MS / 1_000} s` : `exit ${finished.exitCode}`;
  throw new Error(
    `could not fetch ${label(archive)} with "${program}" (${why}). These tests need the package registries; ` +
      `check the network and the settings of the client. It said:\n${finished.output.slice(-1_500)}`,
  );
}

async function only(archive: Archive, folder: string, ending: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(ending));
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new Error(`expected one ${ending} file of ${label(archive)}, found ${names.length}`);
  }
  return join(folder, name);
}
