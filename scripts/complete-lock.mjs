/**
 * `node scripts/complete-lock.mjs`, after `npm install` changed package-lock.json: adds the packages of other platforms that
 * a registry with only some platforms did not serve. `npm ci` refuses a lock file that does not name them, also on a
 * platform that needs none of them. They get no address and no checksum; where one is needed, npm looks it up by version.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { say } from './progress.mjs';

const file = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', 'package-lock.json');

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32', 'sunos', 'aix', 'netbsd', 'openbsd'];
const PROCESSORS = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64', 'wasm32', 'mips64el'];
const LIBRARIES = { musl: 'musl', gnu: 'glibc' };

const lock = JSON.parse(readFileSync(file, 'utf8'));
const missing = Object.entries(lock.packages).flatMap(([from, entry]) =>
  Object.entries(entry.optionalDependencies ?? {})
    .filter(([name]) => !isLocked(from, name))
    .map(([name, range]) => [`node_modules/${name}`, entryOf(name, range, entry)]),
);
Object.assign(lock.packages, Object.fromEntries(missing));
lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
say(`${missing.length} packages of other platforms added to package-lock.json`);

/** As Node looks a package up: in the folder of whoever wants it, then in those above. */
function isLocked(from, name) {
  for (let at = from; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${at}/node_modules/${name}`] !== undefined) return true;
  }
  return lock.packages[`node_modules/${name}`] !== undefined;
}

/** The platform is in the name; a package for another one is never fetched, so a name that says none is a mistake here. */
function entryOf(name, range, { dev }) {
  const words = name.split(/[-/]/);
  const of = (list) => list.filter((word) => words.includes(word));
  const [os, cpu] = [of(SYSTEMS), of(PROCESSORS)];
  if (os.length + cpu.length === 0) throw new Error(`${name} is optional and missing, but not for its platform`);
  const libc = of(Object.keys(LIBRARIES)).map((word) => LIBRARIES[word]);
  return {
    version: range.replace(/^[~^]/, ''),
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(dev ? { dev } : {}),
    ...(libc.length > 0 ? { libc } : {}),
    optional: true,
    ...(os.length > 0 ? { os } : {}),
  };
}
