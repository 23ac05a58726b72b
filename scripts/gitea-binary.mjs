/** A real Gitea for the soak: built once with Go from its published module, with the texts and templates that it reads. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheFolder, keepBinary, verifiedBinary, withStaging } from './binary-cache.mjs';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
import { lastLines, runCommand } from './run-command.mjs';

/** The newest whose dependencies the module proxy has in full. */
const GITEA = { module: 'code.gitea.io/gitea', version: '1.26.4' };

/** What the program reads beside itself. */
const STATIC = ['options', 'public', 'templates'];

/** Three minutes on two idle cores, and much longer on busy ones; SQLite's C is most of it. */
const BUILD_TIMEOUT_MS = 40 * 60_000;
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;

/** `{ binary, staticFolder }`. Throws a SetupFault that says what is missing. */
export async function findGitea({ log = () => {}, env = process.env } = {}) {
  const cache = cacheFolder('gitea', env);
  const staticFolder = path.join(cache, `static-${GITEA.version}`);
  const kept = await verifiedBinary(`${cache}/${GITEA.version}`, 'gitea', log);
  if (kept !== null && existsSync(staticFolder)) return { binary: kept, staticFolder };
  return { binary: await build(cache, staticFolder, env, log), staticFolder };
}

async function build(cache, staticFolder, env, log) {
  return await withStaging(cache, async (staging) => {
    const startedAt = performance.now();
    log(`building Gitea ${GITEA.version} with Go, 3 to 20 minutes`);
    const go = goIn(staging, env);
    const module = JSON.parse(
      await go(['mod', 'download', '-json', `${GITEA.module}@v${GITEA.version}`], DOWNLOAD_TIMEOUT_MS),
    );
    // The main module's own replacements count nowhere but there, so they are said again.
    const replaced = readFileSync(module.GoMod, 'utf8').match(/^replace .*=> .*$/gm) ?? [];
    const lines = ['module weaver.example/gitea', 'go 1.26', `require ${GITEA.module} v${GITEA.version}`, ...replaced];
    writeFileSync(path.join(staging, 'go.mod'), `${lines.join('\n')}\n`);
    const flags = [
      '-mod=mod',
      '-tags',
      'sqlite sqlite_unlock_notify',
      '-ldflags',
      `-s -w -X main.Version=${GITEA.version}`,
    ];
    await go(['build', ...flags, '-o', 'gitea', GITEA.module], BUILD_TIMEOUT_MS);
    copyStatic(module.Dir, staging, staticFolder);
    const binary = path.join(staging, 'gitea');
    const { version } = GITEA;
    const kept = await keepBinary({ cache, staging, binary, program: 'gitea', name: version, version, log });
    log(`Gitea ${version} (${seconds(startedAt)}): ${kept}`);
    return kept;
  });
}

const goIn = (cwd, env) => async (args, timeoutMs) => {
  const { code, timedOut, stdout, stderr } = await runCommand('go', args, {
    cwd,
    env: { ...env, CGO_ENABLED: '1' },
    timeoutMs,
  });
  if (code === 0) return stdout;
  const why = timedOut ? `it took longer than ${timeoutMs / 60_000} minutes` : lastLines(stderr, 3);
  throw new SetupFault(`Gitea could not be built: go ${args[0]}: ${why}`, {
    next: 'Install Go 1.26 and a C compiler; the soak needs the Go module proxy too.',
  });
};

/** The module's files cannot be written to; the copy can be removed. */
function copyStatic(from, staging, to) {
  const made = path.join(staging, 'static');
  mkdirSync(made);
  for (const name of STATIC) cpSync(path.join(from, name), path.join(made, name), { recursive: true });
  if (!existsSync(to)) renameSync(made, to);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => {
    process.stdout.write(`${JSON.stringify(await findGitea({ log: say }))}\n`);
  });
}
