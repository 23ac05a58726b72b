/** Bounded number of commands at once: checks use all the cores they find, so a few of them fill a host. */
import type { Command, CommandResult, Sandbox } from '../../ports.js';

/** Commands beyond `concurrency` wait their turn, first come first served; one that is cancelled while it waits never starts. */
export function limitSandbox(sandbox: Sandbox, concurrency: number): Sandbox {
  let running = 0;
  const waiting: (() => void)[] = [];
  const next = (): void => {
    running -= 1;
    waiting.shift()?.();
  };
  const turn = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', giveUp);
        running += 1;
        resolve();
      };
      const giveUp = (): void => {
        waiting.splice(waiting.indexOf(start), 1);
        reject(signal.reason as Error);
      };
      if (signal.aborted) return reject(signal.reason as Error);
      if (running < concurrency) return start();
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.push(start);
    });
  return {
    name: sandbox.name,
    async run(command: Command, signal: AbortSignal): Promise<CommandResult> {
      await turn(signal);
      try {
        return await sandbox.run(command, signal);
      } finally {
        next();
      }
    },
  };
}
