/** One command from its start to the end of everything it started: what the sandboxes have in common. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { PortFault, type Command, type CommandResult } from '../../ports.js';
import { errorCode } from '../git/error-code.js';
import { leashOf, type Leash, type LeashKind } from './leash.js';
import { openOutputLog, type OutputLog } from './output-log.js';

/** How a sandbox starts a command and ends it. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Its file descriptor 3 ends with the process that started it. */
  readonly leash: LeashKind;
}

/** `runCommand`, or something that keeps its promises. */
export type RunCommand = (command: Command, launch: Launch, signal: AbortSignal) => Promise<CommandResult>;

/** For a test runner to print its summary, and for a server to close its files. */
const GRACE_MS = 2_000;
/** Killed processes go within milliseconds; what is still there then hangs in the kernel (a dead network disk). */
const DEATH_MS = 10_000;
const LOOK_AGAIN_MS = 5;
const COMPLAINT_CHARACTERS_MAX = 300;

/** See `Sandbox.run`. */
export async function runCommand(command: Command, launch: Launch, signal: AbortSignal): Promise<CommandResult> {
  signal.throwIfAborted();
  const log = await openOutputLog(command.logFile, command.logBytesMax).catch(cannotLog);
  const startedAt = performance.now();
  const { leash, exited } = await start(launch, log);
  const { exitCode, timedOut } = await watch(leash, exited, command.timeoutMs, signal);
  await untilGone(leash);
  const durationMs = Math.round(performance.now() - startedAt);
  const { cut, bytes } = await log.finish().catch(cannotLog);
  signal.throwIfAborted();
  if (!timedOut && !leash.reached()) throw notStarted(bytes.toString('utf8').trim());
  return { exitCode: timedOut ? null : exitCode, timedOut, cut, durationMs };
}

interface Started {
  readonly leash: Leash;
  readonly exited: Promise<number | null>;
}

async function start(launch: Launch, log: OutputLog): Promise<Started> {
  const { descriptor } = log;
  try {
    // Its own session and process group, so that it can be killed with all it starts.
    const child = spawn(launch.program, launch.args, {
      cwd: launch.directory,
      env: launch.environment,
      detached: true,
      stdio: ['ignore', descriptor, descriptor, 'pipe'],
    });
    const exited = new Promise<number | null>((resolve) => {
      child.once('exit', (code) => resolve(codeOf(code)));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve).once('error', reject);
    });
    return { leash: leashOf(child, launch.leash), exited };
  } catch (cause) {
    throw notStarted(errorCode(cause) ?? 'unknown error', cause);
  } finally {
    await log.handedOver();
  }
}

/** Shells report a death by signal n as 128 + n. */
const codeOf = (code: number | null): number | null => (code !== null && code > 128 && code < 160 ? null : code);

/** Until the command has ended by itself, or was made to. */
async function watch(
  leash: Leash,
  exited: Promise<number | null>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number | null; readonly timedOut: boolean }> {
  const stop = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    stop.abort();
  }, timeoutMs);
  const onAbort = (): void => stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  const stopped = new Promise<'stopped'>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
  if (signal.aborted) stop.abort();
  const end = await Promise.race([exited, stopped]);
  clearTimeout(timer);
  signal.removeEventListener('abort', onAbort);
  if (end !== 'stopped') return { exitCode: end, timedOut: false };
  leash.terminate();
  await Promise.race([exited, sleep(GRACE_MS, undefined, { ref: false })]);
  return { exitCode: null, timedOut };
}

async function untilGone(leash: Leash): Promise<void> {
  const deadline = performance.now() + DEATH_MS;
  while (!leash.destroy()) {
    if (performance.now() > deadline)
      throw new PortFault('infrastructure', 'A process of the command cannot be killed.', true);
    await sleep(LOOK_AGAIN_MS);
  }
}

const notStarted = (says: string, cause?: unknown): PortFault =>
  new PortFault(
    'infrastructure',
    `The command could not be started: ${says.slice(0, COMPLAINT_CHARACTERS_MAX)}.`,
    true,
    {
      cause,
    },
  );

function cannotLog(cause: unknown): never {
  const code = errorCode(cause) ?? 'unknown error';
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const message = `The output of a command could not be kept: ${code}.`;
  throw new PortFault(full ? 'diskFull' : 'infrastructure', message, true, { cause });
}
