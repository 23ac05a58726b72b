/** Telling a process from a later one that got the same number. */
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in the kernel's ticks since boot; empty where there is no /proc. */
  readonly began: string;
}

export const identify = (pid: number): ProcessIdentity => ({ pid, began: beginning(pid) });

/** True while this very process runs. One that has ended and waits for its parent to notice (a zombie) does not. */
export function isRunning({ pid, began }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return began === '' || (beginning(pid) === began && statFields(pid)[0] !== 'Z');
}

/** The command line of a process, or null where the system does not show it. */
export function commandLine(pid: number): readonly string[] | null {
  const text = readProc(pid, 'cmdline');
  return text === null ? null : text.split('\0').slice(0, -1);
}

const beginning = (pid: number): string => statFields(pid)[19] ?? '';

/** Fields of /proc/PID/stat from the third on: before it stands the name, which may hold spaces and parentheses. */
function statFields(pid: number): readonly string[] {
  const text = readProc(pid, 'stat');
  return text === null ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return null; // no such process, or no /proc on this system
  }
}
