/** Releases of packages: their versions, and what is in one, each by the registry's own client. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A source distribution is prepared by its build system, which pip fetches first. */
const FETCH = { timeout: 180_000, maxBuffer: 64 * 1024 * 1024 };

const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'weaver', 'map-tasks');

/** Stable ones, oldest first. */
export async function versionsOf({ registry, name }) {
  const all = await VERSIONS[registry](name);
  return all.filter((version) => STABLE.test(version)).toSorted(byVersion);
}

const STABLE = /^v?\d+\.\d+\.\d+$/;
const numbers = (version) => version.replace(/^v/, '').split('.').map(Number);

function byVersion(a, b) {
  const [left, right] = [numbers(a), numbers(b)];
  const at = left.findIndex((number, index) => number !== right[index]);
  return at < 0 ? 0 : left[at] - right[at];
}

const VERSIONS = {
  npm: async (name) => JSON.parse((await run('npm', ['view', name, 'versions', '--json'], FETCH)).stdout),
  pypi: async (name) => {
    const { stdout } = await run('python3', ['-m', 'pip', 'index', 'versions', name], FETCH);
    const list = /^Available versions: (.*)$/m.exec(stdout)?.[1] ?? '';
    return list.split(', ');
  },
  wheel: (name) => VERSIONS.pypi(name),
  go: async (name) => {
    const { stdout } = await run('go', ['list', '-m', '-versions', '-json', name], { ...FETCH, cwd: tmpdir() });
    return JSON.parse(stdout).Versions ?? [];
  },
};

/** @returns the file of the archive and its hash, from the cache if it is there */
export async function fetchRelease({ registry, name, version }) {
  const file = path.join(cache, registry, `${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]+/g, '-') + ENDING[registry]);
  if (!existsSync(file)) {
    const folder = mkdtempSync(path.join(tmpdir(), 'weaver-map-fetch-'));
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      const fetched = await FETCHERS[registry](name, version, folder);
      const beside = `${file}.${process.pid}`;
      await run('cp', [fetched, beside]);
      renameSync(beside, file);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { file, sha256: createHash('sha256').update(readFileSync(file)).digest('hex') };
}

const ENDING = { npm: '.tgz', pypi: '.tar.gz', wheel: '.whl', go: '.zip' };

const FETCHERS = {
  npm: async (name, version, folder) => {
    await run('npm', ['pack', `${name}@${version}`, '--pack-destination', folder, '--loglevel', 'error'], FETCH);
    return only(folder, '.tgz');
  },
  pypi: (name, version, folder) => download(`${name}==${version}`, '--no-binary', '.tar.gz', folder),
  wheel: (name, version, folder) => download(`${name}==${version}`, '--only-binary', '.whl', folder),
  go: async (name, version, folder) => {
    const env = { ...process.env, GOMODCACHE: path.join(folder, 'modules'), GOFLAGS: '-mod=mod -modcacherw' };
    const { stdout } = await run('go', ['mod', 'download', '-json', `${name}@${version}`], {
      ...FETCH,
      env,
      cwd: folder,
    });
    return JSON.parse(stdout).Zip;
  },
};

async function download(what, without, ending, folder) {
  const args = ['-m', 'pip', 'download', '--quiet', '--no-deps', without, ':all:', '-d', folder];
  await run('python3', [...args, what], FETCH);
  return only(folder, ending);
}

function only(folder, ending) {
  const [name, second] = readdirSync(folder).filter((entry) => entry.endsWith(ending));
  if (name === undefined || second !== undefined) throw new Error(`expected one ${ending} file`);
  return path.join(folder, name);
}

/** Text of every file, by path from the top of the package. */
export async function filesOf({ registry }, file) {
  const isZip = registry === 'go' || registry === 'wheel';
  const folder = mkdtempSync(path.join(tmpdir(), 'weaver-map-release-'));
  try {
    const args = isZip ? ['-m', 'zipfile', '-e', file, folder] : ['-xzf', file, '-C', folder, '--no-same-owner'];
    await run(isZip ? 'python3' : 'tar', args, FETCH);
    const all = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = all.map((entry) => path.relative(folder, path.join(entry.parentPath ?? entry.path, entry.name)));
    const top = commonFolder(paths);
    return new Map(
      paths
        .map((each) => [each.slice(top.length), readFileSync(path.join(folder, each))])
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Archives have all their files in one folder, those of Go modules in several, one in the other. */
function commonFolder(paths) {
  let top = '';
  for (;;) {
    const next = paths[0]?.slice(top.length).split('/');
    if (next === undefined || next.length < 2) return top;
    const deeper = `${top}${next[0]}/`;
    if (!paths.every((each) => each.startsWith(deeper))) return top;
    top = deeper;
  }
}
