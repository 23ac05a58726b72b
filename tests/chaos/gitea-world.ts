/** A real Gitea on a home of its own, with one person, one token and one repository. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../free-port';

export const OWNER = 'ada';
export const NAME = 'value';

export interface GiteaWorld {
  readonly version: string;
  readonly origin: string;
  /** Of the repository, with one commit on `main`. */
  readonly url: string;
  readonly token: string;
  /** Another person, who may review. */
  readonly reviewer: string;
  /** What the API says, or an error with its words. */
  api(method: string, path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export const BUILD = resolve(__dirname, '../../scripts/gitea-binary.mjs');
const BUILD_TIMEOUT_MS = 45 * 60_000;
const START_TIMEOUT_MS = 60_000;

/** Gitea refuses to be root: then it is nobody. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

export async function startGitea(): Promise<GiteaWorld> {
  const built = execFileSync(process.execPath, [BUILD], { encoding: 'utf8', timeout: BUILD_TIMEOUT_MS });
  const { binary, staticFolder } = JSON.parse(built) as { readonly binary: string; readonly staticFolder: string };
  const folder = mkdtempSync(join(tmpdir(), 'weaver-gitea-'));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const program = copyFor(folder, binary, staticFolder);
  writeFileSync(join(folder, 'app.ini'), settings(folder, port));
  if (isRoot) giveAway(folder);
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    USER: isRoot ? 'nobody' : (process.env['USER'] ?? ''),
    GITEA_WORK_DIR: folder,
  };
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const config = ['--config', join(folder, 'app.ini'), '--work-path', folder];
  const gitea = (...args: readonly string[]): string =>
    execFileSync(program, [...args, ...config], {
      cwd: folder,
      env,
      ...as,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  gitea('migrate');
  const [password, reviewer] = ['a long pass-word 42', 'grace'];
  for (const [name, more] of [
    [OWNER, ['--admin']],
    [reviewer, []],
  ] as const)
    gitea(
      'admin',
      'user',
      'create',
      '--username',
      name,
      '--password',
      password,
      '--email',
      `${name}@example.org`,
      '--must-change-password=false',
      ...more,
    );
  const token = gitea(
    'admin',
    'user',
    'generate-access-token',
    '--username',
    OWNER,
    '--scopes',
    'write:repository,write:issue,write:user',
    '--raw',
  );
  const child = spawn(program, ['web', ...config], { cwd: folder, env, ...as, stdio: 'ignore' });
  const api = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${origin}/api/v1${path}`, {
      method,
      headers: { authorization: `token ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    const version = await untilUp(api);
    await api('POST', '/user/repos', { name: NAME, auto_init: true, default_branch: 'main' });
    await api('PUT', `/repos/${OWNER}/${NAME}/collaborators/${reviewer}`, { permission: 'write' });
    await api('POST', `/repos/${OWNER}/${NAME}/labels`, { name: 'weaver', color: '#00aabb' });
    return { version, origin, url: `${origin}/${OWNER}/${NAME}.git`, token, reviewer, api, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** Where whoever runs it may read it: the cache is below somebody's home. */
function copyFor(folder: string, binary: string, staticFolder: string): string {
  execFileSync('cp', ['-r', staticFolder, join(folder, 'static')]);
  execFileSync('cp', [binary, join(folder, 'gitea')]);
  return join(folder, 'gitea');
}

function giveAway(folder: string): void {
  mkdirSync(join(folder, 'data'), { recursive: true });
  chownSync(folder, NOBODY, NOBODY);
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    chownSync(join(folder, name), NOBODY, NOBODY);
}

const settings = (folder: string, port: number): string => `
APP_NAME = weaver
RUN_MODE = prod
WORK_PATH = ${folder}
${isRoot ? 'RUN_USER = nobody' : ''}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${port}
ROOT_URL = http://127.0.0.1:${port}/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = ${folder}/static
APP_DATA_PATH = ${folder}/data
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = ${folder}/data/gitea.db
[repository]
ROOT = ${folder}/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = ${'weaver'.repeat(8)}
[service]
DISABLE_REGISTRATION = true
[indexer]
ISSUE_INDEXER_TYPE = db
[actions]
ENABLED = false
[cron]
ENABLED = false
[log]
MODE = file
LEVEL = Warn
ROOT_PATH = ${folder}/log
`;

async function untilUp(api: GiteaWorld['api']): Promise<string> {
  for (const end = Date.now() + START_TIMEOUT_MS; ;) {
    try {
      return ((await api('GET', '/version')) as { readonly version: string }).version;
    } catch (thrown) {
      if (Date.now() > end) throw thrown;
      await new Promise((wake) => setTimeout(wake, 100));
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((settle) => child.once('exit', settle));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}
