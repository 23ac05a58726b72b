/** Commands of one folder and environment, carried out by a process that stays (command-host.cjs); it starts with the first. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { CliResult } from './world';

export interface Commands {
  run(
    args: readonly string[],
    options?: { readonly env?: Readonly<Record<string, string>>; readonly input?: string; readonly cwd?: string },
  ): Promise<CliResult>;
  /** Commands under way end without an exit code. */
  stop(): Promise<void>;
}

interface Place {
  readonly cli: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export function openCommands(place: Place): Commands {
  const waiting = new Map<number, (result: CliResult) => void>();
  let host: ChildProcess | null = null;
  let last = 0;
  const started = (): ChildProcess => (host ??= startHost(place, waiting, () => (host = null)));
  return {
    run: (args, { env = {}, input = '', cwd = place.cwd } = {}) =>
      new Promise((settle) => {
        last += 1;
        waiting.set(last, settle);
        started().send({ id: last, args, env: { ...place.env, ...env }, cwd, input });
      }),
    async stop() {
      if (host === null) return;
      const ended = new Promise((settle) => host?.once('exit', settle));
      if (host.connected) host.disconnect();
      await ended;
    },
  };
}

function startHost({ cli, env, cwd }: Place, waiting: Map<number, (result: CliResult) => void>, ended: () => void) {
  const host = fork(join(__dirname, 'command-host.cjs'), [cli], {
    env,
    cwd,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  host.on('message', ({ id, ...result }: CliResult & { readonly id: number }) => {
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  // What is sent to one that is about to end settles with its end.
  host.on('error', () => undefined);
  host.once('exit', () => {
    ended();
    for (const settle of waiting.values()) settle({ exitCode: null, stdout: '', stderr: '' });
    waiting.clear();
  });
  return host;
}
