/**
 * The starter: a small process that starts programs for one worker and sees them end. It ends with its worker, however that
 * dies; commands in a sandbox end with it, and so does a git whose number is in a lock file. A push goes on: its remote would
 * be left with a lock.
 */
import { PortFault, type CommandResult } from '../../ports.js';
import { runGit, signalGroup, type GitResult } from '../git/run-git.js';
import { runCommand } from '../sandbox/run-command.js';
import type { FromStarter, ToStarter, Work } from './starter-protocol.js';

const running = new Map<number, { readonly controller: AbortController; noted: number | null }>();

process.on('message', (message) => {
  const asked = message as ToStarter;
  if (asked.kind === 'run') void carryOut(asked.id, asked.work);
  else running.get(asked.id)?.controller.abort();
});
process.once('disconnect', () => {
  for (const { noted } of running.values()) if (noted !== null) signalGroup(noted, 'SIGKILL');
  process.exit(0);
});
// A terminal's or a service manager's signals are for the worker, which finishes its steps first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

async function carryOut(id: number, work: Work): Promise<void> {
  const controller = new AbortController();
  running.set(id, { controller, noted: null });
  const end = await endOf(id, work, controller.signal);
  running.delete(id);
  tell(end);
}

async function endOf(id: number, work: Work, signal: AbortSignal): Promise<FromStarter> {
  try {
    return { kind: 'ended', id, result: await resultOf(id, work, signal) };
  } catch (thrown) {
    if (signal.aborted) return { kind: 'aborted', id };
    if (thrown instanceof PortFault) {
      const { code, message, retryable } = thrown;
      return { kind: 'fault', id, code, message, retryable };
    }
    return { kind: 'fault', id, code: 'infrastructure', message: String(thrown), retryable: true };
  }
}

function resultOf(id: number, work: Work, signal: AbortSignal): Promise<GitResult | CommandResult> {
  if (work.kind === 'command') return runCommand(work.command, work.launch, signal);
  const onStart = (pid: number): void => {
    if (!work.noted) return;
    const one = running.get(id);
    if (one !== undefined) one.noted = pid;
    tell({ kind: 'started', id, pid });
  };
  return runGit({ ...work.call, signal, onStart });
}

/** Nobody to tell: the worker has gone, and this process follows. */
function tell(message: FromStarter): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
