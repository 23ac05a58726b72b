/** Bounded number of commands at once: checks use all the cores they find, so a few of them fill a host. */
import type { Command, CommandResult, Sandbox } from '../../ports.js';

/**
 * Commands beyond `concurrency` wait their turn, first come first served; one that is cancelled while it waits never starts.
 * Long ones have as many places of their own: two scripts of an hour must not stop the checks of all other tasks.
 */
export function limitSandbox(sandbox: Sandbox, concurrency: number): Sandbox {
  const [quick, long] = [createPlaces(concurrency), createPlaces(concurrency)];
  return {
    name: sandbox.name,
    async run(command: Command, signal: AbortSignal): Promise<CommandResult> {
      const places = command.isLong === true ? long : quick;
      await places.take(signal);
      try {
        return await sandbox.run(command, signal);
      } finally {
        places.give();
      }
    },
  };
}

function createPlaces(count: number) {
  let taken = 0;
  const waiting: (() => void)[] = [];
  const take = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', giveUp);
        taken += 1;
        resolve();
      };
      const giveUp = (): void => {
        waiting.splice(waiting.indexOf(start), 1);
        reject(signal.reason as Error);
      };
      if (signal.aborted) return reject(signal.reason as Error);
      if (taken < count) return start();
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.push(start);
    });
  const give = (): void => {
    taken -= 1;
    waiting.shift()?.();
  };
  return { take, give };
}
