/** npm packages: installed when they are missing or belong to another lock file. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { exclusively } from './exclusive.mjs';
import { runScript, say, seconds, SetupFault } from './progress.mjs';
import { runCommand } from './run-command.mjs';

const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** `npm ci` takes 10 to 20 s on a good line; beyond ten minutes something hangs. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** Makes node_modules the one of package-lock.json. Costs a file's hash when it is already. */
export async function ensurePackages({ root = checkout } = {}) {
  if (installed(root)) return;
  await exclusively(path.join(root, '.tmp', 'packages.lock'), async () => {
    if (installed(root)) return;
    if (!installedByHand(root)) await install(root);
    writeFileSync(markerFile(root), lockHash(root));
  });
}

const markerFile = (root) => path.join(root, 'node_modules', '.weaver-lock-sha256');

const lockHash = (root) =>
  createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');

function installed(root) {
  const marker = markerFile(root);
  return existsSync(marker) && readFileSync(marker, 'utf8') === lockHash(root);
}

/** npm keeps a list of what it put into node_modules; if that agrees with the lock file, somebody ran npm already. */
function installedByHand(root) {
  const hiddenLock = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hiddenLock)) return false;
  const wanted = readPackages(path.join(root, 'package-lock.json'));
  const present = readPackages(hiddenLock);
  const same = ([name, { version, integrity }]) =>
    wanted[name]?.version === version && wanted[name]?.integrity === integrity;
  const complete = ([name, { optional }]) => name === '' || optional === true || present[name] !== undefined;
  return Object.entries(present).every(same) && Object.entries(wanted).every(complete);
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch (error) {
    if (error instanceof SyntaxError) return { broken: {} }; // cut by a killed npm: agrees with nothing
    throw error;
  }
}

async function install(root) {
  refuseLink(path.join(root, 'node_modules'));
  const startedAt = performance.now();
  say('installing packages (npm ci), about 20 s');
  const [command, ...before] = npmCommand();
  // Dev packages build and test weaver, also under NODE_ENV=production. No package here needs its install script.
  const args = [...before, 'ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = await runCommand(command, args, { cwd: root, timeoutMs: INSTALL_TIMEOUT_MS });
  if (result.code !== 0) throw installFault(result);
  say(`packages installed in ${seconds(startedAt)}`);
}

/** npm empties the folder before it fills it, and behind a link it is somebody else's. */
function refuseLink(folder) {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  throw new SetupFault(
    `node_modules is a link to ${readlinkSync(folder)}, which belongs to another package-lock.json.`,
    {
      next: 'Remove the link: packages are then installed here.',
    },
  );
}

/** The npm that runs us if there is one, so that `npm start` works where npm is not on PATH. */
export function npmCommand() {
  const running = process.env['npm_execpath'];
  return running?.endsWith('npm-cli.js') && existsSync(running) ? [process.execPath, running] : ['npm'];
}

function installFault({ code, timedOut, stderr }) {
  if (code === 127) {
    return new SetupFault('npm is not installed.', {
      next: 'Install Node.js 20.19 or newer with npm (https://nodejs.org).',
    });
  }
  if (timedOut || /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/.test(stderr)) {
    return new SetupFault(`the npm registry cannot be reached.\n${complaint(stderr)}`, {
      next: 'Connect this machine, or point npm to a registry it can reach (npm config set registry URL), and try again.',
    });
  }
  return new SetupFault(`npm ci failed.\n${complaint(stderr)}`, { next: 'Run npm ci by hand to see all it says.' });
}

/** npm says what is wrong first, and then a page of usage. */
const complaint = (stderr) =>
  stderr
    .split('\n')
    .filter((line) => line.startsWith('npm error') && line.trim() !== 'npm error')
    .slice(0, 8)
    .join('\n');

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(() => ensurePackages());
}
