import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { mustRun } from './commands.js';

/** Fixed, so that the commits of these tests are the same everywhere. */
const COMMIT_DATE = '2021-01-01T00:00:00Z';

/** Git without the user's and the system's settings, and with a fixed author and date. */
export function isolatedGit(): NodeJS.ProcessEnv {
  const person = { NAME: 'Real Packages', EMAIL: 'real-packages@example.org', DATE: COMMIT_DATE };
  return {
    PATH: process.env['PATH'],
    LC_ALL: 'C.UTF-8',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    ...Object.fromEntries(
      Object.entries(person).flatMap(([key, value]) => [
        [`GIT_AUTHOR_${key}`, value],
        [`GIT_COMMITTER_${key}`, value],
      ]),
    ),
  };
}

/** Of Go, below the user's caches. */
const goCache = (): string => join(cacheHome(), 'weaver', 'real-packages', 'go-build');

/** Nothing of the caller's but the path. Go's build cache is shared: compiling its library takes ten seconds each time. */
export const checkEnvironment = (home: string): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  LC_ALL: 'C.UTF-8',
  HOME: home,
  PYTHONDONTWRITEBYTECODE: '1',
  GOCACHE: goCache(),
  // Rust's compilers are found below the home of the user, which is another one here.
  RUSTUP_HOME: process.env['RUSTUP_HOME'] ?? join(homedir(), '.rustup'),
});

/**
 * Go's library as weaver has compiled it for its checks of a base, where no run has compiled it before: once is enough. Of the
 * packages themselves nothing is taken over by it, as they lie elsewhere.
 */
export async function takeGoCache(weaverHome: string): Promise<void> {
  if (existsSync(goCache())) return;
  const setups = join(weaverHome, 'setups');
  const kept = (await readdir(setups)).find((name) => name.startsWith('caches-'));
  if (kept === undefined) throw new Error('weaver has kept no cache of a compiler');
  await mkdir(dirname(goCache()), { recursive: true });
  const beside = await mkdtemp(`${goCache()}-`);
  const start = { cwd: beside, env: { PATH: process.env['PATH'] }, timeoutMs: 60_000 };
  await mustRun('tar', ['-xf', join(setups, kept, 'home.tar')], start);
  // Another run may have made its own by now: one is as good as the other.
  if (!existsSync(goCache())) await rename(join(beside, '.cache', 'go-build'), goCache());
  await rm(beside, { recursive: true, force: true });
}

/** Where a user's caches are. */
export const cacheHome = (): string => {
  const named = process.env['XDG_CACHE_HOME'];
  return named === undefined || named === '' ? join(homedir(), '.cache') : named;
};
