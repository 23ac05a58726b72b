/** Child processes of the set-up: bounded in time and in what is kept of their output. */
import { spawn } from 'node:child_process';

/** Enough for the sentence that matters in a tool's complaint. */
const OUTPUT_KEPT = 64 * 1_024;

/**
 * Runs a program to its end and resolves for any exit; `code` is null if a signal or the time limit ended it, 127 if there
 * is no such program. The whole process group is killed at the limit, so that no download goes on in the background.
 */
export function runCommand(command, args, { cwd, env, timeoutMs }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const kept = { stdout: '', stderr: '' };
    let timedOut = false;
    const killGroup = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL'); // the group is gone already, or never was one
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup();
    }, timeoutMs);
    const stopForwarding = forwardSignals(killGroup);
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        kept[name] = (kept[name] + text).slice(-OUTPUT_KEPT);
      });
    }
    const settle = (code) => {
      clearTimeout(timer);
      stopForwarding();
      resolve({ code, timedOut, ...kept });
    };
    child.once('error', (error) => {
      kept.stderr += error.message;
      settle(127);
    });
    child.once('close', (code) => settle(code));
  });
}

/** The child is in a group of its own, so an interrupt at the terminal reaches only us: it is passed on, and ends us too. */
function forwardSignals(killGroup) {
  const handlers = ['SIGINT', 'SIGTERM'].map((signal) => {
    const handler = () => {
      killGroup();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    process.once(signal, handler);
    return [signal, handler];
  });
  return () => {
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
  };
}

/** The last lines of what a program said, for an error message. */
export const lastLines = (text, count = 12) => text.trim().split('\n').slice(-count).join('\n');
