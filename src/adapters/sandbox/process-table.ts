/** The processes of this host, as /proc shows them. Empty on systems without it: there only the process group is known. */
import { readdirSync, readFileSync } from 'node:fs';
import { errorCode } from '../git/error-code.js';

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In the kernel's ticks since boot. */
  readonly began: number;
}

/** Everything that runs; zombies do not. */
export function runningProcesses(): readonly ProcessRow[] {
  return names().flatMap((name) => {
    const text = readProc(name, 'stat');
    if (text === null) return [];
    // The name of the program, in parentheses, may hold anything.
    const [state = '', parent, group, session, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return [];
    const row = { parent: Number(parent), group: Number(group), session: Number(session), began: Number(rest[15]) };
    return [{ pid: Number(name), ...row }];
  });
}

/** `roots` and all below them. */
export function withDescendants(all: readonly ProcessRow[], roots: ReadonlySet<number>): ReadonlySet<number> {
  const found = new Set(roots);
  // A parent may come after its child in the list.
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return found;
}

/** True if the process was started with this variable. False if it may not be looked at. */
export const hasVariable = (pid: number, assignment: string): boolean =>
  readProc(String(pid), 'environ')?.split('\0').includes(assignment) ?? false;

/** Sends a signal to a process, or to a group (negative number). One that is gone already is fine. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    // EPERM: the number belongs to somebody else by now, or the program has changed its user and is not ours to end.
    if (!['ESRCH', 'EPERM'].includes(errorCode(cause) ?? '')) throw cause;
  }
}

function names(): readonly string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return []; // no /proc on this system
  }
}

function readProc(name: string, file: string): string | null {
  try {
    return readFileSync(`/proc/${name}/${file}`, 'latin1');
  } catch {
    return null; // it ended while we looked, or is not ours
  }
}
