/** The fallback: an ordinary process, with the worker's rights and network, but without its environment. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import type { ChildProcess } from 'node:child_process';
import type { Sandbox } from '../../ports.js';
import { identify } from '../server/process-identity.js';
import { commandEnvironment } from './command-environment.js';
import { LIMITS } from './limits-script.js';
import { hasVariable, runningProcesses, sendSignal, withDescendants } from './process-table.js';
import { runCommand, type Leash } from './run-command.js';

/** Marks what a command starts, wherever it goes: a process inherits its variables also when it leaves the group. */
const MARK = 'WEAVER_COMMAND_ID';

/** @param environment what child processes may know of the worker's */
export function createPlainSandbox(environment: Readonly<Record<string, string>>): Sandbox {
  return {
    name: 'plain',
    async run(command, signal) {
      const { run, directory, home, network } = command;
      const id = randomBytes(16).toString('hex');
      const variables = commandEnvironment({ inherited: environment, home, temporary: tmpdir(), network });
      return runCommand(
        command,
        {
          program: '/bin/sh',
          args: ['-c', GUARDED, 'sh', run, id, LIMITS],
          directory,
          environment: variables,
          started: (child) => leashOf(child, id),
        },
        signal,
      );
    },
  };
}

/**
 * Descriptor 3 ends when the worker does, however it dies. A guard waits for that and ends what the command has started. It
 * does not carry the mark, so it does not find itself, and it belongs to the group, so it goes when the command is done.
 */
const GUARDED = `
(
  trap '' HUP INT TERM
  read -r _
  rounds=0
  while [ "$rounds" -lt 200 ]; do
    found=$(grep -slF "${MARK}=$2" /proc/[0-9]*/environ)
    [ -n "$found" ] || break
    for file in $found; do
      process=\${file#/proc/}
      kill -KILL "\${process%/environ}"
    done
    rounds=$((rounds + 1))
  done
  kill -KILL 0
) <&3 >/dev/null 2>&1 &
exec 3<&-
export ${MARK}="$2"
exec /bin/sh -c "$3" sh "$1"
`;

function leashOf(child: ChildProcess, id: string): Leash {
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
        (row.began >= began && hasVariable(row.pid, `${MARK}=${id}`)),
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
