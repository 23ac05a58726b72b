/** Programs that were fetched, each in a folder of the user's cache named for its version. Never half installed. */
import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A staging folder this old belongs to an installation that was killed. */
const STAGING_KEPT_MS = 60 * 60_000;

/** Where weaver keeps what it fetched under `name`: in the user's cache, or below the weaver home where there can be none. */
export function cacheFolder(name, env) {
  const usual = path.join(env['XDG_CACHE_HOME'] || path.join(env['HOME'] || homedir(), '.cache'), 'weaver', name);
  const home = env['WEAVER_HOME'];
  return !home || existsSync(usual) || canBeMade(usual) ? usual : path.join(home, 'cache', 'weaver', name);
}

function canBeMade(folder) {
  let there = folder;
  while (!existsSync(there)) there = path.dirname(there);
  try {
    accessSync(there, constants.W_OK);
    return statSync(there).isDirectory();
  } catch {
    return false; // not ours, or read-only
  }
}

/** The folder's program if it is the one that was installed: same size and time as recorded, or else the same content. */
export async function verifiedBinary(folder, program, log) {
  const binary = path.join(folder, program);
  const recordFile = path.join(folder, 'install.json');
  const record = readJson(recordFile);
  if (record === null || !isProgram(binary)) return null;
  const stamp = stampOf(binary);
  if (record.stamp === stamp) return binary;
  if (record.sha256 === (await sha256Of(binary))) {
    writeJson(recordFile, { ...record, stamp }); // copied or restored: not to be read in full each time
    return binary;
  }
  log(`${binary} is not what was installed, it is fetched again`);
  return null;
}

/** Moves a tried program into the cache by one rename: a killed installation leaves nothing that looks like a whole one. */
export async function keepBinary({ cache, staging, binary, program, name, version, log }) {
  const ready = path.join(staging, 'ready');
  const installed = path.join(ready, program);
  mkdirSync(ready);
  renameSync(binary, installed);
  chmodSync(installed, 0o755);
  const sha256 = await sha256Of(installed);
  writeJson(path.join(ready, 'install.json'), { version, sha256, stamp: stampOf(installed) });
  const target = path.join(cache, name);
  for (let tries = 0; ; tries += 1) {
    try {
      renameSync(ready, target);
      break;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(error.code) || tries === 3) throw error;
      if ((await verifiedBinary(target, program, log)) !== null) break; // another installation was faster
      rmSync(target, { recursive: true, force: true });
    }
  }
  return path.join(target, program);
}

/** Runs `work` with a folder on the cache's file system, removed afterwards. */
export async function withStaging(cache, work) {
  mkdirSync(cache, { recursive: true });
  removeOldStaging(cache);
  const staging = path.join(cache, `.staging-${process.pid}-${randomBytes(4).toString('hex')}`);
  mkdirSync(staging);
  try {
    return await work(staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function removeOldStaging(cache) {
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith('.staging-'))) {
    const folder = path.join(cache, name);
    const made = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > STAGING_KEPT_MS) rmSync(folder, { recursive: true, force: true });
  }
}

/** The first program of this name in the PATH, or undefined. */
export function programOnPath(name, env) {
  return (env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .find(isProgram);
}

export function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // absent or not ours to run
  }
}

/** Changes whenever the file does, and costs no reading of 150 MB. */
export function stampOf(file) {
  const { size, mtimeMs } = statSync(file);
  return `${size} ${mtimeMs}`;
}

export async function sha256Of(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // absent or damaged: made anew
  }
}

export function writeJson(file, value) {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, JSON.stringify(value));
  renameSync(draft, file);
}
