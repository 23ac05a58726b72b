/** Where a worker can be killed: every method of every port, every fsync and every rename, before, during and after. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

interface WatchedPort {
  readonly interface: string;
  readonly port: string;
}

/** What kill-at.cjs wraps. */
export const WATCHED_PORTS = JSON.parse(readFileSync(join(__dirname, 'ports.json'), 'utf8')) as readonly WatchedPort[];

export const FILE_OPERATIONS = ['fs.fsync', 'fs.fsyncSync', 'fs.rename', 'fs.renameSync'] as const;

/** What one task of a model never calls: kill-wide.test.ts shoots at these, kill.test.ts at all others. */
export const WIDE_OPERATIONS: readonly string[] = [
  'git.search',
  'git.changed',
  'git.capture',
  'git.merge',
  'git.sign',
  'git.ensureSigns',
  'git.unpublish',
  'forge.ensureKnown',
  'forge.open',
];

/** Calls that take long enough to be interrupted at several moments. */
const LONG = new Set([
  'model.call',
  'sandbox.run',
  'git.open',
  'git.push',
  'git.checkout',
  'git.merge',
  'git.sign',
  'git.unpublish',
  'forge.open',
]);
const LATER_MS = [20, 80];

/** Interfaces of src/ports.ts that have methods, with the names of these. */
export function portsInSource(): ReadonlyMap<string, readonly string[]> {
  const source = readFileSync(resolve(__dirname, '../../src/ports.ts'), 'utf8');
  const found = new Map<string, readonly string[]>();
  for (const [, name, body] of source.matchAll(/^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)) {
    const methods = [...(body ?? '').matchAll(/^ {2}(\w+)\(/gm)].map(([, method]) => method ?? '');
    if (name !== undefined && methods.length > 0) found.set(name, methods);
  }
  return found;
}

/** `git.open`, `git.list` and so on, from the port list. */
export function portOperations(): readonly string[] {
  const methods = portsInSource();
  return WATCHED_PORTS.flatMap(({ interface: name, port }) =>
    (methods.get(name) ?? []).map((method) => `${port}.${method}`),
  );
}

/** From the calls that a calm run made to every point of them, as kill-at.cjs reads them. */
export function pointsOf(calls: readonly string[]): readonly string[] {
  const watched = new Set<string>([...portOperations(), ...FILE_OPERATIONS]);
  const counts = new Map<string, number>();
  for (const call of calls) if (watched.has(call)) counts.set(call, (counts.get(call) ?? 0) + 1);
  return [...counts].flatMap(([operation, count]) =>
    Array.from({ length: count }, (_, n) => n + 1).flatMap((nth) =>
      phasesOf(operation).map((phase) => `${operation}:${phase}:${nth}`),
    ),
  );
}

/** A synchronous call has no inside: nothing else of the process runs meanwhile. */
function phasesOf(operation: string): readonly string[] {
  if (operation.endsWith('Sync')) return ['before', 'after'];
  const later = LONG.has(operation) ? LATER_MS.map((ms) => `during+${ms}`) : [];
  return ['before', 'during', ...later, 'after'];
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** So many of them, spread over the whole list, which of each stretch by the seed. */
export function spreadSample<T>(all: readonly T[], count: number, seed: number): readonly T[] {
  const random = seededRandom(seed);
  const stretch = all.length / Math.min(count, all.length);
  return Array.from({ length: Math.min(count, all.length) }, (_, n) => {
    const at = Math.min(all.length - 1, Math.floor((n + random()) * stretch));
    return all[at];
  }).filter((one): one is T => one !== undefined);
}
