import { homedir } from 'node:os';
import { join } from 'node:path';

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

/** Nothing of the caller's but the path. Go's build cache is shared: compiling its library takes ten seconds each time. */
export const checkEnvironment = (home: string): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  LC_ALL: 'C.UTF-8',
  HOME: home,
  PYTHONDONTWRITEBYTECODE: '1',
  GOCACHE: join(cacheHome(), 'weaver', 'real-packages', 'go-build'),
  // Rust's compilers are found below the home of the user, which is another one here.
  RUSTUP_HOME: process.env['RUSTUP_HOME'] ?? join(homedir(), '.rustup'),
});

/** Where a user's caches are. */
export const cacheHome = (): string => {
  const named = process.env['XDG_CACHE_HOME'];
  return named === undefined || named === '' ? join(homedir(), '.cache') : named;
};
