/**
 * Starts programs on behalf of a worker, from a small process beside it. Starting one copies the page tables of who starts
 * it: 4 to 5 ms of a worker's processor and 8 ms in which it does nothing else, but under 1 ms of a small process
 * (docs/decisions/0016).
 */
import { fork, type ChildProcess } from 'node:child_process';
import { join, sep } from 'node:path';
import { PortFault, type CommandResult } from '../../ports.js';
import { signalGroup, type GitResult, type RunGit } from '../git/run-git.js';
import type { RunCommand } from '../sandbox/run-command.js';
import type { FromStarter, ToStarter, Work } from './starter-protocol.js';

/** See `runGit` and `runCommand` for what their promises mean. */
export interface Starter {
  readonly git: RunGit;
  readonly command: RunCommand;
  /** Starts the small process, so that the first use need not wait. */
  prewarm(): void;
  /** Ends the small process. What still runs is given back as a retryable fault. */
  close(): void;
}

interface StarterOptions {
  /** Of the small process: what Node needs. What it starts gets the environment of its own call. */
  readonly environment: Readonly<Record<string, string>>;
  /** Compiled program of the small process. */
  readonly program?: string;
}

/** The small process is started when it is first needed; one that dies is replaced at the next use, and its work given back. */
export function createStarter({ environment, program }: StarterOptions): Starter {
  const launch = (): Connection => connect(program ?? join(__dirname, 'starter-process.js'), environment);
  let connection: Connection | null = null;
  const connected = (): Connection => {
    if (connection === null || connection.isGone()) connection = launch();
    return connection;
  };
  const ask = (work: Work, signal: AbortSignal | undefined, onStart?: (pid: number) => void): Promise<unknown> =>
    connected().ask(work, signal, onStart);
  return {
    prewarm: () => void connected(),
    git: async ({ signal, onStart, ...call }) =>
      (await ask({ kind: 'git', call, noted: onStart !== undefined }, signal, onStart)) as GitResult,
    command: async (command, launchOf, signal) =>
      (await ask({ kind: 'command', command, launch: launchOf }, signal)) as CommandResult,
    close() {
      connection?.close();
      connection = null;
    },
  };
}

interface Connection {
  ask(work: Work, signal: AbortSignal | undefined, onStart: ((pid: number) => void) | undefined): Promise<unknown>;
  isGone(): boolean;
  close(): void;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal | undefined;
  readonly onStart: ((pid: number) => void) | undefined;
  readonly onAbort: () => void;
  pid: number | null;
}

function connect(program: string, env: Readonly<Record<string, string>>): Connection {
  // A group of its own: an interrupt at the terminal lets the worker finish its steps first.
  const child = fork(program, [], {
    cwd: sep,
    env,
    execArgv: [],
    detached: true,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const pending = new Map<number, Pending>();
  let last = 0;
  let gone = false;
  const settle = (id: number): Pending | undefined => {
    const one = pending.get(id);
    pending.delete(id);
    one?.signal?.removeEventListener('abort', one.onAbort);
    if (pending.size === 0) letGo(child);
    return one;
  };
  const end = (): void => {
    gone = true;
    for (const [id, { pid }] of pending) {
      // Nobody sees to its end any more, and the next try would meet it in the same folder.
      if (pid !== null) signalGroup(pid, 'SIGKILL');
      const one = settle(id);
      one?.reject(one.signal?.aborted === true ? one.signal.reason : lost());
    }
  };
  child.on('message', (message) => hear(message as FromStarter, pending, settle));
  child.once('error', end).once('disconnect', end).once('exit', end);
  letGo(child);
  const send = (message: ToStarter): void => {
    if (child.connected) child.send(message, (error) => (error === null ? undefined : end()));
    else end();
  };
  return {
    isGone: () => gone || !child.connected,
    close: () => {
      if (child.connected) child.disconnect();
    },
    ask: (work, signal, onStart) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason as Error);
        last += 1;
        const id = last;
        const onAbort = (): void => send({ kind: 'abort', id });
        signal?.addEventListener('abort', onAbort, { once: true });
        pending.set(id, { resolve, reject, signal, onStart, onAbort, pid: null });
        if (pending.size === 1) child.channel?.ref();
        send({ kind: 'run', id, work });
      }),
  };
}

/** Nothing to wait for: it keeps no program alive. */
function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

function hear(
  message: FromStarter,
  pending: ReadonlyMap<number, Pending>,
  settle: (id: number) => Pending | undefined,
): void {
  switch (message.kind) {
    case 'started': {
      const one = pending.get(message.id);
      if (one === undefined) return;
      one.pid = message.pid;
      return one.onStart?.(message.pid);
    }
    case 'ended':
      return settle(message.id)?.resolve(message.result);
    case 'aborted': {
      const one = settle(message.id);
      return one?.reject(one.signal?.reason);
    }
    case 'fault': {
      const { id, code, message: says, retryable } = message;
      return settle(id)?.reject(new PortFault(code, says, retryable));
    }
    default:
      message satisfies never;
  }
}

const lost = (): PortFault => new PortFault('infrastructure', 'The process that starts programs has ended.', true);
