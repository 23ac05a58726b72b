import { spawn } from 'node:child_process';

export interface Finished {
  /** Null if it was killed. */
  readonly exitCode: number | null;
  readonly stdout: string;
  /** Stdout and stderr in the order of arrival. */
  readonly output: string;
}

export interface Start {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

/** Enough for every log of these packages; a program that prints more is cut there, not followed. */
const OUTPUT_CHARACTERS_MAX = 4_000_000;

/** Runs a program to its end; the whole process group is gone after the time limit. Rejects only if it cannot be started. */
export function run(program: string, args: readonly string[], { cwd, env, timeoutMs }: Start): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < OUTPUT_CHARACTERS_MAX) stdout += text;
      if (output.length < OUTPUT_CHARACTERS_MAX) output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (output.length < OUTPUT_CHARACTERS_MAX) output += text;
    });
    const timer = setTimeout(() => killGroup(child.pid), timeoutMs);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new Error(`could not start ${program}`, { cause }));
    });
    child.once('close', (exitCode) => {
      clearTimeout(timer);
      resolve({ exitCode, stdout, output });
    });
  });
}

/** Runs a program that must succeed, and gives what it printed to stdout. */
export async function mustRun(program: string, args: readonly string[], start: Start): Promise<string> {
  const { exitCode, stdout, output } = await run(program, args, start);
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${exitCode}:\n${output.slice(-2_000)}`);
  return stdout;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (cause) {
    // The group may have ended between the timer and the signal.
    if (!hasCode(cause, 'ESRCH')) throw cause;
  }
}

/** Whether it is a system error of this code. By its shape: the runner's Error is not the one that Node throws. */
export const hasCode = (cause: unknown, code: string): boolean =>
  typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === code;
