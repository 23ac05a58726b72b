/**
 * Starts git, once, and sees it end: bounded in time and in output, its whole process group gone when the promise settles.
 * Our own and not simple-git, which ends git alone (its ssh and https helpers live on), knows a limit for silence but none
 * for the whole or for the output, tells no process id for the lock to name, and turns exit codes into errors.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { PortFault } from '../../ports.js';
import { errorCode } from './error-code.js';

export interface GitCall {
  /** In place of git: one of the programs that it uses itself. One that is not there ends with 127, as a shell would say it. */
  readonly program?: 'ssh-keygen' | 'gpg';
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Most of stdout that is kept; what comes after it ends the process, see `cut`. */
  readonly bytesMax: number;
  readonly input?: string | Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onStart?: ((pid: number) => void) | undefined;
}

export interface GitResult {
  /** Null if it was killed: by its time limit, by `cut`, or from outside. */
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** It printed more than `bytesMax`. */
  readonly cut: boolean;
}

/** `runGit`, or something that keeps its promises. */
export type RunGit = (call: GitCall) => Promise<GitResult>;

/** Enough for any complaint of git; a server that talks without end is not listened to. */
const STDERR_BYTES_MAX = 64 * 1024;

/** Time that git has to remove its temporary files after SIGTERM, before the group is killed. */
const GRACE_MS = 1_000;

/** Resolves for any way git ends. Rejects only if it could not be started, or with the signal's reason. */
export function runGit(call: GitCall): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    if (call.signal?.aborted === true) {
      reject(call.signal.reason);
      return;
    }
    // Its own process group: git leaves the talking to helpers (ssh, git-remote-https), which must not outlive it.
    const child = spawn(call.program ?? 'git', call.args, {
      cwd: call.directory,
      env: call.environment,
      detached: true,
      stdio: [call.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const output = collect(child, call.bytesMax, () => endGroup(child));
    const state = { timedOut: false };
    const timer = setTimeout(() => {
      state.timedOut = true;
      endGroup(child);
    }, call.timeoutMs);
    const onAbort = (): void => endGroup(child);
    call.signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (cause) => {
      settle();
      const { program } = call;
      if (program !== undefined)
        resolve({ ...output.all(), exitCode: 127, stderr: `${program}: ${cause.message}`, timedOut: false });
      else reject(new PortFault('infrastructure', `git could not be started: ${cause.message}.`, true, { cause }));
    });
    child.once('close', (exitCode) => {
      settle();
      if (call.signal?.aborted === true) reject(call.signal.reason);
      else resolve({ exitCode, ...output.all(), timedOut: state.timedOut });
    });
    if (child.pid !== undefined) call.onStart?.(child.pid);
    // A git that ends early closes its input; its exit code tells why, so the broken pipe is no news.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(call.input);
  });
}

function collect(child: ChildProcess, bytesMax: number, onFull: () => void) {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let kept = 0;
  let complaints = 0;
  let cut = false;
  child.stdout?.on('data', (chunk: Buffer) => {
    if (cut) return;
    stdout.push(chunk.subarray(0, bytesMax - kept));
    kept += chunk.length;
    if (kept <= bytesMax) return;
    cut = true;
    onFull();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    if (complaints < STDERR_BYTES_MAX) stderr.push(chunk.subarray(0, STDERR_BYTES_MAX - complaints));
    complaints += chunk.length;
  });
  return {
    all: () => ({ stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8'), cut }),
  };
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  const pid = child.pid;
  signalGroup(pid, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), GRACE_MS);
  child.once('close', () => {
    clearTimeout(timer);
    // The leader is gone; a helper that did not hear SIGTERM goes now.
    signalGroup(pid, 'SIGKILL');
  });
}

/** Signals a process group; one that is gone already is fine. */
export function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch (cause) {
    if (!['ESRCH', 'EPERM'].includes(errorCode(cause) ?? '')) throw cause;
  }
}
