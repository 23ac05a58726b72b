/** The fallback: an ordinary process, with the worker's rights and network, but without its environment. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import type { Sandbox } from '../../ports.js';
import { commandEnvironment } from './command-environment.js';
import { LIMITS } from './limits-script.js';
import type { RunCommand } from './run-command.js';

/** Marks what a command starts, wherever it goes: a process inherits its variables also when it leaves the group. */
const MARK = 'WEAVER_COMMAND_ID';

/** @param environment what child processes may know of the worker's */
export function createPlainSandbox(environment: Readonly<Record<string, string>>, start: RunCommand): Sandbox {
  return {
    name: 'plain',
    async run(command, signal) {
      const { run, directory, home, network } = command;
      const id = randomBytes(16).toString('hex');
      const variables = commandEnvironment({ inherited: environment, home, temporary: tmpdir(), network });
      return start(
        command,
        {
          program: '/bin/sh',
          args: ['-c', GUARDED, 'sh', run, id, LIMITS],
          directory,
          environment: variables,
          leash: { kind: 'marked', mark: `${MARK}=${id}` },
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
