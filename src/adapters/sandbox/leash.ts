/** How a started command is ended, by the kind of its sandbox. */
import type { ChildProcess } from 'node:child_process';
import { identify, isRunning, type ProcessIdentity } from '../server/process-identity.js';
import { hasVariable, runningProcesses, sendSignal, withDescendants } from './process-table.js';

/** What is left to do with a started command. */
export interface Leash {
  /** Asks all of its processes to end. */
  terminate(): void;
  /** Kills what is left. Called until it says that nothing runs any more. */
  destroy(): boolean;
  /** False if the sandbox failed before the command was reached. */
  reached(): boolean;
}

export type LeashKind =
  /** bubblewrap's own namespace of processes; it tells about itself on file descriptor 3. */
  | { readonly kind: 'namespace' }
  /** Processes with this assignment in their environment, and whatever else is seen below the command. */
  | { readonly kind: 'marked'; readonly mark: string };

/** To be taken as soon as the command is started. */
export const leashOf = (child: ChildProcess, how: LeashKind): Leash =>
  how.kind === 'namespace' ? namespaceLeash(child) : markedLeash(child, how.mark);

function namespaceLeash(child: ChildProcess): Leash {
  const side = child.stdio[3];
  let status = '';
  let init: ProcessIdentity | null = null;
  let ended = false;
  side?.on('data', (chunk: Buffer) => {
    status += chunk.toString('latin1');
    const pid = /"child-pid": (\d+)/.exec(status)?.[1];
    if (init === null && pid !== undefined) init = identify(Number(pid));
  });
  side
    ?.on('error', () => undefined)
    .once('close', () => {
      ended = true;
    });
  const outer = child.pid ?? 0;
  return {
    terminate() {
      if (init === null) return sendSignal(-outer, 'SIGTERM');
      const { pid } = init;
      // The first process of the namespace takes everything with it: it goes last.
      for (const one of withDescendants(runningProcesses(), new Set([pid])))
        if (one !== pid) sendSignal(one, 'SIGTERM');
    },
    destroy() {
      if (child.exitCode === null && child.signalCode === null) sendSignal(-outer, 'SIGKILL');
      // When the first process of a namespace has gone, the kernel has ended all others.
      if (init !== null && isRunning(init)) {
        sendSignal(init.pid, 'SIGKILL');
        return false;
      }
      return ended;
    },
    reached: () => status.includes('"exit-code"'),
  };
}

function markedLeash(child: ChildProcess, mark: string): Leash {
  const pid = child.pid ?? 0;
  const began = Number(identify(pid).began);
  let first = true;
  // Seen below the command while it ran: they are its own also when they have cut every tie since.
  const known = new Map<number, number>();
  const side = child.stdio[3];
  // The guard never writes; that it is gone is no news.
  side?.on('error', () => undefined);
  const find = (): readonly number[] => {
    const all = runningProcesses();
    const below = withDescendants(all, new Set([pid]));
    const own = all.filter(
      (row) =>
        row.group === pid ||
        row.session === pid ||
        below.has(row.pid) ||
        known.get(row.pid) === row.began ||
        (row.began >= began && hasVariable(row.pid, mark)),
    );
    for (const row of own) known.set(row.pid, row.began);
    return own.map((row) => row.pid);
  };
  return {
    terminate() {
      sendSignal(-pid, 'SIGTERM');
      for (const one of find()) sendSignal(one, 'SIGTERM');
    },
    destroy() {
      // Once, and at first: while the guard is there, no other group can have the number.
      if (first) sendSignal(-pid, 'SIGKILL');
      first = false;
      const left = find();
      for (const one of left) sendSignal(one, 'SIGKILL');
      if (left.length === 0) side?.destroy();
      return left.length === 0;
    },
    reached: () => true,
  };
}
